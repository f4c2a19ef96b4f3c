/**
 * A catalog without a server: the newest `<warehouse>/<namespace…>/<table>/metadata/vN.metadata.json` is the table, and a
 * commit creates N + 1, which only one writer can. It never replaces and never deletes a metadata file, and never falls
 * back to an older one: that would lose commits silently. Safe among writers that create without replacing (this
 * project's); Iceberg Java renames over, so another engine writes such a table only while no runtime runs.
 *
 * Locations in the metadata are `<warehouse>/…` as given, i.e. `file:///…`, which Java, pyiceberg and DuckDB all read.
 * Source: Iceberg Java HadoopTableOperations for names; format/spec.md "File System Tables".
 */
import {
  type Catalog,
  CatalogError,
  type CatalogErrorCode,
  type TableDefinition,
  type TableIdentifier,
} from './catalog.ts'
import { parseTableMetadata, stringifyTableMetadata } from './metadataJson.ts'
import { applyUpdates, checkRequirements, logPreviousMetadata, newTableMetadata } from './metadataUpdates.ts'
import { type ReplacingStorage, StorageError, type StorageErrorCode } from './storage.ts'
import type { TableMetadata } from './tableMetadata.ts'

export interface FilesystemCatalogOptions {
  /** Folder location, `file:///…`. Taken as it stands: percent signs are not decoded. */
  readonly warehouse: string
  readonly storage: ReplacingStorage
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly newUuid: () => string
}

interface Version {
  readonly number: number
  readonly file: string
}

interface Loaded extends Version {
  readonly metadata: TableMetadata
}

const codes: Readonly<Record<StorageErrorCode, CatalogErrorCode>> = {
  EXISTS: 'CONFLICT',
  NOT_FOUND: 'UNAVAILABLE',
  NO_SPACE: 'NO_SPACE',
  READ_ONLY: 'READ_ONLY',
  DENIED: 'DENIED',
  CORRUPT: 'CORRUPT_METADATA',
  UNAVAILABLE: 'UNAVAILABLE',
}

/** For a catch. `known` overrides the code of some. */
function asCatalogError(error: unknown, known: Partial<Record<StorageErrorCode, CatalogErrorCode>> = {}): never {
  if (!(error instanceof StorageError)) throw error
  throw new CatalogError(known[error.code] ?? codes[error.code], error.message, error)
}

/** pyiceberg cuts a location at these. */
const unreadable = /[?#]/

function folderOf(warehouse: string, levels: readonly string[]): string {
  for (const level of levels)
    if (level === '' || level === '.' || level === '..' || /[/\\\0]/.test(level) || unreadable.test(level))
      throw new CatalogError(
        'DENIED',
        `'${level}' cannot name a namespace or table of a filesystem catalog: it names no folder`,
      )
  return [warehouse, ...levels].join('/')
}

const versionFile = /\/v(\d+)(?:\.gz)?\.metadata\.json$/

/** N of `<folder>/vN.metadata.json`, plain or gzip; undefined for every other file. */
export function metadataVersionOf(folder: string, location: string): number | undefined {
  const number = Number(versionFile.exec(location)?.[1])
  return number > 0 && location.lastIndexOf('/') === folder.length ? number : undefined
}

const plainName = (number: number): string => `v${number}.metadata.json`
const gzipName = (number: number): string => `v${number}.gz.metadata.json`

export function filesystemCatalog(options: FilesystemCatalogOptions): Catalog {
  const { storage, now, newUuid } = options
  const warehouse = options.warehouse.replace(/\/+$/, '')
  if (unreadable.test(warehouse))
    throw new CatalogError(
      'DENIED',
      `warehouse ${warehouse}: a path with ? or # is not read by every engine; choose another`,
    )

  const tableLocation = (table: TableIdentifier): string => folderOf(warehouse, [...table.namespace, table.name])

  async function find(folder: string, number: number): Promise<Version | undefined> {
    for (const name of [plainName(number), gzipName(number)]) {
      const file = `${folder}/${name}`
      if ((await storage.size(file)) !== undefined) return { number, file }
    }
    return undefined
  }

  async function readHint(folder: string): Promise<number | undefined> {
    try {
      const number = Number((await storage.read(`${folder}/version-hint.text`)).toString())
      return Number.isSafeInteger(number) && number > 0 ? number : undefined
    } catch (error) {
      if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  /** Every version that is there, where the hint leads nowhere. */
  async function listNewest(folder: string): Promise<Version | undefined> {
    let newest: Version | undefined
    for await (const { location } of storage.list(folder)) {
      const number = metadataVersionOf(folder, location)
      if (number !== undefined && number > (newest?.number ?? 0)) newest = { number, file: location }
    }
    return newest
  }

  async function newestVersion(folder: string): Promise<Version | undefined> {
    const hint = await readHint(folder)
    let newest = hint === undefined ? undefined : await find(folder, hint)
    newest ??= await listNewest(folder)
    if (newest === undefined && hint !== undefined)
      throw new CatalogError(
        'CORRUPT_METADATA',
        `${folder}: version-hint.text says ${hint}, but there is no metadata file; restore the folder`,
      )
    // The hint is written after the version, so it may lag behind.
    for (let next = newest; next !== undefined; next = await find(folder, next.number + 1)) newest = next
    return newest
  }

  async function load(table: TableIdentifier): Promise<Loaded | undefined> {
    const version = await newestVersion(`${tableLocation(table)}/metadata`)
    if (version === undefined) return undefined
    return { ...version, metadata: parseTableMetadata(await storage.read(version.file), version.file) }
  }

  /** Best effort: the hint saves readers a search, and the version it names is durable already. */
  const writeHint = (folder: string, number: number): Promise<void> =>
    storage.replace(`${folder}/version-hint.text`, Buffer.from(String(number))).catch(() => undefined)

  async function writeVersion(folder: string, number: number, metadata: TableMetadata): Promise<void> {
    await storage.create(`${folder}/${plainName(number)}`, Buffer.from(stringifyTableMetadata(metadata)))
  }

  return {
    // A namespace is a folder, and a folder comes with its first table.
    async ensureNamespace(namespace) {
      folderOf(warehouse, namespace)
    },

    async loadTable(table) {
      const loaded = await load(table).catch(asCatalogError)
      return loaded?.metadata
    },

    async createTable(table, definition: TableDefinition) {
      const location = tableLocation(table)
      const exists = (cause?: unknown): CatalogError =>
        new CatalogError('ALREADY_EXISTS', `table ${location} exists; load it`, cause)
      if ((await newestVersion(`${location}/metadata`).catch(asCatalogError)) !== undefined) throw exists()
      const metadata = newTableMetadata(definition, location, newUuid(), now())
      await writeVersion(`${location}/metadata`, 1, metadata).catch(error => {
        if (error instanceof StorageError && error.code === 'EXISTS') throw exists(error)
        return asCatalogError(error, { UNAVAILABLE: 'UNKNOWN_OUTCOME' })
      })
      await writeHint(`${location}/metadata`, 1)
      return metadata
    },

    async commitTable(table, requirements, updates) {
      const folder = `${tableLocation(table)}/metadata`
      const base = await load(table).catch(asCatalogError)
      if (base === undefined) throw new CatalogError('NOT_FOUND', `no table ${tableLocation(table)}; create it first`)
      checkRequirements(base.metadata, requirements)
      const next = logPreviousMetadata(applyUpdates(base.metadata, updates, now()), base.metadata, base.file)
      const number = base.number + 1
      await writeVersion(folder, number, next).catch(error => asCatalogError(error, { UNAVAILABLE: 'UNKNOWN_OUTCOME' }))
      // Versions are cleaned up oldest first. While the base was there our number was never taken before; once it is
      // gone (this process slept for the whole retention) we may have taken a number again whose successors are history.
      if ((await storage.size(base.file).catch(asCatalogError)) === undefined)
        throw new CatalogError(
          'UNKNOWN_OUTCOME',
          `${folder}: version ${base.number} was removed while ${number} was written; load the table again`,
        )
      await writeHint(folder, number)
      return next
    },
  }
}

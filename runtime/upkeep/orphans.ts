/**
 * Removes files that nothing refers to, from both tables' locations and the folder of pending error files: what crashes
 * and lost races left behind. A file goes only if it is old, of a kind that table writers write, and referenced neither by
 * the tables as they were before the folders were listed nor as they were afterwards. Anything doubtful stays: a
 * location that holds another table's metadata is refused as a whole.
 *
 * Metadata files (`*.metadata.json`) are never removed here: they are the catalog's.
 *
 * Memory: 16 MiB for the references, the paths of the manifests of all retained snapshots, and at most `mostPerRun` files.
 */

import { pendingFolder } from '../commit/rollForward.ts'
import { metadataFolder } from '../iceberg/append.ts'
import { BoundedWrites } from '../iceberg/boundedWrites.ts'
import { tableUuidOf } from '../iceberg/metadataJson.ts'
import { manifestEntries, readManifestList } from '../iceberg/snapshotFiles.ts'
import { StorageError, type StoredFile } from '../iceberg/storage.ts'
import type { TableMetadata } from '../iceberg/tableMetadata.ts'
import { deleteFiles } from './deletion.ts'
import type { ExpiryOptions, StepResult } from './expiry.ts'
import { isInside, LocationFilter, pathKey } from './locations.ts'
import { bothTables, loadPair, mayDeleteFiles, type Pair, qualified } from './pair.ts'
import type { UpkeepPorts, UpkeepSettings } from './ports.ts'

/** Below that age a file may be on its way into a commit. */
export const leastMinAgeMs = 86_400_000
/** Orphans found in one run; what is more waits for the next. */
const mostPerRun = 100_000
/** What writers of tables leave; nothing else is ever touched. */
const writtenByTables = /\.(?:parquet|avro|orc|puffin|stats)$|\/\.[^/]+\.tmp$/
const metadataFile = /\.metadata\.json(?:\.gz)?$/
/** Metadata files that the log does not name, newest first, whose table is looked at. */
const mostMetadataRead = 10
const readers = 8

export class SharedLocationError extends Error {
  override readonly name = 'SharedLocationError'
  readonly code = 'SHARED_LOCATION'
}

/** Rejects with SharedLocationError, HaltError, CatalogError or StorageError; then nothing was deleted that is not waste. */
export async function removeOrphans(
  ports: UpkeepPorts,
  settings: UpkeepSettings,
  options: Pick<ExpiryOptions, 'dryRun' | 'progress'>,
  signal: AbortSignal,
): Promise<StepResult> {
  const { minAgeMs } = settings.orphanRemoval
  if (!(minAgeMs >= leastMinAgeMs))
    throw new RangeError(
      `orphan removal: an age of ${minAgeMs} ms is below a day; files may be on their way into a commit`,
    )
  const before = await loadPair(ports, settings)
  if (before === undefined) return { items: [], left: [] }
  const guarded = bothTables.filter(which => !mayDeleteFiles(before[which]))
  if (guarded.length > 0)
    return { items: [], left: guarded.map(which => `${qualified(settings[which])}: gc.enabled is false`) }
  const references = new References(ports, signal)
  await references.add(before)
  const { files, newestMs } = await listOld(ports, settings, before, references, options, signal)
  const after = await loadPair(ports, settings)
  if (after === undefined) return { items: [], left: [] }
  await references.add(after)
  // A clock that is ahead of the storage's must not make young files old.
  const cutoffMs = Math.min(ports.now(), newestMs) - minAgeMs
  const orphans = files.filter(file => file.modifiedMs < cutoffMs && !references.mayHave(file.location))
  const deleted = options.dryRun ? orphans.length : await deleteFiles(ports, orphans, options.progress, signal)
  return { items: itemsOf(settings, before, orphans.slice(0, deleted)), left: [] }
}

/** What the tables refer to, in all their snapshots, and the pending intents. */
class References {
  readonly #filter: LocationFilter
  readonly #read = new Set<string>()
  readonly #ports: UpkeepPorts
  readonly #signal: AbortSignal

  constructor(ports: UpkeepPorts, signal: AbortSignal) {
    this.#filter = new LocationFilter(ports.newId())
    this.#ports = ports
    this.#signal = signal
  }

  mayHave(location: string): boolean {
    return this.#filter.mayHave(location)
  }

  /** Reads what was not read before. */
  async add({ raw, errors }: Pair): Promise<void> {
    for (const { manifest, length, seq } of raw.keys.pending)
      await this.#manifest(manifest, length, seq <= errors.keys.appliedSeq)
    for (const { table } of [raw, errors]) {
      this.#strings(table)
      const reads = new BoundedWrites(readers)
      for (const snapshot of table.snapshots) {
        this.#signal.throwIfAborted()
        if (this.#isRead(snapshot['manifest-list'])) continue
        await reads.add(async () => {
          for (const { manifest_path, manifest_length } of await readManifestList(this.#ports.storage, snapshot))
            await this.#manifest(manifest_path, manifest_length, false)
        })
      }
      await reads.drain()
    }
  }

  /** @param mayBeGone of an intent that errors has taken: it is errors' own, and may have been expired there */
  async #manifest(location: string, length: number, mayBeGone: boolean): Promise<void> {
    this.#filter.add(location)
    if (this.#isRead(location)) return
    const found = { manifest_path: location, manifest_length: length }
    try {
      for await (const entries of manifestEntries(this.#ports.storage, found)) {
        this.#signal.throwIfAborted()
        for (const { file } of entries) this.#filter.add(file.location)
      }
    } catch (error) {
      if (!mayBeGone || !(error instanceof StorageError) || error.code !== 'NOT_FOUND') throw error
    }
  }

  /**
   * Every text in the metadata: manifest lists, statistics, logged files, and whatever a later version may refer to. A
   * snapshot's summary refers to nothing.
   */
  #strings(value: unknown): void {
    if (typeof value === 'string') this.#filter.add(value)
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) if (key !== 'summary') this.#strings(inner)
  }

  #isRead(location: string): boolean {
    const key = pathKey(location)
    if (this.#read.has(key)) return true
    this.#read.add(key)
    return false
  }
}

interface Listing {
  readonly files: readonly StoredFile[]
  /** Newest time that the storage gave to a file. */
  readonly newestMs: number
}

async function listOld(
  ports: UpkeepPorts,
  settings: UpkeepSettings,
  pair: Pair,
  references: References,
  { progress }: Pick<ExpiryOptions, 'progress'>,
  signal: AbortSignal,
): Promise<Listing> {
  const oldMs = ports.now() - settings.orphanRemoval.minAgeMs
  const files: StoredFile[] = []
  let newestMs = 0
  let seen = 0
  for (const { folder, table } of foldersOf(settings, pair)) {
    const unlisted: StoredFile[] = []
    for await (const file of ports.storage.list(folder)) {
      signal.throwIfAborted()
      newestMs = Math.max(newestMs, file.modifiedMs)
      if (++seen % 1000 === 0) progress?.('listing files', seen, seen)
      if (metadataFile.test(file.location)) {
        refuseForeign(file, folder, table)
        if (!references.mayHave(file.location)) unlisted.push(file)
      } else if (
        files.length < mostPerRun &&
        file.modifiedMs < oldMs &&
        writtenByTables.test(file.location) &&
        !references.mayHave(file.location)
      )
        files.push(file)
    }
    if (table !== undefined) await refuseFamilies(ports, table, unlisted)
  }
  return { files, newestMs }
}

interface Folder {
  readonly folder: string
  /** Whose location it is; the pending folder is nobody's. */
  readonly table?: TableMetadata
}

/** Each once: where credentials are given out per table, pending files lie inside the errors table's location. */
function foldersOf(settings: UpkeepSettings, { raw, errors }: Pair): readonly Folder[] {
  const pending = pendingFolder({ settings }, errors.table)
  const tables = [raw.table, errors.table].map(table => ({ folder: table.location, table }))
  return tables.some(({ folder }) => isInside(pending, folder)) ? tables : [...tables, { folder: pending }]
}

function refuseForeign({ location }: StoredFile, folder: string, table: TableMetadata | undefined): void {
  const own = table === undefined ? [] : [metadataFolder(table), `${table.location}/metadata`]
  const parent = pathKey(location.slice(0, location.lastIndexOf('/')))
  if (!own.some(it => pathKey(it) === parent))
    throw new SharedLocationError(
      `${folder} holds metadata of another table (${location}): its files cannot be told from waste; give each table a location of its own`,
    )
}

/** Another table that keeps its metadata in the very same folder. */
async function refuseFamilies({ storage }: UpkeepPorts, table: TableMetadata, files: StoredFile[]): Promise<void> {
  const newest = files.sort((a, b) => b.modifiedMs - a.modifiedMs).slice(0, mostMetadataRead)
  for (const { location } of newest) {
    const uuid = tableUuidOf(await storage.read(location), location)
    if (uuid !== undefined && uuid !== table['table-uuid'])
      throw new SharedLocationError(
        `${location} is metadata of table ${uuid}, in the location of table ${table['table-uuid']}: their files cannot be told apart; give each table a location of its own`,
      )
  }
}

/** Pending files are on their way into the errors table, and count there. */
function itemsOf(settings: UpkeepSettings, { raw }: Pair, orphans: readonly StoredFile[]): StepResult['items'] {
  const isRaw = ({ location }: StoredFile): boolean => isInside(location, raw.table.location)
  return bothTables.flatMap(which => {
    const files = orphans.filter(file => isRaw(file) === (which === 'raw'))
    if (files.length === 0) return []
    const bytes = files.reduce((sum, { length }) => sum + length, 0)
    const oldestMs = files.reduce((oldest, { modifiedMs }) => Math.min(oldest, modifiedMs), Number.POSITIVE_INFINITY)
    const table = qualified(settings[which])
    return [{ step: 'orphans', table, kind: 'orphan files', count: files.length, bytes, oldestMs }]
  })
}

/**
 * Which files only expired snapshots reach. Everything that a retained snapshot or a pending intent reaches is read, and
 * what cannot be read is an error: nothing is called waste on a guess. It deletes nothing.
 *
 * Memory: the paths in the expired snapshots' manifest lists, and, where the history is not of plain appends, the paths in
 * those of their manifests that no retained snapshot lists.
 */
import type { Intent } from '../commit/keys.ts'
import type { UpkeepKind } from '../contract/upkeep.ts'
import { BoundedWrites } from '../iceberg/boundedWrites.ts'
import type { ManifestFile } from '../iceberg/dataFile.ts'
import { entryStatus, type ManifestEntry } from '../iceberg/manifestEntry.ts'
import { manifestEntries, readManifestList } from '../iceberg/snapshotFiles.ts'
import { type Storage, StorageError } from '../iceberg/storage.ts'
import type { Snapshot, TableMetadata } from '../iceberg/tableMetadata.ts'
import { pathKey } from './locations.ts'
import { lineOf } from './retention.ts'

export interface WasteFile {
  readonly location: string
  readonly kind: UpkeepKind
  /** Null where the table's metadata does not say. */
  readonly bytes: number | null
}

type ListedManifest = Pick<ManifestFile, 'manifest_path' | 'manifest_length'>

/** Files read at a time. */
const readers = 8

export interface WasteQuestion {
  /** The table before the expiry. */
  readonly table: TableMetadata
  /** The newest metadata, loaded after the expiry. */
  readonly newest: TableMetadata
  readonly pending: readonly Intent[]
}

/** Data files first and manifest lists last. Rejects with StorageError where a retained file cannot be read. */
export async function wasteOf(
  storage: Storage,
  question: WasteQuestion,
  signal: AbortSignal,
): Promise<readonly WasteFile[]> {
  const { table, newest, pending } = question
  const lists = new Map(goneFrom(table, newest).map(snapshot => [pathKey(snapshot['manifest-list']), snapshot]))
  for (const snapshot of newest.snapshots) lists.delete(pathKey(snapshot['manifest-list']))
  const manifests = new Map<string, ListedManifest>()
  await forEach([...lists.values()], signal, async snapshot => {
    for (const { manifest_path, manifest_length } of (await unlessMissing(readManifestList(storage, snapshot))) ?? [])
      manifests.set(pathKey(manifest_path), { manifest_path, manifest_length })
  })
  const kept = new Map<string, ListedManifest>()
  await forEach(newest.snapshots.toReversed(), signal, async snapshot => {
    for (const { manifest_path, manifest_length } of await readManifestList(storage, snapshot)) {
      const key = pathKey(manifest_path)
      manifests.delete(key)
      kept.set(key, { manifest_path, manifest_length })
    }
  })
  for (const { manifest } of pending) manifests.delete(pathKey(manifest))
  const dataFiles = mayStrandData(question)
    ? await dataWaste(storage, pending, [...manifests.values()], kept, signal)
    : []
  return [
    ...dataFiles,
    ...statisticsWaste(question),
    ...[...manifests.values()].map(({ manifest_path: location, manifest_length: bytes }) => ({
      ...{ location, bytes, kind: 'manifests' as const },
    })),
    ...[...lists.values()].map(snapshot => ({
      ...{ location: snapshot['manifest-list'], bytes: null, kind: 'manifest lists' as const },
    })),
  ]
}

/**
 * Whether a data file may have gone out of reach with these snapshots: not where each of them stands on main below a
 * retained one with nothing but appends between.
 */
function mayStrandData({ table, newest }: WasteQuestion): boolean {
  const head = table.refs.main?.['snapshot-id']
  const gone = new Set(goneFrom(table, newest))
  let strandable = gone.size
  let onlyAppends = false
  for (const snapshot of head === undefined ? [] : lineOf(table, head)) {
    const isAppend = snapshot.summary.operation === 'append'
    if (!gone.has(snapshot)) onlyAppends = isAppend
    else {
      if (onlyAppends) strandable--
      onlyAppends &&= isAppend
    }
  }
  return strandable > 0
}

function goneFrom(table: TableMetadata, newest: TableMetadata): readonly Snapshot[] {
  const left = new Set(newest.snapshots.map(snapshot => snapshot['snapshot-id']))
  return table.snapshots.filter(snapshot => !left.has(snapshot['snapshot-id']))
}

/** Files in manifests that are out of reach and live in none that is within. */
async function dataWaste(
  storage: Storage,
  pending: readonly Intent[],
  manifests: readonly ListedManifest[],
  kept: ReadonlyMap<string, ListedManifest>,
  signal: AbortSignal,
): Promise<readonly WasteFile[]> {
  const waste = new Map<string, WasteFile>()
  const add = ({ file }: ManifestEntry): void => {
    waste.set(pathKey(file.location), { location: file.location, kind: 'data files', bytes: file.fileSizeInBytes })
  }
  const keep = ({ status, file }: ManifestEntry): void => {
    if (status !== entryStatus.deleted) waste.delete(pathKey(file.location))
  }
  const intents = pending.map(({ manifest, length }) => ({ manifest_path: manifest, manifest_length: length }))
  await forEach(manifests, signal, manifest => unlessMissing(forEachEntry(storage, manifest, add)))
  await forEach(intents, signal, manifest => unlessMissing(forEachEntry(storage, manifest, keep)))
  await forEach([...kept.values()], signal, async manifest => {
    if (waste.size > 0) await forEachEntry(storage, manifest, keep)
  })
  return [...waste.values()]
}

async function forEachEntry(
  storage: Storage,
  manifest: ListedManifest,
  tell: (entry: ManifestEntry) => void,
): Promise<void> {
  for await (const entries of manifestEntries(storage, manifest)) entries.forEach(tell)
}

function statisticsWaste({ table, newest }: WasteQuestion): readonly WasteFile[] {
  const kept = new Set(statisticsOf(newest).map(({ location }) => pathKey(location)))
  return statisticsOf(table).filter(({ location }) => !kept.has(pathKey(location)))
}

function statisticsOf(table: TableMetadata): readonly WasteFile[] {
  return ['statistics', 'partition-statistics'].flatMap(field => {
    const files: readonly unknown[] = Array.isArray(table[field]) ? table[field] : []
    return files.flatMap(file => {
      if (typeof file !== 'object' || file === null || !('statistics-path' in file)) return []
      const bytes = 'file-size-in-bytes' in file ? Number(file['file-size-in-bytes']) : null
      return [{ location: String(file['statistics-path']), kind: 'statistics files' as const, bytes }]
    })
  })
}

async function forEach<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const reads = new BoundedWrites(readers)
  for (const item of items) {
    signal.throwIfAborted()
    await reads.add(async () => void (await work(item)))
  }
  await reads.drain()
}

/**
 * What an expired snapshot reached may be deleted by now, by whoever was interrupted or is at it; so may the manifest of an
 * intent that errors has taken.
 */
const unlessMissing = <T>(reading: Promise<T>): Promise<T | undefined> =>
  reading.catch(error => {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined
    throw error
  })

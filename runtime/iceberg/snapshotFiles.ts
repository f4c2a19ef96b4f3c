/**
 * Reads what a snapshot is made of: its manifest list, a manifest, its live files. It writes nothing.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { AvroError } from './avro.ts'
import type { ManifestFile } from './dataFile.ts'
import { openManifest } from './manifest.ts'
import { liveEntries, type Manifest, type ManifestEntry, type OpenManifest } from './manifestEntry.ts'
import { decodeManifestList } from './manifestList.ts'
import { type Storage, StorageError } from './storage.ts'
import type { Snapshot } from './tableMetadata.ts'

const corrupt = (location: string, what: string, cause?: unknown): StorageError =>
  new StorageError(
    'CORRUPT',
    location,
    `${what}: restore the file, or roll the table back to a snapshot without it`,
    cause,
  )

function decodeAs<T>(location: string, bytes: Buffer, decode: (bytes: Buffer) => T): T {
  try {
    return decode(bytes)
  } catch (cause) {
    if (!(cause instanceof AvroError)) throw cause
    throw corrupt(location, `cannot decode ${bytes.length} bytes, ${cause.message}`, cause)
  }
}

/** @throws StorageError CORRUPT, else as Storage.read does */
export async function readManifestList(storage: Storage, snapshot: Snapshot): Promise<readonly ManifestFile[]> {
  const location = snapshot['manifest-list']
  const manifests = decodeAs(location, await storage.read(location), decodeManifestList)
  // A container cut after its header is a valid empty one, and an append on top of it would drop the whole table.
  if (manifests.length === 0 && Number(snapshot.summary['total-data-files'] ?? 0) > 0)
    throw corrupt(location, `no manifests, where the snapshot has ${snapshot.summary['total-data-files']} data files`)
  return manifests
}

/**
 * A manifest whose entries are decoded as they are asked for.
 * @param length what the manifest list or the intent says of it, in bytes: a manifest cut after its header is a valid empty
 *   one, so without the length a loss may pass unseen
 * @throws StorageError CORRUPT, else as Storage.read does; CORRUPT while its blocks are read, too
 */
export async function readOpenManifest(storage: Storage, location: string, length?: number): Promise<OpenManifest> {
  const bytes = await storage.read(location)
  if (length !== undefined && bytes.length !== length)
    throw corrupt(location, `${bytes.length} bytes, where ${length} are announced`)
  const manifest = decodeAs(location, bytes, openManifest)
  const blocks = manifest.blocks()
  return {
    ...manifest,
    *blocks() {
      for (;;) {
        const { done, value } = decodeAs(location, bytes, () => blocks.next())
        if (done) return
        yield value
      }
    },
  }
}

/** A small manifest with all its entries; `length` and errors as for readOpenManifest. */
export async function readManifest(storage: Storage, location: string, length?: number): Promise<Manifest> {
  const manifest = await readOpenManifest(storage, location, length)
  return { ...manifest, entries: [...manifest.blocks()].flat() }
}

/** The entries of a listed manifest, a block at a time and with pauses: a large one must not hold up the process. */
export async function* manifestEntries(
  storage: Storage,
  listed: Pick<ManifestFile, 'manifest_path' | 'manifest_length'>,
): AsyncGenerator<readonly ManifestEntry[]> {
  const manifest = await readOpenManifest(storage, listed.manifest_path, listed.manifest_length)
  for (const entries of manifest.blocks()) {
    yield entries
    await nextTurn()
  }
}

/** Every live entry of a snapshot, delete files (content above 0) included, its ids and sequence numbers explicit. */
export async function* liveDataFiles(storage: Storage, snapshot: Snapshot): AsyncGenerator<ManifestEntry> {
  for (const listed of await readManifestList(storage, snapshot)) {
    const manifest = await readOpenManifest(storage, listed.manifest_path, listed.manifest_length)
    for (const entries of manifest.blocks()) yield* liveEntries(entries, listed)
  }
}

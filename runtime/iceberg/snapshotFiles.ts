/**
 * Reads what a snapshot is made of: its manifest list, a manifest, its live files. It writes nothing.
 */
import { AvroError } from './avro.ts'
import type { ManifestFile } from './dataFile.ts'
import { decodeManifest, liveEntries, type Manifest, type ManifestEntry } from './manifest.ts'
import { decodeManifestList } from './manifestList.ts'
import { type Storage, StorageError } from './storage.ts'
import type { Snapshot } from './tableMetadata.ts'

async function readAs<T>(storage: Storage, location: string, decode: (bytes: Buffer) => T): Promise<T> {
  const bytes = await storage.read(location)
  try {
    return decode(bytes)
  } catch (cause) {
    if (!(cause instanceof AvroError)) throw cause
    throw new StorageError('CORRUPT', location, `cannot decode ${bytes.length} bytes: ${cause.message}`, cause)
  }
}

/** @throws StorageError CORRUPT, else as Storage.read does */
export const readManifestList = (storage: Storage, snapshot: Snapshot): Promise<readonly ManifestFile[]> =>
  readAs(storage, snapshot['manifest-list'], decodeManifestList)

/** @throws StorageError CORRUPT, else as Storage.read does */
export const readManifest = (storage: Storage, location: string): Promise<Manifest> =>
  readAs(storage, location, decodeManifest)

/** Every live entry of a snapshot, delete files (content above 0) included, its ids and sequence numbers explicit. */
export async function* liveDataFiles(storage: Storage, snapshot: Snapshot): AsyncGenerator<ManifestEntry> {
  for (const listed of await readManifestList(storage, snapshot))
    yield* liveEntries(await readManifest(storage, listed.manifest_path), listed)
}

/**
 * Deletes files that were found to be waste: a few at a time, in batches, each only while this process may act. Deleting
 * what is gone already is no error, so whoever was interrupted is simply followed by the next.
 */
import { BoundedWrites } from '../iceberg/boundedWrites.ts'
import type { Storage } from '../iceberg/storage.ts'
import type { UpkeepPorts } from './ports.ts'

/** As many as S3 takes in one request. */
const batchFiles = 1000
const atATime = 8

/** Resolves with how many were deleted: fewer where this process was told to leave the rest to another. */
export async function deleteFiles(
  ports: Pick<UpkeepPorts, 'storage' | 'mayAct'>,
  files: readonly { readonly location: string }[],
  progress: ((what: string, done: number, of: number) => void) | undefined,
  signal: AbortSignal,
): Promise<number> {
  for (let done = 0; done < files.length; done += batchFiles) {
    signal.throwIfAborted()
    if (!ports.mayAct()) return done
    const batch = files.slice(done, done + batchFiles).map(({ location }) => location)
    if (ports.storage.deleteMany !== undefined) await ports.storage.deleteMany(batch)
    else await deleteEach(ports.storage, batch)
    progress?.('deleting files', Math.min(done + batchFiles, files.length), files.length)
  }
  return files.length
}

async function deleteEach(storage: Storage, locations: readonly string[]): Promise<void> {
  const deletions = new BoundedWrites(atATime)
  for (const location of locations) await deletions.add(() => storage.delete(location))
  await deletions.drain()
}

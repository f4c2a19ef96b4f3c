/**
 * Finds out whether a storage keeps what the filesystem catalog's commits stand on: that a file is created once. A
 * server that ignores `If-None-Match` would let one commit replace another, silently. It leaves one small file behind
 * and never deletes any.
 */
import { type Storage, StorageError } from './storage.ts'

/** Rejects with StorageError where a file in the folder can be created twice, or not at all. */
export async function requireExclusiveCreate(storage: Storage, folder: string): Promise<void> {
  const location = `${folder.replace(/\/+$/, '')}/.healthconsumer-created-once`
  const created = async (): Promise<boolean> => {
    try {
      await storage.create(
        location,
        Buffer.from('A file that can be created once: commits to the tables beside it need that.\n'),
      )
      return true
    } catch (error) {
      if (error instanceof StorageError && error.code === 'EXISTS') return false
      throw error
    }
  }
  // The first attempt may find the file of an earlier start, the second has to find one.
  if ((await created()) && (await created()))
    throw new StorageError(
      'UNAVAILABLE',
      location,
      'the server lets a file be created twice (it ignores If-None-Match), so commits would be lost: use a REST catalog, or a server with conditional writes',
    )
}

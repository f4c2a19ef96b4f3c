/** Files of a table in memory, for tests and simulations: the same contract as localStorage.ts, nothing outlives the process. */
import { type ReplacingStorage, StorageError } from './storage.ts'

interface Held {
  readonly bytes: Buffer
  readonly modifiedMs: number
}

/** @param now milliseconds since the epoch */
export function inMemoryStorage(now: () => number): ReplacingStorage {
  const files = new Map<string, Held>()
  // Copied in and out: whoever changes their buffer afterwards must not change the file.
  const put = (location: string, bytes: Uint8Array): void => {
    files.set(location, { bytes: Buffer.from(bytes), modifiedMs: now() })
  }
  return {
    async read(location) {
      const held = files.get(location)
      if (held === undefined) throw new StorageError('NOT_FOUND', location, 'cannot read the file: there is none')
      return Buffer.from(held.bytes)
    },
    async create(location, bytes) {
      if (files.has(location))
        throw new StorageError('EXISTS', location, 'cannot create the file: another writer was first')
      put(location, bytes)
    },
    async replace(location, bytes) {
      put(location, bytes)
    },
    async size(location) {
      return files.get(location)?.bytes.length
    },
    async *list(folder) {
      const prefix = `${folder.replace(/\/+$/, '')}/`
      for (const [location, { bytes, modifiedMs }] of [...files])
        if (location.startsWith(prefix)) yield { location, length: bytes.length, modifiedMs }
    },
    async delete(location) {
      files.delete(location)
    },
  }
}

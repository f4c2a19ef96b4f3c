/**
 * Files of a table on a local or mounted file system. A file appears under its name whole or not at all: it is written
 * under a temporary name, synced, and linked, which unlike rename never replaces what is there. A crash leaves at most a
 * hidden `.….tmp` file that nobody reads.
 *
 * Locations are `file:///path`. The path is taken as it stands, percent signs included: Iceberg Java (Hadoop's Path),
 * pyiceberg and DuckDB do not decode locations either, and writers put `%2F` into folder names.
 */
import type { Dirent } from 'node:fs'
import nodeFiles from 'node:fs/promises'
import path from 'node:path'
import { type ReplacingStorage, StorageError, type StorageErrorCode, type StoredFile } from './storage.ts'

/** The part of node:fs/promises in use; given apart so that a test can make a disk full. */
export type Files = Pick<
  typeof nodeFiles,
  'link' | 'mkdir' | 'open' | 'readFile' | 'readdir' | 'rename' | 'rm' | 'stat'
>

/** `file:///a/b` for an absolute path. */
export const locationOf = (absolutePath: string): string => `file://${absolutePath}`

/** The path of `file:///a/b`, of `file:/a/b` as Hadoop spells it, or of a plain `/a/b`. */
export function pathOf(location: string): string {
  const found = /^(?:file:(?:\/\/(?:localhost)?)?)?(\/(?!\/).*)$/s.exec(location)?.[1]
  if (found === undefined || found.includes('\0'))
    throw new StorageError('NOT_FOUND', location, 'not a local file location: write it as file:///absolute/path')
  return found
}

interface Reason {
  readonly code: StorageErrorCode
  readonly fix: string
}

const reasons: Readonly<Record<string, Reason>> = {
  ENOENT: { code: 'NOT_FOUND', fix: 'check that the volume is mounted' },
  ENOTDIR: { code: 'NOT_FOUND', fix: 'a file stands where a folder is expected' },
  EEXIST: { code: 'EXISTS', fix: 'another writer was first' },
  ENOSPC: { code: 'NO_SPACE', fix: 'free space or enlarge the volume' },
  EDQUOT: { code: 'NO_SPACE', fix: 'raise the quota or free space' },
  EFBIG: { code: 'NO_SPACE', fix: 'raise the file size limit' },
  EROFS: { code: 'READ_ONLY', fix: 'mount the volume writable' },
  EACCES: { code: 'DENIED', fix: 'give the user of this process access (fsGroup, ownership, mode)' },
  EPERM: { code: 'DENIED', fix: 'give the user of this process access, on a file system with hard links' },
  EIO: { code: 'UNAVAILABLE', fix: 'the device failed: check its log' },
}

function storageError(location: string, action: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
  const { code: storageCode, fix } = reasons[code] ?? { code: 'UNAVAILABLE', fix: 'see the cause' }
  return new StorageError(storageCode, location, `cannot ${action} (${code}): ${fix}`, cause)
}

/** Makes a rename or link in the folder survive a power cut. */
async function syncFolder(files: Files, folder: string): Promise<void> {
  const handle = await files.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The folder with its parents; each new one is synced into its own parent. */
async function makeFolder(files: Files, folder: string): Promise<void> {
  const first = await files.mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = path.dirname(made))
    await syncFolder(files, path.dirname(made))
}

/**
 * @param newName a fresh name each time, for temporary files
 * @throws StorageError from every method
 */
export function localStorage(newName: () => string, files: Files = nodeFiles): ReplacingStorage {
  /** Writes a temporary file in the folder of `target`, hands it to `place`, and removes what is left of it. */
  async function written(
    target: string,
    bytes: Uint8Array,
    durable: boolean,
    place: (temporary: string) => Promise<void>,
  ): Promise<void> {
    const folder = path.dirname(target)
    await makeFolder(files, folder)
    const temporary = path.join(folder, `.${newName()}.tmp`)
    try {
      const handle = await files.open(temporary, 'wx')
      try {
        await handle.writeFile(bytes)
        if (durable) await handle.sync()
      } finally {
        await handle.close()
      }
      await place(temporary)
    } finally {
      // A temporary file that stays is in nobody's way; the outcome of the write is what counts.
      await files.rm(temporary, { force: true }).catch(() => undefined)
    }
  }

  /** Locations begin with the folder as the caller spelled it. */
  async function* walk(folder: string): AsyncGenerator<StoredFile> {
    for (const entry of await readFolder(pathOf(folder))) {
      const location = `${folder}/${entry.name}`
      if (entry.isDirectory()) yield* walk(location)
      if (!entry.isFile()) continue
      const status = await files.stat(pathOf(location)).catch(absent)
      if (status !== undefined) yield { location, length: status.size, modifiedMs: status.mtimeMs }
    }
  }

  const readFolder = (folder: string): Promise<readonly Dirent[]> =>
    files.readdir(folder, { withFileTypes: true }).catch(error => absent(error) ?? [])

  return {
    async read(location) {
      const source = pathOf(location)
      try {
        return await files.readFile(source)
      } catch (cause) {
        throw storageError(location, 'read the file', cause)
      }
    },

    async create(location, bytes) {
      const target = pathOf(location)
      try {
        await written(target, bytes, true, temporary => files.link(temporary, target))
      } catch (cause) {
        throw storageError(location, 'create the file', cause)
      }
      try {
        await syncFolder(files, path.dirname(target))
      } catch (cause) {
        throw new StorageError('UNAVAILABLE', location, 'the file is there, but its folder could not be synced', cause)
      }
    },

    async replace(location, bytes) {
      const target = pathOf(location)
      try {
        await written(target, bytes, false, temporary => files.rename(temporary, target))
      } catch (cause) {
        throw storageError(location, 'replace the file', cause)
      }
    },

    async size(location) {
      const target = pathOf(location)
      try {
        const status = await files.stat(target).catch(absent)
        return status?.isFile() ? status.size : undefined
      } catch (cause) {
        throw storageError(location, 'look at the file', cause)
      }
    },

    async *list(folder) {
      try {
        yield* walk(folder.replace(/\/+$/, ''))
      } catch (cause) {
        throw storageError(folder, 'list the folder', cause)
      }
    },

    async delete(location) {
      const target = pathOf(location)
      try {
        await files.rm(target, { force: true })
      } catch (cause) {
        throw storageError(location, 'delete the file', cause)
      }
    },
  }
}

/** For a catch: nothing where the file is not there, every other error again. */
function absent(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
  return undefined
}

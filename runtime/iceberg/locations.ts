/** Gives each file to the storage of its location's scheme. It opens nothing and knows no storage but by its port. */
import { type ReplacingStorage, StorageError } from './storage.ts'

export interface StoragesByScheme {
  /** For `file:///…`, as Hadoop spells it too, and absolute paths. */
  readonly file: ReplacingStorage
  /** For `s3://…`, and s3a and s3n, as Hadoop spells it. */
  readonly s3?: ReplacingStorage
}

/** Methods reject with StorageError `UNAVAILABLE` for a location that none of the storages is for. */
export function storageByScheme({ file, s3 }: StoragesByScheme): ReplacingStorage {
  function storageOf(location: string): ReplacingStorage {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(location)?.[1]?.toLowerCase()
    if (scheme === undefined || scheme === 'file') return file
    if (scheme !== 's3' && scheme !== 's3a' && scheme !== 's3n')
      throw new StorageError('UNAVAILABLE', location, `files at ${scheme}: are not supported, only file:/// and s3://`)
    if (s3 === undefined)
      throw new StorageError('UNAVAILABLE', location, 'no S3 storage is configured: set spec.iceberg.storage.s3')
    return s3
  }

  return {
    read: async location => storageOf(location).read(location),
    create: async (location, bytes) => storageOf(location).create(location, bytes),
    replace: async (location, bytes) => storageOf(location).replace(location, bytes),
    size: async location => storageOf(location).size(location),
    async *list(folder) {
      yield* storageOf(folder).list(folder)
    },
    delete: async location => storageOf(location).delete(location),
    async deleteMany(locations) {
      for (const [storage, those] of Map.groupBy(locations, storageOf))
        if (storage.deleteMany !== undefined) await storage.deleteMany(those)
        else for (const location of those) await storage.delete(location)
    },
  }
}

/**
 * Locations of objects, `s3://bucket/key`, also in Hadoop's spellings s3a and s3n. It never decodes anything: a percent
 * sign is one in the key.
 */
import { StorageError } from '../storage.ts'

export interface S3Location {
  readonly bucket: string
  readonly key: string
}

/** The bucket and the key of a file. Throws StorageError. */
export function parseS3Location(location: string): S3Location {
  const [, bucket, key] = /^s3[an]?:\/\/([^/]+)\/(.+)$/s.exec(location) ?? []
  if (bucket === undefined || key === undefined)
    throw new StorageError('UNAVAILABLE', location, 'not an S3 location: write it as s3://bucket/folder/file')
  return { bucket, key }
}

export interface S3Folder {
  readonly bucket: string
  /** What the keys below the folder begin with. */
  readonly prefix: string
  /** What stands before a key in a location, in the folder's own spelling: `s3a://bucket/`. */
  readonly root: string
}

/** Throws StorageError. */
export function parseS3Folder(folder: string): S3Folder {
  const inside = `${folder.replace(/\/+$/, '')}/-`
  const { bucket, key } = parseS3Location(inside)
  return { bucket, prefix: key.slice(0, -1), root: inside.slice(0, -key.length) }
}

/**
 * Files of a table in S3, or in a service that speaks its protocol. A file appears under its name whole or not at all,
 * and creating is conditional (`If-None-Match: *`), which unlike a plain PUT never replaces what is there: on this the
 * filesystem catalog's commits stand, so the server has to keep it (exclusiveCreate.ts finds out).
 *
 * Locations are `s3://bucket/key`, taken as they stand, percent signs included, as Iceberg Java and pyiceberg take
 * them. No secret, and nothing that a server writes but its error code, gets into an error.
 */
import { type S3ClientsOptions, s3Clients } from './s3/s3Clients.ts'
import { s3Deletes } from './s3/s3Deletes.ts'
import { listFolder } from './s3/s3Listing.ts'
import { s3Reads } from './s3/s3Reads.ts'
import { type RequestLimits, type S3Observer, s3Requests } from './s3/s3Requests.ts'
import { s3Uploads, type UploadOptions } from './s3/s3Uploads.ts'
import type { ReplacingStorage } from './storage.ts'

export type S3Limits = RequestLimits &
  Pick<S3ClientsOptions, 'connectTimeoutMs' | 'idleTimeoutMs'> &
  Omit<UploadOptions, 'serverSideEncryption'>

export interface S3StorageOptions
  extends Pick<S3ClientsOptions, 'endpoint' | 'region' | 'pathStyle' | 'authorities' | 'credentials' | 'vended'>,
    Pick<UploadOptions, 'serverSideEncryption'> {
  readonly observer?: S3Observer
  readonly limits?: Partial<S3Limits>
}

const MiB = 2 ** 20
/** Two minutes bear a restart of the server; after that the caller decides, who knows what the file is for. */
const usualLimits: S3Limits = {
  connectTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
  requestTimeoutMs: 60_000,
  attempts: 8,
  totalMs: 120_000,
  firstWaitMs: 200,
  maxWaitMs: 10_000,
  multipartFromBytes: 64 * MiB,
  partBytes: 16 * MiB,
  partsAtATime: 4,
}

/** @throws StorageError from every method */
export function s3Storage(options: S3StorageOptions): ReplacingStorage & { close(): void } {
  const limits = { ...usualLimits, ...options.limits }
  const clients = s3Clients({ ...options, ...limits })
  const request = s3Requests(clients, limits, options.observer)
  const { read, lookAt } = s3Reads(request)
  return {
    read,
    size: async location => (await lookAt(location))?.length,
    ...s3Uploads(request, lookAt, { ...options, ...limits }),
    ...s3Deletes(request, location => options.vended?.of(location)?.prefix ?? ''),
    list: folder => listFolder(request, folder),
    close: clients.close,
  }
}

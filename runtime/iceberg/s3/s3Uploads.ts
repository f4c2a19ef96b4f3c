/**
 * Creates files in S3 and never replaces one: every request that makes a file visible says `If-None-Match: *`. Large
 * files go up in parts, and what stays of an upload that failed is removed. Only hints are replaced.
 *
 * A created file carries a random mark in its user metadata. Where the answer to a creation was lost, or a proxy sent
 * the request twice, the repeated one fails because of the first: the mark tells our own file from that of another
 * writer, whatever they hold. So a commit of the filesystem catalog, which creates `vN.metadata.json`, is won or lost
 * for certain. On a server that drops user metadata such a file counts as another's: the commit is then a conflict, and
 * what the table says when it is loaded again decides.
 *
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
import { randomUUID } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { BoundedWrites } from '../boundedWrites.ts'
import { StorageError } from '../storage.ts'
import { parseS3Location } from './s3Location.ts'
import { type LookAt, markKey } from './s3Reads.ts'
import type { S3Request } from './s3Requests.ts'

export interface UploadOptions {
  readonly serverSideEncryption?: { readonly mode: 'AES256' | 'aws:kms'; readonly kmsKeyId?: string }
  /** A file of at least so many bytes goes up in parts. */
  readonly multipartFromBytes: number
  /** S3 wants at least 5 MiB, and at most 10,000 parts. */
  readonly partBytes: number
  readonly partsAtATime: number
}

export interface S3Uploads {
  create(location: string, bytes: Uint8Array): Promise<void>
  replace(location: string, bytes: Uint8Array): Promise<void>
}

export function s3Uploads(request: S3Request, lookAt: LookAt, options: UploadOptions): S3Uploads {
  const { mode, kmsKeyId } = options.serverSideEncryption ?? {}
  const encryption = {
    ...(mode !== undefined && { ServerSideEncryption: mode }),
    ...(kmsKeyId !== undefined && { SSEKMSKeyId: kmsKeyId }),
  }

  async function createWhole(location: string, bytes: Uint8Array, mark: string): Promise<void> {
    const { bucket: Bucket, key: Key } = parseS3Location(location)
    const input = { Bucket, Key, Body: bytes, IfNoneMatch: '*', Metadata: { [markKey]: mark }, ...encryption }
    await request('PutObject', location, (client, attempt) => client.send(new PutObjectCommand(input), attempt))
  }

  async function createInParts(location: string, bytes: Uint8Array, mark: string): Promise<void> {
    const { bucket: Bucket, key: Key } = parseS3Location(location)
    const begin = { Bucket, Key, Metadata: { [markKey]: mark }, ...encryption }
    const { UploadId } = await request('CreateMultipartUpload', location, (client, attempt) =>
      client.send(new CreateMultipartUploadCommand(begin), attempt),
    )
    const upload = { Bucket, Key, UploadId }
    try {
      const Parts = await uploadParts(location, bytes, upload)
      const end = { ...upload, MultipartUpload: { Parts } }
      await request('CompleteMultipartUpload', location, (client, attempt) =>
        client.send(new CompleteMultipartUploadCommand({ ...end, IfNoneMatch: '*' }), attempt).catch(error => {
          // Not every server knows the condition here. Whatever goes up in parts has a name that nothing else has.
          if (error.name !== 'NotImplemented') throw error
          return client.send(new CompleteMultipartUploadCommand(end), attempt)
        }),
      )
    } catch (error) {
      // Parts that stay cost money and are nobody's file; the outcome of the write is what counts.
      await request('AbortMultipartUpload', location, (client, attempt) =>
        client.send(new AbortMultipartUploadCommand(upload), attempt),
      ).catch(() => undefined)
      throw error
    }
  }

  async function uploadParts(
    location: string,
    bytes: Uint8Array,
    upload: { Bucket: string; Key: string; UploadId: string | undefined },
  ): Promise<{ PartNumber: number; ETag: string | undefined }[]> {
    const { partBytes } = options
    const parts = Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, index) => ({ PartNumber: index + 1 }))
    const etags: (string | undefined)[] = []
    const writes = new BoundedWrites(options.partsAtATime)
    try {
      for (const [index, { PartNumber }] of parts.entries())
        await writes.add(async () => {
          const part = { ...upload, PartNumber, Body: bytes.subarray(index * partBytes, PartNumber * partBytes) }
          const { ETag } = await request('UploadPart', location, (client, attempt) =>
            client.send(new UploadPartCommand(part), attempt),
          )
          etags[index] = ETag
        })
    } finally {
      await writes.drain()
    }
    return parts.map(({ PartNumber }, index) => ({ PartNumber, ETag: etags[index] }))
  }

  return {
    async create(location, bytes) {
      const mark = randomUUID()
      // A commit is one request, for which every server with conditional writes knows the condition.
      const whole = bytes.length < options.multipartFromBytes || location.endsWith('.metadata.json')
      const write = whole ? createWhole : createInParts
      try {
        await write(location, bytes, mark)
      } catch (error) {
        const mayBeOurs = error instanceof StorageError && (error.code === 'EXISTS' || error.code === 'NOT_FOUND')
        if (!mayBeOurs || (await lookAt(location))?.mark !== mark) throw error
      }
    },
    async replace(location, bytes) {
      const { bucket: Bucket, key: Key } = parseS3Location(location)
      const input = { Bucket, Key, Body: bytes, ...encryption }
      await request('PutObject', location, (client, attempt) => client.send(new PutObjectCommand(input), attempt))
    },
  }
}

/**
 * Reads files from S3, whole or not at all: what ends early is a failure, never a short buffer.
 *
 * A file is looked at by reading its first byte rather than by HEAD: an answer to HEAD has no body, so a missing file,
 * a missing bucket, wrong credentials and a proxy that knows none of them would look alike.
 */
import { Readable } from 'node:stream'
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { StorageError } from '../storage.ts'
import { parseS3Location } from './s3Location.ts'
import type { S3Request } from './s3Requests.ts'

/** The key of the mark in the user metadata, `x-amz-meta-…`. */
export const markKey = 'healthconsumer-write'

export interface Looked {
  readonly length: number
  /** Of the call that created the file, see s3Uploads.ts. */
  readonly mark: string | undefined
}

/** Undefined where there is no such file. */
export type LookAt = (location: string) => Promise<Looked | undefined>

class IncompleteAnswer extends Error {
  override readonly name = 'IncompleteAnswer'
}

/** The whole body. Rejects where it is shorter than announced, or breaks off. */
async function bytesOf({ Body, ContentLength }: GetObjectCommandOutput): Promise<Buffer> {
  if (!(Body instanceof Readable)) throw new IncompleteAnswer('no body')
  if (ContentLength === undefined) return Buffer.concat(await Array.fromAsync<Buffer>(Body))
  const bytes = Buffer.allocUnsafe(ContentLength)
  let length = 0
  for await (const chunk of Body) length += chunk.copy(bytes, length)
  if (length !== ContentLength) throw new IncompleteAnswer(`${length} of ${ContentLength} bytes`)
  return bytes
}

async function lengthOf(answer: GetObjectCommandOutput): Promise<number> {
  const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1]
  if (total !== undefined) {
    await bytesOf(answer)
    return Number(total)
  }
  // The server does not know ranges and sends the whole file: none of it is needed.
  if (answer.Body instanceof Readable) answer.Body.destroy()
  if (answer.ContentLength === undefined) throw new IncompleteAnswer('no length')
  return answer.ContentLength
}

export function s3Reads(request: S3Request): { read(location: string): Promise<Buffer>; lookAt: LookAt } {
  return {
    async read(location) {
      const { bucket: Bucket, key: Key } = parseS3Location(location)
      return request('GetObject', location, async (client, attempt) =>
        bytesOf(await client.send(new GetObjectCommand({ Bucket, Key }), attempt)),
      )
    },

    async lookAt(location) {
      const { bucket: Bucket, key: Key } = parseS3Location(location)
      try {
        return await request('GetObject', location, async (client, attempt) => {
          try {
            const answer = await client.send(new GetObjectCommand({ Bucket, Key, Range: 'bytes=0-0' }), attempt)
            return { length: await lengthOf(answer), mark: answer.Metadata?.[markKey] }
          } catch (error) {
            // An empty file has no first byte.
            if (error instanceof Error && error.name === 'InvalidRange') return { length: 0, mark: undefined }
            throw error
          }
        })
      } catch (error) {
        if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined
        throw error
      }
    },
  }
}

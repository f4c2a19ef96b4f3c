/** Deletes files from S3, alone or a thousand a request. It never says that a file is gone which the server kept. */
import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3'
import { BoundedWrites } from '../boundedWrites.ts'
import { StorageError } from '../storage.ts'
import { parseS3Location } from './s3Location.ts'
import type { S3Request } from './s3Requests.ts'

/** The most that one DeleteObjects takes. */
const batchSize = 1000
const atATime = 8

export interface S3Deletes {
  delete(location: string): Promise<void>
  deleteMany(locations: readonly string[]): Promise<void>
}

/** @param ownerOf what credentials a location needs, by any name: one request has one owner */
export function s3Deletes(request: S3Request, ownerOf: (location: string) => string): S3Deletes {
  async function deleteOne(location: string): Promise<void> {
    const { bucket: Bucket, key: Key } = parseS3Location(location)
    try {
      await request('DeleteObject', location, (client, attempt) =>
        client.send(new DeleteObjectCommand({ Bucket, Key }), attempt),
      )
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'NOT_FOUND') throw error
    }
  }

  function batchesOf(locations: readonly string[]): readonly (readonly string[])[] {
    const together = Map.groupBy(locations, location => `${parseS3Location(location).bucket}/${ownerOf(location)}`)
    return [...together.values()].flatMap(each =>
      Array.from({ length: Math.ceil(each.length / batchSize) }, (_, index) =>
        each.slice(index * batchSize, (index + 1) * batchSize),
      ),
    )
  }

  /** What may be there still: named by the server, or all of it where the server refused the request. */
  async function deleteBatch(locations: readonly string[]): Promise<readonly string[]> {
    const first = locations[0]!
    const { bucket: Bucket } = parseS3Location(first)
    const byKey = new Map(locations.map(location => [parseS3Location(location).key, location]))
    const Delete = { Quiet: true, Objects: [...byKey.keys()].map(Key => ({ Key })) }
    try {
      const { Errors = [] } = await request('DeleteObjects', first, (client, attempt) =>
        client.send(new DeleteObjectsCommand({ Bucket, Delete }), attempt),
      )
      return Errors.map(({ Key }) => byKey.get(Key ?? '')).filter(location => location !== undefined)
    } catch {
      return locations
    }
  }

  return {
    delete: deleteOne,
    async deleteMany(locations) {
      // Alone where the batch failed: every server knows that, tries again, and says why not.
      const alone = new BoundedWrites(atATime)
      for (const batch of batchesOf(locations))
        for (const location of await deleteBatch(batch)) await alone.add(() => deleteOne(location))
      await alone.drain()
    },
  }
}

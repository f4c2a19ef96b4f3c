/** Lists what is below a folder in S3. A listing is whole or fails: it never ends early. */
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { StorageError, type StoredFile } from '../storage.ts'
import { parseS3Folder } from './s3Location.ts'
import type { S3Request } from './s3Requests.ts'

export async function* listFolder(request: S3Request, folder: string): AsyncGenerator<StoredFile> {
  const { bucket: Bucket, prefix: Prefix, root } = parseS3Folder(folder)
  let ContinuationToken: string | undefined
  do {
    const input = { Bucket, Prefix, ContinuationToken }
    const page = await request('ListObjectsV2', folder, (client, attempt) =>
      client.send(new ListObjectsV2Command(input), attempt),
    )
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      // A key that ends with a slash stands for a folder, where somebody made one by hand.
      if (Key === undefined || Key.endsWith('/')) continue
      if (Size === undefined || LastModified === undefined) throw incomplete(folder)
      yield { location: root + Key, length: Size, modifiedMs: LastModified.getTime() }
    }
    const before = ContinuationToken
    ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined
    if (page.IsTruncated && (ContinuationToken === undefined || ContinuationToken === before)) throw incomplete(folder)
  } while (ContinuationToken !== undefined)
}

const incomplete = (folder: string): StorageError =>
  new StorageError('UNAVAILABLE', folder, 'cannot list the folder: the server gave a part of the listing only')

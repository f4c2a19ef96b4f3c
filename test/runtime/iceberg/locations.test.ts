import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { localStorage, locationOf } from '../../../runtime/iceberg/localStorage.ts'
import { storageByScheme } from '../../../runtime/iceberg/locations.ts'
import type { ReplacingStorage } from '../../../runtime/iceberg/storage.ts'
import { counting } from './fixtures.ts'
import { storageContract } from './storageContract.ts'

const folder = await mkdtemp(`${tmpdir()}/locations-`)
after(() => rm(folder, { recursive: true }))

const storages = { file: localStorage(counting()), s3: inMemoryStorage(Date.now) }
storageContract('file by scheme', storageByScheme(storages), () => locationOf(folder))
storageContract('S3 by scheme', storageByScheme(storages), () => 's3://bucket/root')

test('each spelling of a scheme reaches its storage, and no other', async () => {
  const [file, s3] = [inMemoryStorage(() => 0), inMemoryStorage(() => 0)]
  const storage = storageByScheme({ file, s3 })
  for (const [location, own, other] of [
    ['file:///w/a', file, s3],
    ['file:/w/b', file, s3],
    ['/w/c', file, s3],
    ['s3://b/a', s3, file],
    ['s3a://b/b', s3, file],
    ['s3n://b/c', s3, file],
  ] as const) {
    await storage.create(location, Buffer.from('1'))
    assert.equal(await own.size(location), 1)
    assert.equal(await other.size(location), undefined)
  }
})

test('a location of no storage is refused with what there is, whatever is asked of it', async () => {
  const storage = storageByScheme({ file: inMemoryStorage(() => 0) })
  const attempts: readonly ((location: string) => Promise<unknown>)[] = [
    location => storage.read(location),
    location => storage.create(location, Buffer.from('1')),
    location => storage.replace(location, Buffer.from('1')),
    location => storage.size(location),
    location => Array.fromAsync(storage.list(location)),
    location => storage.delete(location),
    async location => storage.deleteMany?.(['/w/a', location]),
  ]
  for (const attempt of attempts) {
    const refused = { name: 'StorageError', code: 'UNAVAILABLE' }
    await assert.rejects(attempt('gs://b/a'), { ...refused, message: /gs:.*file:\/\/\/ and s3:/ })
    await assert.rejects(attempt('s3://b/a'), { ...refused, message: /spec\.iceberg\.storage\.s3/ })
  }
})

test('many files are deleted in one request where their storage can, alone elsewhere', async () => {
  const batches: (readonly string[])[] = []
  const s3: ReplacingStorage = { ...inMemoryStorage(() => 0), deleteMany: async those => void batches.push(those) }
  const file = inMemoryStorage(() => 0)
  await file.create('/w/a', Buffer.from('1'))
  await storageByScheme({ file, s3 }).deleteMany?.(['s3://b/1', '/w/a', 's3://b/2'])
  assert.deepEqual(batches, [['s3://b/1', 's3://b/2']])
  assert.equal(await file.size('/w/a'), undefined)
})

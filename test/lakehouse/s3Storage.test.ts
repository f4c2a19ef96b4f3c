/** The storage, and the filesystem catalog on it, on a real S3 service. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { CatalogError } from '../../runtime/iceberg/catalog.ts'
import { requireExclusiveCreate } from '../../runtime/iceberg/exclusiveCreate.ts'
import { filesystemCatalog } from '../../runtime/iceberg/filesystemCatalog.ts'
import { type S3StorageOptions, s3Storage } from '../../runtime/iceberg/s3Storage.ts'
import { catalogContract } from '../runtime/iceberg/catalogContract.ts'
import { counting, definition, identifier } from '../runtime/iceberg/fixtures.ts'
import { storageContract } from '../runtime/iceberg/storageContract.ts'
import { startS3, type TestS3 } from './s3Server.ts'

const MiB = 2 ** 20
const storageModule = import.meta.resolve('../../runtime/iceberg/s3Storage.ts')
const s3: TestS3 = await startS3()
after(() => s3.stop())

const opened: { close(): void }[] = []
after(() => {
  for (const each of opened) each.close()
})

function open(options: Partial<S3StorageOptions> = {}): ReturnType<typeof s3Storage> {
  const { endpoint, accessKeyId, secretAccessKey } = s3
  const credentials = async () => ({ accessKeyId, secretAccessKey })
  const storage = s3Storage({ endpoint, pathStyle: true, credentials, ...options })
  opened.push(storage)
  return storage
}

const newFolder = counting(`s3://${s3.bucket}/folder `)
const unfinishedParts = (): readonly string[] => globSync(`${s3.dir}/data/*/.sgwtmp/multipart/*/*/*`)

const contractRoot = newFolder()
storageContract('S3', open(), () => contractRoot)

catalogContract('filesystem (S3)', async () => {
  const warehouse = newFolder()
  const name = counting('unique-')
  return () => filesystemCatalog({ warehouse, storage: open(), now: Date.now, newUuid: name })
})

test('of ten committers that race over and over, exactly one wins each version', async () => {
  const warehouse = newFolder()
  const catalogs = Array.from({ length: 10 }, (_, writer) =>
    filesystemCatalog({ warehouse, storage: open(), now: Date.now, newUuid: counting(`${writer}-`) }),
  )
  await catalogs[0]!.createTable(identifier, { ...definition, properties: { n: '0' } })
  const won: string[] = []
  const commit = async (catalog: (typeof catalogs)[number], n: string) => {
    try {
      await catalog.commitTable(identifier, [], [{ action: 'set-properties', updates: { n } }])
      won.push(n)
    } catch (error) {
      assert.ok(error instanceof CatalogError && error.code === 'CONFLICT', String(error))
    }
  }
  for (let round = 1; round <= 10; round++)
    await Promise.all(catalogs.map((catalog, writer) => commit(catalog, `${round}-${writer}`)))
  const table = await catalogs[0]!.loadTable(identifier)
  assert.equal(table?.properties.n, won.at(-1))
  // Each version but the newest is in the log: as many as there were winners, and the creation.
  assert.equal(table?.['metadata-log'].length, won.length)
  assert.ok(won.length >= 10)
})

test('a large file goes up in parts, is created once, and leaves no parts', async () => {
  const storage = open({ limits: { multipartFromBytes: 5 * MiB, partBytes: 5 * MiB } })
  const location = `${newFolder()}/large`
  const bytes = Buffer.alloc(12 * MiB + 7, 'abcdefg')
  await storage.create(location, bytes)
  assert.ok((await storage.read(location)).equals(bytes))
  assert.equal(await storage.size(location), bytes.length)
  await assert.rejects(storage.create(location, bytes), { code: 'EXISTS' })
  const writers = Array.from({ length: 4 }, (_, writer) =>
    storage.create(`${location}-2`, Buffer.alloc(6 * MiB, writer)),
  )
  const outcomes = await Promise.allSettled(writers)
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'EXISTS')
  assert.deepEqual(unfinishedParts(), [])
})

test('an upload of 128 MiB holds less than as much again', async () => {
  const program = `
    const { s3Storage } = await import(process.argv[1])
    const { ENDPOINT: endpoint, LOCATION: location, KEY: accessKeyId, SECRET: secretAccessKey } = process.env
    const storage = s3Storage({ endpoint, pathStyle: true, credentials: async () => ({ accessKeyId, secretAccessKey }) })
    await storage.create(location + '-small', Buffer.alloc(1))
    const bytes = Buffer.alloc(128 * 2 ** 20, 1)
    const before = process.memoryUsage.rss()
    await storage.create(location, bytes)
    console.log(process.resourceUsage().maxRSS * 1024 - before)
    storage.close()`
  const location = `${newFolder()}/huge`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', program, storageModule],
    {
      env: {
        ...process.env,
        ENDPOINT: s3.endpoint,
        LOCATION: location,
        KEY: s3.accessKeyId,
        SECRET: s3.secretAccessKey,
      },
    },
  )
  assert.ok(Number(stdout) < 128 * MiB, `${Number(stdout) / MiB} MiB`)
  assert.equal(await open().size(location), 128 * MiB)
})

test('a folder of more files than a page holds is listed, and deleted in batches', async () => {
  const requests: string[] = []
  const storage = open({ observer: operation => requests.push(operation) })
  const folder = newFolder()
  const locations = Array.from({ length: 1003 }, (_, index) => `${folder}/${index % 7}/file & <${index}>`)
  for (let at = 0; at < locations.length; at += 20)
    await Promise.all(locations.slice(at, at + 20).map(each => storage.create(each, Buffer.from('1'))))
  const listed = () => Array.fromAsync(storage.list(folder), file => file.location)
  assert.deepEqual((await listed()).sort(), locations.toSorted())
  requests.length = 0
  await storage.deleteMany?.([...locations, `${folder}/absent`])
  assert.deepEqual(requests, ['DeleteObjects', 'DeleteObjects'])
  assert.deepEqual(await listed(), [])
})

test('a server that is killed and started again costs time and no file', async () => {
  const storage = open()
  const folder = newFolder()
  await storage.create(`${folder}/before`, Buffer.from('1'))
  await s3.kill()
  const creating = ['a', 'b', 'c'].map(name => storage.create(`${folder}/${name}`, Buffer.from(name)))
  const reading = storage.read(`${folder}/before`)
  await s3.start()
  await Promise.all(creating)
  assert.equal((await reading).toString(), '1')
  for (const name of ['a', 'b', 'c']) assert.equal((await storage.read(`${folder}/${name}`)).toString(), name)
})

test('credentials that the server does not know are DENIED, as is a bucket that is not there', async () => {
  const location = `${newFolder()}/file`
  const { accessKeyId, secretAccessKey } = s3
  for (const wrong of [
    { accessKeyId, secretAccessKey: 'wrong' },
    { accessKeyId: 'unknown', secretAccessKey },
  ]) {
    const storage = open({ credentials: async () => wrong })
    await assert.rejects(storage.read(location), { code: 'DENIED' })
    await assert.rejects(storage.size(location), { code: 'DENIED' })
    await assert.rejects(storage.create(location, Buffer.from('1')), { code: 'DENIED' })
  }
  await assert.rejects(open().size('s3://no-such-bucket/file'), {
    code: 'UNAVAILABLE',
    message: /NoSuchBucket.*no-such-bucket/,
  })
})

test('without credentials of ours the SDK finds those of the environment', async () => {
  const program = `
    const { s3Storage } = await import(process.argv[1])
    const storage = s3Storage({ endpoint: process.env.ENDPOINT, pathStyle: true })
    await storage.create(process.env.LOCATION, Buffer.from('1'))
    storage.close()`
  const location = `${newFolder()}/file`
  const env = { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey }
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, storageModule], {
    env: { ...process.env, ...env, ENDPOINT: s3.endpoint, LOCATION: location },
  })
  assert.equal(await open().size(location), 1)
})

test('this server creates a file once, which the filesystem catalog needs', async () => {
  await requireExclusiveCreate(open(), newFolder())
})

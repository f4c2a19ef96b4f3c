import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type Catalog, CatalogError, type CatalogErrorCode } from '../../../runtime/iceberg/catalog.ts'
import { filesystemCatalog } from '../../../runtime/iceberg/filesystemCatalog.ts'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { stringifyJson } from '../../../runtime/iceberg/metadataJson.ts'
import { type ReplacingStorage, StorageError, type StorageErrorCode } from '../../../runtime/iceberg/storage.ts'
import { counting, definition, identifier } from './fixtures.ts'

const folder = 'memory:///w/db/samples/metadata'
const version = (number: number): string => `${folder}/v${number}.metadata.json`
const hint = `${folder}/version-hint.text`

interface Bench {
  readonly storage: ReplacingStorage
  readonly open: (storage?: ReplacingStorage) => Catalog
}

/** A warehouse whose table has `versions` versions: property `n` of version v is v. */
async function bench(versions: number): Promise<Bench> {
  const storage = inMemoryStorage(() => 1000)
  const newUuid = counting('uuid-')
  const open = (other: ReplacingStorage = storage): Catalog =>
    filesystemCatalog({ warehouse: 'memory:///w/', storage: other, now: () => 1000, newUuid })
  if (versions > 0) await open().createTable(identifier, { ...definition, properties: { n: '1' } })
  for (let next = 2; next <= versions; next++) await set(open(), String(next))
  return { storage, open }
}

const set = (catalog: Catalog, n: string) =>
  catalog.commitTable(identifier, [], [{ action: 'set-properties', updates: { n } }])

const loadedN = async (catalog: Catalog): Promise<string | undefined> =>
  (await catalog.loadTable(identifier))?.properties.n

test('each commit is a numbered file, the hint names the newest, the log names those before', async () => {
  const { storage, open } = await bench(3)
  const names = await Array.fromAsync(storage.list(folder), file => file.location.slice(folder.length + 1))
  assert.deepEqual(names.sort(), ['v1.metadata.json', 'v2.metadata.json', 'v3.metadata.json', 'version-hint.text'])
  assert.equal((await storage.read(hint)).toString(), '3')
  const table = await open().loadTable(identifier)
  assert.equal(table?.location, 'memory:///w/db/samples')
  assert.deepEqual(
    table?.['metadata-log'].map(entry => entry['metadata-file']),
    [version(1), version(2)],
  )
})

test('the newest version is found whatever the hint says', async () => {
  const { storage, open } = await bench(4)
  for (const text of ['4', '2\n', '1', '9', '0', '-3', 'four', '']) {
    await storage.replace(hint, Buffer.from(text))
    assert.equal(await loadedN(open()), '4', `hint '${text}'`)
  }
  await storage.delete(hint)
  assert.equal(await loadedN(open()), '4')
})

test('the newest version is found when older ones are gone', async () => {
  const { storage, open } = await bench(4)
  for (const number of [1, 2]) await storage.delete(version(number))
  for (const text of ['1', '3']) {
    await storage.replace(hint, Buffer.from(text))
    assert.equal(await loadedN(open()), '4')
  }
})

test('a gzip version of another engine is read, and the next commit follows it', async () => {
  const { storage, open } = await bench(1)
  const table = { ...(await open().loadTable(identifier)), properties: { n: '2' }, 'x-unknown': 2n ** 64n }
  await storage.create(`${folder}/v2.gz.metadata.json`, gzipSync(stringifyJson(table)))
  assert.equal(await loadedN(open()), '2')
  await storage.delete(hint)
  assert.equal(await loadedN(open()), '2')
  await set(open(), '3')
  const committed = await open().loadTable(identifier)
  assert.equal(committed?.['x-unknown'], 2n ** 64n)
  assert.equal((await storage.size(version(3))) !== undefined, true)
})

test('temporary files and files below other names are no versions', async () => {
  const { storage, open } = await bench(2)
  await storage.delete(hint)
  for (const name of [
    '.x.tmp',
    'v9.metadata.json.bak',
    'xv9.metadata.json',
    'old/v9.metadata.json',
    '00009-uuid.metadata.json',
  ])
    await storage.create(`${folder}/${name}`, Buffer.from('{'))
  assert.equal(await loadedN(open()), '2')
})

test('a damaged newest version is an error that names it, never the version before', async () => {
  const { storage, open } = await bench(3)
  const bytes = await storage.read(version(3))
  await storage.replace(version(3), bytes.subarray(0, 100))
  const damaged = (error: unknown): boolean =>
    error instanceof CatalogError && error.code === 'CORRUPT_METADATA' && error.message.includes(version(3))
  await assert.rejects(open().loadTable(identifier), damaged)
  await assert.rejects(set(open(), '4'), damaged)
  await assert.rejects(open().createTable(identifier, definition), { code: 'ALREADY_EXISTS' })
  assert.equal(await storage.size(version(4)), undefined)
  await storage.replace(version(3), bytes)
  await set(open(), '4')
  assert.equal(await loadedN(open()), '4')
})

test('a hint without any version is damage, not a missing table', async () => {
  const { storage, open } = await bench(0)
  await storage.replace(hint, Buffer.from('3'))
  await assert.rejects(open().loadTable(identifier), { code: 'CORRUPT_METADATA' })
  await assert.rejects(open().createTable(identifier, definition), { code: 'CORRUPT_METADATA' })
})

test('a hint that cannot be written costs nothing', async () => {
  const { storage, open } = await bench(1)
  const failing = { ...storage, replace: () => Promise.reject(new StorageError('NO_SPACE', hint, 'full')) }
  await set(open(failing), '2')
  await set(open(failing), '3')
  assert.equal(await loadedN(open()), '3')
})

const failures: readonly [StorageErrorCode, CatalogErrorCode][] = [
  ['NO_SPACE', 'NO_SPACE'],
  ['READ_ONLY', 'READ_ONLY'],
  ['DENIED', 'DENIED'],
  ['EXISTS', 'CONFLICT'],
  ['UNAVAILABLE', 'UNKNOWN_OUTCOME'],
]
for (const [code, expected] of failures)
  test(`a commit whose file cannot be created (${code}) is ${expected}, and works once the cause is gone`, async () => {
    const { storage, open } = await bench(1)
    const failing = {
      ...storage,
      create: (location: string) => Promise.reject(new StorageError(code, location, 'failed')),
    }
    await assert.rejects(set(open(failing), '2'), error => {
      assert.ok(error instanceof CatalogError)
      assert.equal(error.code, expected)
      assert.ok(error.message.includes(version(2)))
      assert.ok(error.cause instanceof StorageError)
      return true
    })
    assert.equal(await loadedN(open()), '1')
    await set(open(), '2')
    assert.equal(await loadedN(open()), '2')
  })

test('a table that cannot be read is an error, not a missing table', async () => {
  const { storage, open } = await bench(1)
  const failing = {
    ...storage,
    read: (location: string) => Promise.reject(new StorageError('DENIED', location, 'denied')),
  }
  await assert.rejects(open(failing).loadTable(identifier), { name: 'CatalogError', code: 'DENIED' })
})

test('a commit that slept until its number was free again says that its outcome is unknown', async () => {
  const { storage, open } = await bench(2)
  const sleeping: ReplacingStorage = {
    ...storage,
    async create(location, bytes) {
      // Others commit versions 3 and 4, and upkeep removes what is old, version 3 included.
      if (location === version(3)) {
        await set(open(), '3')
        await set(open(), '4')
        for (const number of [1, 2, 3]) await storage.delete(version(number))
      }
      await storage.create(location, bytes)
    },
  }
  await assert.rejects(set(open(sleeping), 'late'), { code: 'UNKNOWN_OUTCOME' })
  assert.equal((await storage.read(hint)).toString(), '4')
  assert.equal(await loadedN(open()), '4')
})

test('names that would leave the warehouse, or that readers cannot open, are refused', async () => {
  const { open } = await bench(0)
  for (const name of ['', '.', '..', 'a/b', 'a\\b', 'a?b', 'a#b', 'a\0'])
    await assert.rejects(open().loadTable({ ...identifier, name }), { code: 'DENIED' })
  assert.throws(
    () =>
      filesystemCatalog({
        warehouse: 'file:///w#1',
        storage: inMemoryStorage(() => 0),
        now: () => 0,
        newUuid: counting(),
      }),
    {
      code: 'DENIED',
    },
  )
})

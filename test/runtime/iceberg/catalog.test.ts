import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { filesystemCatalog } from '../../../runtime/iceberg/filesystemCatalog.ts'
import { inMemoryCatalog } from '../../../runtime/iceberg/inMemoryCatalog.ts'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { localStorage, locationOf } from '../../../runtime/iceberg/localStorage.ts'
import { catalogContract } from './catalogContract.ts'
import { appended, counting, definition, identifier, snapshotOf } from './fixtures.ts'

catalogContract('in-memory', async () => {
  const catalog = inMemoryCatalog({ warehouse: 'memory:///w', now: Date.now, newUuid: counting('uuid-') })
  return () => catalog
})

catalogContract('filesystem (in memory)', async () => {
  const storage = inMemoryStorage(Date.now)
  const newUuid = counting('uuid-')
  return () => filesystemCatalog({ warehouse: 'memory:///w', storage, now: Date.now, newUuid })
})

const folder = await mkdtemp(`${tmpdir()}/catalog-`)
after(() => rm(folder, { recursive: true }))
const newWarehouse = counting('warehouse ')

catalogContract('filesystem (local)', async () => {
  const warehouse = locationOf(`${folder}/${newWarehouse()}`)
  const name = counting('unique-')
  return () => filesystemCatalog({ warehouse, storage: localStorage(name), now: Date.now, newUuid: name })
})

test('a snapshot of an older clock is refused by every catalog alike, so that history never runs backwards', async () => {
  const catalog = inMemoryCatalog({ warehouse: 'memory:///w', now: () => 5000, newUuid: counting() })
  await catalog.createTable(identifier, definition)
  await assert.rejects(catalog.commitTable(identifier, [], appended(snapshotOf(1, 1n, 4999))), { code: 'CONFLICT' })
})

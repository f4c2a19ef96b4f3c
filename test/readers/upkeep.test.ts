/**
 * Upkeep of tables on disk that the commit protocol fills and Iceberg Java compacts and rewrites: outside readers see
 * every row afterwards, every snapshot that is left is whole, and the files that nothing needs are gone.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { filesystemCatalog } from '../../runtime/iceberg/filesystemCatalog.ts'
import { localStorage, locationOf, pathOf } from '../../runtime/iceberg/localStorage.ts'
import { assertExpiry, assertOrphanRemoval, KeptTables } from './keptTables.ts'
import { readerNames } from './readers.ts'

const folder = await mkdtemp(`${tmpdir()}/upkeep-`)
after(() => rm(folder, { recursive: true }))
const storage = localStorage(randomUUID)
const tables = new KeptTables({
  catalog: filesystemCatalog({ warehouse: locationOf(folder), storage, now: Date.now, newUuid: randomUUID }),
  storage,
  table: `${folder}/health_db/raw`,
  ownsMetadataFiles: true,
  readers: readerNames,
})

test('rows stay readable through expiry beside another engine, and files that it replaced go', () =>
  assertExpiry(tables))

test('files that nothing refers to go once they are old, while another engine reads and writes on', () =>
  assertOrphanRemoval(tables, storage, async location => {
    const then = Date.now() / 1000 - 9 * 86_400
    for await (const file of storage.list(location)) await utimes(pathOf(file.location), then, then)
  }))

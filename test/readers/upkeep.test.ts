/**
 * Upkeep of tables on disk that the commit protocol fills and Iceberg Java compacts, rewrites and deletes from: outside
 * readers see every row afterwards, at every snapshot that is left, and the files that nothing needs are gone.
 */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import type { CommitSettings } from '../../runtime/commit/context.ts'
import { createProtocol } from '../../runtime/commit/protocol.ts'
import { filesystemCatalog } from '../../runtime/iceberg/filesystemCatalog.ts'
import { localStorage, locationOf, pathOf } from '../../runtime/iceberg/localStorage.ts'
import { liveDataFiles } from '../../runtime/iceberg/snapshotFiles.ts'
import type { Snapshot } from '../../runtime/iceberg/tableMetadata.ts'
import { errorsDefinition, rawDefinition } from '../../runtime/iceberg/tables.ts'
import { rawTableWriter } from '../../runtime/iceberg/tableWriter.ts'
import type { RawRow } from '../../runtime/rows.ts'
import { createInMemoryKafka } from '../../runtime/source/inMemoryKafka.ts'
import { createUpkeep } from '../../runtime/upkeep/upkeep.ts'
import { change, read, readerNames } from './readers.ts'

const day = 86_400_000
const never = new AbortController().signal
const folder = await mkdtemp(`${tmpdir()}/upkeep-`)
after(() => rm(folder, { recursive: true }))

const raw = { namespace: ['health_db'], name: 'raw' }
const errors = { namespace: ['health_db'], name: 'errors' }
const table = `${folder}/health_db/raw`
const storage = localStorage(randomUUID)
const catalog = filesystemCatalog({ warehouse: locationOf(folder), storage, now: Date.now, newUuid: randomUUID })
const kafka = createInMemoryKafka()
kafka.createTopic('t')

const commitSettings: CommitSettings = {
  ...{ group: 'g', topics: ['t'], startFrom: 'earliest', onGap: 'Halt', pendingCap: 100 },
  ...{ raw, errors, errorsDefinition },
  rawDefinition: {
    ...rawDefinition,
    properties: {
      ...rawDefinition.properties,
      'commit.manifest.min-count-to-merge': '3',
      'write.metadata.previous-versions-max': '3',
    },
  },
}
const sleep = async () => {}
const protocol = createProtocol(commitSettings, {
  ...{ catalog, storage, sleep, positions: kafka.positions('g') },
  ...{ now: Date.now, newId: randomUUID, random: Math.random },
  newSnapshotId: () => randomBytes(8).readBigUInt64BE() >> 1n,
  observer: { conflict() {}, failed() {}, committed() {}, gap() {} },
})
const upkeep = createUpkeep(
  {
    ...{ catalog, storage, sleep, now: Date.now, newId: randomUUID, random: Math.random },
    mayAct: () => true,
    observer: { done() {}, failed() {} },
  },
  {
    ...{ group: 'g', raw, errors },
    retention: { maxAgeMs: 7 * day, maxCount: 2 },
    orphanRemoval: { enabled: true, minAgeMs: 2 * day },
    ownsMetadataFiles: true,
  },
)

const row = (n: number): RawRow => {
  const instant = { day: 19723 + (n % 3), micros: 5 }
  const empty = { deviceId: null, unit: null, sourceBundle: null, metadata: null, isSynced: null, createdAt: null }
  const rest = { payloadTimestamp: null, appVersion: null, timezone: null, timezoneOffset: null, userId: 'u', value: n }
  const times = { startDate: instant, endDate: instant, processingTime: instant }
  return { ...empty, ...rest, ...times, dataType: 'steps', sampleId: `s${n}` }
}

let count = 0
async function commitRows(rows: number): Promise<void> {
  const start = count
  count += rows
  kafka.produce(
    't',
    0,
    Array.from({ length: rows }, () => ({ value: Buffer.from('x') })),
  )
  const partition = { topic: 't', partition: 0 }
  await protocol.assign([partition], never)
  const { rawTable } = await protocol.state()
  const writer = rawTableWriter({
    ...{ table: rawTable, storage, folder: `${rawTable.location}/data`, newName: randomUUID },
    ...{ compression: { name: 'zstd' }, targetFileSizeBytes: 1 << 27 },
  })
  for (let n = start; n < count; n++) writer.push(row(n))
  const ranges = new Map([['t:0', { start, end: count }]])
  const batch = { ranges, last: new Map(), rawFiles: await writer.finish(), errorFiles: [] }
  assert.equal(await protocol.commit(batch, never), 'committed')
}

async function snapshots(): Promise<readonly Snapshot[]> {
  return (await catalog.loadTable(raw))!.snapshots
}

/** Every reader finds every row; every snapshot that is left has all its files. */
async function assertRead(): Promise<void> {
  const seen = await read(table, [{ op: 'rows', columns: ['sample_id'] }])
  const expected = Array.from({ length: count }, (_, n) => `s${n}`).sort()
  for (const reader of readerNames)
    assert.deepEqual(seen[reader][0].rows.map(item => item.sample_id).sort(), expected, reader)
  for (const snapshot of await snapshots())
    for await (const { file } of liveDataFiles(storage, snapshot))
      assert.equal(await storage.size(file.location), file.fileSizeInBytes, file.location)
}

/** Paths of the files below the table's folder that match. */
async function files(pattern: RegExp): Promise<string[]> {
  const found: string[] = []
  for await (const { location } of storage.list(locationOf(table)))
    if (pattern.test(location)) found.push(pathOf(location))
  return found
}

test('rows stay readable through expiry beside another engine, and files that it replaced go', async () => {
  for (const rows of [5, 5, 5, 5]) await commitRows(rows)
  await change(table, [{ op: 'compact' }, { op: 'rewriteManifests' }])
  for (const rows of [5, 5, 5]) await commitRows(rows)
  const before = await files(/\.parquet$/)
  const report = await upkeep.maintain({ steps: ['expiry', 'metadata'] }, never)
  assert.equal((await snapshots()).length, 2)
  await assertRead()
  const live = new Set<string>()
  for (const snapshot of await snapshots())
    for await (const { file } of liveDataFiles(storage, snapshot)) live.add(pathOf(file.location))
  assert.deepEqual((await files(/\.parquet$/)).sort(), [...live].sort())
  assert.ok(live.size < before.length, 'compaction left nothing to delete')
  assert.ok(report.items.some(({ kind, count: gone }) => kind === 'data files' && gone === before.length - live.size))
  // The newest, and three before it.
  assert.equal((await files(/\.metadata\.json$/)).length, 4)
  await commitRows(5)
  await assertRead()
})

test('files that nothing refers to go once they are old, while another engine reads and writes on', async () => {
  const lost = `${locationOf(table)}/data/lost.parquet`
  await storage.create(lost, Buffer.from('1'))
  await upkeep.maintain({ steps: ['orphans'] }, never)
  assert.equal(await storage.size(lost), 1)
  // All but the newest commit happened days ago, and the lost file was written then.
  const then = (Date.now() - 9 * day) / 1000
  for (const path of await files(/./)) await utimes(path, then, then)
  await commitRows(5)
  await upkeep.maintain({ steps: ['orphans'] }, never)
  assert.equal(await storage.size(lost), undefined)
  await assertRead()
  await change(table, [{ op: 'compact' }])
  await assertRead()
})

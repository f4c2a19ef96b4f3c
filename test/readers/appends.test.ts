/** Tables that the runtime commits to, seen by other engines: empty, appended to, merged, and changed by Iceberg Java between. */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { prepareAppend } from '../../runtime/iceberg/append.ts'
import type { Catalog } from '../../runtime/iceberg/catalog.ts'
import { filesystemCatalog } from '../../runtime/iceberg/filesystemCatalog.ts'
import { localStorage, locationOf } from '../../runtime/iceberg/localStorage.ts'
import { describeManifest, encodeManifest, type NewManifest } from '../../runtime/iceberg/manifest.ts'
import { liveDataFiles, readManifestList } from '../../runtime/iceberg/snapshotFiles.ts'
import type { Snapshot, TableMetadata } from '../../runtime/iceberg/tableMetadata.ts'
import { currentSchema, currentSpec, rawDefinition } from '../../runtime/iceberg/tables.ts'
import { rawTableWriter } from '../../runtime/iceberg/tableWriter.ts'
import type { RawRow } from '../../runtime/rows.ts'
import { change, read, readerNames } from './readers.ts'

const identifier = { namespace: ['health_db'], name: 'raw' }
const storage = localStorage(randomUUID)
const maxInt64 = 2n ** 63n - 1n

/** Sample number `n`: steps and heart rates in turn, over five days from 2024-01-01. */
const row = (n: number): RawRow => {
  const instant = { day: 19723 + (n % 5), micros: 5 }
  const empty = { deviceId: null, unit: null, sourceBundle: null, metadata: null, isSynced: null, createdAt: null }
  const rest = { payloadTimestamp: null, appVersion: null, timezone: null, timezoneOffset: null, userId: 'u', value: n }
  const dataType = n % 2 === 0 ? 'heartRate' : 'steps'
  return {
    ...empty,
    ...rest,
    dataType,
    sampleId: `s${n}`,
    startDate: instant,
    endDate: instant,
    processingTime: instant,
  }
}

async function load(catalog: Catalog): Promise<TableMetadata> {
  const table = await catalog.loadTable(identifier)
  assert.ok(table !== undefined)
  return table
}

const headOf = (table: TableMetadata): Snapshot | undefined =>
  table.snapshots.find(snapshot => snapshot['snapshot-id'] === table['current-snapshot-id'])

async function newManifest(table: TableMetadata, rows: readonly RawRow[]): Promise<NewManifest> {
  const folder = `${table.location}/data`
  const options = {
    table,
    storage,
    folder,
    compression: { name: 'zstd' },
    targetFileSizeBytes: 1 << 27,
    newName: randomUUID,
  } as const
  const writer = rawTableWriter(options)
  for (const item of rows) writer.push(item)
  const files = await writer.finish()
  const bytes = encodeManifest(files, { schema: currentSchema(table), spec: currentSpec(table) })
  const location = `${table.location}/metadata/${randomUUID()}-m0.avro`
  await storage.create(location, bytes)
  return describeManifest(location, bytes.length, files, currentSpec(table))
}

/** One commit with the rows, main and a tag that never expires moved to it. */
async function append(catalog: Catalog, rows: readonly RawRow[]): Promise<void> {
  const table = await load(catalog)
  const snapshotId = randomBytes(8).readBigUInt64BE() >> 1n
  const snapshot = await prepareAppend({
    storage,
    table,
    parent: headOf(table),
    manifests: rows.length === 0 ? [] : [await newManifest(table, rows)],
    summary: { 'hc.seq': '1' },
    snapshotId,
    nowMs: Date.now(),
    newName: randomUUID,
  })
  const main = table['current-snapshot-id'] ?? null
  await catalog.commitTable(
    identifier,
    [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': main }],
    [
      { action: 'add-snapshot', snapshot },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId },
      {
        action: 'set-snapshot-ref',
        'ref-name': 'hc-g',
        type: 'tag',
        'snapshot-id': snapshotId,
        'max-ref-age-ms': maxInt64,
      },
    ],
  )
}

const folder = await mkdtemp(`${tmpdir()}/readers-`)
after(() => rm(folder, { recursive: true }))

/** Every reader finds rows 0 to `count`, all of them and those of a type or a range of days. */
async function assertRead(table: string, count: number): Promise<void> {
  const expected = Array.from({ length: count }, (_, n) => row(n))
  const seen = await read(table, [
    { op: 'rows', columns: ['sample_id'] },
    { op: 'count', filter: { column: 'data_type', is: 'eq', value: 'steps' } },
    { op: 'count', filter: { column: 'start_date', is: 'lt', value: '1704240000000000' } },
  ])
  for (const reader of readerNames) {
    const [rows, steps, early] = seen[reader]
    assert.deepEqual(rows.rows.map(item => item.sample_id).sort(), expected.map(item => item.sampleId).sort(), reader)
    assert.equal(steps.rows, expected.filter(item => item.dataType === 'steps').length, reader)
    assert.equal(early.rows, expected.filter(item => item.startDate.day < 19725).length, reader)
  }
}

test("every reader sees every row once, before and after merges and another engine's commits", async () => {
  // A space, a letter beyond ASCII and an escape that must not be decoded.
  const warehouse = `${folder}/ware%2F house é`
  const catalog = filesystemCatalog({ warehouse: locationOf(warehouse), storage, now: Date.now, newUuid: randomUUID })
  const properties = { ...rawDefinition.properties, 'commit.manifest.min-count-to-merge': '3' }
  await catalog.createTable(identifier, { ...rawDefinition, properties })
  const table = `${warehouse}/health_db/raw`
  await assertRead(table, 0)
  await append(catalog, [])
  await assertRead(table, 0)

  let count = 0
  const appendNext = async (rows: number): Promise<void> => {
    await append(
      catalog,
      Array.from({ length: rows }, () => row(count++)),
    )
  }
  for (const rows of [10, 20, 0, 5, 5]) await appendNext(rows)
  await assertRead(table, count)

  const ids = await change(table, [{ op: 'compact' }, { op: 'rewriteManifests' }])
  const compacted = headOf(await load(catalog))!
  assert.equal(String(compacted['snapshot-id']), ids.at(-1))
  const byJava = await readManifestList(storage, compacted)
  for (const rows of [5, 5, 5, 5]) await appendNext(rows)
  await assertRead(table, count)

  const head = headOf(await load(catalog))!
  const paths = new Set((await readManifestList(storage, head)).map(manifest => manifest.manifest_path))
  assert.ok(
    byJava.every(manifest => !paths.has(manifest.manifest_path)),
    "Java's manifests were merged with ours",
  )
  let live = 0
  for await (const { file } of liveDataFiles(storage, head)) live += file.recordCount
  assert.equal(live, count)
  assert.equal(head.summary['total-records'], String(count))
  await change(table, [{ op: 'expireSnapshots', olderThanMs: Date.now() + 1, retainLast: 1 }])
  await appendNext(1)
  await assertRead(table, count)
})

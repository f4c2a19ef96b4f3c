import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createProtocol } from '../../runtime/commit/protocol.ts'
import { inMemoryCatalog } from '../../runtime/iceberg/inMemoryCatalog.ts'
import { inMemoryStorage } from '../../runtime/iceberg/inMemoryStorage.ts'
import { errorsDefinition, rawDefinition } from '../../runtime/iceberg/tables.ts'
import { type InspectionSettings, inspect } from '../../runtime/inspection.ts'
import { createInMemoryKafka } from '../../runtime/source/inMemoryKafka.ts'
import type { KafkaPositions } from '../../runtime/source/source.ts'

const settings: InspectionSettings = {
  group: 'g',
  topics: ['t'],
  onGap: 'Halt',
  raw: { namespace: ['db'], name: 'raw' },
  errors: { namespace: ['db'], name: 'errors' },
  rawDefinition,
  errorsDefinition,
}
const partitions = [
  { topic: 't', partition: 0 },
  { topic: 't', partition: 1 },
]
const signal = new AbortController().signal
const quiet = { conflict() {}, failed() {}, committed() {}, gap() {} }

/** Two partitions, tables in memory, and the real protocol to fill them. */
function setting() {
  const kafka = createInMemoryKafka()
  kafka.createTopic('t', 2)
  const storage = inMemoryStorage(() => 1_000)
  const catalog = inMemoryCatalog({ warehouse: 'memory:///w', now: () => 1_000, newUuid: randomUUID })
  let snapshots = 0n
  const positions = kafka.positions('g')
  const protocol = createProtocol(
    { ...settings, startFrom: 'earliest', pendingCap: 10 },
    {
      catalog,
      storage,
      positions,
      now: () => 1_000,
      newId: randomUUID,
      newSnapshotId: () => ++snapshots,
      random: () => 0,
      sleep: async () => {},
      observer: quiet,
    },
  )
  const ports = { catalog, storage, positions }
  const produce = (partition: number, count: number) =>
    kafka.produce('t', partition, Array(count).fill({ value: Buffer.from('{}') }))
  /** Commits [start, end) of partition 0 without rows. */
  const commit = (start: number, end: number) =>
    protocol.commit(
      { ranges: new Map([['t:0', { start, end }]]), last: new Map(), rawFiles: [], errorFiles: [] },
      signal,
    )
  return { kafka, ports, protocol, produce, commit, look: (group = 'g') => inspect({ ...settings, group }, ports) }
}

test('before the first run there are no tables, and lag is unknown, not zero', async () => {
  const { look } = setting()
  const { tables, partitions: seen, lag, halts, pendingErrorFiles, kafka } = await look()
  assert.deepEqual([tables.raw.location, tables.raw.initialised, tables.raw.snapshotId], [null, false, null])
  assert.deepEqual([lag, pendingErrorFiles, halts, kafka.reachable], [null, null, [], true])
  assert.deepEqual(
    seen.map(({ nextOffset, endOffset }) => [nextOffset, endOffset]),
    [
      [null, 0],
      [null, 0],
    ],
  )
})

test('lag is what is not in the tables yet, whatever the group committed', async () => {
  const { protocol, produce, commit, look } = setting()
  await protocol.assign(partitions, signal)
  produce(0, 10)
  produce(1, 3)
  await commit(0, 4)
  const { tables, partitions: seen, lag, halts, pendingErrorFiles, lastCommitAt } = await look()
  assert.deepEqual(halts, [])
  assert.deepEqual(
    seen.map(({ topic, partition, nextOffset, endOffset, lag }) => [topic, partition, nextOffset, endOffset, lag]),
    [
      ['t', 0, 4, 10, 6],
      ['t', 1, 0, 3, 3],
    ],
  )
  assert.deepEqual([lag, pendingErrorFiles, lastCommitAt], [9, 0, '1970-01-01T00:00:01.000Z'])
  assert.deepEqual([tables.raw.sequence, tables.raw.initialised, tables.errors.initialised], [2, true, true])
  assert.equal(tables.raw.rows, 0)
})

test('an unreachable Kafka leaves the tables in the answer', async () => {
  const { ports, protocol } = setting()
  await protocol.assign(partitions, signal)
  const unreachable = async () => Promise.reject(new Error('nobody answers'))
  const positions: KafkaPositions = { ...ports.positions, clusterId: unreachable }
  const { kafka, lag, tables, partitions: seen, halts } = await inspect(settings, { ...ports, positions })
  assert.deepEqual(kafka, { reachable: false, error: 'nobody answers', code: null })
  assert.deepEqual([lag, tables.raw.initialised, halts], [null, true, []])
  assert.deepEqual(
    seen.map(({ nextOffset, lag }) => [nextOffset, lag]),
    [
      [0, null],
      [0, null],
    ],
  )
})

test('a partition that the table does not know yet makes the whole lag unknown', async () => {
  const { ports, protocol } = setting()
  await protocol.assign(partitions, signal)
  const larger = createInMemoryKafka()
  larger.createTopic('t', 3)
  const { lag, partitions: seen } = await inspect(settings, { ...ports, positions: larger.positions('g') })
  assert.equal(lag, null)
  assert.deepEqual([seen[2]!.nextOffset, seen[2]!.lag], [null, null])
})

const codes = ({ halts }: Awaited<ReturnType<typeof inspect>>) => halts.map(({ code }) => code)

test('what would halt a run is told: another group, a rollback, a gap, a recreated topic, another cluster', async () => {
  const { ports, protocol, commit, look, produce, kafka } = setting()
  await protocol.assign(partitions, signal)
  assert.deepEqual(codes(await look('other')), ['TableOwned', 'TableOwned'])

  produce(0, 10)
  await commit(0, 2)
  kafka.deleteRecords('t', 0, 5)
  const gap = await look()
  assert.deepEqual(codes(gap), ['OffsetGap'])
  assert.match(gap.halts[0]!.message, /next offset 2, first retained 5/)
  assert.match(gap.halts[0]!.fix, /RecordAndContinue/)
  assert.equal(gap.lag, 5)

  kafka.createTopic('t', 2)
  assert.deepEqual(codes(await look()), ['TopicRecreated'])

  const elsewhere = createInMemoryKafka({ clusterId: 'elsewhere' })
  elsewhere.createTopic('t', 2)
  const moved = await inspect(settings, { ...ports, positions: elsewhere.positions('g') })
  assert.deepEqual(codes(moved), ['ClusterChanged', 'TopicRecreated'])

  const raw = (await ports.catalog.loadTable(settings.raw))!
  const first = raw.snapshots[0]!['snapshot-id']
  await ports.catalog.commitTable(
    settings.raw,
    [],
    [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': first }],
  )
  const rolledBack = await look()
  assert.deepEqual(codes(rolledBack), ['LineageBroken'])
  assert.equal(rolledBack.lag, null)
  assert.equal(rolledBack.tables.raw.snapshotId, String(first))
})

test('a table that is gone is told while the other one remembers it', async () => {
  const { ports, protocol } = setting()
  await protocol.assign(partitions, signal)
  const lost = {
    ...ports.catalog,
    loadTable: async (table: typeof settings.raw) => {
      return table.name === 'errors' ? undefined : ports.catalog.loadTable(table)
    },
  }
  const found = await inspect(settings, { ...ports, catalog: lost })
  assert.deepEqual(codes(found), ['TableReplaced'])
  assert.equal(found.tables.errors.location, null)
})

test('error batches that only raw knows of are counted, and missed where their manifest is gone', async () => {
  const { ports, protocol, look } = setting()
  await protocol.assign(partitions, signal)
  const table = (await ports.catalog.loadTable(settings.raw))!
  const { manifest, ...intent } = { seq: 2, ranges: {}, manifest: 'memory:///w/pending.avro', length: 3, count: 12 }
  const own = table.snapshots[0]!
  const summary = { ...own.summary, 'hc.seq': '2', 'hc.pending': JSON.stringify([{ ...intent, manifest }]) }
  const snapshot = {
    ...own,
    'snapshot-id': 77n,
    'parent-snapshot-id': own['snapshot-id'],
    'sequence-number': 2,
    summary,
  }
  await ports.catalog.commitTable(
    settings.raw,
    [],
    [
      { action: 'add-snapshot', snapshot },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 77n },
      { action: 'set-snapshot-ref', 'ref-name': 'hc-g', type: 'tag', 'snapshot-id': 77n },
    ],
  )
  assert.deepEqual(codes(await look()), ['PendingLost'])
  await ports.storage.create(manifest, Buffer.from('abc'))
  const { halts, pendingErrorFiles, pendingErrorRows } = await look()
  assert.deepEqual([halts, pendingErrorFiles, pendingErrorRows], [[], 1, 12])
})

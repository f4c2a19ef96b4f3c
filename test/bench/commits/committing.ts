/**
 * Commits of the real protocol, one after the other, as a pod with many partitions makes them: a few rows each, and in one of
 * ten an error row. Kafka is only what the protocol asks of it. Beside them bare appends: one load, one commit, no keys. A
 * history can be made longer at once: as if as many commits without rows had been made.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { CommitPorts, CommitSettings } from '../../../runtime/commit/context.ts'
import { tagName } from '../../../runtime/commit/keys.ts'
import { createProtocol, type Protocol, type TablesState } from '../../../runtime/commit/protocol.ts'
import { metadataFolder, prepareAppend } from '../../../runtime/iceberg/append.ts'
import { describeManifest, encodeManifest } from '../../../runtime/iceberg/manifest.ts'
import { stringifyTableMetadata } from '../../../runtime/iceberg/metadataJson.ts'
import type { Snapshot } from '../../../runtime/iceberg/tableMetadata.ts'
import { currentSchema, currentSpec, errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { errorsTableWriter, rawTableWriter } from '../../../runtime/iceberg/tableWriter.ts'
import { type LastRecord, type OffsetRange, topicPartitionKey } from '../../../runtime/kafka.ts'
import type { ErrorRow, RawRow } from '../../../runtime/rows.ts'
import { createUpkeep } from '../../../runtime/upkeep/upkeep.ts'
import type { Asked, BenchLake } from './lakes.ts'

const topic = 'health'
const recordsPerCommit = 100
const errorsEvery = 10
const dataTypes = ['heartRate', 'steps'] as const
const instant = { day: 20_000, micros: 0 }
const absent = { deviceId: null, appVersion: null }
const rawRow: RawRow = {
  ...absent,
  ...{ userId: 'u', sampleId: 's', dataType: '', value: 60, unit: null, startDate: instant, endDate: instant },
  ...{ sourceBundle: null, metadata: null, isSynced: null, createdAt: null, payloadTimestamp: null },
  ...{ processingTime: instant, timezone: null, timezoneOffset: null },
}
const errorRow: ErrorRow = {
  ...absent,
  ...{ rawPayload: null, errorType: 'VALIDATION_ERROR', errorReason: 'out_of_range', errorMessage: '' },
  ...{ errorTimestamp: instant, userId: null, sampleId: null, dataType: null, kafkaTopic: topic, kafkaPartition: 0 },
  ...{ kafkaOffset: 0, sampleIndex: 0, processingTime: instant },
}

export interface Measured extends Readonly<Asked> {
  /** Of the commit alone: its data files are written before. */
  readonly ms: number
  readonly withErrors: boolean
}

export interface Committing {
  commit(): Promise<Measured>
  bareAppend(): Promise<Measured>
  /** Adds so many snapshots to the raw table, each with the keys of its newest. */
  age(snapshots: number): Promise<void>
  /** Bytes of the raw table's metadata, and its snapshots. */
  metadata(): Promise<{ readonly bytes: number; readonly snapshots: number }>
  /** Expires what is over the limit; resolves with the milliseconds that it took. */
  upkeep(): Promise<number>
}

const raw = { namespace: ['bench'], name: 'raw' }
const errors = { namespace: ['bench'], name: 'errors' }
const bare = { namespace: ['bench'], name: 'bare' }
const newSnapshotId = () => randomBytes(8).readBigUInt64BE() >> 1n || 1n
const never = new AbortController().signal

export async function createCommitting(lake: BenchLake, partitions: number, snapshots: number): Promise<Committing> {
  const settings: CommitSettings = {
    ...{ group: 'bench', topics: [topic], startFrom: 'earliest', onGap: 'Halt', pendingCap: 100 },
    ...{ raw, errors, rawDefinition, errorsDefinition },
  }
  const protocol = createProtocol(settings, portsOf(lake, partitions))
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  await protocol.assign(all, never)
  await lake.catalog.createTable(bare, rawDefinition)
  let commits = 0

  async function measured(withErrors: boolean, work: () => Promise<void>): Promise<Measured> {
    const { catalog, storage } = lake.asked
    const startMs = performance.now()
    await work()
    const ms = performance.now() - startMs
    return { ms, withErrors, catalog: lake.asked.catalog - catalog, storage: lake.asked.storage - storage }
  }

  return {
    async commit() {
      const withErrors = ++commits % errorsEvery === 0
      const files = await writeFiles(lake, await protocol.state(), withErrors)
      const batch = { ...files, ...consumed(commits, partitions) }
      return measured(withErrors, () => committed(protocol, batch))
    },
    async bareAppend() {
      const table = (await lake.catalog.loadTable(bare))!
      const files = await rawFiles(lake, table)
      return measured(false, () => append(lake, files))
    },
    age: count => age(lake, count),
    async metadata() {
      const table = (await lake.catalog.loadTable(raw))!
      return { bytes: stringifyTableMetadata(table).length, snapshots: table.snapshots.length }
    },
    async upkeep() {
      const keeper = createUpkeep(
        { ...portsOf(lake, partitions), mayAct: () => true, observer: { done() {}, failed() {} } },
        {
          ...{ group: 'bench', raw, errors, retention: { maxAgeMs: 604_800_000, maxCount: snapshots } },
          ...{ orphanRemoval: { enabled: false, minAgeMs: 604_800_000 }, ownsMetadataFiles: lake.ownsMetadataFiles },
        },
      )
      const startMs = performance.now()
      await keeper.maintain({ steps: lake.ownsMetadataFiles ? ['expiry', 'metadata'] : ['expiry'] }, never)
      return performance.now() - startMs
    },
  }
}

async function committed(protocol: Protocol, batch: Parameters<Protocol['commit']>[0]): Promise<void> {
  const result = await protocol.commit(batch, never)
  // As the pipeline does after each.
  await protocol.state()
  if (result !== 'committed') throw new Error(`a commit without rivals was ${result}`)
}

/** Every partition moves on. */
function consumed(commit: number, partitions: number) {
  const ranges = new Map<string, OffsetRange>()
  const last = new Map<string, LastRecord>()
  for (let partition = 0; partition < partitions; partition++) {
    const end = commit * recordsPerCommit
    const key = topicPartitionKey(topic, partition)
    ranges.set(key, { start: end - recordsPerCommit, end })
    last.set(key, { offset: end - 1, timestampMs: Date.now(), crc32c: (commit * 2_654_435_761 + partition) >>> 0 })
  }
  return { ranges, last }
}

const writing = (lake: BenchLake) => ({
  storage: lake.storage,
  compression: { name: 'zstd' as const },
  targetFileSizeBytes: 2 ** 27,
  newName: randomUUID,
})

async function rawFiles(lake: BenchLake, table: TablesState['rawTable']) {
  const writer = rawTableWriter({ ...writing(lake), table, folder: `${table.location}/data` })
  for (const dataType of dataTypes) writer.push({ ...rawRow, dataType })
  return writer.finish()
}

async function writeFiles(lake: BenchLake, { rawTable, errorsTable, pendingFolder }: TablesState, withErrors: boolean) {
  const writer = errorsTableWriter({ ...writing(lake), table: errorsTable, folder: pendingFolder })
  if (withErrors) writer.push(errorRow)
  return { rawFiles: await rawFiles(lake, rawTable), errorFiles: await writer.finish() }
}

async function append(lake: BenchLake, files: Awaited<ReturnType<typeof rawFiles>>): Promise<void> {
  const { catalog, storage } = lake
  const table = (await catalog.loadTable(bare))!
  const spec = currentSpec(table)
  const bytes = encodeManifest(files, { schema: currentSchema(table), spec })
  const location = `${metadataFolder(table)}/${randomUUID()}-m0.avro`
  await storage.create(location, bytes)
  const main = table.refs.main?.['snapshot-id'] ?? null
  const parent = table.snapshots.find(snapshot => snapshot['snapshot-id'] === main)
  const snapshot = await prepareAppend({
    ...{ storage, table, parent, summary: {}, snapshotId: newSnapshotId(), nowMs: Date.now(), newName: randomUUID },
    manifests: [describeManifest(location, bytes.length, files, spec)],
  })
  await catalog.commitTable(
    bare,
    [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': main }],
    [
      { action: 'add-snapshot', snapshot },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshot['snapshot-id'] },
    ],
  )
}

async function age({ catalog }: BenchLake, count: number): Promise<void> {
  const table = (await catalog.loadTable(raw))!
  const tag = tagName('bench')
  const head = table.refs.main!['snapshot-id']
  const own = table.snapshots.find(snapshot => snapshot['snapshot-id'] === head)!
  const snapshots: Snapshot[] = []
  for (let at = 1; at <= count; at++)
    snapshots.push({
      ...own,
      'snapshot-id': newSnapshotId(),
      'parent-snapshot-id': snapshots.at(-1)?.['snapshot-id'] ?? head,
      'sequence-number': table['last-sequence-number'] + at,
      'timestamp-ms': Math.max(Date.now(), table['last-updated-ms']),
    })
  const newest = snapshots.at(-1)!['snapshot-id']
  await catalog.commitTable(
    raw,
    [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': head }],
    [
      ...snapshots.map(snapshot => ({ action: 'add-snapshot' as const, snapshot })),
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': newest },
      { ...table.refs[tag]!, action: 'set-snapshot-ref', 'ref-name': tag, 'snapshot-id': newest },
    ],
  )
}

function portsOf({ catalog, storage }: BenchLake, partitions: number): CommitPorts {
  const numbers = Array.from({ length: partitions }, (_, partition) => partition)
  return {
    catalog,
    storage,
    positions: {
      clusterId: async () => 'bench',
      partitions: async () => new Map([[topic, numbers]]),
      committed: async () => new Map(),
      watermarks: async of =>
        new Map(of.map(({ partition }) => [topicPartitionKey(topic, partition), { low: 0, high: 2 ** 40 }])),
      lastStableOffsets: async () => new Map(),
      commit: async () => undefined,
    },
    now: Date.now,
    newId: randomUUID,
    newSnapshotId,
    random: Math.random,
    async sleep() {},
    observer: {
      conflict() {},
      failed(_, error) {
        throw error
      },
      committed() {},
      gap() {},
    },
  }
}

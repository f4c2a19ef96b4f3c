/**
 * Pipelines over a Kafka, tables and a clock in memory, with the real protocol: a record's value is a list of sample
 * ids, one that begins with `bad` is an error row, and `refused` halts. Ports fail or wait when a test says so.
 */
import assert from 'node:assert/strict'
import type { CommitObserver, CommitSettings } from '../../runtime/commit/context.ts'
import { HaltError } from '../../runtime/commit/halt.ts'
import { parseRawKeys } from '../../runtime/commit/keys.ts'
import { createProtocol, type Protocol } from '../../runtime/commit/protocol.ts'
import type { Logger } from '../../runtime/contract/logger.ts'
import type { TroubleStatus } from '../../runtime/contract/status.ts'
import type { DataFile } from '../../runtime/iceberg/dataFile.ts'
import { errorsDefinition, rawDefinition } from '../../runtime/iceberg/tables.ts'
import type { TableWriter } from '../../runtime/iceberg/tableWriter.ts'
import { createObservers } from '../../runtime/observers.ts'
import { createPipeline, type Pipeline } from '../../runtime/pipeline.ts'
import type { PipelineSettings } from '../../runtime/pipelinePorts.ts'
import type { ErrorRow, RawRow } from '../../runtime/rows.ts'
import { createInMemoryKafka } from '../../runtime/source/inMemoryKafka.ts'
import type { Source } from '../../runtime/source/source.ts'
import { createMetrics } from '../../runtime/telemetry/metrics.ts'
import { errorsTable, group, Lake, rawTable, taggedOf } from './commit/lake.ts'
import { FakeClock } from './fakeClock.ts'

export const topic = 'health'
/** Bytes that a row takes in a writer's memory. */
export const rowBytes = 100

const instant = { day: 20_000, micros: 0 }
const rawRow: RawRow = {
  deviceId: null,
  userId: 'u',
  sampleId: '',
  dataType: 'steps',
  value: 1,
  unit: null,
  startDate: instant,
  endDate: instant,
  sourceBundle: null,
  metadata: null,
  isSynced: null,
  createdAt: null,
  payloadTimestamp: null,
  appVersion: null,
  processingTime: instant,
  timezone: null,
  timezoneOffset: null,
}
const errorRow: ErrorRow = {
  rawPayload: null,
  errorType: 'VALIDATION_ERROR',
  errorReason: 'not_finite',
  errorMessage: '',
  errorTimestamp: instant,
  deviceId: null,
  userId: null,
  sampleId: null,
  dataType: null,
  kafkaTopic: topic,
  kafkaPartition: 0,
  kafkaOffset: 0,
  sampleIndex: 0,
  appVersion: null,
  processingTime: instant,
}

const nothing = () => undefined
const deaf: CommitObserver = { conflict: nothing, failed: nothing, committed: nothing, gap: nothing }
const silent: Logger = {
  ...{ debug: nothing, info: nothing, warning: nothing, error: nothing, critical: nothing },
  enabled: () => false,
}

export interface Started {
  readonly pipeline: Pipeline
  /** What fails right now. */
  readonly trouble: () => TroubleStatus | null
  /** What the observer was told, e.g. `flushed committed`, `halted LineageBroken`. */
  readonly events: string[]
  /** How `run` ended: undefined while it runs, else `done` or the error. */
  readonly outcome: () => unknown
  count(event: string): number
}

export interface StartOptions {
  readonly pipeline?: Partial<PipelineSettings>
  readonly commit?: Partial<CommitSettings>
  /** Stands between the pipeline and its source. */
  readonly wrap?: (source: Source) => Source
}

export class PipelineWorld {
  readonly lake = new Lake()
  readonly clock = new FakeClock()
  readonly kafka = createInMemoryKafka({ maxBatchRecords: 2 })
  /** What pipelines draw for their jitter; the middle is none. */
  random = () => 0.5
  /** What every write of a file rejects with. */
  storageError: Error | undefined
  /** What every call of the catalog rejects with. */
  catalogError: Error | undefined
  /** What every commit of a table waits for. */
  held: Promise<void> | undefined
  /** Partitions from this number on are assigned but not known to metadata. */
  unknownFrom = Number.POSITIVE_INFINITY
  private readonly produced: string[] = []
  private readonly started: Started[] = []

  constructor(partitions = 1) {
    this.kafka.createTopic(topic, partitions)
  }

  produce(partition: number, ...values: string[]): void {
    for (const value of values) this.produced.push(...value.split(','))
    const records = values.map(value => ({ value: Buffer.from(value), timestampMs: 1 }))
    this.kafka.produce(topic, partition, records)
  }

  /** Commits wait from now on, until the returned function is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.held = promise
    return () => {
      this.held = undefined
      resolve()
    }
  }

  start({ pipeline: settings = {}, commit = {}, wrap = source => source }: StartOptions = {}): Started {
    const events: string[] = []
    const note = (event: string) => void events.push(event)
    const { commit: commitObserver, pipeline: told, trouble } = this.observers()
    const pipeline = createPipeline(
      {
        intervalMs: 10_000,
        maxRows: 1000,
        maxBufferedBytes: 1_000_000,
        maxOpenPartitions: 100,
        auditIntervalMs: 60_000,
        graceMs: 5_000,
        ...settings,
      },
      {
        source: wrap(this.kafka.source(group, [topic])),
        protocol: this.protocol(commit, commitObserver),
        classify: (record, _, __, sink) => {
          for (const id of record.value?.toString().split(',') ?? []) {
            if (id === 'refused') throw new HaltError('InvalidRecord', `offset ${record.offset}`)
            if (id.startsWith('bad')) sink.error({ ...errorRow, sampleId: id })
            else sink.raw({ ...rawRow, sampleId: id })
          }
        },
        openWriters: tables => ({
          raw: this.writer(() => `${tables.rawTable.location}/data`),
          errors: this.writer(() => tables.pendingFolder),
        }),
        now: this.clock.now,
        random: this.random,
        sleep: this.clock.sleep,
        observer: {
          ...told,
          assigned(partitions) {
            note(`assigned ${partitions.length}`)
            told.assigned(partitions)
          },
          consumed: (_, records) => note(`consumed ${records}`),
          rewound: reason => note(`rewound ${reason}`),
          halted(halt) {
            note(`halted ${halt?.code ?? 'no more'}`)
            told.halted(halt)
          },
          flushing: () => note('flushing'),
          flushed(result, files, durationMs) {
            note(`flushed ${result}`)
            told.flushed(result, files, durationMs)
          },
          flushFailed: () => note('flush failed'),
        },
      },
    )
    let outcome: unknown
    pipeline.run().then(
      () => (outcome = 'done'),
      error => (outcome = error),
    )
    const started: Started = {
      pipeline,
      trouble: () => trouble.current,
      events,
      outcome: () => outcome,
      count: event => events.filter(it => it === event).length,
    }
    this.started.push(started)
    return started
  }

  private observers() {
    const { now } = this.clock
    const tables = { raw: rawTable.name, errors: errorsTable.name }
    const metrics = createMetrics({ version: 'test', tables, dataTypes: [], now })
    return createObservers({ metrics, logger: silent, tables: { ...tables, namespace: 'db' }, now })
  }

  protocol(settings: Partial<CommitSettings> = {}, observer = deaf): Protocol {
    const { lake, clock } = this
    const { catalog, storage } = lake
    const positions = this.kafka.positions(group)
    const answer = async <T>(call: () => Promise<T>): Promise<T> => {
      if (this.catalogError !== undefined) throw this.catalogError
      return call()
    }
    return createProtocol(
      {
        group,
        topics: [topic],
        startFrom: 'earliest',
        onGap: 'Halt',
        raw: rawTable,
        errors: errorsTable,
        rawDefinition,
        errorsDefinition,
        pendingCap: 100,
        ...settings,
      },
      {
        catalog: {
          ensureNamespace: namespace => answer(() => catalog.ensureNamespace(namespace)),
          loadTable: id => answer(() => catalog.loadTable(id)),
          createTable: (id, definition) => answer(() => catalog.createTable(id, definition)),
          commitTable: async (id, requirements, updates) => {
            await this.held
            return answer(() => catalog.commitTable(id, requirements, updates))
          },
        },
        storage: {
          ...storage,
          create: async (location, bytes) => {
            if (this.storageError !== undefined) throw this.storageError
            return storage.create(location, bytes)
          },
          delete: async location => assert.fail(`a pipeline deleted ${location}`),
        },
        positions: {
          ...positions,
          partitions: async topics => {
            const known = await positions.partitions(topics)
            return new Map([...known].map(([of, numbers]) => [of, numbers.filter(it => it < this.unknownFrom)]))
          },
        },
        now: clock.now,
        newId: lake.newId,
        newSnapshotId: lake.newSnapshotId,
        random: () => 0.5,
        sleep: clock.sleep,
        observer,
      },
    )
  }

  private writer<Row extends { readonly sampleId: string | null }>(folder: () => string): TableWriter<Row> {
    const ids: string[] = []
    return {
      push: row => void ids.push(row.sampleId!),
      get rows() {
        return ids.length
      },
      get bufferedBytes() {
        return ids.length * rowBytes
      },
      get openPartitions() {
        return new Set(ids.map(id => id.split('-')[0])).size
      },
      finish: async (): Promise<readonly DataFile[]> => {
        if (this.storageError !== undefined) throw this.storageError
        return ids.length === 0 ? [] : [await this.lake.writeFile(`${folder()}/${this.lake.newId()}.parquet`, ids)]
      },
      discard: () => void ids.splice(0),
    }
  }

  /** Next offset of the partition as the raw table holds it. */
  async committed(partition = 0): Promise<number> {
    const table = await this.lake.catalog.loadTable(rawTable)
    const own = table && taggedOf(table)
    return (own && parseRawKeys(own.summary)?.offsets.get(`${topic}:${partition}`)) ?? -1
  }

  untilCommitted(offset: number, partition = 0): Promise<void> {
    return this.clock.until(`offset ${offset} of partition ${partition} is durable`, async () => {
      return (await this.committed(partition)) >= offset
    })
  }

  /** Every produced sample is in one table, once. */
  async assertExactlyOnce(): Promise<void> {
    const rows = [...(await this.lake.rows(rawTable)), ...(await this.lake.rows(errorsTable))]
    assert.deepEqual(rows.sort(), [...this.produced].sort())
  }

  /** Stops a pipeline while time passes; resolves with the milliseconds that it took. */
  async stop(started: Started): Promise<number> {
    const beganMs = this.clock.now()
    let stopped = false
    const stopping = started.pipeline.stop().then(() => {
      stopped = true
    })
    await this.clock.until('the pipeline stops', () => stopped)
    await stopping
    return this.clock.now() - beganMs
  }

  /** Stops what a test left running. */
  async end(): Promise<void> {
    for (const started of this.started) await this.stop(started)
  }
}

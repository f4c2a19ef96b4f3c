/**
 * Builds the real parts and runs one consumer until it is told to stop: wiring, probes, drain. The only place of the
 * runtime that knows clocks, random numbers and the file system. It decides nothing about offsets.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { HaltError } from './commit/halt.ts'
import { createProtocol, type TablesState } from './commit/protocol.ts'
import type { RuntimeConfiguration } from './contract/configuration.ts'
import { dataTypes } from './contract/dataTypes.ts'
import type { LoggingStatus, RuntimeStatus } from './contract/status.ts'
import { jsonDecoder } from './decode/jsonDecoder.ts'
import { filesystemCatalog } from './iceberg/filesystemCatalog.ts'
import { localStorage } from './iceberg/localStorage.ts'
import { errorsDefinition, rawDefinition } from './iceberg/tables.ts'
import { errorsTableWriter, rawTableWriter } from './iceberg/tableWriter.ts'
import type { OffsetMap, TopicPartition } from './kafka.ts'
import { createObservers, type Tally } from './observers.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'
import { createRates } from './rates.ts'
import { createRowSink } from './rowSink.ts'
import { createKafkaPositions } from './source/kafkaPositions.ts'
import { createKafkaSource } from './source/kafkaSource.ts'
import { createMemberRecords } from './source/memberRecords.ts'
import { describeStatus } from './statusReport.ts'
import { getLogger } from './telemetry/logging.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { startTelemetryServer } from './telemetry/server.ts'
import { createClassifier } from './validate/classifier.ts'

export interface ConsumerOptions {
  readonly version: string
  readonly metricsHost: string
  /** 0 takes a free one. */
  readonly metricsPort: number
  /** Folder that outlives the process, for a fast restart in place. */
  readonly stateDirectory: string
  /** How the process logs, for `/status`. */
  readonly logging: LoggingStatus
  /** End once everything that was in the topics at the start is durable. */
  readonly untilCaughtUp: boolean
  /** Aborted to stop: drains and resolves. */
  readonly stop: AbortSignal
  /** Told about ten times a second at most, for a progress line. */
  progress?(tally: Readonly<Tally>, pipeline: Pipeline): void
}

export interface ConsumerResult extends Readonly<Tally> {
  readonly tables: TablesState | undefined
  readonly halt: HaltError | null
  readonly caughtUp: boolean
}

const maxBufferedBytes = 192 * 1024 * 1024
const auditIntervalMs = 30_000
const graceMs = 20_000
const pendingCap = 100
const lagIntervalMs = 10_000
const stuckAfterMs = 5 * 60_000

const newSnapshotId = (): bigint => randomBytes(8).readBigUInt64BE() >> 1n || 1n
const sleep = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal })

/** Resolves once stopped or caught up; rejects when the consumer dies or the metrics port cannot be had. */
export async function runConsumer(
  configuration: RuntimeConfiguration,
  options: ConsumerOptions,
): Promise<ConsumerResult> {
  const now = Date.now
  const startedMs = now()
  const logger = getLogger('runtime', { context: { consumer: `${configuration.namespace}/${configuration.name}` } })
  const { groupId, topics, tables, catalog, commit, validation } = configuration
  const metrics = createMetrics({
    version: options.version,
    tables,
    dataTypes: new Set([...Object.keys(dataTypes), ...Object.keys(validation.ranges)]),
    now,
  })
  const namespace = tables.namespace.join('.')
  const observers = createObservers({ metrics, logger, tables: { ...tables, namespace }, now })

  const clientId = `healthconsumer-${hostname()}`
  const connection = { bootstrapServers: configuration.bootstrapServers, clientId }
  const source = createKafkaSource({
    connection,
    groupId,
    topics,
    sessionTimeoutMs: configuration.sessionTimeoutMs,
    memberRecords: createMemberRecords(options.stateDirectory, groupId),
    logger: getLogger('runtime.source'),
  })
  const positions = createKafkaPositions({
    connection,
    groupId,
    topics,
    generation: () => source.generation(),
    logger: getLogger('runtime.source'),
  })
  const storage = localStorage(randomUUID)
  const protocol = createProtocol(
    {
      group: groupId,
      topics,
      startFrom: configuration.startFrom,
      onGap: configuration.onGap,
      raw: { namespace: tables.namespace, name: tables.raw },
      errors: { namespace: tables.namespace, name: tables.errors },
      rawDefinition,
      errorsDefinition,
      pendingLocation: configuration.pendingLocation,
      pendingCap,
    },
    {
      catalog: filesystemCatalog({ warehouse: catalog.warehouse!, storage, now, newUuid: randomUUID }),
      storage,
      positions,
      now,
      newId: randomUUID,
      newSnapshotId,
      random: Math.random,
      sleep,
      observer: observers.commit,
    },
  )
  const { classification, kafka } = metrics
  const counts = { valid: 0, invalid: 0 }
  let partition: TopicPartition = { topic: '', partition: 0 }
  const classifier = createClassifier({
    decoder: jsonDecoder,
    mode: validation.mode,
    ranges: validation.ranges,
    observer: {
      valid(dataType) {
        counts.valid++
        classification.valid(dataType)
      },
      invalid(errorType, reason, dataType) {
        counts.invalid++
        classification.invalid(errorType, reason, dataType)
        if (errorType === 'DESERIALIZATION_ERROR') kafka.deserializationError(partition.topic, partition.partition)
      },
      warning: (kind, dataType) => classification.warning(kind, dataType),
    },
  })
  const toSink = createRowSink(validation.onInvalid)
  const rates = createRates(() => ({ ...counts, records: observers.tally.records }), now)
  const writing = { storage, targetFileSizeBytes: commit.targetFileSizeBytes, newName: randomUUID }
  const compression = { name: commit.compression }

  let targets: OffsetMap | undefined
  if (options.untilCaughtUp) {
    targets = await endOfTopics()
    if (targets === undefined) {
      await positions.close()
      return { ...observers.tally, tables: undefined, halt: null, caughtUp: false }
    }
  }
  const pipeline = createPipeline(
    {
      intervalMs: commit.intervalMs,
      maxRows: commit.maxRows,
      maxBufferedBytes,
      maxOpenPartitions: 512,
      auditIntervalMs,
      graceMs,
      targets,
    },
    {
      source,
      protocol,
      classify(record, from, nowMs, sink) {
        partition = from
        const day = Math.floor(nowMs / 86_400_000)
        const processingTime = { day, micros: (nowMs - day * 86_400_000) * 1000 }
        const { rawRows, errorRows } = classifier.classify(record, from, processingTime, toSink(sink))
        classification.handedToWriter(record.timestampMs, nowMs, rawRows + errorRows)
      },
      openWriters: ({ rawTable, errorsTable, pendingFolder }) => ({
        raw: rawTableWriter({ ...writing, compression, table: rawTable, folder: `${rawTable.location}/data` }),
        errors: errorsTableWriter({ ...writing, compression, table: errorsTable, folder: pendingFolder }),
      }),
      now,
      sleep,
      observer: observers.pipeline,
    },
  )

  /** Waits for the brokers and the topics as long as it takes; undefined once told to stop. */
  async function endOfTopics(): Promise<OffsetMap | undefined> {
    for (let attempt = 0; !options.stop.aborted; attempt++) {
      try {
        const known = await positions.partitions(topics)
        return await positions.lastStableOffsets(
          [...known].flatMap(([topic, numbers]) => numbers.map(partition => ({ topic, partition }))),
        )
      } catch (error) {
        logger.warning('Kafka cannot be asked for the end of the topics; trying again', { error })
        await sleep(Math.min(5_000, 200 * 2 ** attempt), options.stop).catch(() => undefined)
      }
    }
    return undefined
  }

  async function measureLag(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(lagIntervalMs, signal)
      rates.tick()
      const assigned = pipeline.positions()
      const marks = await positions.watermarks(assigned).catch(() => new Map())
      pipeline.noteHighWatermarks(new Map([...marks].map(([key, mark]) => [key, mark.high])))
    }
  }

  function status(): RuntimeStatus {
    return describeStatus({
      configuration,
      version: options.version,
      startedMs,
      instance: hostname(),
      pipeline,
      invalidRatio: counts.valid + counts.invalid === 0 ? null : counts.invalid / (counts.valid + counts.invalid),
      rates: rates.perSecond(),
      logging: { level: options.logging.level, formatter: options.logging.formatter },
    })
  }

  const server = await startTelemetryServer({
    host: options.metricsHost,
    port: options.metricsPort,
    logger,
    metricsText() {
      for (const { topic, partition, lag } of status().partitions) if (lag !== null) kafka.lag(topic, partition, lag)
      metrics.iceberg.pendingErrorFiles(pipeline.tables?.pendingIntents ?? 0)
      const newestMs = pipeline.tables?.newestRecordMs
      if (newestMs !== undefined) metrics.iceberg.newestCommittedRecord(newestMs)
      return metrics.text()
    },
    live: () => ({ ok: now() - observers.tally.lastSignMs < stuckAfterMs, message: 'nothing has moved for 5 minutes' }),
    ready: () => ({
      ok: pipeline.halt === null && pipeline.tables !== undefined,
      message: pipeline.halt?.message ?? 'waiting for an assignment and the tables',
    }),
    status,
  })
  const timers = new AbortController()
  const stop = () => void pipeline.stop().catch(error => logger.error('Stopping failed', { error }))
  options.stop.addEventListener('abort', stop, { once: true })
  void measureLag(timers.signal).catch(() => undefined)
  void reportProgress(timers.signal).catch(() => undefined)
  async function reportProgress(signal: AbortSignal): Promise<void> {
    while (options.progress !== undefined && !signal.aborted) {
      options.progress(observers.tally, pipeline)
      await sleep(100, signal)
    }
  }
  try {
    if (!options.stop.aborted) await pipeline.run()
    await pipeline.stop()
  } finally {
    timers.abort()
    options.stop.removeEventListener('abort', stop)
    await Promise.all([server.close(), positions.close()])
  }
  return { ...observers.tally, tables: pipeline.tables, halt: pipeline.halt, caughtUp: pipeline.caughtUp }
}

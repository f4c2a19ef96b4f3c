/**
 * Runs one consumer until it is told to stop: wiring, probes, drain. It decides nothing about offsets; the parts are
 * built in parts.ts.
 */
import { hostname } from 'node:os'
import type { HaltError } from './commit/halt.ts'
import type { TablesState } from './commit/protocol.ts'
import type { RuntimeConfiguration } from './contract/configuration.ts'
import { dataTypes } from './contract/dataTypes.ts'
import type { Logger } from './contract/logger.ts'
import type { LoggingStatus, RuntimeStatus, TroubleStatus } from './contract/status.ts'
import type { OffsetMap } from './kafka.ts'
import { isKeeper, upkeepOf } from './maintenance.ts'
import { createObservers, type Tally } from './observers.ts'
import { createParts, sleep } from './parts.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'
import { createProbes } from './probes.ts'
import { createRates, type Rates } from './rates.ts'
import type { KafkaPositions } from './source/source.ts'
import { describeStatus } from './statusReport.ts'
import { getLogger } from './telemetry/logging.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { startTelemetryServer } from './telemetry/server.ts'

export interface ConsumerOptions {
  readonly version: string
  readonly metricsHost: string
  /** 0 takes a free one. */
  readonly metricsPort: number
  /** Folder that outlives the process, for a fast restart in place. */
  readonly stateDirectory: string
  /** Folder with a folder for each Secret that the configuration names. */
  readonly secretsDirectory?: string
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
  /** What was failing when it ended. */
  readonly trouble: TroubleStatus | null
  readonly caughtUp: boolean
}

const maxBufferedBytes = 192 * 1024 * 1024
const maxOpenPartitions = 512
const auditIntervalMs = 30_000
const graceMs = 20_000
const lagIntervalMs = 10_000
const progressIntervalMs = 100

/** Resolves once stopped or caught up; rejects when the consumer dies or the metrics port cannot be had. */
export async function runConsumer(
  configuration: RuntimeConfiguration,
  options: ConsumerOptions,
): Promise<ConsumerResult> {
  const now = Date.now
  const startedMs = now()
  const { tables, topics, commit, validation } = configuration
  const logger = getLogger('runtime', { context: { consumer: `${configuration.namespace}/${configuration.name}` } })
  const metrics = createMetrics({
    version: options.version,
    tables,
    dataTypes: new Set([...Object.keys(dataTypes), ...Object.keys(validation.ranges)]),
    now,
  })
  const observers = createObservers({
    metrics,
    logger,
    tables: { ...tables, namespace: tables.namespace.join('.') },
    now,
  })
  const { tally, trouble } = observers
  const { stateDirectory, secretsDirectory } = options
  const parts = await createParts({ configuration, metrics, observers, stateDirectory, secretsDirectory })
  const { positions } = parts

  const targets = options.untilCaughtUp ? await endOfTopics(positions, topics, logger, options.stop) : undefined
  const limits = { maxRows: commit.maxRows, maxBufferedBytes, maxOpenPartitions }
  const pipeline = createPipeline(
    { intervalMs: commit.intervalMs, ...limits, auditIntervalMs, graceMs, targets },
    { ...parts, observer: observers.pipeline },
  )
  const rates = createRates(() => tally, now)
  const status = (): RuntimeStatus =>
    describeStatus({
      configuration,
      version: options.version,
      startedMs,
      instance: hostname(),
      pipeline,
      trouble: trouble.current,
      invalidRatio: tally.valid + tally.invalid === 0 ? null : tally.invalid / (tally.valid + tally.invalid),
      rates: rates.perSecond(),
      logging: options.logging,
    })
  const probes = createProbes({ pipeline, metrics, tally, trouble, status, now })
  const server = await startTelemetryServer({ host: options.metricsHost, port: options.metricsPort, logger, ...probes })
  const timers = new AbortController()
  const stop = () => void pipeline.stop().catch(error => logger.error('Stopping failed', { error }))
  options.stop.addEventListener('abort', stop, { once: true })
  // Not waited for: once aborted it begins nothing, and what it leaves the next upkeep finds.
  void upkeepOf(configuration, parts.lake, {
    mayAct: () => isKeeper(pipeline, topics),
    observer: observers.upkeep,
  }).run(timers.signal)
  void measureLag(pipeline, positions, rates, timers.signal).catch(() => undefined)
  void reportProgress(options, tally, pipeline, timers.signal).catch(() => undefined)
  try {
    if (!options.stop.aborted) await pipeline.run()
  } finally {
    // Also where the consumer has died: what it was about to do must not keep the process.
    await pipeline.stop().catch(error => logger.error('Stopping failed', { error }))
    timers.abort()
    options.stop.removeEventListener('abort', stop)
    await Promise.all([server.close(), positions.close()])
    parts.lake.close()
  }
  const { halt, caughtUp } = pipeline
  return { ...tally, tables: pipeline.tables, halt, trouble: trouble.current, caughtUp }
}

/** Waits for the brokers and the topics as long as it takes; undefined once told to stop. */
async function endOfTopics(
  positions: KafkaPositions,
  topics: readonly string[],
  logger: Logger,
  stop: AbortSignal,
): Promise<OffsetMap | undefined> {
  for (let attempt = 0; !stop.aborted; attempt++) {
    try {
      const known = await positions.partitions(topics)
      return await positions.lastStableOffsets(
        [...known].flatMap(([topic, numbers]) => numbers.map(partition => ({ topic, partition }))),
      )
    } catch (error) {
      logger.warning('Kafka cannot be asked for the end of the topics; trying again', { error })
      await sleep(Math.min(5_000, 200 * 2 ** attempt), stop).catch(() => undefined)
    }
  }
  return undefined
}

/** Fetches tell the end of a partition only while intake goes on. */
async function measureLag(
  pipeline: Pipeline,
  positions: KafkaPositions,
  rates: Rates,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(lagIntervalMs, signal)
    rates.tick()
    const marks = await positions.watermarks(pipeline.positions()).catch(() => new Map())
    pipeline.noteHighWatermarks(new Map([...marks].map(([key, mark]) => [key, mark.high])))
  }
}

async function reportProgress(
  { progress }: ConsumerOptions,
  tally: Readonly<Tally>,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<void> {
  while (progress !== undefined && !signal.aborted) {
    progress(tally, pipeline)
    await sleep(progressIntervalMs, signal)
  }
}

/**
 * What the source, the pipeline, the commit protocol and upkeep tell, as metrics, log lines and trouble. It decides
 * nothing. Lines carry topics, partitions, offsets, codes and counts.
 */
import type { CommitObserver } from './commit/context.ts'
import type { HaltError } from './commit/halt.ts'
import type { Logger } from './contract/logger.ts'
import { parseTopicPartitionKey, type SourceBatch, type TopicPartition } from './kafka.ts'
import type { LakeObserver } from './lake.ts'
import type { PipelineObserver } from './pipelinePorts.ts'
import type { SourceObserver } from './source/source.ts'
import { logCheckpointEvent, logIcebergError } from './telemetry/logEvents.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { Trouble } from './trouble.ts'
import type { UpkeepObserver } from './upkeep/ports.ts'

export interface ObserverOptions {
  readonly metrics: Metrics
  readonly logger: Logger
  /** Qualified as `namespace` and bare names, for log lines. */
  readonly tables: { readonly namespace: string; readonly raw: string; readonly errors: string }
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** What a run has done so far, for its summary and for `/status`. */
export interface Tally {
  records: number
  /** Samples classified, counted again after a rewind. */
  valid: number
  invalid: number
  /** Rows durable. */
  rawRows: number
  errorRows: number
  commits: number
  /** Milliseconds since the epoch; 0 before the first. */
  firstCommitMs: number
  /** Time of the last sign of life: a batch, a commit, a failure that is being retried. */
  lastSignMs: number
}

export interface Observers {
  readonly pipeline: PipelineObserver
  readonly commit: CommitObserver
  readonly source: SourceObserver
  readonly lake: LakeObserver
  readonly upkeep: UpkeepObserver
  readonly tally: Tally
  readonly trouble: Trouble
}

export function createObservers(options: ObserverOptions): Observers {
  const { metrics, logger, now } = options
  const tally: Tally = {
    records: 0,
    valid: 0,
    invalid: 0,
    rawRows: 0,
    errorRows: 0,
    commits: 0,
    firstCommitMs: 0,
    lastSignMs: now(),
  }
  const sign = () => {
    tally.lastSignMs = now()
  }
  const trouble = new Trouble(now)
  const told: Told = { tally, trouble, sign }
  return {
    tally,
    trouble,
    commit: commitObserver(options, told),
    upkeep: upkeepObserver(metrics, logger),
    pipeline: pipelineObserver(metrics, logger, told),
    source: {
      interrupted: error => trouble.failed('reading', error),
      working: () => trouble.works('reading'),
    },
    lake(backend, operation, outcome, ms) {
      metrics.iceberg.requestFailed(backend)
      const context = { backend, operation, outcome, duration_ms: Math.round(ms) }
      logger.warning(`A request to the ${backend} failed`, { context })
    },
  }
}

/** What is remembered of what was told. */
interface Told {
  readonly tally: Tally
  readonly trouble: Trouble
  /** Notes a sign of life. */
  sign(): void
}

function commitObserver({ metrics, logger, tables }: ObserverOptions, { tally, trouble, sign }: Told): CommitObserver {
  return {
    conflict: table => metrics.iceberg.commitConflict(table),
    failed(table, error, delayMs) {
      sign()
      trouble.failed('positions', error)
      metrics.iceberg.writeFailed(table)
      metrics.iceberg.commitRetried(table)
      logIcebergError(logger, `Access to the table failed and will be tried again in ${Math.round(delayMs)} ms`, {
        tableName: tables[table],
        database: tables.namespace,
        error,
      })
    },
    committed(table, rows, latencyMs) {
      sign()
      metrics.iceberg.committed(table, { rows, latencyMs })
      if (table === 'raw') tally.rawRows += rows
      else tally.errorRows += rows
    },
    gap(key, start, end) {
      const { topic, partition } = parseTopicPartitionKey(key)
      const context = { kafka_topic: topic, kafka_partition: partition, first_offset: start, next_offset: end }
      logger.error('Records were deleted before they were read; the gap is noted in the table', { context })
    },
  }
}

function upkeepObserver(metrics: Metrics, logger: Logger): UpkeepObserver {
  return {
    done(step, { items, left }) {
      metrics.iceberg.upkeepRan(step, true)
      for (const { table, kind, count, bytes } of items)
        logger.info(`Upkeep removed ${count} ${kind} of ${table}`, { context: { step, table, kind, count, bytes } })
      for (const reason of left) logger.info(`Upkeep left something alone: ${reason}`, { context: { step } })
    },
    failed(step, error) {
      metrics.iceberg.upkeepRan(step, false)
      logger.warning(`Upkeep failed and will be tried again: ${step}`, { context: { step }, error })
    },
  }
}

function pipelineObserver(metrics: Metrics, logger: Logger, { tally, trouble, sign }: Told): PipelineObserver {
  let checkpoints = 0
  return {
    assigned(partitions: readonly TopicPartition[]) {
      sign()
      // What could not be made durable may be another's by now.
      trouble.works('rows')
      metrics.kafka.assigned(partitions)
      metrics.kafka.rebalanced()
      logger.info('Partitions assigned', {
        context: { partitions: partitions.map(({ topic, partition }) => `${topic}:${partition}`) },
      })
    },
    consumed(batch: SourceBatch, records, nowMs) {
      sign()
      metrics.kafka.consumed(batch, nowMs)
      tally.records += records
    },
    rewound(reason, error) {
      sign()
      logger.warning(`Taking positions anew: ${reason}`, { error })
    },
    failed: (activity, error) => trouble.failed(activity, error),
    positioned: () => trouble.works('positions'),
    halted(halt: HaltError | null) {
      // It was found out by asking, with answers.
      trouble.works('positions', 'rows')
      metrics.halted(halt?.code ?? null)
      if (halt === null) logger.info('The halt is over, intake goes on')
      else logger.critical(`Halted: ${halt.message}`, { context: { halt_code: halt.code, fix: halt.fix }, error: halt })
    },
    flushing(round) {
      logCheckpointEvent(logger, { eventType: 'started', checkpointId: checkpoints + 1 })
      logger.debug('Flushing', { context: { rows: round.rows, buffered_bytes: round.bufferedBytes } })
    },
    flushed(result, files, durationMs) {
      sign()
      trouble.works('positions', 'rows')
      checkpoints++
      if (result === 'moved') {
        logCheckpointEvent(logger, { eventType: 'discarded', checkpointId: checkpoints, durationMs })
        return
      }
      tally.commits++
      tally.firstCommitMs ||= tally.lastSignMs
      metrics.iceberg.checkpointCompleted({ durationMs, sizeBytes: files.bytes })
      logCheckpointEvent(logger, {
        eventType: 'completed',
        checkpointId: checkpoints,
        durationMs: Math.round(durationMs),
        sizeBytes: files.bytes,
      })
    },
    flushFailed(error) {
      sign()
      checkpoints++
      metrics.iceberg.checkpointFailed()
      metrics.iceberg.writeFailed('raw')
      logCheckpointEvent(logger, { eventType: 'failed', checkpointId: checkpoints, error })
    },
    buffered: bytes => metrics.bufferedBytes(bytes),
  }
}

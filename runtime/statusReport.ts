/** The answer of `/status`, from what the pipeline and the telemetry know. Pure. */
import type { RuntimeConfiguration } from './contract/configuration.ts'
import type {
  LoggingStatus,
  PartitionStatus,
  RateStatus,
  RuntimeStatus,
  TableStatus,
  TroubleStatus,
} from './contract/status.ts'
import type { Pipeline } from './pipeline.ts'

export interface StatusFacts {
  readonly configuration: RuntimeConfiguration
  readonly version: string
  readonly instance: string
  readonly startedMs: number
  readonly pipeline: Pick<Pipeline, 'halt' | 'epoch' | 'caughtUp' | 'tables' | 'positions' | 'bufferedBytes'>
  readonly trouble: TroubleStatus | null
  readonly rates: RateStatus
  readonly invalidRatio: number | null
  readonly logging: LoggingStatus
}

const instant = (ms: number): string => new Date(ms).toISOString()

export function describeStatus(facts: StatusFacts): RuntimeStatus {
  const { configuration, pipeline } = facts
  const { halt, tables } = pipeline
  const name = (table: string) => [...configuration.tables.namespace, table].join('.')
  const table = (bare: string, snapshotId?: bigint, sequence?: number, lastCommitMs?: number): TableStatus => ({
    name: name(bare),
    snapshotId: snapshotId === undefined ? null : String(snapshotId),
    sequence: sequence ?? null,
    lastCommitAt: lastCommitMs === undefined ? null : instant(lastCommitMs),
  })
  return {
    version: facts.version,
    startedAt: instant(facts.startedMs),
    group: configuration.groupId,
    instance: facts.instance,
    epoch: pipeline.epoch,
    caughtUp: pipeline.caughtUp,
    halt: halt === null ? null : { code: halt.code, message: halt.message, fix: halt.fix },
    trouble: facts.trouble,
    partitions: pipeline.positions().map(
      ({ topic, partition, next, highWatermark, committed }): PartitionStatus => ({
        topic,
        partition,
        nextOffset: next,
        highWatermark,
        lag: highWatermark === null ? null : Math.max(0, highWatermark - committed),
        committed,
      }),
    ),
    tables: {
      raw: table(configuration.tables.raw, tables?.rawSnapshotId, tables?.rawSeq, tables?.rawCommitMs),
      errors: table(
        configuration.tables.errors,
        tables?.errorsSnapshotId,
        tables?.errorsAppliedSeq,
        tables?.errorsCommitMs,
      ),
    },
    pendingErrorIntents: tables?.pendingIntents ?? 0,
    rates: facts.rates,
    invalidRatio: facts.invalidRatio,
    bufferedBytes: pipeline.bufferedBytes,
    logging: facts.logging,
  }
}

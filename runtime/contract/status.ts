/**
 * What a running consumer answers at GET /status, as JSON. Read by the operator, by `healthconsumer status` and by
 * doctor. Types only; it carries positions and codes, never a payload.
 *
 * Instants are RFC 3339 in UTC with milliseconds. Snapshot ids are decimal strings, because they use 63 bits.
 */
import type { HaltCode } from './halts.ts'
import type { LogLevel } from './logger.ts'
import type { TroubleCode } from './troubles.ts'

export interface RuntimeStatus {
  readonly version: string
  readonly startedAt: string
  /** Consumer group. */
  readonly group: string
  /** Pod or host that answers. */
  readonly instance: string
  /** Number of the current assignment, from 1; 0 before the first. */
  readonly epoch: number
  /** Every assigned partition reached the last stable offset read when the run began. */
  readonly caughtUp: boolean
  /** Why intake stopped; null while work goes on. */
  readonly halt: HaltStatus | null
  /** What fails and is tried again right now; null where all that is done works. A halt is none. */
  readonly trouble: TroubleStatus | null
  readonly partitions: readonly PartitionStatus[]
  readonly tables: { readonly raw: TableStatus; readonly errors: TableStatus }
  /** Error batches that the raw table announced and the errors table has not applied yet. */
  readonly pendingErrorIntents: number
  readonly rates: RateStatus
  /** Invalid share of the samples classified since start, 0..1; null before the first. */
  readonly invalidRatio: number | null
  /** Bytes of records and rows held in memory and not committed yet. */
  readonly bufferedBytes: number
  readonly logging: LoggingStatus
}

export interface HaltStatus {
  readonly code: HaltCode
  readonly message: string
  /** What a person can do about it. */
  readonly fix: string
}

export interface TroubleStatus {
  readonly code: TroubleCode
  /** What failed last, with the broker, topic or file concerned. */
  readonly message: string
  /** When it began to fail without having worked since. */
  readonly since: string
}

export interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  /** Next offset to read. */
  readonly nextOffset: number
  /** End of the partition; null until a fetch told it. */
  readonly highWatermark: number | null
  /** Records that are not durable yet: highWatermark - committed, never negative; null while not measured. */
  readonly lag: number | null
  /** Next offset as the raw table holds it: everything below is durable. */
  readonly committed: number
}

export interface TableStatus {
  /** Qualified, e.g. `health_db.health_data_raw`. */
  readonly name: string
  /** Newest snapshot that carries our keys; null for a table without one. */
  readonly snapshotId: string | null
  /** `hc.seq` of raw, `hc.applied-seq` of errors. */
  readonly sequence: number | null
  /** Of that snapshot, whichever process committed it: a pod that has just started tells its predecessor's. */
  readonly lastCommitAt: string | null
}

/** Per second, over the newest minute. */
export interface RateStatus {
  readonly kafkaRecords: number
  readonly validRows: number
  readonly invalidRows: number
}

export interface LoggingStatus {
  readonly level: LogLevel
  readonly formatter: 'JSONFormatter' | 'TextFormatter'
  /** LOG_FILE, as it was given; null without one. */
  readonly file: string | null
}

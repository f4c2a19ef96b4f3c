/** What the pipeline is given: its limits, its ports, and whom it tells what happens. Types only. */
import type { CommitResult } from './commit/commitBatch.ts'
import type { HaltError } from './commit/halt.ts'
import type { Protocol } from './commit/protocol.ts'
import type { IntakePorts } from './intake.ts'
import type { OffsetMap, SourceBatch, TopicPartition } from './kafka.ts'
import type { Round } from './round.ts'
import type { Source } from './source/source.ts'

export interface PipelineSettings {
  /** Time that rows wait for their commit, give or take a tenth. */
  readonly intervalMs: number
  readonly maxRows: number
  /** Bytes of rows in memory, those being committed included; intake pauses above. */
  readonly maxBufferedBytes: number
  readonly maxOpenPartitions: number
  /** Time between two audits of an idle pod. */
  readonly auditIntervalMs: number
  /** How long a new assignment, or a stop, waits for the commit under way. */
  readonly graceMs: number
  /** Where a run that ends by itself ends: next offsets that must be durable. */
  readonly targets?: OffsetMap
}

/** Told of what happens, for metrics, logs and progress. Never awaited, must not throw. */
export interface PipelineObserver {
  assigned(partitions: readonly TopicPartition[]): void
  consumed(batch: SourceBatch, records: number, nowMs: number): void
  rewound(reason: string, error?: unknown): void
  /** Positions could not be taken or audited, or rows not be classified or made durable: tried again. Not for a halt. */
  failed(activity: 'positions' | 'rows', error: unknown): void
  /** Positions were taken, or were found to stand. */
  positioned(): void
  halted(halt: HaltError | null): void
  flushing(round: Round): void
  flushed(result: CommitResult, files: { raw: number; errors: number; bytes: number }, durationMs: number): void
  flushFailed(error: unknown): void
  buffered(bytes: number): void
}

export interface PipelinePorts extends IntakePorts {
  readonly source: Source
  readonly protocol: Protocol
  now(): number
  /** In [0, 1). */
  random(): number
  /** Rejects once the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  readonly observer: PipelineObserver
}

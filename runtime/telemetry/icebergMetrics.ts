/**
 * Metrics of the writer and of the commits. Rows count once per durable commit, never per attempt.
 * "Checkpoint" is the contract's word for one round of flush and commit of both tables.
 */
import type { Registry } from 'prom-client'
import { type Backend, backends, metrics } from '../contract/metrics.ts'
import { type UpkeepStep, upkeepSteps } from '../contract/upkeep.ts'
import { counter, gauge, histogram } from './instruments.ts'

/** Which of the two tables; the label carries its configured bare name. */
export type TableRole = 'raw' | 'errors'

export interface IcebergMetrics {
  /** A commit is durable. `latencyMs` runs from the start of its flush; `rows` is 0 for an empty append. */
  committed(table: TableRole, commit: { readonly rows: number; readonly latencyMs: number }): void
  /** Writing files or committing failed. */
  writeFailed(table: TableRole): void
  commitRetried(table: TableRole): void
  commitConflict(table: TableRole): void
  /** A request was denied, or got no usable answer. */
  requestFailed(backend: Backend): void
  /** A step of upkeep in the background is over. */
  upkeepRan(step: UpkeepStep, succeeded: boolean): void
  checkpointCompleted(checkpoint: { readonly durationMs: number; readonly sizeBytes: number }): void
  checkpointFailed(): void
  /** Kafka time (milliseconds since the epoch) of the newest record below the committed offsets; never moves back. */
  newestCommittedRecord(timestampMs: number): void
  /** Error batches that wait to be applied now. */
  pendingErrorFiles(files: number): void
}

export function createIcebergMetrics(
  registry: Registry,
  tables: Readonly<Record<TableRole, string>>,
  now: () => number,
): IcebergMetrics {
  const series = [{ table: tables.raw }, { table: tables.errors }] as const
  const recordsWritten = counter(metrics.icebergRecordsWritten, registry)
  const writeFailures = counter(metrics.icebergWriteFailures, registry)
  const [rawLatency, errorsLatency] = histogram(metrics.icebergWriteLatency, registry, series)
  const [rawSize, errorsSize] = histogram(metrics.icebergBatchSize, registry, series)
  const recordsOut = counter(metrics.recordsOut, registry)
  const checkpointDuration = gauge(metrics.lastCheckpointDuration, registry)
  const checkpointSize = gauge(metrics.lastCheckpointSize, registry)
  const failedCheckpoints = counter(metrics.failedCheckpoints, registry)
  const commitRetries = counter(metrics.commitRetries, registry)
  const commitConflicts = counter(metrics.commitConflicts, registry)
  const requestFailures = counter(metrics.requestFailures, registry)
  for (const backend of backends) requestFailures.inc({ backend }, 0)
  const upkeepRuns = counter(metrics.upkeepRuns, registry)
  const upkeepFailures = counter(metrics.upkeepFailures, registry)
  for (const step of upkeepSteps) for (const runs of [upkeepRuns, upkeepFailures]) runs.inc({ step }, 0)
  for (const labels of series) {
    for (const labelled of [recordsWritten, writeFailures, commitRetries, commitConflicts]) labelled.inc(labels, 0)
  }

  const secondsSince = (ms: number | undefined) => (ms === undefined ? 0 : Math.max(0, now() - ms) / 1000)
  let newestCommittedMs: number | undefined
  let pendingSinceMs: number | undefined
  gauge(metrics.freshness, registry, function () {
    this.set(secondsSince(newestCommittedMs))
  })
  const lastCommitTime = gauge(metrics.lastCommitTime, registry)
  const pendingErrors = gauge(metrics.pendingErrorFiles, registry)
  gauge(metrics.pendingErrorAge, registry, function () {
    this.set(secondsSince(pendingSinceMs))
  })

  return {
    committed(table, { rows, latencyMs }) {
      recordsWritten.inc({ table: tables[table] }, rows)
      recordsOut.inc(rows)
      lastCommitTime.set(now() / 1000)
      const [latency, size] = table === 'raw' ? [rawLatency!, rawSize!] : [errorsLatency!, errorsSize!]
      latency(latencyMs)
      if (rows > 0) size(rows)
    },
    writeFailed: table => writeFailures.inc({ table: tables[table] }),
    commitRetried: table => commitRetries.inc({ table: tables[table] }),
    commitConflict: table => commitConflicts.inc({ table: tables[table] }),
    requestFailed: backend => requestFailures.inc({ backend }),
    upkeepRan(step, succeeded) {
      upkeepRuns.inc({ step })
      if (!succeeded) upkeepFailures.inc({ step })
    },
    checkpointCompleted({ durationMs, sizeBytes }) {
      checkpointDuration.set(durationMs)
      checkpointSize.set(sizeBytes)
    },
    checkpointFailed: () => failedCheckpoints.inc(),
    newestCommittedRecord(timestampMs) {
      newestCommittedMs = Math.max(timestampMs, newestCommittedMs ?? timestampMs)
    },
    pendingErrorFiles(files) {
      pendingErrors.set(files)
      pendingSinceMs = files === 0 ? undefined : (pendingSinceMs ?? now())
    },
  }
}

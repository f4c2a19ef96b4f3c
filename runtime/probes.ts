/** What the HTTP server answers with: metrics, liveness, readiness and status of a pipeline. It changes nothing. */
import type { RuntimeStatus } from './contract/status.ts'
import type { Tally } from './observers.ts'
import type { Pipeline } from './pipeline.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { TelemetrySources } from './telemetry/server.ts'

export interface ProbeOptions {
  readonly pipeline: Pipeline
  readonly metrics: Metrics
  readonly tally: Readonly<Tally>
  status(): RuntimeStatus
  /** Milliseconds since the epoch. */
  now(): number
}

const stuckAfterMs = 5 * 60_000

export function createProbes({ pipeline, metrics, tally, status, now }: ProbeOptions): TelemetrySources {
  return {
    metricsText() {
      for (const { topic, partition, lag } of status().partitions)
        if (lag !== null) metrics.kafka.lag(topic, partition, lag)
      metrics.iceberg.pendingErrorFiles(pipeline.tables?.pendingIntents ?? 0)
      const newestMs = pipeline.tables?.newestRecordMs
      if (newestMs !== undefined) metrics.iceberg.newestCommittedRecord(newestMs)
      return metrics.text()
    },
    // A halt, and a catalog that is away, are not mended by a restart: only a pipeline without any sign of life is dead.
    live: () => ({
      ok: now() - Math.max(tally.lastSignMs, pipeline.lastProgressMs) < stuckAfterMs,
      message: 'nothing has moved for 5 minutes',
    }),
    ready: () => ({
      ok: pipeline.halt === null && pipeline.tables !== undefined,
      message: pipeline.halt?.message ?? 'waiting for an assignment and the tables',
    }),
    status,
  }
}

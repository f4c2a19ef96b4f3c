/** What the HTTP server answers with: metrics, liveness, readiness and status of a pipeline. It changes nothing. */
import type { RuntimeStatus } from './contract/status.ts'
import type { Tally } from './observers.ts'
import type { Pipeline } from './pipeline.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { TelemetrySources } from './telemetry/server.ts'
import type { Trouble } from './trouble.ts'

export interface ProbeOptions {
  readonly pipeline: Pipeline
  readonly metrics: Metrics
  readonly tally: Readonly<Tally>
  readonly trouble: Pick<Trouble, 'current'>
  status(): RuntimeStatus
  /** Milliseconds since the epoch. */
  now(): number
}

const stuckAfterMs = 5 * 60_000

export function createProbes({ pipeline, metrics, tally, trouble, status, now }: ProbeOptions): TelemetrySources {
  const what = (): string => {
    const { current } = trouble
    if (pipeline.halt !== null) return `${pipeline.halt.code}: ${pipeline.halt.message}`
    if (current !== null) return `${current.code}: ${current.message}`
    return pipeline.tables === undefined ? 'waiting for an assignment and the tables' : 'at work'
  }
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
    live() {
      const ok = now() - Math.max(tally.lastSignMs, pipeline.lastProgressMs) < stuckAfterMs
      return { ok, message: ok ? 'alive' : 'nothing has moved for 5 minutes' }
    },
    ready: () => ({
      ok: pipeline.halt === null && pipeline.tables !== undefined,
      message: what(),
    }),
    status,
  }
}

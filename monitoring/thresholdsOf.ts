/** The alert thresholds of a HealthConsumer, as its commit interval lets them be. Pure. */
import { durationMs } from '../crds/fields.ts'
import type { HealthConsumerSpec } from '../crds/healthconsumer.ts'
import type { ThresholdName } from '../crds/monitoring.ts'

/**
 * Those of the spec; the two that wait for a commit are raised where commits are so far apart that a sound consumer
 * would pass them: three intervals without one, two until a record is in.
 */
export function thresholdsOf({ monitoring, iceberg }: HealthConsumerSpec): Readonly<Record<ThresholdName, number>> {
  const { thresholds } = monitoring.prometheusRule
  const intervalSeconds = durationMs(iceberg.commit.interval) / 1000
  return {
    ...thresholds,
    CommitsStalled: Math.max(thresholds.CommitsStalled, 3 * intervalSeconds),
    FreshnessTarget: Math.max(thresholds.FreshnessTarget, 2 * intervalSeconds),
  }
}

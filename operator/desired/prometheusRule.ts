/** The alerts of one HealthConsumer; none while it has no pods on purpose. Pure. */

import type { HealthConsumer } from '../../crds/healthconsumer.ts'
import type { AlertName } from '../../crds/monitoring.ts'
import { alertingRuleGroups } from '../../monitoring/alerts.ts'
import { thresholdsOf } from '../../monitoring/thresholdsOf.ts'
import { type Build, child, namespaceOf } from './child.ts'

/** Where an autoscaler may end the last pod, none of them is no fault. */
const ofMissingPods: readonly AlertName[] = ['TaskManagerDown', 'MetricsAbsent']
const mayHaveNoPods = ({ spec }: HealthConsumer) => spec.scaling?.autoscaling?.minReplicas === 0

export const prometheusRule: Build = input => {
  const { resource, defaults } = input
  const { enabled, labels, interval, disabledAlerts = [], runbookBaseUrl } = resource.spec.monitoring.prometheusRule
  if (!enabled || input.replicas === 0) return undefined
  const groups = alertingRuleGroups({
    consumer: { namespace: namespaceOf(resource), name: resource.metadata.name },
    interval,
    thresholds: thresholdsOf(resource.spec),
    disabledAlerts: [...disabledAlerts, ...(mayHaveNoPods(resource) ? ofMissingPods : [])],
    runbookBaseUrl: runbookBaseUrl ?? defaults.runbookBaseUrl,
  })
  return child(
    input,
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' },
    { labels },
    { spec: { groups } },
  )
}

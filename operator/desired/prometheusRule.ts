/** The alerts of one HealthConsumer; none while it is paused. Pure. */
import { alertingRuleGroups } from '../../monitoring/alerts.ts'
import { type Build, child, namespaceOf } from './child.ts'

export const prometheusRule: Build = input => {
  const { resource, defaults } = input
  const { enabled, labels, interval, thresholds, disabledAlerts, runbookBaseUrl } =
    resource.spec.monitoring.prometheusRule
  if (!enabled || resource.spec.paused) return undefined
  const groups = alertingRuleGroups({
    consumer: { namespace: namespaceOf(resource), name: resource.metadata.name },
    interval,
    thresholds,
    disabledAlerts,
    runbookBaseUrl: runbookBaseUrl ?? defaults.runbookBaseUrl,
  })
  return child(
    input,
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule' },
    { labels },
    { spec: { groups } },
  )
}

/**
 * How the Prometheus Operator finds the pods. Every series gets the label `healthconsumer`, which alerts and dashboard
 * select by; `namespace` and `pod` are added by the Prometheus Operator itself. Pure.
 */
import { type Build, child, metricsPortName, podSelector } from './child.ts'

export const serviceMonitor: Build = input => {
  const { enabled, labels, interval } = input.resource.spec.monitoring.serviceMonitor
  if (!enabled) return undefined
  const relabelings = [{ action: 'replace', targetLabel: 'healthconsumer', replacement: input.resource.metadata.name }]
  return child(
    input,
    { apiVersion: 'monitoring.coreos.com/v1', kind: 'ServiceMonitor' },
    { labels },
    {
      spec: {
        selector: { matchLabels: podSelector(input.resource) },
        endpoints: [{ port: metricsPortName, path: '/metrics', interval, relabelings }],
      },
    },
  )
}

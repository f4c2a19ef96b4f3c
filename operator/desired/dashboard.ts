/** The dashboard of one HealthConsumer, as Grafana's sidecar finds it: all of them lie in one folder of files. Pure. */
import { createHash } from 'node:crypto'
import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
import { thresholdsOf } from '../../monitoring/thresholdsOf.ts'
import { type Build, child, dashboardName, namespaceOf } from './child.ts'

export const dashboard: Build = input => {
  const { resource, defaults } = input
  const { enabled, labels, folder, dataSource } = resource.spec.monitoring.dashboard
  if (!enabled) return undefined
  const consumer = { namespace: namespaceOf(resource), name: resource.metadata.name }
  const json = getGrafanaDashboardJson({
    title: `HealthConsumer ${consumer.namespace}/${consumer.name}`,
    uid: uidOf(consumer),
    dataSource,
    consumer,
    thresholds: thresholdsOf(resource.spec),
    runbookBaseUrl: resource.spec.monitoring.prometheusRule.runbookBaseUrl ?? defaults.runbookBaseUrl,
  })
  return child(
    input,
    { apiVersion: 'v1', kind: 'ConfigMap' },
    {
      name: dashboardName(resource),
      labels: { ...labels, grafana_dashboard: '1' },
      annotations: folder === undefined ? {} : { grafana_folder: folder },
    },
    // No name of either has a dot in it.
    { data: { [`${consumer.namespace}.${consumer.name}.json`]: `${JSON.stringify(json)}\n` } },
  )
}

/** Grafana takes one dashboard for each, of 40 characters at most: the names themselves may be longer. */
const uidOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }) =>
  `healthconsumer-${createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 16)}`

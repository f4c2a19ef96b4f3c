/** The dashboard of one HealthConsumer, as Grafana's sidecar finds it: all of them lie in one folder of files. Pure. */
import { createHash } from 'node:crypto'
import { type Dashboard, getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
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
    { data: { [`${consumer.namespace}.${consumer.name}.json`]: linesOf(json) } },
  )
}

/** JSON with a line for each field and each panel: a change can be read as a diff, at little more than half the size. */
function linesOf(json: Dashboard): string {
  const list = (items: readonly unknown[]) => `[\n${items.map(item => JSON.stringify(item)).join(',\n')}\n]`
  const fields = Object.entries(json).map(
    ([name, value]) => `${JSON.stringify(name)}:${name === 'panels' ? list(json.panels) : JSON.stringify(value)}`,
  )
  return `{\n${fields.join(',\n')}\n}\n`
}

/** Grafana takes one dashboard for each, of 40 characters at most: the names themselves may be longer. */
const uidOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }) =>
  `healthconsumer-${createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 16)}`

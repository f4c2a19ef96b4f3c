/** The dashboard of one HealthConsumer, as Grafana's sidecar finds it. Pure. */
import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
import { type Build, child, dashboardName, namespaceOf } from './child.ts'

export const dashboard: Build = input => {
  const { resource } = input
  const { enabled, labels, folder, dataSource } = resource.spec.monitoring.dashboard
  if (!enabled) return undefined
  const consumer = `${namespaceOf(resource)}-${resource.metadata.name}`
  const json = getGrafanaDashboardJson({
    title: `HealthConsumer ${namespaceOf(resource)}/${resource.metadata.name}`,
    dataSource,
  })
  return child(
    input,
    { apiVersion: 'v1', kind: 'ConfigMap' },
    {
      name: dashboardName(resource),
      labels: { ...labels, grafana_dashboard: '1' },
      annotations: folder === undefined ? {} : { grafana_folder: folder },
    },
    { data: { [`${consumer}.json`]: `${JSON.stringify(json)}\n` } },
  )
}

/**
 * The scrape configuration for what a ServiceMonitor selects, as the Prometheus Operator makes it: endpoints of the Services of
 * its namespace with these labels, by the name of their port. For a Prometheus that cannot ask an API server itself, so the
 * targets are those of now. Pure.
 * Source: https://github.com/prometheus-operator/prometheus-operator, pkg/prometheus/promcfg.go
 */
import { dump } from 'js-yaml'

interface Metadata {
  readonly name: string
  readonly namespace: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface ServiceMonitor {
  readonly metadata: Metadata
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly endpoints: readonly {
      readonly port: string
      readonly path: string
      readonly interval: string
      readonly relabelings: readonly { action: string; targetLabel: string; replacement: string }[]
    }[]
  }
}

export interface EndpointSlice {
  readonly metadata: Metadata
  readonly ports: readonly { readonly name: string; readonly port: number }[]
  readonly endpoints: readonly {
    readonly addresses: readonly string[]
    readonly targetRef?: { readonly name: string }
  }[]
}

/** `services` and `slices` are all of the monitor's namespace. */
export function scrapeConfigOf(
  { metadata, spec }: ServiceMonitor,
  services: readonly { readonly metadata: Metadata }[],
  slices: readonly EndpointSlice[],
): string {
  const selected = services
    .filter(({ metadata: { labels = {} } }) =>
      Object.entries(spec.selector.matchLabels).every(([label, value]) => labels[label] === value),
    )
    .map(service => service.metadata.name)
  const jobs = spec.endpoints.map(({ port, path, interval, relabelings }, index) => ({
    job_name: `serviceMonitor/${metadata.namespace}/${metadata.name}/${index}`,
    ...{ scrape_interval: interval, metrics_path: path },
    static_configs: slices.flatMap(slice => {
      const service = slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''
      const number = slice.ports.find(({ name }) => name === port)?.port
      if (!selected.includes(service) || number === undefined) return []
      return slice.endpoints.map(({ addresses, targetRef }) => ({
        targets: [`${addresses[0]}:${number}`],
        labels: { namespace: metadata.namespace, service, job: service, pod: targetRef?.name ?? '', endpoint: port },
      }))
    }),
    relabel_configs: relabelings.map(({ action, targetLabel, replacement }) => ({
      ...{ action, target_label: targetLabel, replacement },
    })),
  }))
  return dump({ scrape_configs: jobs })
}

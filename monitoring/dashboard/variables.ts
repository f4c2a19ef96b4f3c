/**
 * What a viewer of the dashboard chooses: the data source, then labels, each narrowing those after it. Pure.
 */
import { metrics } from '../../runtime/contract/metrics.ts'
import { series } from '../promql.ts'
import type { Variable } from './grafana.ts'
import { dataSource } from './panels.ts'
import { allValue, type FilterLabel, filterLabels, matchersOf } from './queries.ts'

/** What Grafana's import page asks for, and then puts wherever `${DS_PROMETHEUS}` stands. */
export const dataSourceInput = {
  name: 'DS_PROMETHEUS',
  label: 'Prometheus',
  description: 'Prometheus that scrapes the runtime',
  type: 'datasource',
  pluginId: 'prometheus',
  pluginName: 'Prometheus',
} as const

/** `name` restricts the choice to the data source of that name. */
export function dataSourceVariable(name?: string): Variable {
  const chosen = name ?? `\${${dataSourceInput.name}}`
  return {
    name: 'datasource',
    label: 'Data source',
    type: 'datasource',
    query: 'prometheus',
    current: { text: chosen, value: chosen },
    multi: false,
    includeAll: false,
    refresh: 1,
    regex: name === undefined ? '' : `/^${name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$/`,
    hide: 0,
    options: [],
  }
}

const titles: Readonly<Record<FilterLabel, string>> = {
  job: 'Job',
  namespace: 'Namespace',
  healthconsumer: 'HealthConsumer',
  pod: 'Pod',
  instance: 'Instance',
}

/** `preset` chooses values in advance; all are chosen of the other labels. */
export const labelVariables = (preset: Partial<Readonly<Record<FilterLabel, string>>>): Variable[] =>
  filterLabels.map((label, index) => {
    const found = series(metrics.throughput, matchersOf(filterLabels.slice(0, index)))
    const value = preset[label]
    return {
      name: label,
      label: titles[label],
      type: 'query',
      query: { query: `label_values(${found}, ${label})`, refId: label },
      datasource: dataSource,
      current: value === undefined ? { text: ['All'], value: ['$__all'] } : { text: [value], value: [value] },
      multi: true,
      includeAll: true,
      allValue: allValue(label),
      refresh: 2,
      regex: '',
      sort: 1,
      hide: 0,
      options: [],
    }
  })

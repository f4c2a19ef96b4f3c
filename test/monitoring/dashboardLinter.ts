/**
 * The rules of grafana/dashboard-linter (https://github.com/grafana/dashboard-linter/blob/main/docs/index.md), by their
 * names there. Each gives what it finds wrong. Where a rule of the original asks less than its documentation says, this
 * one asks for what is documented. `target-promql-rule` needs a parser and is in test/prometheus.
 */
import type { Dashboard, Panel, Target, Variable } from '../../monitoring/dashboard/grafana.ts'
import { metrics } from '../../runtime/contract/metrics.ts'
import { type Selector, selectors } from './selectors.ts'

type Rule = (dashboard: Dashboard) => string[]

const panelsOf = ({ panels }: Dashboard): Panel[] => panels.filter(panel => panel.type !== 'row')

const eachPanel =
  (wrong: (panel: Panel, dashboard: Dashboard) => string | undefined): Rule =>
  dashboard =>
    panelsOf(dashboard).flatMap(panel => {
      const what = wrong(panel, dashboard)
      return what === undefined ? [] : [`${panel.title}: ${what}`]
    })

const eachTarget =
  (wrong: (target: Target) => string[]): Rule =>
  dashboard =>
    panelsOf(dashboard).flatMap(panel => (panel.targets ?? []).flatMap(wrong))

const eachSelector = (wrong: (selector: Selector) => boolean): Rule =>
  eachTarget(({ expr }) => (selectors(expr).some(wrong) ? [expr] : []))

const eachQueryVariable =
  (wrong: (variable: Variable) => boolean): Rule =>
  dashboard =>
    dashboard.templating.list.filter(variable => variable.type === 'query' && wrong(variable)).map(({ name }) => name)

const dataSourceNames = ['datasource', 'prometheus_datasource']
const dataSourceLabels = ['Data source', 'Prometheus data source']
const references = dataSourceNames.flatMap(name => [`$${name}`, `\${${name}}`])

const labelVariable =
  (name: string, label: string): Rule =>
  ({ templating }) => {
    const variable = templating.list.find(each => each.name === name)
    if (variable === undefined) return [`there is no variable ${name}`]
    const demands = {
      'uses the data source variable': references.includes(variable.datasource?.uid ?? ''),
      'is a query': variable.type === 'query',
      [`is labelled ${label}`]: variable.label === label,
      'is a multi select': variable.multi,
      'has allValue .+': variable.allValue === '.+',
    }
    return Object.keys(demands).filter(demand => !demands[demand])
  }

const matches = (label: string): Rule =>
  eachSelector(
    ({ matchers }) =>
      !matchers.some(matcher => matcher.label === label && matcher.operator === '=~' && matcher.value === `$${label}`),
  )

/** Of the linter's list, those that could be wanted here. */
const units = new Set(
  'none string short percent percentunit bytes decbytes Bps binBps ns µs ms s m h d dtdurationms dtdurations cps ops reqps rps wps bool'.split(
    ' ',
  ),
)

const counters = new Set<string>(
  Object.values(metrics).flatMap(({ type, name }) => {
    if (type === 'counter') return [name]
    return type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : []
  }),
)

const queryOf = ({ query }: Variable) => (typeof query === 'string' ? query : query.query)

export const linterRules: Readonly<Record<string, Rule>> = {
  'template-datasource-rule': ({ templating }) => {
    const found = templating.list.filter(({ type }) => type === 'datasource')
    if (found.length === 0) return ['there is no data source variable']
    return found
      .filter(({ name, label }) => !dataSourceNames.includes(name) || !dataSourceLabels.includes(label))
      .map(({ name, label }) => `${name} (${label})`)
  },
  'template-job-rule': labelVariable('job', 'Job'),
  'template-instance-rule': labelVariable('instance', 'Instance'),
  'template-label-promql-rule': eachQueryVariable(
    variable => !/^(?:label_names|label_values|metrics|query_result)\(.+\)$/.test(queryOf(variable)),
  ),
  'template-on-time-change-reload-rule': eachQueryVariable(({ refresh }) => refresh !== 2),
  'panel-datasource-rule': eachPanel(({ datasource, targets }) =>
    [datasource, ...(targets ?? []).map(target => target.datasource)].every(each => references.includes(each?.uid))
      ? undefined
      : 'does not use the data source variable',
  ),
  'panel-title-description-rule': eachPanel(({ title, description }) =>
    title && description ? undefined : 'lacks a title or a description',
  ),
  'panel-units-rule': eachPanel(({ fieldConfig }) =>
    units.has(fieldConfig.defaults.unit) ? undefined : `${fieldConfig.defaults.unit} is no unit of the list`,
  ),
  'panel-no-targets-rule': eachPanel(({ targets }) => (targets?.length ? undefined : 'has no query')),
  // All that the two rules on LogQL could be broken by: they look at data sources of type loki alone.
  'target-logql-rule': withoutLoki,
  'target-logql-auto-rule': withoutLoki,
  'target-rate-interval-rule': eachSelector(
    ({ window, call = '' }) =>
      window !== undefined && ['rate', 'irate'].includes(call) && window !== '$__rate_interval',
  ),
  'target-job-rule': matches('job'),
  'target-instance-rule': matches('instance'),
  'target-counter-agg-rule': eachSelector(
    ({ metric, window, call = '' }) =>
      (counters.has(metric) || metric.endsWith('_total')) &&
      (window === undefined || !['rate', 'irate', 'increase'].includes(call)),
  ),
  'uneditable-dashboard': ({ editable }) => (editable ? ['it is editable'] : []),
}

function withoutLoki(dashboard: Dashboard): string[] {
  const variables = dashboard.templating.list.filter(({ type, query }) => type === 'datasource' && query === 'loki')
  const targets = panelsOf(dashboard).flatMap(panel => panel.targets ?? [])
  const inTargets = targets.filter(({ datasource }) => `${datasource?.type}` === 'loki')
  return [...variables.map(({ name }) => name), ...inTargets.map(({ expr }) => expr)]
}

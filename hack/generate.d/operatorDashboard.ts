/**
 * The Grafana dashboard of the operator itself, for its chart: what it works on, what it waits for, what it costs. Looks
 * like that of a consumer. Pure; the metrics are those of operator/metrics.ts, and a test compares.
 */
import type { Dashboard, Panel, Row, Variable } from '../../monitoring/dashboard/grafana.ts'
import { buildPanel, dataSource, type PanelGroup } from '../../monitoring/dashboard/panels.ts'
import { dataSourceInput, dataSourceVariable } from '../../monitoring/dashboard/variables.ts'

const chosen = 'job=~"$job",instance=~"$instance"'
const select = (metric: string, more = '') => `${metric}{${chosen}${more}}`
const rate = (metric: string) => `rate(${select(metric)}[$__rate_interval])`
const quantile = (q: number, histogram: string) =>
  `histogram_quantile(${q}, sum by (le) (${rate(`${histogram}_bucket`)}))`
/** Resources whose condition holds, or does not; 0 rather than nothing. */
const resources = (type: string, value: string) =>
  `count(max by (namespace, name) (${select('healthconsumer_condition', `,type="${type}"`)}) ${value}) or vector(0)`

const groups: readonly PanelGroup[] = [
  {
    title: 'At a glance',
    width: 4,
    height: 4,
    panels: [
      {
        type: 'stat',
        title: 'Leaders',
        description: 'Operators that lead. Good: one; the others wait.',
        queries: [{ expr: `sum(${select('leader_election_master_status')})`, legend: 'leaders' }],
        unit: 'short',
        atLeast: 1,
      },
      {
        type: 'stat',
        title: 'HealthConsumers',
        description: 'Those that the operator looks after.',
        queries: [{ expr: resources('Ready', '>= -1'), legend: 'all' }],
        unit: 'short',
      },
      {
        type: 'stat',
        title: 'Not ready',
        description:
          'HealthConsumers whose pods are not what the spec says. Good: 0, but while something is rolled out.',
        queries: [{ expr: resources('Ready', '== 0'), legend: 'not ready' }],
        unit: 'short',
      },
      {
        type: 'stat',
        title: 'Stalled',
        description: 'HealthConsumers that need a person; `kubectl describe` says what for. Good: 0.',
        queries: [{ expr: resources('Stalled', '== 1'), legend: 'stalled' }],
        unit: 'short',
        atMost: 1,
      },
      {
        type: 'stat',
        title: 'Not keeping up',
        description: 'HealthConsumers that lag or fail at something, as their pods tell. Good: 0.',
        queries: [{ expr: resources('ConsumerHealthy', '== 0'), legend: 'not keeping up' }],
        unit: 'short',
      },
      {
        type: 'stat',
        title: 'Waiting for a worker',
        description: 'HealthConsumers in the queue. Good: 0 most of the time.',
        queries: [{ expr: `max(${select('workqueue_depth')})`, legend: 'waiting' }],
        unit: 'short',
      },
    ],
  },
  {
    title: 'Work',
    width: 12,
    height: 8,
    panels: [
      {
        title: 'Reconciles',
        description: 'Looks at a HealthConsumer a second. Good: errors are rare.',
        queries: [{ expr: `sum by (result) (${rate('controller_runtime_reconcile_total')})`, legend: '{{result}}' }],
        unit: 'short',
        axis: 'reconciles/s',
      },
      {
        title: 'Duration of a reconcile',
        description: 'Most find nothing to do and take milliseconds.',
        queries: [0.5, 0.95, 0.99].map(q => ({
          expr: quantile(q, 'controller_runtime_reconcile_time_seconds'),
          legend: `p${q * 100}`,
        })),
        unit: 's',
      },
      {
        title: 'Time in the queue',
        description:
          'How long HealthConsumers wait for a worker. Where it grows: a slow API server, CPU, too few workers.',
        queries: [0.5, 0.99].map(q => ({
          expr: quantile(q, 'workqueue_queue_duration_seconds'),
          legend: `p${q * 100}`,
        })),
        unit: 's',
      },
      {
        title: 'Tried again',
        description: 'HealthConsumers put back after an error, a second. Good: 0.',
        queries: [{ expr: `sum(${rate('workqueue_retries_total')})`, legend: 'retries' }],
        unit: 'short',
        axis: 'retries/s',
      },
    ],
  },
  {
    title: 'API server',
    width: 12,
    height: 8,
    panels: [
      {
        title: 'Requests',
        description:
          'By the code of the answer. 404 is usual, 409 rare; 403 is a missing right, 429 a limit of the server.',
        queries: [{ expr: `sum by (code) (${rate('rest_client_requests_total')})`, legend: '{{code}}' }],
        unit: 'short',
        axis: 'requests/s',
        stacked: true,
      },
      {
        title: 'Silence of watches',
        description:
          'Time since the watch of a kind was last heard of. Good: about a minute, from bookmark to bookmark.',
        queries: [
          {
            expr: `time() - max by (kind) (${select('healthconsumer_operator_last_watch_event_timestamp_seconds')})`,
            legend: '{{kind}}',
          },
        ],
        unit: 's',
        atMost: 600,
      },
    ],
  },
  {
    title: 'Process',
    width: 8,
    height: 8,
    panels: [
      {
        title: 'CPU',
        description: 'Cores in use, by pod.',
        queries: [{ expr: `sum by (instance) (${rate('process_cpu_seconds_total')})`, legend: '{{instance}}' }],
        unit: 'short',
        axis: 'cores',
      },
      {
        title: 'Memory',
        description: 'Resident memory, by pod; about 220 MiB for 1,000 HealthConsumers.',
        queries: [{ expr: `max by (instance) (${select('process_resident_memory_bytes')})`, legend: '{{instance}}' }],
        unit: 'bytes',
      },
      {
        title: 'Event loop lag',
        description: '99th percentile. Good: below 0.1 s; a late operator may lose its Lease.',
        queries: [
          { expr: `max by (instance) (${select('nodejs_eventloop_lag_p99_seconds')})`, legend: '{{instance}}' },
        ],
        unit: 's',
      },
    ],
  },
]

const columns = 24

/** A heading for each group, its panels from left to right and then below. Ids count from 1. */
function layOut(): (Row | Panel)[] {
  const placed: (Row | Panel)[] = []
  let y = 0
  for (const { title, width, height, panels } of groups) {
    const gridPos = { x: 0, y, w: columns, h: 1 }
    placed.push({ id: placed.length + 1, type: 'row', title, gridPos, collapsed: false, panels: [] })
    for (const [index, panel] of panels.entries()) {
      const perLine = columns / width
      const at = { x: (index % perLine) * width, y: y + 1 + Math.floor(index / perLine) * height, w: width, h: height }
      // No runbooks: its alerts say themselves what to do.
      placed.push(buildPanel(panel, placed.length + 1, at, ''))
    }
    y += 1 + Math.ceil((panels.length * width) / columns) * height
  }
  return placed
}

const variable = (name: string, label: string, query: string): Variable => ({
  name,
  label,
  type: 'query',
  query: { query, refId: name },
  datasource: dataSource,
  current: { text: ['All'], value: ['$__all'] },
  multi: true,
  includeAll: true,
  allValue: '.+',
  refresh: 2,
  regex: '',
  sort: 1,
  hide: 0,
  options: [],
})

export const operatorDashboard = (): Dashboard => ({
  __inputs: [dataSourceInput],
  __requires: [{ type: 'grafana', id: 'grafana', name: 'Grafana', version: '10.0.0' }],
  id: null,
  uid: 'healthconsumer-operator',
  title: 'HealthConsumer operator',
  description: 'What the operator works on, what it waits for, what it costs.',
  tags: ['healthconsumer', 'operator'],
  editable: false,
  version: 1,
  schemaVersion: 39,
  timezone: 'browser',
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  timepicker: {},
  graphTooltip: 1,
  fiscalYearStartMonth: 0,
  liveNow: false,
  weekStart: '',
  annotations: { list: [] },
  templating: {
    list: [
      dataSourceVariable(),
      variable('job', 'Job', 'label_values(leader_election_master_status{name="healthconsumer-operator"}, job)'),
      variable('instance', 'Instance', 'label_values(leader_election_master_status{job=~"$job"}, instance)'),
    ],
  },
  links: [],
  panels: layOut(),
})

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { AlertingOptionsError } from '../../monitoring/alertOptions.ts'
import type { Dashboard, Panel, Row } from '../../monitoring/dashboard/grafana.ts'
import { filterLabels } from '../../monitoring/dashboard/queries.ts'
import { DashboardError, getGrafanaDashboardJson, panelQueries } from '../../monitoring/dashboard.ts'
import { metrics } from '../../runtime/contract/metrics.ts'
import { withVariables } from './grafanaVariables.ts'
import { groupings, selectors } from './selectors.ts'

const dashboard = getGrafanaDashboardJson()
const isPanel = (panel: Row | Panel): panel is Panel => panel.type !== 'row'
const panels = dashboard.panels.filter(isPanel)

/** The monitoring guide, section Grafana Dashboards, in its order. */
const guide = {
  Throughput: ['Valid records/second', 'Invalid records/second', 'Total throughput'],
  Latency: [
    'Processing latency (P50, P95, P99)',
    'Kafka consumption latency (P50, P95, P99)',
    'Iceberg write latency (P50, P95, P99)',
  ],
  'Kafka Consumer Lag': ['Current lag by partition', 'Lag trend over time'],
  'Checkpoint Health': ['Checkpoint duration', 'Checkpoint size', 'Checkpoint failures'],
  'Resource Usage': ['CPU usage by TaskManager', 'Memory usage by TaskManager', 'Network I/O'],
  'Data Quality': ['Validation success rate', 'Validation failures by reason', 'Records by data type'],
}

test('every group and panel of the guide is there, in its order, after the first line', () => {
  const queries = panelQueries(dashboard)
  assert.deepEqual([...new Set(queries.map(({ group }) => group))], ['At a glance', ...Object.keys(guide)])
  for (const [group, titles] of Object.entries(guide)) {
    const found = [...new Set(queries.filter(query => query.group === group).map(({ panel }) => panel))]
    assert.deepEqual(found.slice(0, titles.length), titles)
  }
})

test('the dashboard is the one in test/golden', async () => {
  const golden = await readFile(new URL('../golden/dashboard.json', import.meta.url), 'utf8')
  const regenerate = './hack/healthconsumer generate dashboard > test/golden/dashboard.json'
  assert.equal(`${JSON.stringify(dashboard, null, 2)}\n`, golden, `if the change is wanted: ${regenerate}`)
})

test('panels lie on 24 columns without gaps above or overlaps, each group below its heading', () => {
  const taken = new Set<string>()
  let heading = -1
  for (const { type, title, gridPos } of dashboard.panels) {
    const { x, y, w, h } = gridPos
    assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= 24, title)
    assert.ok(type === 'row' ? y > heading : y > heading && heading >= 0, title)
    if (type === 'row') heading = y
    for (let cell = 0; cell < w * h; cell++) {
      const place = `${x + (cell % w)} ${y + Math.floor(cell / w)}`
      assert.ok(!taken.has(place), `${title} covers another panel`)
      taken.add(place)
    }
  }
  const height = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h))
  assert.equal(taken.size, 24 * height, 'every line is filled')
})

test('ids of panels and names of queries are unique', () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  for (const { title, targets } of panels) {
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
  }
  const titles = panelQueries(dashboard).map(({ group, panel, refId }) => `${group} ${panel} ${refId}`)
  assert.equal(new Set(titles).size, titles.length)
})

test('queries use metrics of the catalogue alone, and labels that these have', () => {
  const series = new Map<string, readonly string[]>()
  for (const { name, type, labels } of Object.values(metrics)) {
    if (type === 'histogram') series.set(`${name}_bucket`, [...labels, 'le'])
    else series.set(name, labels)
  }
  for (const { expr, panel } of panelQueries(dashboard)) {
    const used = selectors(expr)
    assert.ok(used.length > 0, panel)
    for (const { metric, matchers } of used) {
      const labels = series.get(metric)
      assert.ok(labels, `${panel}: there is no metric ${metric}`)
      assert.deepEqual(
        matchers.map(({ label, value }) => [label, value]),
        filterLabels.map(label => [label, `$${label}`]),
      )
      for (const label of groupings(expr).flat()) {
        assert.ok([...filterLabels, ...labels].includes(label), `${panel}: ${metric} has no label ${label}`)
      }
    }
  }
})

test('a legend names labels that the result has', () => {
  for (const { title, targets } of panels) {
    for (const { expr, legendFormat } of targets) {
      const [grouping = []] = groupings(expr)
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(grouping.includes(label!), `${title}: ${legendFormat} of ${expr}`)
      }
    }
  }
})

test('all that the runtime says of itself is shown, but what is shown in another way', () => {
  const shown = new Set(panelQueries(dashboard).flatMap(({ expr }) => selectors(expr).map(({ metric }) => metric)))
  const missing = Object.entries(metrics).filter(
    ([, { name, type }]) => !shown.has(type === 'histogram' ? `${name}_bucket` : name),
  )
  assert.deepEqual(
    missing.map(([key]) => key),
    ['validationSuccess', 'icebergBatchSize', 'recordsIn', 'recordsOut', 'upkeepRuns', 'pendingErrorFiles'],
  )
})

test('a dashed line stands where the alert begins', () => {
  const custom = getGrafanaDashboardJson({ thresholds: { HighKafkaLag: 7, HighValidationFailureRate: 0.25 } })
  const line = (from: Dashboard, title: string) =>
    from.panels
      .filter(isPanel)
      .find(panel => panel.title === title)!
      .fieldConfig.defaults.thresholds.steps.at(-1)!.value
  const lines = {
    'Invalid records/second': 10,
    'Total throughput': 100,
    'Processing latency (P50, P95, P99)': 10_000,
    'Lag trend over time': 100_000,
    'Checkpoint duration': 300_000,
    'Checkpoint failures': 3,
    'Iceberg write failures': 5,
    'Share of the heap in use': 0.9,
    'Validation success rate': 0.9,
  }
  for (const [title, value] of Object.entries(lines)) assert.equal(line(dashboard, title), value, title)
  assert.equal(line(custom, 'Lag trend over time'), 7)
  assert.equal(line(custom, 'Validation success rate'), 0.75)
})

test('a panel links to the runbooks of its alerts', () => {
  const { panels } = getGrafanaDashboardJson({ runbookBaseUrl: 'https://wiki.example/runbooks/' })
  const failures = panels.filter(isPanel).find(({ title }) => title === 'Checkpoint failures')!
  const url = 'https://wiki.example/runbooks/CheckpointFailures.md'
  assert.deepEqual(failures.links, [{ title: 'Runbook: CheckpointFailures', url, targetBlank: true }])
  assert.ok(failures.description.endsWith(`[Runbook: CheckpointFailures](${url})`))
})

test('imported by hand, the data source that Grafana asks for becomes the one of the variable', () => {
  const { __inputs = [], ...rest } = dashboard
  const [input] = __inputs as readonly { name: string; type: string; pluginId: string }[]
  assert.deepEqual([input?.type, input?.pluginId], ['datasource', 'prometheus'])
  // Grafana's import replaces the name in every text of the dashboard and drops __inputs.
  const imported: Dashboard = JSON.parse(JSON.stringify(rest).replaceAll(`\${${input!.name}}`, 'a1b2'))
  assert.deepEqual(imported.templating.list[0]?.current, { text: 'a1b2', value: 'a1b2' })
  assert.ok(!JSON.stringify(imported).includes('${'))
})

test('provisioned, no panel depends on what Grafana would have asked for', () => {
  const { templating, __inputs, ...rest } = dashboard
  assert.ok(!JSON.stringify(rest).includes('DS_PROMETHEUS'))
  assert.ok(!JSON.stringify(templating.list.slice(1)).includes('DS_PROMETHEUS'))
  assert.equal(dashboard.id, null)
})

test('a given data source is the only one to choose, and nothing is asked', () => {
  const fixed = getGrafanaDashboardJson({ dataSource: 'Metrics (EU) 1.0' })
  assert.equal(fixed.__inputs, undefined)
  const { regex, current } = fixed.templating.list[0]!
  const pattern = new RegExp(regex.slice(1, -1))
  assert.ok(pattern.test('Metrics (EU) 1.0'))
  assert.ok(!pattern.test('Metrics (EU) 1.0 old') && !pattern.test('Metrics (EU) 1x0'))
  assert.equal(current.text, 'Metrics (EU) 1.0')
})

test('a consumer is chosen in advance, the rest stays open', () => {
  const { templating } = getGrafanaDashboardJson({ consumer: { namespace: 'health', name: 'steps' } })
  const chosen = Object.fromEntries(templating.list.slice(1).map(({ name, current }) => [name, current.value]))
  assert.deepEqual(chosen, {
    job: ['$__all'],
    namespace: ['health'],
    healthconsumer: ['steps'],
    pod: ['$__all'],
    instance: ['$__all'],
  })
})

test('title, uid and tags are those given', () => {
  const { title, uid, tags } = getGrafanaDashboardJson({ title: 'Steps', uid: 'hc-steps', tags: ['team-a'] })
  assert.deepEqual({ title, uid, tags }, { title: 'Steps', uid: 'hc-steps', tags: ['team-a'] })
})

test('what Grafana would refuse is an error that says so', () => {
  const code = (expected: string) => (error: unknown) => error instanceof DashboardError && error.code === expected
  assert.throws(() => getGrafanaDashboardJson({ title: ' ' }), code('INVALID_TITLE'))
  assert.throws(() => getGrafanaDashboardJson({ uid: 'a b' }), code('INVALID_UID'))
  assert.throws(() => getGrafanaDashboardJson({ uid: 'a'.repeat(41) }), code('INVALID_UID'))
  assert.throws(() => getGrafanaDashboardJson({ dataSource: '' }), code('INVALID_DATA_SOURCE'))
  assert.throws(() => getGrafanaDashboardJson({ thresholds: { HighMemoryUsage: 90 } }), AlertingOptionsError)
})

test('two dashboards have nothing in common that a caller could change', () => {
  assert.deepEqual(getGrafanaDashboardJson(), dashboard)
  assert.notEqual(getGrafanaDashboardJson().panels[1], dashboard.panels[1])
})

test('it fits into a ConfigMap', () => {
  assert.ok(Buffer.byteLength(JSON.stringify(dashboard, null, 2)) < 1024 * 1024)
})

test('a query of a variable that the dashboard lacks would be noticed', () => {
  assert.equal(withVariables('up{pod=~"$pod"}[$__rate_interval]', { pod: 'a' }), 'up{pod=~"a"}[1m]')
  assert.throws(() => withVariables('up{cluster=~"$cluster"}'), /no variable cluster/)
  for (const { expr } of panelQueries(dashboard)) withVariables(expr)
})

test('the first line is single numbers, to be read at a glance', () => {
  const [, ...panels] = getGrafanaDashboardJson().panels.slice(0, 7)
  assert.deepEqual(
    panels.map(({ type }) => type),
    Array(6).fill('stat'),
  )
})

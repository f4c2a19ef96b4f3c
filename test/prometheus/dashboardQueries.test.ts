import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { getGrafanaDashboardJson, panelQueries } from '../../monitoring/dashboard.ts'
import { withVariables } from '../monitoring/grafanaVariables.ts'

const execute = promisify(execFile)
const dashboard = getGrafanaDashboardJson()
const queries = panelQueries(dashboard)
const folder = await mkdtemp(join(tmpdir(), 'dashboard-queries-'))
let bin: string

before(
  async () => {
    const { stdout } = await execute(join(import.meta.dirname, '../../hack/prometheus'), ['bin'])
    bin = stdout.trim()
  },
  { timeout: 300_000 },
)
after(() => rm(folder, { recursive: true }))

/** What promtool has against a file, or nothing. JSON is YAML. */
async function complaints(parameters: readonly string[], content: object): Promise<string> {
  const file = join(folder, 'input.yml')
  await writeFile(file, JSON.stringify(content))
  return execute(join(bin, 'promtool'), [...parameters, file]).then(
    () => '',
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  )
}

const asRules = (expressions: readonly string[]) => ({
  groups: [{ name: 'queries', rules: expressions.map((expr, index) => ({ record: `query:n${index}`, expr })) }],
})

test('target-promql-rule: every query of the dashboard is PromQL', async () => {
  const expressions = queries.map(({ expr }) => withVariables(expr))
  assert.equal(await complaints(['check', 'rules'], asRules(expressions)), '')
})

test('target-promql-rule: a query that is not PromQL would be noticed', async () => {
  assert.match(await complaints(['check', 'rules'], asRules([withVariables('sum(up{pod=~"$pod"}')])), /could not parse/)
})

test('template-label-promql-rule: the series that variables and annotations are found by are PromQL', async () => {
  const inVariables = dashboard.templating.list.flatMap(({ type, query }) =>
    type === 'query' && typeof query !== 'string' ? [/\((.+), \w+\)$/.exec(query.query)![1]!] : [],
  )
  const inAnnotations = dashboard.annotations.list.flatMap(({ expr }) => (typeof expr === 'string' ? [expr] : []))
  assert.deepEqual([inVariables.length, inAnnotations.length], [5, 1])
  const expressions = [...inVariables, ...inAnnotations].map(expr => withVariables(expr))
  assert.equal(await complaints(['check', 'rules'], asRules(expressions)), '')
})

interface Series {
  readonly series: string
  /** In the notation of promtool, one value a minute. */
  readonly values: string
}

/** Evaluates a panel's first query after 10 minutes, as Grafana would ask it. */
const evaluated = (
  group: string,
  panel: string,
  values: Parameters<typeof withVariables>[1],
  expected: readonly object[],
) => {
  const { expr } = queries.find(query => query.group === group && query.panel === panel)!
  return { expr: withVariables(expr, values, '5m'), eval_time: '10m', exp_samples: expected }
}

const unitTest = (series: readonly Series[], asked: readonly object[]) =>
  complaints(['test', 'rules'], { tests: [{ interval: '1m', input_series: series, promql_expr_test: asked }] })

const halted = (code: string, pod: string, value: number): Series => ({
  series: `healthconsumer_halted{job="j",instance="${pod}:9249",pod="${pod}",code="${code}"}`,
  values: `${value}x10`,
})

test('a halt shows its code, and only where there is none that there is none', async () => {
  const running = [halted('TableOwned', 'a', 0), halted('OffsetGap', 'a', 0), halted('OffsetGap', 'b', 0)]
  const none = [{ labels: '{code="no halt"}', value: 0 }]
  const one = [{ labels: '{code="OffsetGap"}', value: 1 }]
  assert.equal(await unitTest(running, [evaluated('At a glance', 'Halt', {}, none)]), '')
  assert.equal(
    await unitTest([...running, halted('OffsetGap', 'c', 1)], [evaluated('At a glance', 'Halt', {}, one)]),
    '',
  )
})

test('series without the labels of Kubernetes are shown while All is chosen, and hidden by a choice', async () => {
  const series = [
    { series: 'flink_consumer_lag{job="j",instance="a:9249",topic="t",partition="0"}', values: '3x10' },
    { series: 'flink_consumer_lag{job="j",instance="a:9249",topic="t",partition="1"}', values: '4x10' },
    {
      series:
        'flink_consumer_lag{job="j",instance="b:9249",pod="b",namespace="n",healthconsumer="h",topic="t",partition="0"}',
      values: '5x10',
    },
  ]
  const ofOperator = { labels: '{job="j",namespace="n",healthconsumer="h"}', value: 5 }
  const asked = [
    evaluated('Kafka Consumer Lag', 'Lag trend over time', {}, [{ labels: '{job="j"}', value: 7 }, ofOperator]),
    evaluated('Kafka Consumer Lag', 'Lag trend over time', { pod: 'b' }, [ofOperator]),
    evaluated('Kafka Consumer Lag', 'Lag trend over time', { healthconsumer: 'other' }, []),
  ]
  assert.equal(await unitTest(series, asked), '')
})

test('the validation success rate is the share of valid rows of all pods', async () => {
  const series = [
    { series: 'health_data_valid_records_total{job="j",instance="a:1"}', values: '0+60x10' },
    { series: 'health_data_valid_records_total{job="j",instance="b:1"}', values: '0+30x10' },
    { series: 'health_data_invalid_records_total{job="j",instance="a:1"}', values: '0+30x10' },
    { series: 'health_data_invalid_records_total{job="j",instance="b:1"}', values: '0x10' },
  ]
  const expected = [{ labels: '{job="j"}', value: 0.75 }]
  assert.equal(await unitTest(series, [evaluated('Data Quality', 'Validation success rate', {}, expected)]), '')
  const wrong = [{ labels: '{job="j"}', value: 0.8 }]
  assert.notEqual(await unitTest(series, [evaluated('Data Quality', 'Validation success rate', {}, wrong)]), '')
})

test('before the first commit there is no time since the last one', async () => {
  const commit = (values: string): Series => ({
    series: 'iceberg_last_commit_timestamp_seconds{job="j",instance="a:1"}',
    values,
  })
  const asked = (expected: readonly object[]) => [evaluated('At a glance', 'Since last commit', {}, expected)]
  assert.equal(await unitTest([commit('0x10')], asked([])), '')
  assert.equal(await unitTest([commit('0x4 300x5')], asked([{ labels: '{job="j"}', value: 300 }])), '')
})

/** The alerting rules as the real promtool evaluates them, for all consumers of a job and for one HealthConsumer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AlertName, alertNames } from '../../crds/monitoring.ts'
import { type AlertingOptions, alertingRuleGroups, generateAlertingRules } from '../../monitoring/alerts.ts'
import { selection } from '../../monitoring/promql.ts'
import { checkRules, type RuleTest, testRules } from './promtool.ts'
import { type RuleCase, ruleCases } from './ruleCases.ts'

const job = 'flink-health-consumer'
const steps = { namespace: 'health', name: 'steps' }
const consumerLabels = ({ namespace, name }: typeof steps) => ({ namespace, healthconsumer: name })

/** These fire for a consumer that has no series, whatever others have. */
const aboutAbsence: readonly AlertName[] = ['TaskManagerDown', 'MetricsAbsent']

/** Each case under three sets of rules; another consumer's troubles are not ours, absence apart. */
interface Rendering {
  readonly name: string
  readonly options: AlertingOptions
  readonly who: string
  readonly seriesLabels: Readonly<Record<string, string>>
  readonly alertLabels: Readonly<Record<string, string>>
  readonly cases: readonly RuleCase[]
}

const renderings: readonly Rendering[] = [
  { name: 'standalone', options: {}, who: job, seriesLabels: { job }, alertLabels: {}, cases: ruleCases },
  {
    name: 'one consumer',
    options: { consumer: steps },
    who: 'health/steps',
    seriesLabels: { job: 'steps-metrics', ...consumerLabels(steps) },
    alertLabels: consumerLabels(steps),
    cases: ruleCases,
  },
  {
    name: 'another consumer',
    options: { consumer: { namespace: 'health', name: 'sleep' } },
    who: 'health/sleep',
    seriesLabels: { job: 'steps-metrics', ...consumerLabels(steps) },
    alertLabels: consumerLabels({ namespace: 'health', name: 'sleep' }),
    cases: ruleCases.filter(({ alert, kind }) => kind === 'fires' && !aboutAbsence.includes(alert)),
  },
]

const nameOf = (rendering: Rendering, { alert, name, kind }: RuleCase) =>
  `${rendering.name}: ${alert}, ${kind}: ${name}`

const renderedTests = (rendering: Rendering, ruleFile: string): RuleTest => ({
  rule_files: [ruleFile],
  evaluation_interval: '30s',
  tests: rendering.cases.map(each => ({
    name: nameOf(rendering, each),
    interval: '15s',
    input_series: each.series.map(({ name, labels, values }) => ({
      series: name + selector({ ...rendering.seriesLabels, ...labels }),
      values,
    })),
    alert_rule_test: Object.entries(each.at).map(([time, firing]) => ({
      eval_time: time,
      alertname: each.alert,
      exp_alerts:
        rendering.name === 'another consumer' ? [] : firing.map(expected => alertOf(rendering, each, expected)),
    })),
  })),
})

const selector = (labels: Readonly<Record<string, string>>) =>
  selection(Object.entries(labels).map(([label, value]) => ({ label, operator: '=', value })))

function alertOf(
  rendering: Rendering,
  { alert }: RuleCase,
  { labels, absent, description }: RuleCase['at'][string][0],
) {
  const rules = alertingRuleGroups(rendering.options).flatMap(group => group.rules)
  const rule = rules.find(each => 'alert' in each && each.alert === alert)
  assert.ok(rule !== undefined && 'alert' in rule)
  const ofSeries = absent ? (rendering.options.consumer ? {} : { job }) : rendering.seriesLabels
  return {
    exp_labels: { ...ofSeries, ...labels, ...rendering.alertLabels, severity: rule.labels.severity! },
    exp_annotations: { ...rule.annotations, description: description(rendering.who) },
  }
}

const rules = Object.fromEntries(renderings.map((each, n) => [`rules${n}.yaml`, generateAlertingRules(each.options)]))
const tests = Object.fromEntries(
  renderings.map((each, n) => [`tests${n}.yaml`, renderedTests(each, `rules${n}.yaml`)] as const),
)

test('promtool takes the rules', async () => {
  assert.equal(await checkRules(rules), '')
})

test('every alert has a case of each kind', () => {
  for (const alert of alertNames) {
    const kinds = new Set(ruleCases.filter(each => each.alert === alert).map(each => each.kind))
    assert.deepEqual([...kinds].sort(), ['absent', 'fires', 'pods', 'quiet', 'restart'], alert)
  }
})

const { failures, trouble } = await testRules(rules, tests)

test('promtool runs every case', () => {
  assert.equal(trouble, '')
  const names = new Set(renderings.flatMap(rendering => rendering.cases.map(each => nameOf(rendering, each))))
  assert.deepEqual(
    [...failures.keys()].filter(name => !names.has(name)),
    [],
  )
})

for (const rendering of renderings) {
  for (const each of rendering.cases) {
    const name = nameOf(rendering, each)
    test(name, () => assert.equal(failures.get(name), undefined))
  }
}

import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { alertNames } from '../../crds/monitoring.ts'
import { alertingRuleGroups } from '../../monitoring/alerts.ts'
import { createOperatorMetrics } from '../../operator/metrics.ts'
import { type MetricDefinition, metrics } from '../../runtime/contract/metrics.ts'
import { headingsOf, pages, queries, textOf } from './pages.ts'

const folder = 'docs/runbooks'
const rules = alertingRuleGroups().flatMap(group => group.rules)

interface Alert {
  readonly alert: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** As the chart has them, with names in the place of the release's namespace and the folder of runbooks. */
const ofOperator = load(textOf('charts/healthconsumer-operator/files/alerts.yaml')) as readonly Alert[]
/** Recording rules have no alert. */
const alerts: readonly Alert[] = [...rules.flatMap(rule => ('alert' in rule ? [rule] : [])), ...ofOperator]

test('the alerts are those of consumers, and those of the operator', () => {
  assert.ok(ofOperator.length > 5)
  const names = alerts.map(({ alert }) => alert)
  assert.deepEqual(names.slice(0, alertNames.length).sort(), [...alertNames].sort())
  assert.equal(new Set(names).size, names.length)
})

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1)

for (const { alert, labels } of alerts)
  test(`${alert} has a runbook: severity, meaning, impact, how to look, how to fix`, () => {
    const page = `${folder}/${alert}.md`
    assert.deepEqual(headingsOf(page), [alert, 'Meaning', 'Impact', 'How to look', 'How to fix'])
    const { severity } = labels
    assert.ok(textOf(page).startsWith(`# ${alert}\n\n${capital(severity!)}: `), `${page} begins with ${severity}`)
    assert.ok(textOf(`${folder}/README.md`).includes(`| [${alert}](${alert}.md) | ${severity} | `), 'in the index')
  })

test('runbook_url of every alert ends in the name of its page, and no page is without an alert', () => {
  const there = pages.filter(page => page.startsWith(`${folder}/`)).map(page => basename(page))
  const linked = alerts.map(({ annotations }) => annotations.runbook_url!.split('/').at(-1)!)
  assert.deepEqual(linked.concat('README.md').sort(), [...there].sort())
  assert.deepEqual(
    linked,
    alerts.map(({ alert }) => `${alert}.md`),
  )
  for (const { annotations } of ofOperator) assert.match(annotations.runbook_url!, /^RUNBOOKS\/\w+\.md$/)
})

/** Beside the catalogue: Prometheus' own, those that prom-client adds, what the rules record. */
const elsewhere = /^(?:up|(?:process|nodejs)_\w+)$/
const recorded = rules.flatMap(rule => ('record' in rule ? [rule.record] : []))
const words = new Set(['by', 'without', 'and', 'or', 'unless', 'on', 'ignoring', 'group_left', 'group_right', 'bool'])

const operatorMetrics = (await createOperatorMetrics('lease').registry.getMetricsAsJSON()).flatMap(({ name, type }) =>
  namesOf({ name, type: String(type) }),
)

function known(name: string): boolean {
  if (elsewhere.test(name) || recorded.includes(name) || operatorMetrics.includes(name)) return true
  return Object.values<MetricDefinition>(metrics).some(metric => namesOf(metric).includes(name))
}

function namesOf({ name, type }: { readonly name: string; readonly type: string }): readonly string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].map(suffix => name + suffix) : [name]
}

/** What is left once strings, selectors, label lists, windows and functions are out. */
const metricsIn = (expression: string): readonly string[] =>
  expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right) *\([^)]*\)/g, '')
    .match(/[A-Za-z_:][\w:]*\b(?! *\()/g)
    ?.filter(word => !words.has(word)) ?? []

test('every query of the pages asks for metrics that there are', () => {
  assert.ok(queries.length > 60)
  for (const { page, line, expression } of queries) {
    const names = metricsIn(expression)
    assert.ok(names.length > 0, `${page}:${line}: ${expression}`)
    for (const name of names) assert.ok(known(name), `${page}:${line}: there is no metric ${name}`)
  }
})

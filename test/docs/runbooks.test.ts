import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { alertNames } from '../../crds/monitoring.ts'
import { alertingRuleGroups } from '../../monitoring/alerts.ts'
import { type MetricDefinition, metrics } from '../../runtime/contract/metrics.ts'
import { headingsOf, pages, queries, textOf } from './pages.ts'

const folder = 'docs/runbooks'
const rules = alertingRuleGroups().flatMap(group => group.rules)

/** The alerting rule; recording rules have no alert. */
function ruleOf(alert: string) {
  const found = rules.find(rule => 'alert' in rule && rule.alert === alert)
  assert.ok(found && 'alert' in found, `no rule ${alert}`)
  return found
}

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1)

for (const alert of alertNames)
  test(`${alert} has a runbook: severity, meaning, impact, how to look, how to fix`, () => {
    const page = `${folder}/${alert}.md`
    assert.deepEqual(headingsOf(page), [alert, 'Meaning', 'Impact', 'How to look', 'How to fix'])
    const { severity } = ruleOf(alert).labels
    assert.ok(textOf(page).startsWith(`# ${alert}\n\n${capital(severity!)}: `), `${page} begins with ${severity}`)
    assert.ok(textOf(`${folder}/README.md`).includes(`| [${alert}](${alert}.md) | ${severity} | `), 'in the index')
  })

test('runbook_url of every alert ends in the name of its page, and no page is without an alert', () => {
  const there = pages.filter(page => page.startsWith(`${folder}/`)).map(page => basename(page))
  const linked = alertNames.map(alert => basename(new URL(ruleOf(alert).annotations.runbook_url!).pathname))
  assert.deepEqual(linked.concat('README.md').sort(), [...there].sort())
  for (const alert of alertNames) assert.equal(ruleOf(alert).annotations.runbook_url!.split('/').at(-1), `${alert}.md`)
})

/** Beside the catalogue: Prometheus' own, those that prom-client adds, what the rules record. */
const elsewhere = /^(?:up|(?:process|nodejs)_\w+)$/
const recorded = rules.flatMap(rule => ('record' in rule ? [rule.record] : []))
const words = new Set(['by', 'without', 'and', 'or', 'unless', 'on', 'ignoring', 'group_left', 'group_right', 'bool'])

function known(name: string): boolean {
  if (elsewhere.test(name) || recorded.includes(name)) return true
  return Object.values<MetricDefinition>(metrics).some(metric => namesOf(metric).includes(name))
}

const namesOf = ({ name, type }: MetricDefinition): readonly string[] =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].map(suffix => name + suffix) : [name]

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

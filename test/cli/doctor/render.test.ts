import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderJson, renderTable } from '../../../cli/doctor/render.ts'
import { type Check, defineCheck } from '../../../cli/doctor/report.ts'

const lag = defineCheck('High Latency', 'Kafka lag', 'it is lost')
const checks: readonly Check[] = [
  lag.problem('too much', 'run more'),
  defineCheck('High Latency', 'duration', 'w').ok('5 ms'),
  defineCheck('Logs Not Structured', 'formatter', 'w').skipped('not asked for'),
  defineCheck('Logs Not Structured', 'level', 'w').skipped('not asked for'),
  defineCheck('Logs Not Structured', 'lines', 'w').skipped('another reason'),
]

test('people get groups, reasons and fixes of problems, and one line for what was skipped alike', () => {
  assert.equal(
    renderTable(checks),
    `High Latency
  problem  Kafka lag  too much
           why        it is lost
           fix        run more
  ok       duration   5 ms

Logs Not Structured
  skipped  2 checks   not asked for (formatter, level)
  skipped  lines      another reason

1 problem, 1 ok, 3 skipped
`,
  )
})

test('programs get one object with every check', () => {
  const line = renderJson(checks, Date.parse('2026-05-01T12:00:00Z'))
  assert.equal(line.split('\n').length, 2)
  const { checkedAt, summary, checks: told } = JSON.parse(line)
  assert.deepEqual([checkedAt, summary], ['2026-05-01T12:00:00.000Z', { ok: 1, problems: 1, skipped: 3 }])
  assert.deepEqual(told, checks)
})

test('a text is one bounded line', () => {
  const { seen } = lag.ok(`a\nb\u001b[2J ${'x'.repeat(2000)}`)
  assert.match(seen, /^a b \[2J x+…$/)
  assert.ok(seen.length < 700)
})

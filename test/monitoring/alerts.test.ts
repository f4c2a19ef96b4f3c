import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { type AlertName, alertNames, guideAlertNames, thresholds } from '../../crds/monitoring.ts'
import {
  type AlertingOptions,
  AlertingOptionsError,
  type AlertingRule,
  alertingRuleGroups,
  generateAlertingRules,
  type RuleGroup,
} from '../../monitoring/alerts.ts'
import { metrics } from '../../runtime/contract/metrics.ts'
import fc from '../properties.ts'

const alertsOf = (groups: readonly RuleGroup[]): AlertingRule[] =>
  groups.flatMap(({ rules }) => rules).flatMap(rule => ('alert' in rule ? [rule] : []))
const alert = (name: AlertName, options?: AlertingOptions): AlertingRule =>
  alertsOf(alertingRuleGroups(options)).find(each => each.alert === name)!

const steps = { namespace: 'health', name: 'steps' }
const by = 'by (job, namespace, healthconsumer)'

/** The monitoring guide's: alert, severity, expression, how long it must hold, action. */
const guide = [
  [
    ...['HighCheckpointDuration', 'warning', 'flink_jobmanager_job_lastCheckpointDuration > 300000', '5m'],
    'Investigate state size and I/O performance',
  ],
  [
    ...['HighKafkaLag', 'warning', `sum ${by} (flink_consumer_lag) > 100000`, '5m'],
    'Scale up TaskManagers or increase parallelism',
  ],
  [
    ...['HighErrorRate', 'critical', `sum ${by} (rate(health_data_invalid_records_total[5m])) > 10`, undefined],
    'Check logs for error patterns',
  ],
  [
    ...['CheckpointFailures', 'critical'],
    `floor(sum ${by} (increase(flink_jobmanager_job_numberOfFailedCheckpoints[10m]))) > 3`,
    ...[undefined, 'Check state backend and storage'],
  ],
  [
    ...['LowThroughput', 'warning', `sum ${by} (rate(health_data_throughput_total[5m])) < 100`, '5m'],
    'Check upstream data source',
  ],
  [
    ...['HighValidationFailureRate', 'warning'],
    `sum ${by} (rate(health_data_invalid_records_total[5m]))\n` +
      `  / (sum ${by} (rate(health_data_valid_records_total[5m])) + ` +
      `sum ${by} (rate(health_data_invalid_records_total[5m])))\n  > 0.1`,
    ...['5m', 'Investigate data quality issues'],
  ],
  [
    ...['IcebergWriteFailures', 'critical'],
    `floor(sum ${by} (increase(iceberg_write_failures_total[5m]))) > 5`,
    ...[undefined, 'Check Iceberg catalog and storage'],
  ],
  [
    ...['HighProcessingLatency', 'warning'],
    'histogram_quantile(0.95, ' +
      'sum by (job, namespace, healthconsumer, le) (rate(processing_latency_ms_bucket[5m]))) > 10000',
    ...['5m', 'Optimize processing logic or scale up'],
  ],
  [
    ...['TaskManagerDown', 'critical'],
    'up{job="flink-health-consumer"} == 0 or absent(up{job="flink-health-consumer"})',
    ...['1m', 'Restart TaskManager or check infrastructure'],
  ],
  [
    ...['HighMemoryUsage', 'warning'],
    'flink_taskmanager_Status_JVM_Memory_Heap_Used / flink_taskmanager_Status_JVM_Memory_Heap_Max > 0.9',
    ...['5m', 'Increase TaskManager memory or optimize state'],
  ],
]

test("the guide's group holds its ten alerts, with its numbers, severities and actions", () => {
  const [first] = alertingRuleGroups()
  assert.equal(first!.name, 'flink_health_alerts')
  assert.equal(first!.interval, '30s')
  const rows = alertsOf([first!]).map(each => [
    ...[each.alert, each.labels.severity, each.expr, each.for, each.annotations.action],
  ])
  assert.deepEqual(rows, guide)
})

test("the guide's example is there word for word", () => {
  const { summary, description } = alert('HighCheckpointDuration').annotations
  assert.equal(summary, 'Checkpoint taking too long')
  assert.equal(description, 'Checkpoint duration is {{ $value }}ms')
})

test('the further alerts are in a group of their own', () => {
  const [, second, ...more] = alertingRuleGroups()
  assert.equal(more.length, 0)
  assert.equal(second!.name, 'healthconsumer_alerts')
  assert.deepEqual(
    alertsOf([second!]).map(each => [each.alert, each.labels.severity, each.for]),
    [
      ['ConsumerHalted', 'critical', '1m'],
      ['CommitsStalled', 'critical', undefined],
      ['FreshnessBudgetBurnFast', 'critical', undefined],
      ['FreshnessBudgetBurnSlow', 'warning', undefined],
      ['PendingErrorFiles', 'warning', undefined],
      ['MetricsAbsent', 'warning', '10m'],
    ],
  )
})

test('every alert says what, how much, what to do and where to read on', () => {
  for (const options of [{}, { consumer: steps }]) {
    for (const { alert: name, annotations } of alertsOf(alertingRuleGroups(options))) {
      assert.match(annotations.description, /\{\{ \$value( \| [^}]+)? \}\}/, name)
      assert.ok(annotations.summary.length > 0 && annotations.action.length > 0, name)
      assert.equal(annotations.runbook_url, `https://healthdata.dev/runbooks/${name}.md`)
    }
  }
})

test('every selector of a consumer is restricted to it, and every rule carries its labels', () => {
  const known = [...Object.values(metrics).map(({ name }) => name), 'up', 'process_start_time_seconds']
  const names = new RegExp(`\\b(?:healthconsumer:\\w+|${known.join('|')})(?:_bucket)?\\b(.{0,46})`, 'g')
  const rules = alertingRuleGroups({ consumer: steps }).flatMap(group => group.rules)
  for (const { expr, labels } of rules) {
    const selectors = [...expr.matchAll(names)]
    assert.ok(selectors.length > 0, expr)
    for (const [, following] of selectors) {
      assert.ok(following!.startsWith('{namespace="health",healthconsumer="steps"}'), expr)
    }
    assert.equal(labels?.namespace, 'health')
    assert.equal(labels?.healthconsumer, 'steps')
  }
})

test('the job is that of the scrape configuration', () => {
  const options = { jobName: 'my "job"' }
  assert.equal(alert('MetricsAbsent', options).expr, 'absent(healthconsumer_build_info{job="my \\"job\\""})')
  assert.match(alert('TaskManagerDown', options).expr, /^up\{job="my \\"job\\""\} == 0/)
})

test('thresholds, windows, pending periods, interval and runbooks are those that were asked for', () => {
  const options: AlertingOptions = {
    interval: '1m',
    thresholds: { HighKafkaLag: 7, CommitsStalled: 20, FreshnessTarget: 11 },
    windows: { HighErrorRate: '30s', CheckpointFailures: '1h30m', FreshnessBudgetBurnFast: '2h' },
    pendingPeriods: { HighKafkaLag: '0s', HighErrorRate: '2m' },
    runbookBaseUrl: 'https://wiki/books/',
  }
  assert.deepEqual(
    alertingRuleGroups(options).map(({ interval }) => interval),
    ['1m', '1m'],
  )
  assert.match(alert('HighKafkaLag', options).expr, /> 7$/)
  assert.ok(!('for' in alert('HighKafkaLag', options)))
  assert.match(alert('HighErrorRate', options).expr, /\[30s\]/)
  assert.equal(alert('HighErrorRate', options).for, '2m')
  assert.match(alert('CheckpointFailures', options).annotations.description, /in 1h30m$/)
  assert.match(alert('CommitsStalled', options).expr, /> 20\nand\n.*\[20s\]/)
  assert.equal(
    alert('FreshnessBudgetBurnFast', options).expr,
    'sum_over_time(healthconsumer:freshness_missed[2h]) / 1.2 > 14.4\n' +
      'and\nsum_over_time(healthconsumer:freshness_missed[10m]) / 0.1 > 14.4',
  )
  const [recorded] = alertingRuleGroups(options)[1]!.rules
  assert.match(recorded!.expr, /> bool 11\)/)
  assert.equal(alert('LowThroughput', options).annotations.runbook_url, 'https://wiki/books/LowThroughput.md')
})

test('what is disabled is left out, with what only it needs', () => {
  const disabledAlerts = alertNames.filter(name => name !== 'LowThroughput' && name !== 'MetricsAbsent')
  assert.deepEqual(
    alertingRuleGroups({ disabledAlerts }).map(({ rules }) => rules.map(rule => ('alert' in rule ? rule.alert : '?'))),
    [['LowThroughput'], ['MetricsAbsent']],
  )
  assert.deepEqual(alertingRuleGroups({ disabledAlerts: alertNames }), [])
  assert.deepEqual(
    alertingRuleGroups({ disabledAlerts: guideAlertNames }).map(({ name }) => name),
    ['healthconsumer_alerts'],
  )
})

/** Options as a caller without types might give them; code, field, what the fix says. */
const wrong: readonly [Readonly<Record<string, unknown>>, string, string, RegExp][] = [
  [{ thresholds: { HighKafkaLagg: 1 } }, 'UNKNOWN_NAME', 'thresholds.HighKafkaLagg', /did you mean HighKafkaLag\?/],
  [{ thresholds: { TaskManagerDown: 1 } }, 'UNKNOWN_NAME', 'thresholds.TaskManagerDown', /HighCheckpointDuration, /],
  [{ thresholds: { HighKafkaLag: -1 } }, 'OUT_OF_BOUNDS', 'thresholds.HighKafkaLag', /a number from 0 to 1000000000/],
  [{ thresholds: { HighKafkaLag: '5' } }, 'OUT_OF_BOUNDS', 'thresholds.HighKafkaLag', /a number/],
  [{ thresholds: { HighErrorRate: Number.NaN } }, 'OUT_OF_BOUNDS', 'thresholds.HighErrorRate', /a number/],
  [{ thresholds: { HighMemoryUsage: 90 } }, 'OUT_OF_BOUNDS', 'thresholds.HighMemoryUsage', /from 0 to 1$/],
  [{ thresholds: { CommitsStalled: 1.5 } }, 'OUT_OF_BOUNDS', 'thresholds.CommitsStalled', /a whole number from 1/],
  [
    { windows: { HighKafkaLag: '5m' } },
    'UNKNOWN_NAME',
    'windows.HighKafkaLag',
    /alerts with a window are HighErrorRate/,
  ],
  [{ windows: { HighErrorRate: '5 m' } }, 'INVALID_DURATION', 'windows.HighErrorRate', /such as 30s/],
  [{ windows: { HighErrorRate: '0s' } }, 'INVALID_DURATION', 'windows.HighErrorRate', /above 0/],
  [{ pendingPeriods: { Nope: '5m' } }, 'UNKNOWN_NAME', 'pendingPeriods.Nope', /the alerts are/],
  [{ pendingPeriods: { HighKafkaLag: '1m1h' } }, 'INVALID_DURATION', 'pendingPeriods.HighKafkaLag', /1h30m$/],
  [{ disabledAlerts: ['LowTroughput'] }, 'UNKNOWN_NAME', 'disabledAlerts', /did you mean LowThroughput\?/],
  [{ pendingPeriods: { HighKafkaLag: 5 } }, 'INVALID_DURATION', 'pendingPeriods.HighKafkaLag', /30s/],
  [{ interval: '' }, 'INVALID_DURATION', 'interval', /above 0/],
  [{ jobName: '' }, 'INVALID_VALUE', 'jobName', /give a name/],
  [{ consumer: { namespace: 'Health', name: 'a' } }, 'INVALID_VALUE', 'consumer.namespace', /Kubernetes/],
  [{ consumer: { namespace: 'health' } }, 'INVALID_VALUE', 'consumer.name', /Kubernetes/],
  [{ runbookBaseUrl: 'books' }, 'INVALID_VALUE', 'runbookBaseUrl', /https:/],
  [{ runbookBaseUrl: 'https://a/{{ $value }}' }, 'INVALID_VALUE', 'runbookBaseUrl', /https:/],
  [{ threshold: { HighKafkaLag: 1 } }, 'UNKNOWN_NAME', 'threshold', /did you mean thresholds\?/],
]

test('wrong options are an error that names field, value and fix', () => {
  for (const [options, code, field, fix] of wrong) {
    assert.throws(
      () => generateAlertingRules(options),
      (error: unknown) => {
        assert.ok(error instanceof AlertingOptionsError, JSON.stringify(options))
        assert.deepEqual([error.code, error.field], [code, field])
        assert.match(error.fix, fix)
        assert.ok(error.message.startsWith(`${field} is `) && error.message.endsWith(error.fix), error.message)
        return true
      },
    )
  }
})

test('what is undefined is not given', () => {
  const options = { jobName: undefined, thresholds: { HighKafkaLag: undefined }, windows: { HighErrorRate: undefined } }
  assert.equal(generateAlertingRules(options), generateAlertingRules())
})

test('a password in an address is not repeated', () => {
  const options = { runbookBaseUrl: 'https://reader:secret@wiki/books' }
  assert.throws(
    () => generateAlertingRules(options),
    (error: unknown) => error instanceof AlertingOptionsError && !`${error.message} ${error.value}`.includes('secret'),
  )
})

for (const [name, options] of Object.entries({ standalone: {}, scoped: { consumer: steps } })) {
  test(`the rule file is the golden one, ${name}`, () => {
    const file = join(import.meta.dirname, `../golden/alerts.${name}.yaml`)
    assert.equal(generateAlertingRules(options), readFileSync(file, 'utf8'))
  })
}

const someAlerts = fc.uniqueArray(fc.constantFrom(...alertNames))
const durations = fc
  .tuple(fc.integer({ min: 1, max: 90 }), fc.constantFrom('s', 'm', 'h', 'ms'))
  .map(parts => parts.join(''))
const windowed = ['HighErrorRate', 'CheckpointFailures', 'LowThroughput', 'FreshnessBudgetBurnSlow'] as const
const share = fc.double({ min: 0, max: 1, noNaN: true })
const anyOptions: fc.Arbitrary<AlertingOptions> = fc.record(
  {
    jobName: fc.string({ unit: 'grapheme', minLength: 1 }).filter(text => !/\p{Cc}/u.test(text)),
    consumer: fc.record({ namespace: fc.stringMatching(/^[a-z0-9]{1,9}$/), name: fc.stringMatching(/^[a-z]{1,9}$/) }),
    interval: durations,
    thresholds: fc.record(
      { HighMemoryUsage: share, HighKafkaLag: share, CommitsStalled: fc.integer({ min: 1, max: 1e6 }) },
      { requiredKeys: [] },
    ),
    windows: fc.dictionary(fc.constantFrom(...windowed), durations),
    pendingPeriods: fc.dictionary(fc.constantFrom(...alertNames), durations),
    disabledAlerts: someAlerts,
    runbookBaseUrl: fc.webUrl().filter(url => !url.includes('@')),
  },
  { requiredKeys: [] },
)

test('any options give YAML with the alerts that are left, and the same rules again', () => {
  fc.assert(
    fc.property(anyOptions, options => {
      const groups = alertingRuleGroups(options)
      const read = load(generateAlertingRules(options)) as { groups: RuleGroup[] }
      assert.deepEqual(read.groups, groups)
      assert.deepEqual(
        alertsOf(groups).map(each => each.alert),
        alertNames.filter(name => !options.disabledAlerts?.includes(name)),
      )
    }),
  )
})

test('the defaults are those of the API', () => {
  assert.equal(generateAlertingRules({ thresholds: thresholds.parse({}) }), generateAlertingRules())
})

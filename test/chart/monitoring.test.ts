/** What watches the operator: alerts as the real promtool evaluates them, the dashboard by the rules for all dashboards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operatorDashboard } from '../../hack/generate.d/operatorDashboard.ts'
import { panelQueries } from '../../monitoring/dashboard.ts'
import { createOperatorMetrics } from '../../operator/metrics.ts'
import { linterRules } from '../monitoring/dashboardLinter.ts'
import { selectors } from '../monitoring/selectors.ts'
import { checkRules, testRules } from '../prometheus/promtool.ts'
import { namespace, only, render } from './helm.ts'

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<'summary' | 'description' | 'action' | 'runbook_url', string>>
}

const objects = await render({
  serviceMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  dashboard: { enabled: true },
})
const { groups } = only(objects, 'PrometheusRule').spec as { groups: readonly { readonly rules: readonly Alert[] }[] }
const alerts = groups.flatMap(({ rules }) => rules)
const dashboard = operatorDashboard()

const ours = { job: 'healthconsumer-operator', namespace }
/** Series of the operator, written for promtool. */
const labels = (more: Readonly<Record<string, string>> = {}) =>
  `{${Object.entries({ ...ours, instance: 'a', ...more })
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}}`
const condition = (type: string, name: string) =>
  `healthconsumer_condition${labels({ namespace: 'health', name, type })}`

interface Case {
  readonly fires: Readonly<Record<string, string>>
  readonly quiet: Readonly<Record<string, string>>
  /** When it is looked at. */
  readonly at: string
  readonly labels?: Readonly<Record<string, string>>
  readonly description: string
}

/** Series by which each fires, and by which it does not. */
const cases: Readonly<Record<string, Case>> = {
  HealthConsumerOperatorDown: {
    fires: { [`up${labels()}`]: '0x60' },
    quiet: { [`up${labels()}`]: '1x60' },
    at: '10m',
    description: `No operator in ${namespace} was scraped for five minutes. Consumers go on; changes and repairs wait.`,
  },
  HealthConsumerOperatorWithoutLeader: {
    fires: { [`leader_election_master_status${labels()}`]: '0x60' },
    quiet: {
      [`leader_election_master_status${labels()}`]: '0x60',
      [`leader_election_master_status${labels({ instance: 'b' })}`]: '1x60',
    },
    at: '10m',
    description: `0 operators in ${namespace} lead. With none, changes of HealthConsumers wait.`,
  },
  HealthConsumerOperatorReconcileErrors: {
    fires: { [`controller_runtime_reconcile_errors_total${labels()}`]: '0+1x60' },
    quiet: { [`controller_runtime_reconcile_errors_total${labels()}`]: '0 1 2 3x57' },
    at: '40m',
    description: '15 failures in 15 minutes; each is tried again with a growing pause.',
  },
  HealthConsumerOperatorQueueGrows: {
    fires: { [`workqueue_depth${labels()}`]: '20x60' },
    quiet: { [`workqueue_depth${labels()}`]: '100x12 0 100x40' },
    at: '20m',
    description: 'At least 20 HealthConsumers have been waiting for a worker for 15 minutes.',
  },
  HealthConsumerOperatorWatchSilent: {
    fires: {
      [`healthconsumer_operator_last_watch_event_timestamp_seconds${labels({ kind: 'Deployment' })}`]: '0x60',
      [`healthconsumer_operator_last_watch_event_timestamp_seconds${labels({ kind: 'Service' })}`]: '0+60x60',
    },
    quiet: {
      [`healthconsumer_operator_last_watch_event_timestamp_seconds${labels({ kind: 'Deployment' })}`]: '0x60',
      [`healthconsumer_operator_last_watch_event_timestamp_seconds${labels({ kind: 'Deployment', instance: 'b' })}`]:
        '0+60x60',
    },
    at: '20m',
    labels: { kind: 'Deployment' },
    description: 'The watch of Deployment has been silent for 20m 0s; bookmarks come every minute.',
  },
  HealthConsumerOperatorNamespaceSetAside: {
    fires: {
      [`healthconsumer_operator_namespaces_set_aside${labels()}`]: '2x60',
      // One that does not lead.
      [`healthconsumer_operator_namespaces_set_aside${labels({ instance: 'b' })}`]: '0x60',
    },
    quiet: { [`healthconsumer_operator_namespaces_set_aside${labels()}`]: '1x10 0x50' },
    at: '20m',
    description: '2 of watchNamespaces are set aside. Their consumers go on; changes and repairs in them wait.',
  },
  HealthConsumerOperatorAPIErrors: {
    fires: {
      [`rest_client_requests_total${labels({ code: '200' })}`]: '0+50x60',
      [`rest_client_requests_total${labels({ code: '<error>' })}`]: '0+25x60',
      [`rest_client_requests_total${labels({ code: '503' })}`]: '0+25x60',
    },
    quiet: {
      [`rest_client_requests_total${labels({ code: '200' })}`]: '0+50x60',
      [`rest_client_requests_total${labels({ code: '404' })}`]: '0+50x60',
    },
    at: '30m',
    description: '50% of its requests fail.',
  },
  HealthConsumerStalled: {
    fires: { [condition('Stalled', 'steps')]: '1x60', [condition('Stalled', 'sleep')]: '0x60' },
    quiet: { [condition('Stalled', 'steps')]: '0x60', [condition('Ready', 'steps')]: '1x60' },
    at: '10m',
    labels: { namespace: 'health', name: 'steps' },
    description: 'health/steps is stalled: nothing that the operator can do goes on.',
  },
  HealthConsumerNotReady: {
    fires: { [condition('Ready', 'steps')]: '0x60', [condition('Stalled', 'steps')]: '0x60' },
    quiet: { [condition('Ready', 'steps')]: '0x60', [condition('Stalled', 'steps')]: '1x60' },
    at: '40m',
    labels: { namespace: 'health', name: 'steps' },
    description: 'health/steps has not been ready for half an hour, and is not stalled.',
  },
}

const ruleFiles = { 'rules.yaml': JSON.stringify({ groups }) }

test('promtool takes the rules', async () => assert.equal(await checkRules(ruleFiles), ''))

test('every alert says what it means and what to do, and has a case', () => {
  assert.deepEqual(
    alerts.map(({ alert }) => alert),
    Object.keys(cases),
  )
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels.severity!, /^(?:warning|critical)$/, alert)
    assert.deepEqual(Object.keys(annotations).sort(), ['action', 'description', 'runbook_url', 'summary'], alert)
    assert.equal(annotations.runbook_url, `https://healthdata.dev/runbooks/${alert}.md`)
  }
})

test('runbooks are where the values say, with a slash at the end or without', async () => {
  for (const runbookBaseUrl of ['https://wiki.test/books', 'https://wiki.test/books/']) {
    const rule = only(await render({ prometheusRule: { enabled: true }, runbookBaseUrl }), 'PrometheusRule')
    const [group] = (rule.spec as { groups: typeof groups }).groups
    for (const { alert, annotations } of group!.rules)
      assert.equal(annotations.runbook_url, `https://wiki.test/books/${alert}.md`)
  }
})

function expected({ labels, annotations }: Alert, { labels: own, description }: Case) {
  const action = annotations.action.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name) => own?.[name] ?? '')
  return { exp_labels: { ...labels, ...own }, exp_annotations: { ...annotations, action, description } }
}

for (const alert of alerts)
  for (const kind of ['fires', 'quiet'] as const)
    test(`${alert.alert}: ${kind}`, async () => {
      const each = cases[alert.alert]!
      const { failures, trouble } = await testRules(ruleFiles, {
        'tests.yaml': {
          rule_files: ['rules.yaml'],
          evaluation_interval: '1m',
          tests: [
            {
              name: kind,
              interval: '1m',
              input_series: Object.entries(each[kind]).map(([series, values]) => ({ series, values })),
              alert_rule_test: [
                {
                  eval_time: each.at,
                  alertname: alert.alert,
                  exp_alerts: kind === 'fires' ? [expected(alert, each)] : [],
                },
              ],
            },
          ],
        },
      })
      assert.deepEqual([...failures.values(), trouble].join(''), '')
    })

test('alerts and dashboard name metrics that the operator has, and Prometheus’ own', async () => {
  const exposed = await createOperatorMetrics('healthconsumer-operator').registry.getMetricsAsArray()
  const known = new Set(exposed.flatMap(({ name }) => [name, `${name}_bucket`]))
  const used = [...alerts.map(({ expr }) => expr), ...panelQueries(dashboard).map(({ expr }) => expr)]
  const unknown = used.flatMap(selectors).filter(({ metric }) => metric !== 'up' && !known.has(metric))
  assert.deepEqual(unknown, [])
})

for (const [name, rule] of Object.entries(linterRules))
  test(`the operator's dashboard: ${name} holds`, () => assert.deepEqual(rule(dashboard), []))

test('the panels lie beside each other', () => {
  const taken = new Set<string>()
  for (const { title, gridPos } of dashboard.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x},${y}`), title)
        taken.add(`${x},${y}`)
      }
  }
})

test('Grafana gets the dashboard as it is, braces and all', () => {
  const { data } = only(objects, 'ConfigMap') as unknown as { data: Readonly<Record<string, string>> }
  assert.deepEqual(
    Object.values(data).map(text => JSON.parse(text)),
    [JSON.parse(JSON.stringify(dashboard))],
  )
})

test('the ServiceMonitor selects the Service, and the Service the pods', () => {
  const selected = only(objects, 'ServiceMonitor').spec as {
    selector: { matchLabels: Readonly<Record<string, string>> }
  }
  const service = only(objects, 'Service')
  const deployment = only(objects, 'Deployment').spec as {
    selector: { matchLabels: Readonly<Record<string, string>> }
    template: { metadata: { labels: Readonly<Record<string, string>> } }
  }
  const isIn = (some: Readonly<Record<string, string>>, all: Readonly<Record<string, string>> = {}) =>
    Object.entries(some).every(([name, value]) => all[name] === value)
  assert.ok(isIn(selected.selector.matchLabels, service.metadata.labels))
  const { selector } = service.spec as { selector: Readonly<Record<string, string>> }
  assert.ok(isIn(selector, deployment.template.metadata.labels))
  assert.ok(isIn(deployment.selector.matchLabels, deployment.template.metadata.labels))
  // The pod of `helm test` answers nobody.
  assert.ok(!isIn(selector, only(objects, 'Pod').metadata.labels))
})

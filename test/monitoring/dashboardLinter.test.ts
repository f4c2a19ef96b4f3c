import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
import { linterRules } from './dashboardLinter.ts'

const dashboard = getGrafanaDashboardJson()

/** Dashboards that differ in one thing: the path of a value, and what stands there instead. */
const broken: Readonly<Record<string, readonly (readonly [path: string, value: unknown])[]>> = {
  'template-datasource-rule': [
    ['templating.list.0.name', 'ds'],
    ['templating.list.0.label', 'Metrics'],
    ['templating.list.0.type', 'query'],
  ],
  'template-job-rule': [
    ['templating.list.1.name', 'jobs'],
    ['templating.list.1.label', 'job'],
    ['templating.list.1.type', 'custom'],
    ['templating.list.1.multi', false],
    ['templating.list.1.allValue', '.*'],
    ['templating.list.1.datasource.uid', 'prometheus'],
  ],
  'template-instance-rule': [
    ['templating.list.5.name', 'node'],
    ['templating.list.5.allValue', undefined],
  ],
  'template-label-promql-rule': [['templating.list.2.query.query', 'labels(up, namespace)']],
  'template-on-time-change-reload-rule': [['templating.list.4.refresh', 1]],
  'panel-datasource-rule': [
    ['panels.9.datasource', { type: 'prometheus', uid: 'a1b2' }],
    ['panels.9.targets.0.datasource', undefined],
  ],
  'panel-title-description-rule': [
    ['panels.9.title', ''],
    ['panels.9.description', undefined],
  ],
  'panel-units-rule': [
    ['panels.9.fieldConfig.defaults.unit', 'rows'],
    ['panels.9.fieldConfig.defaults.unit', undefined],
  ],
  'panel-no-targets-rule': [
    ['panels.9.targets', undefined],
    ['panels.9.targets', []],
  ],
  'target-logql-rule': [['templating.list.0.query', 'loki']],
  'target-logql-auto-rule': [['panels.9.targets.0.datasource.type', 'loki']],
  'target-rate-interval-rule': [
    ['panels.9.targets.0.expr', 'sum(rate(up{job=~"$job"}[5m]))'],
    ['panels.9.targets.0.expr', 'sum(rate(up{job=~"$job"}[$__interval]))'],
  ],
  'target-job-rule': [
    ['panels.9.targets.0.expr', 'up'],
    ['panels.9.targets.0.expr', 'up{job="$job",instance=~"$instance"}'],
    ['panels.9.targets.0.expr', 'up{job=~"$job",instance=~"$instance"} * on (job) group_left () up{job="a"}'],
  ],
  'target-instance-rule': [['panels.9.targets.0.expr', 'sum by (instance) (up{job=~"$job",pod=~"$instance"})']],
  'target-counter-agg-rule': [
    ['panels.9.targets.0.expr', 'sum(iceberg_write_failures_total{job=~"$job"})'],
    ['panels.9.targets.0.expr', 'deriv(flink_taskmanager_job_task_numRecordsIn{job=~"$job"}[5m])'],
  ],
  'uneditable-dashboard': [['editable', true]],
}

function changed(path: string, value: unknown) {
  const copy = JSON.parse(JSON.stringify(dashboard))
  const keys = path.split('.')
  const last = keys.pop()!
  keys.reduce((inner, key) => inner[key], copy)[last] = value
  return copy
}

for (const [name, rule] of Object.entries(linterRules)) {
  test(`${name} holds`, () => assert.deepEqual(rule(dashboard), []))

  test(`${name} would be noticed where it does not hold`, () => {
    assert.ok((broken[name] ?? []).length > 0)
    for (const [path, value] of broken[name]!) {
      assert.notDeepEqual(rule(changed(path, value)), [], `${path} = ${JSON.stringify(value)}`)
    }
  })
}

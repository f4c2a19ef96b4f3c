/**
 * The Grafana dashboard of the runtime, as a pure function of the metric catalogue: the six groups of the monitoring
 * guide with every panel that it names, and a first line of numbers. It never talks to Grafana; the ConfigMap around it
 * is not its business.
 */

import { alertNames } from '../crds/monitoring.ts'
import { type AlertingOptions, checkOptions } from './alertOptions.ts'
import { dataQuality, latency, throughput } from './dashboard/dataGroups.ts'
import type { Annotation, Dashboard, Panel, Row } from './dashboard/grafana.ts'
import { overview } from './dashboard/overview.ts'
import { buildPanel, dataSource, type Limits, type PanelGroup } from './dashboard/panels.ts'
import { checkpointHealth, kafkaConsumerLag, resourceUsage } from './dashboard/platformGroups.ts'
import { matchersOf } from './dashboard/queries.ts'
import { dataSourceInput, dataSourceVariable, labelVariables } from './dashboard/variables.ts'
import { OptionError } from './optionError.ts'
import { selection } from './promql.ts'

export type { Dashboard } from './dashboard/grafana.ts'

export interface DashboardOptions {
  /** `Health Data Consumer` by default. */
  readonly title?: string
  /** What Grafana knows the dashboard by, `healthconsumer` by default: 1 to 40 letters, digits, `-` and `_`. */
  readonly uid?: string
  readonly tags?: readonly string[]
  /** Name of a Prometheus data source; without it the viewer chooses. */
  readonly dataSource?: string
  /** The HealthConsumer that is shown first. */
  readonly consumer?: AlertingOptions['consumer']
  /** Where alerts begin, as in the alerting rules; drawn as lines. */
  readonly thresholds?: AlertingOptions['thresholds']
  /** Folder of the runbooks, as in the alerting rules. */
  readonly runbookBaseUrl?: string
}

export type DashboardErrorCode = 'INVALID_TITLE' | 'INVALID_UID' | 'INVALID_DATA_SOURCE'

export class DashboardError extends OptionError<DashboardErrorCode> {
  override readonly name = 'DashboardError'
}

/**
 * The dashboard as a plain object, to be printed as JSON: https://grafana.com/docs/grafana/latest/dashboards/.
 *
 * One text serves both ways into Grafana (10 and newer). All panels use the variable `datasource`. Imported by hand,
 * Grafana asks for the data source that `__inputs` declares and writes it into the variable's `current` value. A sidecar
 * or provisioning does not resolve `__inputs`; there the value stays `${DS_PROMETHEUS}`, which is no data source, and
 * Grafana takes the first Prometheus instead. With `dataSource` the variable offers that one alone, and nothing is asked.
 *
 * Throws DashboardError, or AlertingOptionsError for an option that it has in common with the alerting rules.
 */
export function getGrafanaDashboardJson(options: DashboardOptions = {}): Dashboard {
  const {
    title = 'Health Data Consumer',
    uid = 'healthconsumer',
    tags = ['healthconsumer', 'kafka', 'iceberg'],
  } = options
  const { dataSource: dataSourceName, consumer, thresholds, runbookBaseUrl } = options
  checkNames(title, uid, dataSourceName)
  const checked = checkOptions({ consumer, thresholds, runbookBaseUrl }, [])
  const panels = layOut(groups(checked.thresholds), checked.runbookBaseUrl)
  return {
    ...(dataSourceName === undefined && { __inputs: [dataSourceInput] }),
    __requires: requirements(panels),
    id: null,
    uid,
    title,
    description: 'Kafka to validation to Iceberg: throughput, latency, lag, commits, resources and data quality.',
    tags,
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
    annotations: { list: annotations },
    templating: {
      list: [
        dataSourceVariable(dataSourceName),
        ...labelVariables({ namespace: consumer?.namespace, healthconsumer: consumer?.name }),
      ],
    },
    links: [
      {
        title: 'Runbooks',
        type: 'link',
        url: checked.runbookBaseUrl,
        icon: 'doc',
        tooltip: 'What each alert means and what to do',
        targetBlank: true,
      },
    ],
    panels,
  }
}

/** Every query, and where it stands. */
export function panelQueries(dashboard: Dashboard): { group: string; panel: string; refId: string; expr: string }[] {
  let group = ''
  return dashboard.panels.flatMap(panel => {
    if (panel.type !== 'row')
      return panel.targets.map(({ refId, expr }) => ({ group, panel: panel.title, refId, expr }))
    group = panel.title
    return []
  })
}

/** The first line, then the guide's groups in its order. */
const groups = (limits: Limits): PanelGroup[] => [
  overview(limits),
  throughput(limits),
  latency(limits),
  kafkaConsumerLag(limits),
  checkpointHealth(limits),
  resourceUsage(limits),
  dataQuality(limits),
]

const columns = 24

/** A heading for each group, its panels from left to right and then below. Ids count from 1. */
function layOut(all: readonly PanelGroup[], runbookBaseUrl: string): (Row | Panel)[] {
  const placed: (Row | Panel)[] = []
  let y = 0
  for (const { title, width, height, panels } of all) {
    const gridPos = { x: 0, y, w: columns, h: 1 }
    placed.push({ id: placed.length + 1, type: 'row', title, gridPos, collapsed: false, panels: [] })
    y += 1
    let x = 0
    for (const panel of panels) {
      const w = panel.width ?? width
      if (x + w > columns) {
        x = 0
        y += height
      }
      placed.push(buildPanel(panel, placed.length + 1, { x, y, w, h: height }, runbookBaseUrl))
      x += w
    }
    y += height
  }
  return placed
}

/** Grafana's own, and the alerts as marks in time. Those of what is absent have no job, so none is asked for. */
const annotations: readonly Annotation[] = [
  {
    name: 'Annotations & Alerts',
    datasource: { type: 'grafana', uid: '-- Grafana --' },
    enable: true,
    hide: true,
    iconColor: 'rgba(0, 211, 255, 1)',
    builtIn: 1,
    type: 'dashboard',
  },
  {
    name: 'Firing alerts',
    datasource: dataSource,
    enable: true,
    hide: false,
    iconColor: 'red',
    expr: `ALERTS${selection([
      { label: 'alertname', operator: '=~', value: alertNames.join('|') },
      { label: 'alertstate', operator: '=', value: 'firing' },
      ...matchersOf(['namespace', 'healthconsumer']),
    ])}`,
    step: '30s',
    titleFormat: '{{alertname}}',
    textFormat: '{{severity}} {{job}} {{namespace}} {{healthconsumer}} {{pod}}',
  },
]

const requirements = (panels: readonly (Row | Panel)[]) => [
  { type: 'grafana', id: 'grafana', name: 'Grafana', version: '10.0.0' },
  { type: 'datasource', id: 'prometheus', name: 'Prometheus', version: '1.0.0' },
  ...[...new Set(panels.map(panel => panel.type))]
    .filter(type => type !== 'row')
    .map(type => ({ type: 'panel', id: type, name: type, version: '' })),
]

function checkNames(title: string, uid: string, dataSourceName: string | undefined): void {
  if (title.trim() === '') throw new DashboardError('INVALID_TITLE', 'title', title, 'give it a name')
  if (!/^[\w-]{1,40}$/.test(uid)) {
    const fix = 'use 1 to 40 letters, digits, - and _'
    throw new DashboardError('INVALID_UID', 'uid', uid, fix)
  }
  if (dataSourceName?.trim() === '') {
    const fix = 'name a data source, or leave it out'
    throw new DashboardError('INVALID_DATA_SOURCE', 'dataSource', dataSourceName, fix)
  }
}

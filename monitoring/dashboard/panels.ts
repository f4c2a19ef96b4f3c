/**
 * What a panel says, and the JSON that Grafana draws it from. One look for all panels is decided here.
 * It knows neither metrics nor the order of panels.
 */
import type { AlertName, ThresholdName } from '../../crds/monitoring.ts'
import type {
  DataSourceReference,
  FieldDefaults,
  FieldOverride,
  GridPosition,
  Panel,
  Target,
  ThresholdStep,
} from './grafana.ts'

export const dataSource: DataSourceReference = { type: 'prometheus', uid: '$datasource' }

/** Units of Grafana; a rate of rows or records is `short`, and its axis says what is counted. */
export type Unit = 'short' | 'ms' | 's' | 'bytes' | 'Bps' | 'percentunit'

export interface Query {
  readonly expr: string
  /** Name of each series; `{{label}}` is the label's value. */
  readonly legend: string
  /** Shades of this colour for its series; without one each name has its own colour, the same in every panel. */
  readonly color?: string
}

export interface PanelSpecification {
  readonly title: string
  /** What it shows, and what is good. */
  readonly description: string
  readonly unit: Unit
  readonly queries: readonly Query[]
  /** A line over time by default, one number, or a bar for each series. */
  readonly type?: Panel['type']
  readonly axis?: string
  readonly max?: number
  readonly stacked?: boolean
  /** Where an alert begins: a line, or the value from which one number is red. */
  readonly atMost?: number
  readonly atLeast?: number
  /** Alerts that this panel explains. */
  readonly alerts?: readonly AlertName[]
  /** Names for values, of one number. */
  readonly mappings?: readonly object[]
  /** What one number shows while there is none. */
  readonly noValue?: string
  /** Columns, where it differs from the other panels of its group. */
  readonly width?: number
}

/** The value at which each alert begins. */
export type Limits = Readonly<Record<ThresholdName, number>>

export interface PanelGroup {
  readonly title: string
  readonly width: number
  readonly height: number
  readonly panels: readonly PanelSpecification[]
}

/** `runbookBaseUrl` is a folder of runbooks named by their alert. */
export function buildPanel(
  panel: PanelSpecification,
  id: number,
  gridPos: GridPosition,
  runbookBaseUrl: string,
): Panel {
  const { type = 'timeseries', alerts = [] } = panel
  const runbooks = alerts.map(alert => ({ title: `Runbook: ${alert}`, url: `${runbookBaseUrl}/${alert}.md` }))
  const references = runbooks.map(({ title, url }) => `[${title}](${url})`).join(' · ')
  return {
    id,
    type,
    title: panel.title,
    description: references === '' ? panel.description : `${panel.description}\n\n${references}`,
    gridPos,
    datasource: dataSource,
    targets: panel.queries.map((query, index) => target(query, index, type)),
    links: runbooks.map(link => ({ ...link, targetBlank: true })),
    fieldConfig: { defaults: fieldDefaults(panel, type), overrides: panel.queries.flatMap(colorOverride) },
    options: optionsOf[type],
  }
}

const refIdOf = (index: number) => String.fromCharCode('A'.charCodeAt(0) + index)

const target = ({ expr, legend }: Query, index: number, type: Panel['type']): Target => ({
  refId: refIdOf(index),
  datasource: dataSource,
  editorMode: 'code',
  expr,
  legendFormat: legend,
  instant: type !== 'timeseries',
  range: type === 'timeseries',
})

const colorOverride = ({ color }: Query, index: number): FieldOverride[] =>
  color === undefined
    ? []
    : [
        {
          matcher: { id: 'byFrameRefID', options: refIdOf(index) },
          properties: [{ id: 'color', value: { mode: 'shades', fixedColor: color } }],
        },
      ]

function fieldDefaults(panel: PanelSpecification, type: Panel['type']): FieldDefaults {
  const { unit, max, noValue, mappings } = panel
  const limited = panel.atMost !== undefined || panel.atLeast !== undefined
  const steps = type === 'timeseries' ? lineSteps(panel) : colorSteps(panel)
  return {
    unit,
    min: 0,
    ...(max !== undefined && { max }),
    ...(noValue !== undefined && { noValue }),
    ...(mappings !== undefined && { mappings }),
    color: { mode: type === 'timeseries' ? 'palette-classic-by-name' : 'thresholds' },
    thresholds: { mode: 'absolute', steps },
    ...(type === 'timeseries' && { custom: lineStyle(panel, limited) }),
  }
}

/** Only the line is drawn: the series keep their own colours. */
const lineSteps = ({ atMost, atLeast }: PanelSpecification): ThresholdStep[] => [
  { color: 'transparent', value: null },
  ...[atMost, atLeast].flatMap(value => (value === undefined ? [] : [{ color: 'red', value }])),
]

function colorSteps({ atMost, atLeast }: PanelSpecification): ThresholdStep[] {
  const good: ThresholdStep = { color: 'green', value: atLeast ?? null }
  if (atMost !== undefined) return [good, { color: 'red', value: atMost }]
  if (atLeast !== undefined) return [{ color: 'red', value: null }, good]
  return [{ color: 'blue', value: null }]
}

const lineStyle = ({ axis = '', stacked = false }: PanelSpecification, limited: boolean) => ({
  drawStyle: 'line',
  lineWidth: 1,
  fillOpacity: stacked ? 40 : 10,
  showPoints: 'auto',
  spanNulls: false,
  axisLabel: axis,
  stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
  thresholdsStyle: { mode: limited ? 'dashed' : 'off' },
})

const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }

const optionsOf: Readonly<Record<Panel['type'], object>> = {
  timeseries: {
    legend: {
      displayMode: 'table',
      placement: 'bottom',
      showLegend: true,
      calcs: ['lastNotNull', 'max'],
      sortBy: 'Last *',
      sortDesc: true,
    },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  stat: {
    reduceOptions,
    colorMode: 'value',
    graphMode: 'none',
    justifyMode: 'auto',
    orientation: 'auto',
    textMode: 'value_and_name',
  },
  bargauge: {
    reduceOptions,
    displayMode: 'gradient',
    orientation: 'horizontal',
    showUnfilled: true,
    valueMode: 'color',
  },
}

/**
 * What the picture shows: the panels of a dashboard with the data that Prometheus has for them, named and coloured as
 * Grafana does. It asks Prometheus and draws nothing.
 */
import type { Dashboard } from '../../monitoring/dashboard.ts'
import { colorOfName, namedColor, shade } from './colors.ts'
import { interpolate } from './interpolate.ts'

type Item = Dashboard['panels'][number]
type Panel = Exclude<Item, { type: 'row' }>
type Target = Panel['targets'][number]

export interface Series {
  readonly name: string
  readonly color: string
  /** One for each of the board's times, null where there is none; one alone in panels that are no lines. */
  readonly values: readonly (number | null)[]
}

interface Placed {
  readonly title: string
  readonly gridPos: Item['gridPos']
}

export type BoardItem =
  | (Placed & { readonly kind: 'row' })
  | (Placed & {
      readonly kind: Panel['type']
      readonly series: readonly Series[]
      readonly defaults: Panel['fieldConfig']['defaults']
      readonly options: Panel['options']
      /** Lines to draw across, in the panel's unit. */
      readonly limits: readonly { readonly value: number; readonly color: string }[]
    })

export interface Board {
  readonly title: string
  readonly minutes: number
  /** Labels of the variables. */
  readonly variables: readonly string[]
  /** Seconds since the epoch. */
  readonly times: readonly number[]
  readonly items: readonly BoardItem[]
}

export interface View {
  /** Address of its web interface. */
  readonly prometheus: string
  readonly endSeconds: number
  readonly rangeSeconds: number
  /** Between two scrapes, as Grafana's data source knows it. */
  readonly scrapeSeconds: number
}

interface Result {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly (readonly [time: number, value: string])[]
}

/** Points from left to right, about as many as Grafana asks for. */
const points = 300

export async function readBoard(dashboard: Dashboard, view: View): Promise<Board> {
  const step = Math.max(1, Math.ceil(view.rangeSeconds / points))
  const from = view.endSeconds - view.rangeSeconds
  const times = Array.from({ length: Math.floor(view.rangeSeconds / step) + 1 }, (_, index) => from + index * step)
  const rateSeconds = Math.max(step + view.scrapeSeconds, 4 * view.scrapeSeconds)
  const read = async ({ expr }: Target, at: readonly number[]): Promise<readonly Result[]> => {
    const query = interpolate(expr, dashboard, `${rateSeconds}s`)
    const parameters = { query, start: String(at[0]), end: String(at.at(-1)), step: String(step) }
    const answer = await fetch(`${view.prometheus}/api/v1/query_range?${new URLSearchParams(parameters)}`)
    if (!answer.ok) throw new Error(`Prometheus at ${view.prometheus} refuses ${query}: ${await answer.text()}`)
    const { data } = (await answer.json()) as { data: { result: Result[] } }
    return data.result
  }

  async function itemOf(panel: Item): Promise<BoardItem> {
    const { title, gridPos } = panel
    if (panel.type === 'row') return { kind: 'row', title, gridPos }
    const at = panel.type === 'timeseries' ? times : times.slice(-1)
    const results = await Promise.all(panel.targets.map(target => read(target, at)))
    const series = panel.targets.flatMap((target, index) => seriesOf(panel, target, results[index]!, at))
    const { defaults } = panel.fieldConfig
    const limits = defaults.thresholds.steps.flatMap(({ value, color }) =>
      value === null ? [] : [{ value, color: namedColor(color) }],
    )
    return { kind: panel.type, title, gridPos, series, defaults, options: panel.options, limits }
  }

  const items: BoardItem[] = []
  for (const panel of dashboard.panels) items.push(await itemOf(panel))
  const variables = dashboard.templating.list.map(({ label }) => label)
  return { title: dashboard.title, minutes: view.rangeSeconds / 60, variables, times, items }
}

/** Without series that have no number at all. */
function seriesOf(panel: Panel, target: Target, results: readonly Result[], times: readonly number[]): Series[] {
  const fixed = fixedColor(panel, target)
  return results.flatMap((result, index) => {
    const found = new Map(result.values.map(([time, value]) => [Math.round(time), Number(value)]))
    const values = times.map(time => finite(found.get(time)))
    if (values.every(value => value === null)) return []
    const name = legend(target.legendFormat, result.metric)
    return [{ name, color: fixed === undefined ? colorOfName(name) : shade(fixed, index), values }]
  })
}

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null

const legend = (format: string, labels: Result['metric']): string =>
  format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => labels[label] ?? '').trim()

function fixedColor({ fieldConfig }: Panel, { refId }: Target): string | undefined {
  const override = fieldConfig.overrides.find(
    ({ matcher }) => matcher.id === 'byFrameRefID' && matcher.options === refId,
  )
  const color = override?.properties.find(({ id }) => id === 'color')?.value as { fixedColor?: string } | undefined
  return color?.fixedColor
}

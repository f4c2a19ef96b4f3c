/**
 * PromQL text built from catalogue entries, so that no metric name, label or histogram suffix is written twice. Pure.
 * Syntax: https://prometheus.io/docs/prometheus/latest/querying/basics/
 */
import type { MetricDefinition } from '../runtime/contract/metrics.ts'

export interface Matcher {
  readonly label: string
  readonly operator: '=' | '!=' | '=~' | '!~'
  /** As it is; quoting happens here. */
  readonly value: string
}

/**
 * What makes series belong to one consumer. All are aggregated by together: a label that the scrape does not set is
 * empty, and an empty label is none.
 */
export const consumerLabels = ['job', 'namespace', 'healthconsumer'] as const

const quoted = (value: string) => JSON.stringify(value)

/** `{a="b",c=~"d"}`, or nothing without matchers. */
export const selection = (matchers: readonly Matcher[]): string =>
  matchers.length === 0
    ? ''
    : `{${matchers.map(({ label, operator, value }) => `${label}${operator}${quoted(value)}`).join(',')}}`

/** The series of a counter or gauge that match. */
export const series = (metric: MetricDefinition, matchers: readonly Matcher[]): string =>
  `${metric.name}${selection(matchers)}`

/** The bucket series of a histogram that match. */
export const buckets = (metric: MetricDefinition & { type: 'histogram' }, matchers: readonly Matcher[]): string =>
  `${metric.name}_bucket${selection(matchers)}`

/** Events a second over a window, such as `5m` or `$__rate_interval`. */
export const rate = (selected: string, window: string): string => `rate(${selected}[${window}])`

/** Events within a window; extrapolated to its edges by Prometheus. */
export const increase = (selected: string, window: string): string => `increase(${selected}[${window}])`

/** The value below which a share `q` of the observations lies; `rates` are those of a histogram's buckets, by `le`. */
export const quantile = (q: number, rates: string): string => `histogram_quantile(${q}, ${rates})`

/** `sum by (a, b) (…)`. */
export const aggregate = (operator: 'sum' | 'max' | 'min', labels: readonly string[], expression: string): string =>
  labels.length === 0 ? `${operator}(${expression})` : `${operator} by (${labels.join(', ')}) (${expression})`

const unitsMs = { y: 31_536_000_000, w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }
const durationPattern = new RegExp(
  `^${Object.keys(unitsMs)
    .map(unit => `(?:(\\d+)${unit})?`)
    .join('')}$`,
)
/** Prometheus counts nanoseconds in 64 bits. */
const longestMs = 292 * unitsMs.y

/**
 * Milliseconds of a duration as Prometheus spells them, such as `30s` or `1h30m`: units once each, from large to small.
 * Undefined where Prometheus would not take it.
 */
export function durationMs(duration: string): number | undefined {
  if (duration === '0') return 0
  const match = durationPattern.exec(duration)
  if (match === null || duration === '') return undefined
  const ms = Object.values(unitsMs).reduce((sum, unit, index) => sum + unit * Number(match[index + 1] ?? 0), 0)
  return ms <= longestMs ? ms : undefined
}

/** The shortest spelling in one unit of a whole number of milliseconds above 0. */
export function durationOf(ms: number): string {
  const [unit, length] = Object.entries(unitsMs).find(([name, each]) => !'yw'.includes(name) && ms % each === 0)!
  return `${ms / length}${unit}`
}

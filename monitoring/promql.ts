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

/** `sum by (a, b) (…)`. */
export const aggregate = (operator: 'sum' | 'max' | 'min', labels: readonly string[], expression: string): string =>
  labels.length === 0 ? `${operator}(${expression})` : `${operator} by (${labels.join(', ')}) (${expression})`

/**
 * The PromQL of the dashboard: each selector has a matcher for every variable, each rate Grafana's `$__rate_interval`.
 * Pure text; it never says what a panel looks like.
 */
import type { MetricDefinition } from '../../runtime/contract/metrics.ts'
import { aggregate, buckets, consumerLabels, increase, type Matcher, quantile, rate, series } from '../promql.ts'

/** Labels that a viewer chooses by, in the order in which one narrows the next. */
export const filterLabels = [...consumerLabels, 'pod', 'instance'] as const
export type FilterLabel = (typeof filterLabels)[number]

/**
 * What a variable stands for while All is chosen. Prometheus sets `job` and `instance` on every series; the others are
 * set by Kubernetes alone, and `.*` matches series without the label too.
 */
export const allValue = (label: FilterLabel): '.+' | '.*' => (label === 'job' || label === 'instance' ? '.+' : '.*')

/** `label=~"$label"` for each of the labels. */
export const matchersOf = (labels: readonly FilterLabel[]): Matcher[] =>
  labels.map(label => ({ label, operator: '=~', value: `$${label}` }))

const chosen = matchersOf(filterLabels)
const rateInterval = '$__rate_interval'

/** Legends: a label that the series lacks is left empty. */
export const consumerLegend = '{{namespace}} {{healthconsumer}}'
export const podLegend = '{{pod}} {{instance}}'

const byConsumer = (...labels: readonly string[]) => [...consumerLabels, ...labels]
const byPod = byConsumer('pod', 'instance')

/** The series that the viewer chose. */
export const select = (metric: MetricDefinition): string => series(metric, chosen)

/** Events a second of each consumer, apart by `labels`. */
export const perSecond = (metric: MetricDefinition, ...labels: readonly string[]): string =>
  aggregate('sum', byConsumer(...labels), rate(select(metric), rateInterval))

export const perSecondAndPod = (metric: MetricDefinition): string =>
  aggregate('sum', byPod, rate(select(metric), rateInterval))

/** Events of each consumer within a fixed window: the one that an alert counts in. */
export const countWithin = (window: string, metric: MetricDefinition, ...labels: readonly string[]): string =>
  aggregate('sum', byConsumer(...labels), increase(select(metric), window))

/** A gauge added up over the pods of each consumer, apart by `labels`. */
export const total = (metric: MetricDefinition, ...labels: readonly string[]): string =>
  aggregate('sum', byConsumer(...labels), select(metric))

/** The greatest value that a pod of each consumer has, apart by `labels`. */
export const greatest = (metric: MetricDefinition, ...labels: readonly string[]): string =>
  aggregate('max', byConsumer(...labels), select(metric))

export const perPod = (metric: MetricDefinition): string => aggregate('max', byPod, select(metric))

/** The three usual quantiles of each consumer, apart by `labels`: name and expression. */
export const quantiles = (metric: MetricDefinition & { type: 'histogram' }, ...labels: readonly string[]) => {
  const observations = aggregate('sum', byConsumer(...labels, 'le'), rate(buckets(metric, chosen), rateInterval))
  return {
    p50: quantile(0.5, observations),
    p95: quantile(0.95, observations),
    p99: quantile(0.99, observations),
  }
}

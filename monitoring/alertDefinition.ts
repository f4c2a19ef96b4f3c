/**
 * What an alert is before its options are known: its expression as a function of them, and its words. Types and the
 * pieces that expressions are made of; no alert is named here.
 */
import type { AlertName, ThresholdName } from '../crds/monitoring.ts'
import type { MetricDefinition } from '../runtime/contract/metrics.ts'
import { aggregate, consumerLabels } from './promql.ts'

/** What an expression is made of: every selector is already restricted to the consumer. */
export interface RuleScope {
  series(metric: MetricDefinition): string
  buckets(metric: MetricDefinition & { type: 'histogram' }): string
  /** Series that are no metric of the catalogue: recorded ones, and prom-client's own. */
  named(name: string): string
  /** A series that Prometheus adds to each target (`up`), or whose absence means something: with its job, by equality. */
  ofJob(name: string): string
  readonly threshold: Readonly<Record<ThresholdName, number>>
  /** That of the alert; its default is in the definition. */
  readonly window: string
  /** Milliseconds between two evaluations. */
  readonly intervalMs: number
}

export interface AlertDefinition {
  readonly severity: 'warning' | 'critical'
  /** Only where the expression has one. */
  readonly window?: string
  /** How long the condition must hold (`for`). */
  readonly pendingPeriod?: string
  expression(scope: RuleScope): string
  readonly summary: string
  /** A template of Prometheus; `who` names the consumer. */
  description(who: string, scope: RuleScope): string
  /** What to do first. */
  readonly action: string
}

export type AlertTable<Name extends AlertName> = Readonly<Record<Name, AlertDefinition>>

/** One series per consumer. */
export const perConsumer = (operator: 'sum' | 'max' | 'min', expression: string, ...further: readonly string[]) =>
  aggregate(operator, [...consumerLabels, ...further], expression)

/**
 * The alerts beside the guide's: halts, commits that no longer happen, the budget of freshness, error rows that wait,
 * and the absence of everything. Data and the rule that they record; no option is checked here.
 *
 * Freshness: 99 % of the time, the newest record in the table is no older than the target while records wait. A moment is
 * bad when some partition had lag all through the target, and the newest committed record is older than the target, or
 * nothing was committed since the process started that long ago. Lag must have lasted because a quiet topic's newest
 * committed record is old, and the next one is not late yet. One partition that stands still beside others is not seen
 * here: that is HighKafkaLag's. Moments without a measurement count as good; a consumer that is down has its own alerts.
 *
 * Burn rates and windows: https://sre.google/workbook/alerting-on-slos/ (6: multiwindow, multi-burn-rate alerts).
 */
import type { AlertName, guideAlertNames } from '../crds/monitoring.ts'
import { metrics } from '../runtime/contract/metrics.ts'
import { type AlertDefinition, type AlertTable, perConsumer, type RuleScope } from './alertDefinition.ts'
import { durationMs, durationOf } from './promql.ts'

/** 1 while a consumer's newest committed records are too old, else 0. */
export const freshnessMissed = 'healthconsumer:freshness_missed'

/** prom-client's own: Unix time at which the process began. */
const processStart = 'process_start_time_seconds'

/** Share of the time that may be bad. */
const freshnessBudget = 0.01

export function freshnessMissedExpression({
  series,
  named,
  threshold: { FreshnessTarget: seconds },
}: RuleScope): string {
  const committedAge = `${series(metrics.freshness)} unless ${series(metrics.lastCommitTime)} == 0`
  const processAge = `time() - ${named(processStart)}`
  const lagged = `min_over_time(${series(metrics.consumerLag)}[${seconds}s]) > bool 0`
  return perConsumer(
    'max',
    `
  ((${committedAge} or ${processAge}) > bool ${seconds})
  * max without (topic, partition) (${lagged})
`,
  )
}

/** Bad evaluations over those that the budget allows, in the window and in a twelfth of it, which ends the alert soon. */
function burn(rate: number, { named, window, intervalMs }: RuleScope): string {
  const over = (windowMs: number) => {
    const allowed = Number(((windowMs / intervalMs) * freshnessBudget).toPrecision(6))
    return `sum_over_time(${named(freshnessMissed)}[${durationOf(windowMs)}]) / ${allowed} > ${rate}`
  }
  const longMs = durationMs(window)!
  return `${over(longMs)}\nand\n${over(Math.max(1, Math.round(longMs / 12)))}`
}

const freshnessAlert = (rate: number, window: string, severity: AlertDefinition['severity']): AlertDefinition => ({
  severity,
  window,
  expression: scope => burn(rate, scope),
  summary: 'Committed data is getting old',
  description: (who, { threshold, window: actual }) =>
    `${who} missed its freshness of ${threshold.FreshnessTarget} s so often in ${actual} ` +
    'that it uses up its budget {{ $value | printf "%.1f" }} times too fast',
  action: 'Check lag, throughput and commit duration, pod by pod',
})

export const alertsBeyondGuide: AlertTable<Exclude<AlertName, (typeof guideAlertNames)[number]>> = {
  ConsumerHalted: {
    severity: 'critical',
    pendingPeriod: '1m',
    expression: ({ series }) => `${perConsumer('max', series(metrics.halted), 'code')} == 1`,
    summary: 'Consumer has halted',
    description: who =>
      `${who} takes in nothing: halted with {{ $labels.code }} (healthconsumer_halted is {{ $value }})`,
    action: 'Look the code up in the runbook; intake goes on by itself once the cause is gone',
  },
  CommitsStalled: {
    severity: 'critical',
    // Looking back twice as far finds the last commit of processes that are gone, and sees through restarts.
    expression: ({ series, named, threshold: { CommitsStalled: seconds } }) =>
      [
        'time() - (',
        `  ${perConsumer('max', `max_over_time(${series(metrics.lastCommitTime)}[${2 * seconds}s])`)} > 0`,
        '  or',
        `  ${perConsumer('min', `min_over_time(${named(processStart)}[${2 * seconds}s])`)}`,
        `) > ${seconds}`,
        'and',
        `${perConsumer('max', `min_over_time(${series(metrics.consumerLag)}[${seconds}s])`)} > 0`,
      ].join('\n'),
    summary: 'Nothing is being committed',
    description: who => `${who} has records waiting and made no durable commit for {{ $value | humanizeDuration }}`,
    action: 'Check catalog and storage, then the log',
  },
  FreshnessBudgetBurnFast: freshnessAlert(14.4, '1h', 'critical'),
  FreshnessBudgetBurnSlow: freshnessAlert(6, '6h', 'warning'),
  PendingErrorFiles: {
    severity: 'warning',
    expression: ({ series, threshold }) =>
      `${perConsumer('max', series(metrics.pendingErrorAge))} > ${threshold.PendingErrorFiles}`,
    summary: 'Error rows are waiting for their table',
    description: who => `Error rows of ${who} have not reached the errors table for {{ $value | humanizeDuration }}`,
    action: 'Check commits to the errors table; the rows are safe in storage',
  },
  MetricsAbsent: {
    severity: 'warning',
    pendingPeriod: '10m',
    expression: ({ ofJob }) => `absent(${ofJob(metrics.buildInfo.name)})`,
    summary: 'Metrics are absent',
    description: who => `Prometheus has no series of ${who} (absent is {{ $value }})`,
    action: 'Check that the consumer runs and that Prometheus scrapes it',
  },
}

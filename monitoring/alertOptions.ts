/**
 * The options of the alerting rules, their defaults, and what is wrong with them. Thresholds and their bounds are those
 * of the API (crds/monitoring.ts). It knows no rule.
 */

import { objectName, webAddress } from '../crds/fields.ts'
import { type AlertName, alertNames, type ThresholdName, thresholds } from '../crds/monitoring.ts'
import { nearest } from '../crds/nearest.ts'
import { OptionError } from './optionError.ts'
import { durationMs } from './promql.ts'

/** Durations are Prometheus' own, such as `30s` or `1h30m`. */
export interface AlertingOptions {
  /** Job of the scrape configuration, `flink-health-consumer` by default; without meaning where `consumer` is given. */
  readonly jobName?: string
  /** Restricts every rule to this HealthConsumer. */
  readonly consumer?: { readonly namespace: string; readonly name: string }
  /** Between two evaluations, `30s` by default. */
  readonly interval?: string
  /** The value past which each alert fires. */
  readonly thresholds?: Partial<Readonly<Record<ThresholdName, number>>>
  /** How far back a rate or a count looks; of the freshness budget the long window, the short one being a twelfth. */
  readonly windows?: Partial<Readonly<Record<AlertName, string>>>
  /** How long a condition must hold before its alert fires (`for`); `0s` for at once. */
  readonly pendingPeriods?: Partial<Readonly<Record<AlertName, string>>>
  readonly disabledAlerts?: readonly AlertName[]
  /** Folder of the runbooks, to which `/<alert>.md` is appended. */
  readonly runbookBaseUrl?: string
}

export type AlertingOptionsErrorCode = 'UNKNOWN_NAME' | 'INVALID_VALUE' | 'INVALID_DURATION' | 'OUT_OF_BOUNDS'

export class AlertingOptionsError extends OptionError<AlertingOptionsErrorCode> {
  override readonly name = 'AlertingOptionsError'
}

/** The options with their defaults. */
export interface CheckedOptions {
  readonly jobName: string
  readonly consumer: AlertingOptions['consumer']
  readonly interval: string
  readonly thresholds: Readonly<Record<ThresholdName, number>>
  readonly windows: NonNullable<AlertingOptions['windows']>
  readonly pendingPeriods: NonNullable<AlertingOptions['pendingPeriods']>
  readonly disabledAlerts: readonly AlertName[]
  /** Without a slash at its end. */
  readonly runbookBaseUrl: string
}

/** Throws AlertingOptionsError for the first option that cannot be. `windowed`: the alerts that have a window. */
export function checkOptions(options: AlertingOptions, windowed: readonly AlertName[]): CheckedOptions {
  const {
    jobName = 'flink-health-consumer',
    consumer,
    interval = '30s',
    thresholds: given = {},
    windows = {},
    pendingPeriods = {},
    disabledAlerts = [],
    runbookBaseUrl = 'https://healthdata.dev/runbooks',
    ...unknown
  } = options
  for (const [name, value] of Object.entries(unknown)) checkName(name, optionNames, 'options', name, value)
  checkText('jobName', jobName)
  if (consumer !== undefined) {
    checkKubernetesName('consumer.namespace', consumer.namespace)
    checkKubernetesName('consumer.name', consumer.name)
  }
  checkDuration('interval', interval, 1)
  for (const [alert, window] of Object.entries(windows)) {
    checkName(alert, windowed, 'alerts with a window', `windows.${alert}`, window)
    checkDuration(`windows.${alert}`, window, 1)
  }
  for (const [alert, period] of Object.entries(pendingPeriods)) {
    checkName(alert, alertNames, 'alerts', `pendingPeriods.${alert}`, period)
    checkDuration(`pendingPeriods.${alert}`, period, 0)
  }
  for (const alert of disabledAlerts) checkName(alert, alertNames, 'alerts', 'disabledAlerts', alert)
  checkAddress(runbookBaseUrl)
  return {
    jobName,
    consumer,
    interval,
    thresholds: checkedThresholds(given),
    windows,
    pendingPeriods,
    disabledAlerts,
    runbookBaseUrl: runbookBaseUrl.replace(/\/+$/, ''),
  }
}

const optionNames: readonly (keyof AlertingOptions)[] = [
  ...(['jobName', 'consumer', 'interval', 'thresholds', 'windows', 'pendingPeriods'] as const),
  ...(['disabledAlerts', 'runbookBaseUrl'] as const),
]

const thresholdNames = Object.keys(thresholds.shape) as readonly ThresholdName[]

function checkedThresholds(given: NonNullable<AlertingOptions['thresholds']>): CheckedOptions['thresholds'] {
  for (const [name, value] of Object.entries(given)) {
    checkName(name, thresholdNames, 'alerts with a threshold', `thresholds.${name}`, value)
  }
  for (const name of thresholdNames) {
    if (thresholds.shape[name].safeParse(given[name]).success) continue
    const { minValue, maxValue, isInt } = thresholds.shape[name].unwrap()
    const fix = `give a ${isInt ? 'whole number' : 'number'} from ${minValue} to ${maxValue}`
    throw new AlertingOptionsError('OUT_OF_BOUNDS', `thresholds.${name}`, given[name], fix)
  }
  return thresholds.parse(given)
}

function checkName(name: string, known: readonly string[], what: string, field: string, value: unknown): void {
  if (known.includes(name)) return
  const similar = nearest(name, known)
  const fix = similar === undefined ? `the ${what} are ${known.join(', ')}` : `did you mean ${similar}?`
  throw new AlertingOptionsError('UNKNOWN_NAME', field, value, fix)
}

function checkText(field: string, value: unknown): void {
  if (typeof value === 'string' && /^[^\p{Cc}]+$/u.test(value)) return
  throw new AlertingOptionsError('INVALID_VALUE', field, value, 'give a name without control characters')
}

function checkKubernetesName(field: string, value: unknown): void {
  if (objectName().safeParse(value).success) return
  throw new AlertingOptionsError('INVALID_VALUE', field, value, 'give a name as Kubernetes has them, such as steps-1')
}

/** One that is not given is none. */
function checkDuration(field: string, value: unknown, leastMs: number): void {
  if (value === undefined) return
  const ms = typeof value === 'string' ? durationMs(value) : undefined
  if (ms !== undefined && ms >= leastMs) return
  const fix = `give a duration such as 30s, 5m or 1h30m${leastMs > 0 ? ', above 0' : ''}`
  throw new AlertingOptionsError('INVALID_DURATION', field, value, fix)
}

/** Annotations are templates: an opening brace would begin one. */
function checkAddress(value: string): void {
  if (webAddress().safeParse(value).success && !value.includes('{')) return
  const fix = 'give the address of a folder without user or password, such as https://host/runbooks'
  throw new AlertingOptionsError('INVALID_VALUE', 'runbookBaseUrl', String(value).replace(/\/\/.*@/, '//…@'), fix)
}

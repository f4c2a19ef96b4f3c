/**
 * Prometheus' scrape configuration for a runtime outside Kubernetes, as the monitoring guide shows it. Pure; it does not
 * ask whether the targets exist.
 * Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
 */

import { dump } from 'js-yaml'
import { metrics } from '../runtime/contract/metrics.ts'
import { OptionError } from './optionError.ts'
import { durationMs } from './promql.ts'

export interface ScrapeOptions {
  /** Value of the label `job`, `flink-health-consumer` by default: the alerting rules look for it. */
  readonly jobName?: string
  /** `host:port` each, `['localhost:9249']` by default. */
  readonly targets?: readonly string[]
  /** A duration such as `15s` (default) or `1m`. */
  readonly scrapeInterval?: string
  /** `/metrics` by default. */
  readonly metricsPath?: string
  /** Labels of every series; by default `application`, which is the job's name, and `environment: production`. */
  readonly labels?: Readonly<Record<string, string>>
}

export type ScrapeConfigErrorCode =
  | 'INVALID_JOB_NAME'
  | 'NO_TARGETS'
  | 'INVALID_TARGET'
  | 'DUPLICATE_TARGET'
  | 'INVALID_INTERVAL'
  | 'INVALID_PATH'
  | 'INVALID_LABEL_NAME'
  | 'INVALID_LABEL_VALUE'
  | 'RESERVED_LABEL'

export class ScrapeConfigError extends OptionError<ScrapeConfigErrorCode> {
  override readonly name = 'ScrapeConfigError'
}

/** YAML with the one key `scrape_configs`, to be put into prometheus.yml. Throws ScrapeConfigError. */
export function generatePrometheusScrapeConfig(options: ScrapeOptions = {}): string {
  const { jobName = 'flink-health-consumer', scrapeInterval = '15s', metricsPath = '/metrics' } = options
  const { targets = ['localhost:9249'], labels = { application: jobName, environment: 'production' } } = options
  checkJobName(jobName)
  checkInterval(scrapeInterval)
  checkPath(metricsPath)
  checkTargets(targets)
  for (const [name, value] of Object.entries(labels)) checkLabel(name, value)
  const job = {
    job_name: jobName,
    scrape_interval: scrapeInterval,
    metrics_path: metricsPath,
    static_configs: [{ targets: [...targets], labels: { ...labels } }],
  }
  return dump({ scrape_configs: [job] }, { lineWidth: -1, noRefs: true, quoteStyle: 'single' })
}

const controls = /\p{Cc}/u

function checkJobName(jobName: string): void {
  if (jobName.trim() !== '' && !controls.test(jobName)) return
  throw new ScrapeConfigError('INVALID_JOB_NAME', 'jobName', jobName, 'give a name without control characters')
}

function checkInterval(scrapeInterval: string): void {
  if ((durationMs(scrapeInterval) ?? 0) > 0) return
  const fix = 'give a duration above 0, such as 15s, 1m or 1h30m'
  throw new ScrapeConfigError('INVALID_INTERVAL', 'scrapeInterval', scrapeInterval, fix)
}

function checkPath(metricsPath: string): void {
  if (/^\/[^\s?#\p{Cc}]*$/u.test(metricsPath)) return
  const fix = 'give a path that begins with /, without a query'
  throw new ScrapeConfigError('INVALID_PATH', 'metricsPath', metricsPath, fix)
}

function checkTargets(targets: readonly string[]): void {
  if (targets.length === 0) {
    throw new ScrapeConfigError('NO_TARGETS', 'targets', targets, 'give at least one, such as localhost:9249')
  }
  for (const [index, target] of targets.entries()) {
    const field = `targets[${index}]`
    if (!isHostAndPort(target)) {
      const fix = target.includes('://')
        ? 'leave out the scheme and the path: host:port, such as localhost:9249'
        : 'give host:port, such as localhost:9249 or [::1]:9249'
      throw new ScrapeConfigError('INVALID_TARGET', field, target, fix)
    }
    if (targets.indexOf(target) < index) {
      throw new ScrapeConfigError('DUPLICATE_TARGET', field, target, 'name each target once')
    }
  }
}

/** A DNS name or an IPv4 address, or an IPv6 address in brackets; then a port. */
function isHostAndPort(target: string): boolean {
  const [, address, name, port] = /^(?:\[([^\]]*)\]|([\w.-]+)):(\d{1,5})$/.exec(target) ?? []
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) return false
  if (address !== undefined) return /^[\da-f:.]+$/i.test(address) && URL.canParse(`http://[${address}]`)
  return /^\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)*\.?$/.test(name!)
}

/** Prometheus would rename the metrics' own labels of these names, and the rules would no longer find them. */
const metricLabels = new Set<string>([...Object.values(metrics).flatMap(({ labels }) => labels), 'le'])

function checkLabel(name: string, value: string): void {
  if (!/^[a-zA-Z_]\w*$/.test(name) || name.startsWith('__')) {
    const fix = 'use letters, digits and _, without a digit or __ at its beginning'
    throw new ScrapeConfigError('INVALID_LABEL_NAME', 'a name in labels', name, fix)
  }
  if (name === 'job' || name === 'instance' || metricLabels.has(name)) {
    const fix = name === 'job' ? 'set jobName instead' : 'choose another name: the metrics have a label of this one'
    throw new ScrapeConfigError('RESERVED_LABEL', 'a name in labels', name, fix)
  }
  if (typeof value !== 'string' || controls.test(value)) {
    const fix = 'give a text without control characters'
    throw new ScrapeConfigError('INVALID_LABEL_VALUE', `labels.${name}`, value, fix)
  }
}

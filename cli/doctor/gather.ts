/**
 * Asks everything that doctor was told to look at, at once: the consumer, Prometheus, Alertmanager, Grafana, the log
 * file. It judges nothing, and what cannot be reached is part of the answer. The manifest's part is inspectManifest.ts.
 */

import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
import { aggregate, buckets, increase, type Matcher, quantile, rate, series } from '../../monitoring/promql.ts'
import { metrics } from '../../runtime/contract/metrics.ts'
import type { Address } from './address.ts'
import { readLogTail } from './logTail.ts'
import type { ConsumerSeen, GrafanaSeen, Observations, PrometheusSeen, QueryName } from './observations.ts'
import { get } from './request.ts'
import { labelsOf, type Watched } from './watched.ts'

export interface Questions extends Watched {
  readonly timeoutMs: number
  readonly url?: Address
  readonly prometheus?: Address
  readonly alertmanager?: Address
  readonly grafana?: Address
  readonly grafanaToken?: string
  readonly logFile?: string
}

type Gathered = Pick<Observations, 'consumer' | 'prometheus' | 'alertmanager' | 'grafana' | 'logFile'>

/** Never rejects. */
export async function gather(questions: Questions): Promise<Gathered> {
  const { url, prometheus, alertmanager, grafana, logFile, timeoutMs } = questions
  const [consumer, prometheusSeen, alertmanagerSeen, grafanaSeen, logFileSeen] = await Promise.all([
    url ? askConsumer(url, timeoutMs) : null,
    prometheus ? askPrometheus(prometheus, questions) : null,
    alertmanager ? get(alertmanager, '/api/v2/status', { timeoutMs }) : null,
    grafana ? askGrafana(grafana, questions) : null,
    logFile === undefined ? null : readLogTail(logFile),
  ])
  return {
    consumer,
    prometheus: prometheusSeen,
    alertmanager: alertmanagerSeen,
    grafana: grafanaSeen,
    logFile: logFileSeen,
  }
}

async function askConsumer(address: Address, timeoutMs: number): Promise<ConsumerSeen> {
  const ask = (path: string) => get(address, path, { timeoutMs })
  const [metricsAnswer, live, ready, status] = await Promise.all(['/metrics', '/livez', '/readyz', '/status'].map(ask))
  return { url: address.shown, metrics: metricsAnswer!, live: live!, ready: ready!, status: status! }
}

/** Over the windows of the alerts. */
function expressions(watched: Watched): Readonly<Record<QueryName, string>> {
  const own = Object.entries(labelsOf(watched)).map(([label, value]): Matcher => ({ label, operator: '=', value }))
  const total = (selected: string, window: string) => aggregate('sum', [], increase(selected, window))
  const invalid = total(series(metrics.invalidRecords, own), '5m')
  return {
    sampleAgeSeconds: `time() - ${aggregate('max', [], `timestamp(${series(metrics.throughput, own)})`)}`,
    processingLatencyP95: quantile(0.95, aggregate('sum', ['le'], rate(buckets(metrics.processingLatency, own), '5m'))),
    failedCheckpoints: total(series(metrics.failedCheckpoints, own), '10m'),
    invalidRatio: `${invalid} / ${total(series(metrics.throughput, own), '5m')}`,
  }
}

async function askPrometheus(address: Address, questions: Questions): Promise<PrometheusSeen> {
  const ask = (path: string, query: Readonly<Record<string, string>>) =>
    get(address, `/api/v1/${path}`, { timeoutMs: questions.timeoutMs, query })
  const queries = Object.entries(expressions(questions)).map(
    async ([name, query]) => [name, await ask('query', { query })] as const,
  )
  const [targets, rules, alertmanagers, answers] = await Promise.all([
    ask('targets', { state: 'active' }),
    ask('rules', { type: 'alert' }),
    ask('alertmanagers', {}),
    Promise.all(queries),
  ])
  return {
    url: address.shown,
    targets,
    rules,
    alertmanagers,
    queries: Object.fromEntries(answers) as PrometheusSeen['queries'],
  }
}

async function askGrafana(address: Address, { grafanaToken, timeoutMs }: Questions): Promise<GrafanaSeen> {
  const { uid, title } = getGrafanaDashboardJson()
  const options = { timeoutMs, bearerToken: grafanaToken }
  const [byUid, byTitle] = await Promise.all([
    get(address, `/api/dashboards/uid/${uid}`, options),
    get(address, '/api/search', { ...options, query: { type: 'dash-db', query: title } }),
  ])
  return { url: address.shown, authenticated: grafanaToken !== undefined, byUid, byTitle }
}

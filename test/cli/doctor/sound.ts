/** Observations of a consumer that is well in every respect, for tests that break one thing in it. */
import type { Observations } from '../../../cli/doctor/observations.ts'
import type { Answer } from '../../../cli/doctor/request.ts'
import { thresholds } from '../../../crds/monitoring.ts'
import { alertingRuleGroups } from '../../../monitoring/alerts.ts'
import type { Inspection } from '../../../runtime/contract/inspection.ts'
import type { RuntimeStatus } from '../../../runtime/contract/status.ts'
import { createMetrics, type Metrics } from '../../../runtime/telemetry/metrics.ts'

export const url = 'http://127.0.0.1:9249'
export const nowMs = Date.parse('2026-05-01T12:00:00.000Z')
export const job = 'flink-health-consumer'
const startedMs = nowMs - 3_600_000
const partitions = [0, 1].map(partition => ({ topic: 'health', partition }))

export const answer = (path: string, body: string, more: { status?: number; contentType?: string } = {}): Answer => ({
  reached: true,
  url: path.startsWith('http') ? path : url + path,
  status: 200,
  contentType: 'application/json',
  body,
  ...more,
})

export const json = (path: string, value: unknown, more?: { status?: number }): Answer =>
  answer(path, JSON.stringify(value), more)

export const refused = (path: string): Answer => ({
  reached: false,
  url: url + path,
  failure: 'refused',
  detail: 'connection refused: nothing listens there',
})

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** What a consumer with two partitions says after some work; `change` records more. */
export async function metricsText(change: (metrics: Metrics) => void = () => {}): Promise<string> {
  const metrics = createMetrics({
    version: '1.2.3',
    tables: { raw: 'raw', errors: 'errors' },
    dataTypes: ['heartRate'],
    now: () => nowMs,
  })
  metrics.kafka.assigned(partitions)
  metrics.kafka.rebalanced()
  for (const { topic, partition } of partitions) metrics.kafka.lag(topic, partition, 10)
  metrics.iceberg.checkpointCompleted({ durationMs: 800, sizeBytes: 10_000 })
  change(metrics)
  return metrics.text()
}

export const status: RuntimeStatus = {
  version: '1.2.3',
  startedAt: new Date(startedMs).toISOString(),
  group: 'default.steps',
  instance: 'pod-0',
  epoch: 1,
  caughtUp: true,
  halt: null,
  trouble: null,
  partitions: partitions.map(each => ({ ...each, nextOffset: 100, highWatermark: 110, lag: 10, committed: 100 })),
  tables: {
    raw: { name: 'db.raw', snapshotId: '6129481920394857261', sequence: 7, lastCommitAt: '2026-05-01T11:59:30.000Z' },
    errors: { name: 'db.errors', snapshotId: null, sequence: null, lastCommitAt: null },
  },
  pendingErrorIntents: 0,
  rates: { kafkaRecords: 1, validRows: 20, invalidRows: 0 },
  invalidRatio: 0.02,
  bufferedBytes: 10,
  logging: { level: 'info', formatter: 'JSONFormatter', file: '/var/log/app.log' },
}

const tableOf = (name: string, rows: number): Inspection['tables']['raw'] => ({
  name,
  location: `file:///warehouse/${name}`,
  initialised: true,
  snapshotId: '8123456789012345678',
  snapshots: 3,
  rows,
  dataFiles: 4,
  sequence: 7,
  lastCommitAt: '2026-05-01T11:59:30.000Z',
})

export const inspection: Inspection = {
  group: 'default.steps',
  tables: { raw: tableOf('db.raw', 12_000), errors: tableOf('db.errors', 30) },
  partitions: [],
  lag: 20,
  pendingErrorFiles: 0,
  pendingErrorRows: 0,
  lastCommitAt: '2026-05-01T11:59:30.000Z',
  halts: [],
  kafka: { reachable: true, error: null, code: null },
}

export const logLine = {
  timestamp: '2026-05-01T11:59:59.000Z',
  level: 'INFO',
  logger: 'runtime',
  message: 'Checkpoint completed',
  thread: { id: 0, name: 'main' },
  source: { file: '/app/runtime/round.ts', line: 12, function: 'run' },
  process: { id: 7, name: 'MainProcess' },
  context: { checkpoint_id: 3 },
}

export const target = {
  labels: { job, instance: '127.0.0.1:9249' },
  scrapeUrl: 'http://localhost:9249/metrics',
  lastError: '',
  health: 'up',
}

type Rule = Readonly<Record<string, unknown>>

/** Prometheus' answer about the rules that are generated; `change` alters each alerting rule. */
export const rulesAnswer = (change: (rule: Rule) => Rule = rule => rule, disabledAlerts: readonly string[] = []) =>
  prometheusAnswer('/api/v1/rules', {
    groups: alertingRuleGroups().map(({ name, rules }) => ({
      name,
      rules: rules.flatMap(rule =>
        'alert' in rule && !disabledAlerts.includes(rule.alert)
          ? [change({ name: rule.alert, health: 'ok', type: 'alerting', annotations: rule.annotations, alerts: [] })]
          : [],
      ),
    })),
  })

export const prometheusAnswer = (path: string, data: unknown): Answer =>
  json(`http://prometheus:9090${path}`, { status: 'success', data })

export const value = (text: string | null): Answer =>
  prometheusAnswer('/api/v1/query', {
    resultType: 'vector',
    result: text === null ? [] : [{ metric: {}, value: [nowMs / 1000, text] }],
  })

export const sound: Observations = {
  nowMs,
  job,
  thresholds: thresholds.parse({}),
  disabledAlerts: [],
  consumer: {
    url,
    metrics: answer('/metrics', await metricsText(), { contentType: expositionType }),
    live: answer('/livez', 'nothing has moved for 5 minutes\n'),
    ready: answer('/readyz', 'waiting for an assignment and the tables\n'),
    status: json('/status', status),
  },
  manifest: {
    file: 'steps.yaml',
    bootstrapServers: ['kafka:9092'],
    topics: ['health'],
    needsCredentials: true,
    credentials: null,
    inspection,
    warehouse: '/warehouse',
    refusedFolders: [],
  },
  logFile: { path: '/var/log/app.log', unreadable: null, lines: [JSON.stringify(logLine)], startedOnPort: 9249 },
  prometheus: {
    url: 'http://prometheus:9090',
    targets: prometheusAnswer('/api/v1/targets', { activeTargets: [target], droppedTargets: [] }),
    rules: rulesAnswer(),
    alertmanagers: prometheusAnswer('/api/v1/alertmanagers', {
      activeAlertmanagers: [{ url: 'http://alertmanager:9093/api/v2/alerts' }],
    }),
    queries: {
      sampleAgeSeconds: value('4.2'),
      processingLatencyP95: value('740'),
      failedCheckpoints: value('0'),
      invalidRatio: value('0.01'),
    },
  },
  alertmanager: json('http://alertmanager:9093/api/v2/status', { versionInfo: { version: '0.27.0' } }),
  grafana: {
    url: 'http://grafana:3000',
    authenticated: true,
    byUid: json('http://grafana:3000/api/dashboards/uid/x', { dashboard: { title: 'Health Data Consumer' } }),
    byTitle: json('http://grafana:3000/api/search', []),
  },
}

/**
 * The part of the HealthConsumer that says how it is watched: scraping, alerts, dashboard. Alert names and thresholds
 * are those of the monitoring guide. Data only.
 */
import { z } from 'zod'
import { duration, keyedMapOf, labelValue, text, uniqueListOf, webAddress } from './fields.ts'

/** The alerts of the monitoring guide, in its order. */
export const guideAlertNames = [
  'HighCheckpointDuration',
  'HighKafkaLag',
  'HighErrorRate',
  'CheckpointFailures',
  'LowThroughput',
  'HighValidationFailureRate',
  'IcebergWriteFailures',
  'HighProcessingLatency',
  'TaskManagerDown',
  'HighMemoryUsage',
] as const
export const alertNames = [
  ...guideAlertNames,
  'ConsumerHalted',
  'CommitsStalled',
  'FreshnessBudgetBurnFast',
  'FreshnessBudgetBurnSlow',
  'PendingErrorFiles',
  'MetricsAbsent',
] as const
export type AlertName = (typeof alertNames)[number]

const labels = (what: string) => keyedMapOf(labelValue(), 64).optional().describe(what)
const enabled = (what: string) => z.boolean().default(true).describe(what)

const threshold = (standard: number, most: number, what: string) =>
  z.number().min(0).max(most).default(standard).describe(what)

/** Whole ones: they are also the length of what the rule looks back at. */
const seconds = (standard: number, what: string) => z.int().min(1).max(1e6).default(standard).describe(what)

/** By alert; `FreshnessTarget` is that of both alerts of the freshness budget. */
export const thresholds = z.strictObject({
  HighCheckpointDuration: threshold(300_000, 1e9, 'Milliseconds that the last flush and commit may take.'),
  HighKafkaLag: threshold(100_000, 1e15, 'Records that the consumer may be behind, over all partitions.'),
  HighErrorRate: threshold(10, 1e9, 'Invalid rows a second.'),
  CheckpointFailures: threshold(3, 1e6, 'Failed commits within 10 minutes.'),
  LowThroughput: threshold(100, 1e9, 'Rows a second below which the consumer counts as slow.'),
  HighValidationFailureRate: threshold(0.1, 1, 'Share of rows that are invalid, from 0 to 1.'),
  IcebergWriteFailures: threshold(5, 1e6, 'Failed writes within 5 minutes.'),
  HighProcessingLatency: threshold(10_000, 1e9, 'Milliseconds from Kafka record to row, 95th percentile.'),
  HighMemoryUsage: threshold(0.9, 1, 'Share of the heap in use, from 0 to 1.'),
  CommitsStalled: seconds(
    900,
    'Seconds without a durable commit while records wait; at least three times commit.interval.',
  ),
  FreshnessTarget: seconds(300, 'Seconds that a record may wait for its commit; at least twice commit.interval.'),
  PendingErrorFiles: seconds(900, 'Seconds that announced error rows may wait for the errors table.'),
})
export type ThresholdName = keyof typeof thresholds.shape

const serviceMonitor = z.strictObject({
  enabled: enabled('Create a ServiceMonitor where the Prometheus Operator is installed.'),
  labels: labels('Labels of the ServiceMonitor, such as the `release` that a Prometheus selects by.'),
  interval: duration('1s', '1h').default('15s').describe('Time between two scrapes.'),
})

const prometheusRule = z.strictObject({
  enabled: enabled('Create a PrometheusRule where the Prometheus Operator is installed.'),
  labels: labels('Labels of the PrometheusRule, such as the `release` that a Prometheus selects by.'),
  interval: duration('1s', '1h').default('30s').describe('Time between two evaluations of the rules.'),
  thresholds: thresholds.prefault({}).describe('Value past which each alert fires.'),
  disabledAlerts: uniqueListOf(z.enum(alertNames), 0, 32).optional().describe('Alerts to leave out.'),
  runbookBaseUrl: webAddress().optional().describe('Address of a folder of runbooks; `/<alert>.md` is appended.'),
})

const dashboard = z.strictObject({
  enabled: enabled('Create a ConfigMap with the Grafana dashboard.'),
  labels: labels('Labels of the ConfigMap, beside `grafana_dashboard: "1"`.'),
  folder: text(/^[^\p{Cc}]*$/u, 'a name without control characters', 128)
    .optional()
    .describe('Grafana folder.'),
  dataSource: text(/^[^\p{Cc}]*[^\p{Cc}\p{Cf}\p{Z}][^\p{Cc}]*$/u, 'a name without control characters', 128)
    .optional()
    .describe('Prometheus data source; without it the dashboard lets the viewer choose.'),
})

export const monitoring = z.strictObject({
  serviceMonitor: serviceMonitor.prefault({}).describe('How Prometheus finds the pods.'),
  prometheusRule: prometheusRule.prefault({}).describe('The alerts.'),
  dashboard: dashboard.prefault({}).describe('The Grafana dashboard.'),
})

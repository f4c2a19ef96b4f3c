/** Panels on the data itself: how much, how late, how good. Data; how they look is decided in panels.ts. */
import { type MetricDefinition, metrics } from '../../runtime/contract/metrics.ts'
import type { Limits, PanelGroup, Query } from './panels.ts'
import { consumerLegend, greatest, perSecond, quantiles } from './queries.ts'

export const throughput = (limits: Limits): PanelGroup => ({
  title: 'Throughput',
  width: 8,
  height: 8,
  panels: [
    {
      title: 'Valid records/second',
      description: 'Samples that passed validation, a second. Good: follows what producers send.',
      queries: [{ expr: perSecond(metrics.validRecords), legend: `valid ${consumerLegend}`, color: 'green' }],
      unit: 'short',
      axis: 'rows/s',
    },
    {
      title: 'Invalid records/second',
      description: 'Samples that failed validation and records that could not be decoded, a second. Good: near 0.',
      queries: [{ expr: perSecond(metrics.invalidRecords), legend: `invalid ${consumerLegend}`, color: 'red' }],
      unit: 'short',
      axis: 'rows/s',
      atMost: limits.HighErrorRate,
      alerts: ['HighErrorRate'],
    },
    {
      title: 'Total throughput',
      description: 'Valid and invalid samples together, a second. Good: above the dashed line.',
      queries: [{ expr: perSecond(metrics.throughput), legend: `total ${consumerLegend}`, color: 'blue' }],
      unit: 'short',
      axis: 'rows/s',
      atLeast: limits.LowThroughput,
      alerts: ['LowThroughput'],
    },
    {
      title: 'Kafka records consumed',
      description: 'Kafka records a second by topic, tombstones included. One record holds many samples.',
      queries: [
        {
          expr: perSecond(metrics.kafkaRecordsConsumed, 'topic'),
          legend: `{{topic}} ${consumerLegend}`,
          color: 'blue',
        },
      ],
      unit: 'short',
      axis: 'records/s',
    },
    {
      title: 'Rows committed by table',
      description:
        'Rows in durable commits, a second. Good: the sum follows the total throughput, in steps of the commit interval.',
      queries: [{ expr: perSecond(metrics.icebergRecordsWritten, 'table'), legend: `{{table}} ${consumerLegend}` }],
      unit: 'short',
      axis: 'rows/s',
    },
    {
      title: 'Kafka records without samples',
      description:
        'Records a second that are no JSON object with an array of samples (they go to the errors table), and tombstones, which are skipped. Good: 0.',
      queries: [
        {
          expr: perSecond(metrics.kafkaDeserializationErrors),
          legend: `undecodable ${consumerLegend}`,
          color: 'red',
        },
        { expr: perSecond(metrics.tombstones), legend: `tombstones ${consumerLegend}`, color: 'blue' },
      ],
      unit: 'short',
      axis: 'records/s',
    },
  ],
})

/** P50, P95 and P99, apart by `labels`. */
function quantileQueries(metric: MetricDefinition & { type: 'histogram' }, ...labels: readonly string[]): Query[] {
  const { p50, p95, p99 } = quantiles(metric, ...labels)
  const legend = [...labels.map(label => `{{${label}}}`), consumerLegend].join(' ')
  return [
    { expr: p50, legend: `P50 ${legend}`, color: 'green' },
    { expr: p95, legend: `P95 ${legend}`, color: 'orange' },
    { expr: p99, legend: `P99 ${legend}`, color: 'red' },
  ]
}

export const latency = (limits: Limits): PanelGroup => ({
  title: 'Latency',
  width: 12,
  height: 9,
  panels: [
    {
      title: 'Processing latency (P50, P95, P99)',
      description:
        'Time from the Kafka record until the row was handed to the writer, per sample. Good: P95 below the dashed line. While a backlog is read, it is the age of the backlog.',
      queries: quantileQueries(metrics.processingLatency),
      unit: 'ms',
      atMost: limits.HighProcessingLatency,
      alerts: ['HighProcessingLatency'],
    },
    {
      title: 'Kafka consumption latency (P50, P95, P99)',
      description:
        'Time from the Kafka record until it was consumed, per record. Good: below a second. Where this is high too, processing waits for Kafka or reads a backlog.',
      queries: quantileQueries(metrics.kafkaConsumptionLatency),
      unit: 'ms',
      alerts: ['HighProcessingLatency', 'HighKafkaLag'],
    },
    {
      title: 'Iceberg write latency (P50, P95, P99)',
      description:
        'Time that a commit took until it was durable, by table. Good: seconds, far below the commit interval. High values come from storage or the catalog.',
      queries: quantileQueries(metrics.icebergWriteLatency, 'table'),
      unit: 'ms',
      alerts: ['HighCheckpointDuration'],
    },
    {
      title: 'Freshness',
      description:
        'Age of the newest committed Kafka record. Good: below the dashed line while records arrive; it also grows while the topic is quiet.',
      queries: [{ expr: greatest(metrics.freshness), legend: `age ${consumerLegend}`, color: 'blue' }],
      unit: 's',
      atMost: limits.FreshnessTarget,
      alerts: ['FreshnessBudgetBurnFast', 'FreshnessBudgetBurnSlow'],
    },
  ],
})

const validShare = `${perSecond(metrics.validRecords)} / (${perSecond(metrics.validRecords)} + ${perSecond(metrics.invalidRecords)})`

export const dataQuality = (limits: Limits): PanelGroup => ({
  title: 'Data Quality',
  width: 12,
  height: 9,
  panels: [
    {
      title: 'Validation success rate',
      description: 'Share of samples that are valid. Good: near 100 %, above the dashed line. No line: no samples.',
      queries: [{ expr: validShare, legend: `valid ${consumerLegend}`, color: 'green' }],
      unit: 'percentunit',
      max: 1,
      atLeast: 1 - limits.HighValidationFailureRate,
      alerts: ['HighValidationFailureRate'],
    },
    {
      title: 'Validation failures by reason',
      description:
        'Samples that failed and undecodable records, a second, by the first rule that failed. Good: near 0. One reason that rises points to one producer or one release of an app.',
      queries: [{ expr: perSecond(metrics.validationFailures, 'reason'), legend: `{{reason}} ${consumerLegend}` }],
      unit: 'short',
      axis: 'rows/s',
      stacked: true,
      alerts: ['HighErrorRate', 'HighValidationFailureRate'],
    },
    {
      title: 'Records by data type',
      description:
        'Valid and invalid samples a second by data type. Types that are not known count as "other": good is a thin one.',
      queries: [{ expr: perSecond(metrics.recordsByType, 'data_type'), legend: `{{data_type}} ${consumerLegend}` }],
      unit: 'short',
      axis: 'rows/s',
      stacked: true,
    },
    {
      title: 'Validation warnings',
      description:
        'Valid samples worth a look, a second: a unit outside the list of its type, or more than seven days from start to end.',
      queries: [{ expr: perSecond(metrics.validationWarnings, 'kind'), legend: `{{kind}} ${consumerLegend}` }],
      unit: 'short',
      axis: 'rows/s',
    },
  ],
})

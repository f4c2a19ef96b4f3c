/**
 * The ten alerts of the monitoring guide: its thresholds, severities and words. Each action is the guide's sentence.
 * Data only.
 */
import type { guideAlertNames } from '../crds/monitoring.ts'
import { type MetricDefinition, metrics } from '../runtime/contract/metrics.ts'
import { type AlertTable, perConsumer, type RuleScope } from './alertDefinition.ts'
import { increase, rate } from './promql.ts'

const rowsPerSecond = ({ series, window }: RuleScope, metric: MetricDefinition) =>
  perConsumer('sum', rate(series(metric), window))

/** Whole events: what `increase` adds by extrapolating to the edges of the window would fire at the threshold itself. */
const eventsWithin = ({ series, window }: RuleScope, metric: MetricDefinition) =>
  `floor(${perConsumer('sum', increase(series(metric), window))})`

export const alertsOfGuide: AlertTable<(typeof guideAlertNames)[number]> = {
  HighCheckpointDuration: {
    severity: 'warning',
    pendingPeriod: '5m',
    expression: ({ series, threshold }) =>
      `${series(metrics.lastCheckpointDuration)} > ${threshold.HighCheckpointDuration}`,
    summary: 'Checkpoint taking too long',
    // The guide's, word for word; the labels name the consumer.
    description: () => 'Checkpoint duration is {{ $value }}ms',
    action: 'Investigate state size and I/O performance',
  },
  HighKafkaLag: {
    severity: 'warning',
    pendingPeriod: '5m',
    expression: ({ series, threshold }) =>
      `${perConsumer('sum', series(metrics.consumerLag))} > ${threshold.HighKafkaLag}`,
    summary: 'Kafka consumer lag is high',
    description: who => `${who} is {{ $value | humanize }} messages behind`,
    action: 'Scale up TaskManagers or increase parallelism',
  },
  HighErrorRate: {
    severity: 'critical',
    window: '5m',
    expression: scope => `${rowsPerSecond(scope, metrics.invalidRecords)} > ${scope.threshold.HighErrorRate}`,
    summary: 'Error rate is high',
    description: who => `${who} finds {{ $value | printf "%.1f" }} errors/second`,
    action: 'Check logs for error patterns',
  },
  CheckpointFailures: {
    severity: 'critical',
    window: '10m',
    expression: scope => `${eventsWithin(scope, metrics.failedCheckpoints)} > ${scope.threshold.CheckpointFailures}`,
    summary: 'Checkpoints are failing',
    description: (who, { window }) => `{{ $value }} checkpoints of ${who} failed in ${window}`,
    action: 'Check state backend and storage',
  },
  LowThroughput: {
    severity: 'warning',
    window: '5m',
    pendingPeriod: '5m',
    expression: scope => `${rowsPerSecond(scope, metrics.throughput)} < ${scope.threshold.LowThroughput}`,
    summary: 'Throughput is low',
    description: who => `${who} processes {{ $value | printf "%.1f" }} records/second`,
    action: 'Check upstream data source',
  },
  HighValidationFailureRate: {
    severity: 'warning',
    window: '5m',
    pendingPeriod: '5m',
    // Without records both rates are 0, their quotient is no number, and nothing fires.
    expression: scope => {
      const [valid, invalid] = [metrics.validRecords, metrics.invalidRecords].map(each => rowsPerSecond(scope, each))
      return `${invalid}\n  / (${valid} + ${invalid})\n  > ${scope.threshold.HighValidationFailureRate}`
    },
    summary: 'Many records fail validation',
    description: who => `{{ $value | humanizePercentage }} of the records of ${who} fail validation`,
    action: 'Investigate data quality issues',
  },
  IcebergWriteFailures: {
    severity: 'critical',
    window: '5m',
    expression: scope =>
      `${eventsWithin(scope, metrics.icebergWriteFailures)} > ${scope.threshold.IcebergWriteFailures}`,
    summary: 'Writes to Iceberg are failing',
    description: (who, { window }) => `{{ $value }} writes of ${who} failed in ${window}`,
    action: 'Check Iceberg catalog and storage',
  },
  HighProcessingLatency: {
    severity: 'warning',
    window: '5m',
    pendingPeriod: '5m',
    expression: ({ buckets, window, threshold }) => {
      const perBucket = perConsumer('sum', rate(buckets(metrics.processingLatency), window), 'le')
      return `histogram_quantile(0.95, ${perBucket}) > ${threshold.HighProcessingLatency}`
    },
    summary: 'Processing latency is high',
    description: who => `P95 processing latency of ${who} is {{ $value | printf "%.0f" }}ms`,
    action: 'Optimize processing logic or scale up',
  },
  TaskManagerDown: {
    severity: 'critical',
    pendingPeriod: '1m',
    expression: ({ ofJob }) => `${ofJob('up')} == 0 or absent(${ofJob('up')})`,
    summary: 'TaskManager is unreachable',
    description: who =>
      `{{ if $labels.instance }}TaskManager {{ $labels.instance }} of ${who} does not answer (up is {{ $value }})` +
      `{{ else }}Prometheus has no TaskManager of ${who} to scrape (absent is {{ $value }}){{ end }}`,
    action: 'Restart TaskManager or check infrastructure',
  },
  HighMemoryUsage: {
    severity: 'warning',
    pendingPeriod: '5m',
    expression: ({ series, threshold }) =>
      `${series(metrics.heapUsed)} / ${series(metrics.heapMax)} > ${threshold.HighMemoryUsage}`,
    summary: 'Heap is nearly full',
    description: who =>
      `TaskManager {{ $labels.instance }} of ${who} uses {{ $value | humanizePercentage }} of its heap`,
    action: 'Increase TaskManager memory or optimize state',
  },
}

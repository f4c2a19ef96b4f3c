/**
 * The metric catalogue: every metric of the runtime, declared once. Recording code, alert rules, dashboards and docs
 * refer to an entry, never to a string. Data only; the process and Node metrics of prom-client come on top.
 *
 * The names before "beside them" are a contract with dashboards and rules that were written for a Flink job: they keep
 * Flink's spelling, its milliseconds, and counters without `_total`. A checkpoint is one round of flush and commit.
 */
import { haltCodes } from './halts.ts'
import { reasonsByType } from './reasons.ts'
import { upkeepSteps } from './upkeep.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram'
export type MetricUnit =
  | 'records'
  | 'rows'
  | 'milliseconds'
  | 'seconds'
  | 'bytes'
  | 'ratio'
  | 'files'
  | 'partitions'
  | 'events'
  | 'info'
export type MetricLabel =
  | 'data_type'
  | 'reason'
  | 'table'
  | 'backend'
  | 'step'
  | 'topic'
  | 'partition'
  | 'kind'
  | 'code'
  | 'version'
  | 'node_version'

export interface MetricDefinition {
  readonly name: string
  readonly type: MetricType
  readonly unit: MetricUnit
  readonly labels: readonly MetricLabel[]
  readonly help: string
  /** Upper bounds of a histogram, in `unit`. */
  readonly buckets?: readonly number[]
}

/** Reach minutes, so that a P95 above 10 s is measurable, and an hour, for a backlog being read. */
const latencyBuckets = [
  5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  1_800_000, 3_600_000,
] as const
const rowBuckets = [1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000] as const

/** `data_type` of a sample whose type is not a known one, and of a record that could not be decoded. */
export const otherDataType = 'other'

/** What a valid sample may be noticed for: a unit outside its type's list, more than seven days from start to end. */
export const validationWarnings = ['unit_unchecked', 'long_duration'] as const
export type ValidationWarning = (typeof validationWarnings)[number]

/** What holds the tables, asked over the network. */
export const backends = ['catalog', 'storage'] as const
export type Backend = (typeof backends)[number]

/**
 * Values of the labels that are closed here. `table` and `data_type` are closed by the configuration (the two tables;
 * the known types and `other`), `topic` and `partition` by the assignment.
 */
export const closedLabelValues = {
  reason: Object.values(reasonsByType).flat(),
  kind: validationWarnings,
  code: haltCodes,
  backend: backends,
  step: upkeepSteps,
} as const satisfies Partial<Record<MetricLabel, readonly string[]>>

export const metrics = {
  validRecords: {
    name: 'health_data_valid_records_total',
    type: 'counter',
    unit: 'rows',
    labels: [],
    help: 'Samples that passed validation: rows for the raw table. A rewind counts them again.',
  },
  invalidRecords: {
    name: 'health_data_invalid_records_total',
    type: 'counter',
    unit: 'rows',
    labels: [],
    help: 'Samples that failed and records that could not be decoded: rows for the errors table.',
  },
  throughput: {
    name: 'health_data_throughput_total',
    type: 'counter',
    unit: 'rows',
    labels: [],
    help: 'Valid and invalid samples together.',
  },
  recordsByType: {
    name: 'health_data_records_by_type_total',
    type: 'counter',
    unit: 'rows',
    labels: ['data_type'],
    help: 'Valid and invalid samples by data type; types that are not known count as "other".',
  },
  processingLatency: {
    name: 'processing_latency_ms',
    type: 'histogram',
    unit: 'milliseconds',
    labels: [],
    buckets: latencyBuckets,
    help: 'Time from the Kafka record time until the row was handed to the writer, per sample.',
  },
  validationSuccess: {
    name: 'validation_success_total',
    type: 'counter',
    unit: 'rows',
    labels: [],
    help: 'Samples that passed validation.',
  },
  validationFailures: {
    name: 'validation_failures_total',
    type: 'counter',
    unit: 'rows',
    labels: ['reason', 'data_type'],
    help: 'Samples that failed, and undecodable records, by the first rule that failed.',
  },
  icebergRecordsWritten: {
    name: 'iceberg_records_written_total',
    type: 'counter',
    unit: 'rows',
    labels: ['table'],
    help: 'Rows in durable commits, counted once each.',
  },
  icebergWriteFailures: {
    name: 'iceberg_write_failures_total',
    type: 'counter',
    unit: 'events',
    labels: ['table'],
    help: 'Failed writes of files or commits.',
  },
  icebergWriteLatency: {
    name: 'iceberg_write_latency_ms',
    type: 'histogram',
    unit: 'milliseconds',
    labels: ['table'],
    buckets: latencyBuckets,
    help: 'Time that a commit took until it was durable, those without rows included.',
  },
  icebergBatchSize: {
    name: 'iceberg_batch_size',
    type: 'histogram',
    unit: 'rows',
    labels: ['table'],
    buckets: rowBuckets,
    help: 'Rows of one durable commit; empty commits do not count.',
  },
  kafkaRecordsConsumed: {
    name: 'kafka_records_consumed_total',
    type: 'counter',
    unit: 'records',
    labels: ['topic', 'partition'],
    help: 'Kafka records consumed, tombstones included.',
  },
  kafkaDeserializationErrors: {
    name: 'kafka_deserialization_errors_total',
    type: 'counter',
    unit: 'records',
    labels: ['topic', 'partition'],
    help: 'Kafka records that are no JSON object with an array of samples.',
  },
  kafkaConsumptionLatency: {
    name: 'kafka_consumption_latency_ms',
    type: 'histogram',
    unit: 'milliseconds',
    labels: [],
    buckets: latencyBuckets,
    help: 'Time from the Kafka record time until the record was consumed, per record that has a time.',
  },
  consumerLag: {
    name: 'flink_consumer_lag',
    type: 'gauge',
    unit: 'records',
    labels: ['topic', 'partition'],
    help: 'Kafka records of an assigned partition that are not committed to the table yet.',
  },
  recordsIn: {
    name: 'flink_taskmanager_job_task_numRecordsIn',
    type: 'counter',
    unit: 'records',
    labels: [],
    help: 'Kafka records received, tombstones included.',
  },
  recordsOut: {
    name: 'flink_taskmanager_job_task_numRecordsOut',
    type: 'counter',
    unit: 'rows',
    labels: [],
    help: 'Rows of both tables in durable commits.',
  },
  lastCheckpointDuration: {
    name: 'flink_jobmanager_job_lastCheckpointDuration',
    type: 'gauge',
    unit: 'milliseconds',
    labels: [],
    help: 'Duration of the newest completed round of flush and commit.',
  },
  lastCheckpointSize: {
    name: 'flink_jobmanager_job_lastCheckpointSize',
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Bytes of data files in the newest completed round of flush and commit.',
  },
  failedCheckpoints: {
    name: 'flink_jobmanager_job_numberOfFailedCheckpoints',
    type: 'counter',
    unit: 'events',
    labels: [],
    help: 'Rounds of flush and commit that failed.',
  },
  heapUsed: {
    name: 'flink_taskmanager_Status_JVM_Memory_Heap_Used',
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Used heap of the JavaScript engine.',
  },
  heapMax: {
    name: 'flink_taskmanager_Status_JVM_Memory_Heap_Max',
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Limit of the JavaScript heap.',
  },
  cpuLoad: {
    name: 'flink_taskmanager_Status_JVM_CPU_Load',
    type: 'gauge',
    unit: 'ratio',
    labels: [],
    help: 'Share of the available processors that this process used since the previous scrape, 0 to 1.',
  },
  networkReceive: {
    name: 'process_network_receive_bytes_total',
    type: 'counter',
    unit: 'bytes',
    labels: [],
    help: 'IP bytes received in the network namespace of this process (the pod), loopback included; 0 off Linux.',
  },
  networkTransmit: {
    name: 'process_network_transmit_bytes_total',
    type: 'counter',
    unit: 'bytes',
    labels: [],
    help: 'IP bytes sent in the network namespace of this process (the pod), loopback included; 0 off Linux.',
  },

  // Beside them.
  freshness: {
    name: 'health_data_freshness_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: [],
    help: 'Age of the newest committed Kafka record; 0 before the first.',
  },
  lastCommitTime: {
    name: 'iceberg_last_commit_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: [],
    help: 'Unix time of the newest durable commit of this process; 0 before the first.',
  },
  commitRetries: {
    name: 'iceberg_commit_retries_total',
    type: 'counter',
    unit: 'events',
    labels: ['table'],
    help: 'Commits tried again, whatever the cause.',
  },
  commitConflicts: {
    name: 'iceberg_commit_conflicts_total',
    type: 'counter',
    unit: 'events',
    labels: ['table'],
    help: 'Commits that another writer won.',
  },
  requestFailures: {
    name: 'iceberg_request_failures_total',
    type: 'counter',
    unit: 'events',
    labels: ['backend'],
    help: 'Requests to the REST catalog and to S3 that were denied or got no usable answer, repeated ones too.',
  },
  upkeepRuns: {
    name: 'iceberg_upkeep_runs_total',
    type: 'counter',
    unit: 'events',
    labels: ['step'],
    help: 'Runs of upkeep in the background: of expiry, of metadata files, of orphans. Only one pod does it.',
  },
  upkeepFailures: {
    name: 'iceberg_upkeep_failures_total',
    type: 'counter',
    unit: 'events',
    labels: ['step'],
    help: 'Those of them that failed; they are tried again.',
  },
  pendingErrorFiles: {
    name: 'iceberg_pending_error_files',
    type: 'gauge',
    unit: 'files',
    labels: [],
    help: 'Error batches announced by the raw table and not yet applied to the errors table.',
  },
  pendingErrorAge: {
    name: 'iceberg_pending_error_age_seconds',
    type: 'gauge',
    unit: 'seconds',
    labels: [],
    help: 'How long error batches have been waiting without a break; 0 while none waits.',
  },
  rebalances: {
    name: 'kafka_rebalances_total',
    type: 'counter',
    unit: 'events',
    labels: [],
    help: 'Rebalances of the consumer group seen by this member.',
  },
  partitionsAssigned: {
    name: 'kafka_partitions_assigned',
    type: 'gauge',
    unit: 'partitions',
    labels: [],
    help: 'Partitions assigned to this process.',
  },
  tombstones: {
    name: 'kafka_tombstones_total',
    type: 'counter',
    unit: 'records',
    labels: [],
    help: 'Kafka records without a value, which are skipped.',
  },
  validationWarnings: {
    name: 'validation_warnings_total',
    type: 'counter',
    unit: 'rows',
    labels: ['kind'],
    help: 'Valid samples worth a look: unit not checked, longer than seven days.',
  },
  bufferedBytes: {
    name: 'healthconsumer_buffered_bytes',
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Bytes of records and rows held in memory and not committed yet.',
  },
  halted: {
    name: 'healthconsumer_halted',
    type: 'gauge',
    unit: 'info',
    labels: ['code'],
    help: '1 for the code of the halt that stopped intake, 0 for every other code.',
  },
  buildInfo: {
    name: 'healthconsumer_build_info',
    type: 'gauge',
    unit: 'info',
    labels: ['version', 'node_version'],
    help: 'Always 1; the labels say what runs.',
  },
} as const satisfies Record<string, MetricDefinition>

/** Counts Kafka records by partition. Of a record it reads position, time and error, never the value. */
import { metrics } from '../../contract/metrics.ts'
import { topicPartitionKey } from '../../kafka.ts'
import { counterOn, gaugeOn, histogramOn } from './registeredInstruments.ts'
import { type Reporter, type ReporterOptions, reporterClass } from './reporter.ts'
import { ageMs, isAmount } from './rowFields.ts'

export interface SourceMethods {
  /** Counts a record that could not be decoded and that `map` did not see with an `error`. */
  deserializationError(topic: string, partition: number): void
  /** Records of the partition that are still to be processed. */
  lag(topic: string, partition: number, records: number): void
  /** The partition is someone else's now: its lag is gone. */
  revoked(topic: string, partition: number): void
}

export type KafkaSourceMetrics = Reporter & SourceMethods

interface RecordFields {
  readonly topic?: unknown
  readonly partition?: unknown
  readonly timestamp?: unknown
  readonly error?: unknown
  readonly error_type?: unknown
}

type PartitionLabels = Readonly<Record<'topic' | 'partition', string | number>>

/** Where records without a position count, and those of the partitions beyond the bound. */
const elsewhere: PartitionLabels = { topic: 'other', partition: 'other' }
const maximumPartitions = 10_000
/** As Kafka's org.apache.kafka.common.internals.Topic has it. */
const topicGrammar = /^[a-zA-Z0-9._-]{1,249}$/

/**
 * `kafka_records_consumed_total{topic,partition}`, `kafka_deserialization_errors_total{topic,partition}`,
 * `kafka_consumption_latency_ms` and `flink_consumer_lag{topic,partition}`. Of a record it reads `topic`, `partition`,
 * `timestamp` (milliseconds since the epoch, kafkajs' text of them, or a Date), and `error` or `error_type`, set where it
 * could not be decoded. At most 10,000 partitions have series of their own.
 */
export const KafkaSourceMetrics = reporterClass<ReporterOptions, SourceMethods>(
  'KafkaSourceMetrics',
  (_options, registry, now) => {
    const consumed = counterOn(registry, metrics.kafkaRecordsConsumed)
    const undecodable = counterOn(registry, metrics.kafkaDeserializationErrors)
    const latency = histogramOn(registry, metrics.kafkaConsumptionLatency)
    const lag = gaugeOn(registry, metrics.consumerLag)
    const known = new Map<string, PartitionLabels>()

    function labelsOf(topic: unknown, partition: unknown): PartitionLabels {
      if (typeof topic !== 'string' || !topicGrammar.test(topic)) return elsewhere
      if (!isAmount(partition) || !Number.isInteger(partition)) return elsewhere
      const key = topicPartitionKey(topic, partition)
      const labels = known.get(key)
      if (labels !== undefined || known.size >= maximumPartitions) return labels ?? elsewhere
      const added = { topic, partition }
      known.set(key, added)
      consumed.inc(added, 0)
      undecodable.inc(added, 0)
      return added
    }

    function record({ topic, partition, timestamp, error, error_type }: RecordFields): void {
      const latencyMs = ageMs(timestamp, now())
      const labels = labelsOf(topic, partition)
      consumed.inc(labels)
      if (error || error_type) undecodable.inc(labels)
      if (latencyMs !== undefined) latency.observe(latencyMs)
    }

    const methods: SourceMethods = {
      deserializationError: (topic, partition) => undecodable.inc(labelsOf(topic, partition)),
      lag(topic, partition, records) {
        const labels = labelsOf(topic, partition)
        if (labels !== elsewhere && isAmount(records)) lag.set(labels, records)
      },
      revoked: (topic, partition) => lag.remove({ topic, partition }),
    }
    return { record, methods }
  },
)

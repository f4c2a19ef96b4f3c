/**
 * Metrics of the source: what was consumed, how far behind, what is assigned. Counts Kafka records, tombstones too.
 * It never sees a payload: of a record it reads the time and whether it has a value.
 */
import type { Registry } from 'prom-client'
import { metrics } from '../contract/metrics.ts'
import { type SourceBatch, type TopicPartition, topicPartitionKey } from '../kafka.ts'
import { counter, gauge, histogram } from './instruments.ts'

export interface KafkaMetrics {
  /** A new assignment: its counters start at 0, and every lag is unknown again. */
  assigned(partitions: readonly TopicPartition[]): void
  revoked(): void
  rebalanced(): void
  /** One batch was consumed at `nowMs` (milliseconds since the epoch). */
  consumed(batch: Pick<SourceBatch, 'topic' | 'partition' | 'records'>, nowMs: number): void
  deserializationError(topic: string, partition: number): void
  /** Records that are not durable yet. Ignored for a partition that is not assigned (any more). */
  lag(topic: string, partition: number, records: number): void
}

export function createKafkaMetrics(registry: Registry): KafkaMetrics {
  const recordsConsumed = counter(metrics.kafkaRecordsConsumed, registry)
  const deserializationErrors = counter(metrics.kafkaDeserializationErrors, registry)
  const [observeLatency] = histogram(metrics.kafkaConsumptionLatency, registry, [{}])
  const consumerLag = gauge(metrics.consumerLag, registry)
  const recordsIn = counter(metrics.recordsIn, registry)
  const rebalances = counter(metrics.rebalances, registry)
  const partitionsAssigned = gauge(metrics.partitionsAssigned, registry)
  const tombstones = counter(metrics.tombstones, registry)
  let assignment = new Set<string>()

  function assigned(partitions: readonly TopicPartition[]): void {
    assignment = new Set(partitions.map(({ topic, partition }) => topicPartitionKey(topic, partition)))
    consumerLag.reset()
    partitionsAssigned.set(assignment.size)
    for (const { topic, partition } of partitions) {
      recordsConsumed.inc({ topic, partition }, 0)
      deserializationErrors.inc({ topic, partition }, 0)
    }
  }

  return {
    assigned,
    revoked: () => assigned([]),
    rebalanced: () => rebalances.inc(),
    consumed({ topic, partition, records }, nowMs) {
      let withoutValue = 0
      for (const record of records) {
        if (record.value === null) withoutValue++
        // A producer may send no time (-1); a producer's clock may run ahead of ours.
        if (record.timestampMs >= 0) observeLatency!(Math.max(0, nowMs - record.timestampMs))
      }
      recordsConsumed.inc({ topic, partition }, records.length)
      recordsIn.inc(records.length)
      tombstones.inc(withoutValue)
    },
    deserializationError: (topic, partition) => deserializationErrors.inc({ topic, partition }),
    lag(topic, partition, records) {
      if (assignment.has(topicPartitionKey(topic, partition))) consumerLag.set({ topic, partition }, records)
    },
  }
}

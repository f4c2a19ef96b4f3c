/**
 * Kafka's words as every step of the pipeline uses them: topic partitions, records, half-open offset ranges.
 * Types and pure functions only; it never talks to a broker.
 *
 * Offsets are JavaScript numbers. Kafka's are int64; the source refuses one above Number.MAX_SAFE_INTEGER
 * (9.0e15: 285 years at a million records a second), so that no offset is ever rounded.
 */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** `topic:partition`; a topic name cannot hold a colon, so the key is unambiguous. */
export type TopicPartitionKey = string

export const topicPartitionKey = (topic: string, partition: number): TopicPartitionKey => `${topic}:${partition}`

export function parseTopicPartitionKey(key: TopicPartitionKey): TopicPartition {
  const colon = key.lastIndexOf(':')
  return { topic: key.slice(0, colon), partition: Number(key.slice(colon + 1)) }
}

/** Next offset to read, per topic partition. */
export type OffsetMap = ReadonlyMap<TopicPartitionKey, number>

/** Half-open: `start` is the first offset inside, `end` the first one past it. Legal gaps may lie inside. */
export interface OffsetRange {
  readonly start: number
  readonly end: number
}

export interface KafkaRecord {
  readonly offset: number
  /** Record time in milliseconds since the epoch. */
  readonly timestampMs: number
  readonly key: Buffer | null
  /** Null is a tombstone. */
  readonly value: Buffer | null
}

/** What identifies the last consumed record of a partition, to notice a recreated topic (`hc.last`). */
export interface LastRecord {
  readonly offset: number
  readonly timestampMs: number
  /** CRC-32C of key bytes followed by value bytes. */
  readonly crc32c: number
}

/** One fetch of one partition. It covers [start, end) whole, control, aborted and compacted records included. */
export interface SourceBatch extends TopicPartition, OffsetRange {
  /** Assignment the batch was fetched under; a batch of an older epoch is dropped. */
  readonly epoch: number
  readonly records: readonly KafkaRecord[]
  /** End of the partition as the broker told it with this fetch. */
  readonly highWatermark: number
}

/** First and next-to-be-written offset that a partition retains. */
export interface Watermarks {
  readonly low: number
  readonly high: number
}

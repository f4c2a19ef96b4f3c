/**
 * The port to Kafka as the pipeline sees it: a consumer group member whose positions are decided by the table, not by
 * Kafka's committed offsets. Implemented on kafkajs in kafkaSource.ts and in memory for tests in inMemoryKafka.ts.
 */
import type { OffsetMap, SourceBatch, TopicPartition, TopicPartitionKey, Watermarks } from '../kafka.ts'
import type { SourceError } from './sourceError.ts'

export interface SourceHandler {
  /**
   * A new assignment. Every partition is paused already when this is called; the pipeline seeks and resumes
   * each once it has loaded its position. `epoch` grows by one with every assignment.
   */
  assigned(epoch: number, partitions: readonly TopicPartition[]): void
  /**
   * The group rebalances: the assignment may go away at the next `assigned`. Called at once, never awaited. Nothing is
   * delivered from here on; a `batch` under way should return soon, for the group waits for it.
   */
  rebalancing(): void
  /**
   * Awaited before the next batch of the same partition is fetched. A rejection ends the consumer (see `crashed`).
   * A batch starts where the last one ended, or at the offset sought; one that starts elsewhere is empty and a *jump*:
   * the log does not have that offset any more (retention, truncation, a recreated topic). It starts at the low
   * watermark, and its partition delivers nothing more until it is sought again.
   */
  batch(batch: SourceBatch): Promise<void>
  /** The consumer is dead and will not restart. */
  crashed(error: Error): void
}

export interface Source {
  /** Joins the group and delivers until `stop`. Resolves once the consumer runs, not when it has joined. */
  start(handler: SourceHandler): Promise<void>
  /** Next offset to deliver. A partition that is not assigned is ignored, here and below. */
  seek(partition: TopicPartition, offset: number): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /** Stops fetching, waits for running batch handlers, leaves the group. */
  stop(): Promise<void>
}

/** Told whether Kafka can be read. Never awaited, must not throw. */
export interface SourceObserver {
  /** Consuming failed and will be tried again, as often as it takes. */
  interrupted(error: SourceError): void
  /** Every broker that was asked has answered. */
  working(): void
}

/** The questions that the commit protocol asks Kafka. */
export interface KafkaPositions {
  /** Stable identifier of the cluster. */
  clusterId(): Promise<string>
  /** Partition numbers of each topic. Rejects with SourceError `UNKNOWN_TOPIC` for one that does not exist. */
  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>>
  /** Offsets committed by the group; a partition without one (negative at the broker) is absent. */
  committed(partitions: readonly TopicPartition[]): Promise<OffsetMap>
  /** Low and high watermark of each partition. */
  watermarks(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<TopicPartitionKey, Watermarks>>
  /** Last stable offsets (read_committed end) of each partition. */
  lastStableOffsets(partitions: readonly TopicPartition[]): Promise<OffsetMap>
  /** Commits next offsets for the group, for lag tools only. */
  commit(offsets: OffsetMap): Promise<void>
}

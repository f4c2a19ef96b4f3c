/**
 * The partitions of one assignment and where each is read: nothing is fetched from a partition until it was sought and
 * resumed. A new assignment is a new object, so no position, pause or seek outlives a rebalance. Pure state.
 */
import { type TopicPartition, type TopicPartitionKey, topicPartitionKey } from '../kafka.ts'
import type { PartitionOffset } from './fetchPartitions.ts'

export interface AssignedPartition extends TopicPartition {
  /** Next offset to fetch; undefined until the first seek, and again after a jump. */
  next: number | undefined
  paused: boolean
  /** A fetch or the handling of its batch is under way. */
  busy: boolean
  /** The highest end seen since the last seek. */
  highWatermark: number
}

export class Assignment {
  readonly epoch: number
  readonly #partitions: ReadonlyMap<TopicPartitionKey, AssignedPartition>
  #turn = 0

  constructor(epoch: number, partitions: readonly TopicPartition[]) {
    this.epoch = epoch
    this.#partitions = new Map(
      partitions.map(({ topic, partition }) => [
        topicPartitionKey(topic, partition),
        { topic, partition, next: undefined, paused: true, busy: false, highWatermark: 0 },
      ]),
    )
  }

  get({ topic, partition }: TopicPartition): AssignedPartition | undefined {
    return this.#partitions.get(topicPartitionKey(topic, partition))
  }

  get partitions(): readonly TopicPartition[] {
    return [...this.#partitions.values()].map(({ topic, partition }) => ({ topic, partition }))
  }

  /** A partition of another assignment is ignored, here and below. */
  seek(partition: TopicPartition, offset: number): void {
    const found = this.get(partition)
    if (found === undefined) return
    found.next = offset
    found.highWatermark = 0
  }

  setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const partition of partitions) {
      const found = this.get(partition)
      if (found !== undefined) found.paused = paused
    }
  }

  /** What to fetch now, each time beginning with another partition: the broker serves the first ones first. */
  wanted(isServed: (partition: TopicPartition) => boolean): readonly PartitionOffset[] {
    const wanted: PartitionOffset[] = []
    for (const { topic, partition, next, paused, busy } of this.#partitions.values())
      if (next !== undefined && !paused && !busy && isServed({ topic, partition }))
        wanted.push({ topic, partition, offset: next })
    const first = this.#turn++ % Math.max(1, wanted.length)
    return [...wanted.slice(first), ...wanted.slice(0, first)]
  }

  /** The partition, if what was fetched at `offset` is still what comes next. */
  expecting({ topic, partition, offset }: PartitionOffset): AssignedPartition | undefined {
    const found = this.get({ topic, partition })
    return found?.next === offset && !found.paused ? found : undefined
  }
}

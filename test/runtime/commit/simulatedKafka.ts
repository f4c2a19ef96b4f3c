/** A Kafka cluster as the protocol sees it: logs with gaps, retention, group offsets. Synchronous state, no network. */
import { crc32c } from '../../../runtime/commit/crc32c.ts'
import {
  type KafkaRecord,
  type LastRecord,
  type OffsetMap,
  parseTopicPartitionKey,
  type SourceBatch,
  type TopicPartition,
  topicPartitionKey,
  type Watermarks,
} from '../../../runtime/kafka.ts'

export interface SimulatedPartition {
  low: number
  high: number
  /** Offsets without a record are control records or were compacted away. */
  records: KafkaRecord[]
}

export class SimulatedKafka {
  readonly partitions = new Map<string, SimulatedPartition>()
  readonly committed = new Map<string, number>()
  clusterId = 'cluster-1'
  private written = 0

  constructor(topic: string, partitions: number) {
    for (let partition = 0; partition < partitions; partition++) this.addPartition(topic, partition)
  }

  addPartition(topic: string, partition: number): void {
    this.partitions.set(topicPartitionKey(topic, partition), { low: 0, high: 0, records: [] })
  }

  /** Appends a record whose value is its sample ids, comma separated. */
  produce(key: string, ids: readonly string[]): void {
    const log = this.log(key)
    const timestampMs = 1_000_000 + this.written++
    log.records.push({ offset: log.high++, timestampMs, key: null, value: Buffer.from(ids.join(',')) })
  }

  /** A control record: an offset that holds nothing for a reader. */
  control(key: string): void {
    this.log(key).high++
  }

  /** Retention: everything below the offset is gone. */
  deleteBefore(key: string, offset: number): void {
    const log = this.log(key)
    log.low = Math.max(log.low, Math.min(offset, log.high))
    log.records = log.records.filter(record => record.offset >= log.low)
  }

  log(key: string): SimulatedPartition {
    const log = this.partitions.get(key)
    if (log === undefined) throw new Error(`no partition ${key}`)
    return log
  }

  /** What a fetch at an offset returns; an offset that is not retained is answered from the beginning, as kafkajs does. */
  fetch(epoch: number, key: string, at: number, most: number): SourceBatch | undefined {
    const log = this.log(key)
    const start = at < log.low || at > log.high ? log.low : at
    const records = log.records.filter(record => record.offset >= start).slice(0, most)
    const more = log.records.some(record => record.offset > (records.at(-1)?.offset ?? -1))
    const end = records.length > 0 && more ? records.at(-1)!.offset + 1 : log.high
    if (end === at) return undefined
    return { ...parseTopicPartitionKey(key), epoch, start, end, records, highWatermark: log.high }
  }

  async watermarks(of: readonly TopicPartition[]): Promise<ReadonlyMap<string, Watermarks>> {
    return new Map(
      of.map(({ topic, partition }) => {
        const { low, high } = this.log(topicPartitionKey(topic, partition))
        return [topicPartitionKey(topic, partition), { low, high }]
      }),
    )
  }

  topicPartitions(topics: readonly string[]): ReadonlyMap<string, readonly number[]> {
    const result = new Map<string, number[]>(topics.map(topic => [topic, []]))
    for (const key of this.partitions.keys()) {
      const { topic, partition } = parseTopicPartitionKey(key)
      result.get(topic)?.push(partition)
    }
    return result
  }

  committedOf(of: readonly TopicPartition[]): OffsetMap {
    const keys = of.map(({ topic, partition }) => topicPartitionKey(topic, partition))
    return new Map(keys.filter(key => this.committed.has(key)).map(key => [key, this.committed.get(key)!]))
  }
}

export const markOf = (record: KafkaRecord): LastRecord => ({
  offset: record.offset,
  timestampMs: record.timestampMs,
  crc32c: crc32c(record.key, record.value),
})

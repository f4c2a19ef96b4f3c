/**
 * Kafka in memory, for fast tests of the pipeline: topics, groups that rebalance eagerly, offsets without records,
 * open transactions, retention. The same ports as on a real cluster, checked by the same contract test. Nothing here
 * knows time: a batch is delivered as soon as it is wanted.
 */
import { type KafkaRecord, type TopicPartition, type TopicPartitionKey, topicPartitionKey } from '../kafka.ts'
import type { PartitionOffset } from './fetchPartitions.ts'
import { createInMemorySource, type GroupMember, type InMemoryGroup } from './inMemorySource.ts'
import type { KafkaPositions, Source } from './source.ts'
import { SourceError } from './sourceError.ts'

export interface RecordToProduce {
  readonly key?: Buffer | null
  readonly value: Buffer | null
  readonly timestampMs?: number
}

export interface InMemoryKafka {
  /** In place of one of that name, whose records and watermarks are gone then. */
  createTopic(topic: string, partitions?: number): void
  deleteTopic(topic: string): void
  produce(topic: string, partition: number, records: readonly RecordToProduce[]): void
  /** Offsets that hold no record to deliver: control records, an aborted transaction, what compaction removed. */
  leaveGap(topic: string, partition: number, offsets: number): void
  /** Drops what lies before `offset`, as retention does. */
  deleteRecords(topic: string, partition: number, offset: number): void
  /** Nothing at or past the current end is delivered until the transaction is ended. */
  openTransaction(topic: string, partition: number): { end(): void }
  source(groupId: string, topics: readonly string[]): Source
  positions(groupId: string): KafkaPositions
  /** Makes the group join again. */
  rebalance(groupId: string): void
  /** Ends every consumer of the group as a fatal error does. */
  crash(groupId: string, error: Error): void
}

interface Log {
  low: number
  high: number
  /** Sorted by offset. */
  records: KafkaRecord[]
  openFrom: number | undefined
}

interface Group extends InMemoryGroup {
  readonly members: Set<GroupMember>
  readonly committed: Map<TopicPartitionKey, number>
  rebalance(): void
}

/** `maxBatchRecords` bounds the records of one batch. */
export function createInMemoryKafka({ clusterId = 'in-memory', maxBatchRecords = 500 } = {}): InMemoryKafka {
  const topics = new Map<string, Log[]>()
  const groups = new Map<string, Group>()

  function logsOf(topic: string): Log[] {
    const logs = topics.get(topic)
    if (logs === undefined) throw new SourceError('UNKNOWN_TOPIC', `Kafka has no topic ${topic}`)
    return logs
  }

  function logOf({ topic, partition }: TopicPartition): Log {
    const log = logsOf(topic)[partition]
    if (log === undefined) throw new SourceError('UNKNOWN_TOPIC', `Kafka has no partition ${topic}:${partition}`)
    return log
  }

  function groupOf(groupId: string): Group {
    const group = groups.get(groupId) ?? createGroup(topic => topics.get(topic)?.length ?? 0)
    groups.set(groupId, group)
    return group
  }

  function read(at: PartitionOffset) {
    const log = topics.get(at.topic)?.[at.partition]
    if (log === undefined) return undefined
    const { low, high: highWatermark } = log
    if (at.offset < low || at.offset > highWatermark) return { start: low, end: low, records: [], highWatermark }
    const stable = stableEnd(log)
    if (at.offset >= stable) return undefined
    const rest = log.records.filter(({ offset }) => offset >= at.offset && offset < stable)
    const end = rest[maxBatchRecords]?.offset ?? stable
    return { start: at.offset, end, records: rest.slice(0, maxBatchRecords), highWatermark }
  }

  function change(alter: () => void): void {
    alter()
    for (const { members } of groups.values()) for (const member of members) member.wake()
  }

  /** One entry a partition. */
  const map = <T>(partitions: readonly TopicPartition[], of: (log: Log) => T): ReadonlyMap<TopicPartitionKey, T> =>
    new Map(partitions.map(at => [topicPartitionKey(at.topic, at.partition), of(logOf(at))]))

  const positions = (groupId: string): KafkaPositions => ({
    clusterId: async () => clusterId,
    partitions: async of => new Map(of.map(topic => [topic, logsOf(topic).map((_, partition) => partition)])),
    async committed(partitions) {
      const keys = new Set(partitions.map(({ topic, partition }) => topicPartitionKey(topic, partition)))
      return new Map([...groupOf(groupId).committed].filter(([key]) => keys.has(key)))
    },
    watermarks: async partitions => map(partitions, ({ low, high }) => ({ low, high })),
    lastStableOffsets: async partitions => map(partitions, stableEnd),
    async commit(offsets) {
      for (const [key, offset] of offsets) groupOf(groupId).committed.set(key, offset)
    },
  })

  return {
    createTopic(topic, partitions = 1) {
      const logs = Array.from(
        { length: partitions },
        (): Log => ({ low: 0, high: 0, records: [], openFrom: undefined }),
      )
      topics.set(topic, logs)
      for (const group of groups.values()) group.rebalance()
    },
    deleteTopic: topic => change(() => topics.delete(topic)),
    produce(topic, partition, records) {
      const log = logOf({ topic, partition })
      change(() => {
        for (const { key = null, value, timestampMs = 0 } of records)
          log.records.push({ offset: log.high++, timestampMs, key, value })
      })
    },
    leaveGap(topic, partition, offsets) {
      const log = logOf({ topic, partition })
      change(() => {
        log.high += offsets
      })
    },
    deleteRecords(topic, partition, offset) {
      const log = logOf({ topic, partition })
      change(() => {
        log.low = offset
        log.records = log.records.filter(record => record.offset >= offset)
      })
    },
    openTransaction(topic, partition) {
      const log = logOf({ topic, partition })
      log.openFrom = log.high
      const end = () => {
        log.openFrom = undefined
      }
      return { end: () => change(end) }
    },
    source: (groupId, subscribed) => createInMemorySource(groupOf(groupId), subscribed, read),
    positions,
    rebalance: groupId => groupOf(groupId).rebalance(),
    crash(groupId, error) {
      for (const member of [...groupOf(groupId).members]) member.crash(error)
    },
  }
}

const stableEnd = (log: Log): number => log.openFrom ?? log.high

/** Assigns like the real assignor: round robin over the members, once all of them have joined. */
function createGroup(partitionCount: (topic: string) => number): Group {
  const members = new Set<GroupMember>()
  const joined = new Map<GroupMember, (partitions: readonly TopicPartition[]) => void>()

  function assignWhenComplete(): void {
    if (joined.size < members.size) return
    const resolvers = [...joined.values()]
    const topics = new Set([...joined.keys()].flatMap(member => member.topics))
    const all = [...topics].flatMap(topic =>
      Array.from({ length: partitionCount(topic) }, (_, partition) => ({ topic, partition })),
    )
    joined.clear()
    for (const [turn, resolve] of resolvers.entries()) resolve(all.filter((_, i) => i % resolvers.length === turn))
  }

  function rebalance(): void {
    // Who waits to be assigned joins this rebalance already, and would wait for the others twice.
    for (const member of members) if (!joined.has(member)) member.mustJoin()
  }

  return {
    members,
    committed: new Map(),
    rebalance,
    enter(member) {
      members.add(member)
      rebalance()
    },
    leave(member) {
      if (!members.delete(member)) return
      joined.get(member)?.([])
      joined.delete(member)
      rebalance()
      assignWhenComplete()
    },
    join: member =>
      new Promise(resolve => {
        joined.set(member, resolve)
        assignWhenComplete()
      }),
  }
}

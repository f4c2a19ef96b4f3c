/**
 * Asks the leaders where partitions begin and end (ListOffsets). It keeps nothing.
 */
import { type OffsetMap, type TopicPartition, type TopicPartitionKey, topicPartitionKey } from '../kafka.ts'
import type { Cluster } from './kafkajsInternals.ts'
import { SourceError } from './sourceError.ts'

/** `earliest` is the low watermark, `latest` the high watermark, `lastStable` the end for read-committed consumers. */
export type Position = 'earliest' | 'latest' | 'lastStable'

const requestFields = {
  earliest: { timestamp: -2, isolationLevel: 0 },
  latest: { timestamp: -1, isolationLevel: 0 },
  lastStable: { timestamp: -1, isolationLevel: 1 },
} as const

/** The metadata of the topics must be loaded. One entry a partition; rejects where one is missing. */
export async function listOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  position: Position,
): Promise<OffsetMap> {
  const { timestamp, isolationLevel } = requestFields[position]
  const byLeader = Map.groupBy(partitions, partition => leaderOf(cluster, partition))
  const offsets = new Map<TopicPartitionKey, number>()
  await Promise.all(
    [...byLeader].map(async ([nodeId, led]) => {
      const broker = await cluster.findBroker({ nodeId })
      const topics = groupByTopic(led, ({ partition }) => ({ partition, timestamp }))
      const { responses } = await broker.listOffsets({ isolationLevel, topics })
      for (const { topic, partitions } of responses)
        for (const { partition, offset } of partitions)
          offsets.set(topicPartitionKey(topic, partition), toOffset(offset))
    }),
  )
  const missing = partitions.find(({ topic, partition }) => !offsets.has(topicPartitionKey(topic, partition)))
  if (missing !== undefined)
    throw new SourceError('NOT_READY', `Kafka gave no offset of ${missing.topic}:${missing.partition}`)
  return offsets
}

/** Node id of the leader. Throws SourceError `UNKNOWN_TOPIC` for a partition that the metadata does not have. */
export function leaderOf(cluster: Cluster, { topic, partition }: TopicPartition): number {
  const found = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition)
  if (found === undefined)
    throw new SourceError(
      'UNKNOWN_TOPIC',
      `Kafka has no partition ${topic}:${partition}: create it or correct the name`,
    )
  return found.leader
}

export function groupByTopic<P>(
  partitions: readonly TopicPartition[],
  entry: (partition: TopicPartition) => P,
): { topic: string; partitions: P[] }[] {
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
  return [...byTopic].map(([topic, those]) => ({ topic, partitions: those.map(entry) }))
}

/** kafkajs hands int64 over as decimal text. */
export function toOffset(text: string): number {
  const offset = Number(text)
  if (!Number.isSafeInteger(offset)) throw new SourceError('CORRUPT_DATA', `offset ${text} is above 2^53`)
  return offset
}

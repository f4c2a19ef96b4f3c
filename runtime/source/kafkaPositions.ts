/**
 * The commit protocol's questions to a real cluster, over a connection of its own, so that they are answered while the
 * consumer joins its group. A request is tried again a few times where a broker is away or not ready; after that it
 * rejects with SourceError.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../contract/logger.ts'
import {
  type OffsetMap,
  parseTopicPartitionKey,
  type TopicPartition,
  type TopicPartitionKey,
  topicPartitionKey,
} from '../kafka.ts'
import { createConnection, findCoordinator, type KafkaConnectionOptions } from './connection.ts'
import type { Cluster, ClusterMetadata } from './kafkajsInternals.ts'
import { groupByTopic, listOffsets, toOffset } from './listOffsets.ts'
import type { GroupGeneration } from './membership.ts'
import type { KafkaPositions } from './source.ts'
import { toSourceError } from './sourceError.ts'

export interface KafkaPositionsOptions {
  readonly connection: KafkaConnectionOptions
  readonly groupId: string
  /** The topics of the group, for questions that name none. */
  readonly topics: readonly string[]
  /** In whose name offsets are committed: the source's own. */
  readonly generation: () => GroupGeneration
  readonly logger: Logger
}

export interface ClosableKafkaPositions extends KafkaPositions {
  close(): Promise<void>
}

const attempts = 5
const firstRetryMs = 100

export function createKafkaPositions(options: KafkaPositionsOptions): ClosableKafkaPositions {
  const { groupId, topics, generation, logger } = options
  const connection = createConnection(options.connection, logger)

  const asking = new Set<Promise<unknown>>()

  function ask<T>(about: readonly string[], question: (cluster: Cluster) => Promise<T>): Promise<T> {
    const answer = retried(about, question)
    asking.add(answer)
    const forget = () => asking.delete(answer)
    answer.then(forget, forget)
    return answer
  }

  async function retried<T>(about: readonly string[], question: (cluster: Cluster) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await question(await connection.cluster(about))
      } catch (error) {
        const problem = toSourceError(error, about, options.connection.bootstrapServers)
        // A topic or partition not in the metadata may be newer than that: looked up once more.
        const last = problem.code === 'UNKNOWN_TOPIC' ? 2 : attempts
        if (!problem.retriable || attempt >= last) throw problem
        connection.reset()
        await delay(firstRetryMs * 2 ** attempt)
      }
    }
  }

  const metadataOf = (topic: string): Promise<ClusterMetadata> =>
    ask([topic], async cluster => (await cluster.brokerPool.findConnectedBroker()).metadata([topic]))

  return {
    async clusterId() {
      return (await metadataOf(topics[0]!)).clusterId
    },
    async partitions(of) {
      const all = await Promise.all(of.map(async topic => [topic, numbersOf(await metadataOf(topic))] as const))
      return new Map(all)
    },
    committed(partitions) {
      return ask(topicsOf(partitions), async cluster => {
        const coordinator = await findCoordinator(cluster, groupId)
        const asked = groupByTopic(partitions, ({ partition }) => ({ partition }))
        const { responses } = await coordinator.offsetFetch({ groupId, topics: asked })
        const entries = responses.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => [topicPartitionKey(topic, partition), toOffset(offset)] as const),
        )
        return new Map(entries.filter(([, offset]) => offset >= 0))
      })
    },
    watermarks(partitions) {
      return ask(topicsOf(partitions), async cluster => {
        const low = await listOffsets(cluster, partitions, 'earliest')
        const high = await listOffsets(cluster, partitions, 'latest')
        return new Map([...low].map(([key, offset]) => [key, { low: offset, high: high.get(key)! }]))
      })
    },
    lastStableOffsets(partitions) {
      return ask(topicsOf(partitions), cluster => listOffsets(cluster, partitions, 'lastStable'))
    },
    commit(offsets) {
      const partitions = [...offsets.keys()].map(parseTopicPartitionKey)
      return ask(topicsOf(partitions), async cluster => {
        const coordinator = await findCoordinator(cluster, groupId)
        const { memberId, generationId } = generation()
        const committed = groupByTopic(partitions, partition => entryOf(offsets, partition))
        await coordinator.offsetCommit({ groupId, memberId, groupGenerationId: generationId, topics: committed })
      })
    },
    async close() {
      await connection.close()
      // A question under way may have opened a socket meanwhile, and one socket keeps a process alive.
      await Promise.allSettled(asking)
      await connection.close()
    },
  }
}

function entryOf(offsets: OffsetMap, { topic, partition }: TopicPartition): { partition: number; offset: string } {
  const key: TopicPartitionKey = topicPartitionKey(topic, partition)
  return { partition, offset: String(offsets.get(key)) }
}

const topicsOf = (partitions: readonly TopicPartition[]): string[] => [...new Set(partitions.map(({ topic }) => topic))]

const numbersOf = ({ topicMetadata }: ClusterMetadata): number[] =>
  topicMetadata
    .flatMap(({ partitionMetadata }) => partitionMetadata.map(({ partitionId }) => partitionId))
    .sort((a, b) => a - b)

/**
 * One round of fetching under one assignment: a loop for each broker that fetches what the assignment wants of it and
 * hands it over, one batch after the other. It ends when its caller says so, when brokers or partitions came or went, or
 * with the first failure, and then nothing of it is still under way. It knows nothing of the group.
 */
import type { Logger } from '../contract/logger.ts'
import type { SourceBatch } from '../kafka.ts'
import type { AssignedPartition, Assignment } from './assignment.ts'
import { type FetchedPartition, type FetchLimits, fetchPartitions, type PartitionOffset } from './fetchPartitions.ts'
import { type Cluster, createErrorFromCode } from './kafkajsInternals.ts'
import { leaderOf, listOffsets } from './listOffsets.ts'
import { decodeRecords } from './recordBatch.ts'
import { type SourceError, toSourceError } from './sourceError.ts'

export interface FetchRound {
  readonly cluster: Cluster
  readonly assignment: Assignment
  readonly topics: readonly string[]
  readonly limits: FetchLimits
  /** Whether the round must end; nothing is handed over once it is true. */
  isOver(): boolean
  /** Waits until there may be something to do. */
  idle(): Promise<void>
  /** A fetch succeeded, whatever it brought. */
  fetched(): void
  /** Every broker has been asked for what it leads, and has answered. Once a round. */
  working(): void
  handle(batch: SourceBatch): Promise<void>
  /** Positions are in doubt: the assignment must be made anew. */
  doubt(reason: string): void
  readonly logger: Logger
}

const offsetOutOfRange = 1

export async function runFetchRound(round: FetchRound): Promise<void> {
  const { cluster, topics } = round
  const nodeIds = cluster.getNodeIds()
  const shape = shapeOf(cluster, topics)
  const silent = new Set(nodeIds)
  let failed = false
  const isOver = () => failed || round.isOver()

  async function fetchFrom(nodeId: string): Promise<void> {
    while (!isOver()) {
      await cluster.refreshMetadataIfNecessary()
      const { brokers, partitions } = shapeOf(cluster, topics)
      if (partitions !== shape.partitions) return round.doubt('the number of partitions changed')
      if (brokers !== shape.brokers) return
      await fetchOnce({ ...round, isOver }, Number(nodeId))
      if (silent.delete(nodeId) && silent.size === 0) round.working()
    }
  }

  const loops = nodeIds.map(nodeId =>
    fetchFrom(nodeId).catch((error: unknown) => {
      failed = true
      throw error
    }),
  )
  for (const result of await Promise.allSettled(loops)) if (result.status === 'rejected') throw result.reason
}

function shapeOf(cluster: Cluster, topics: readonly string[]): { brokers: string; partitions: string } {
  const partitions = topics.map(topic => cluster.findTopicPartitionMetadata(topic).length)
  return { brokers: String(cluster.getNodeIds()), partitions: String(partitions) }
}

async function fetchOnce(round: FetchRound, nodeId: number): Promise<void> {
  const { cluster, assignment } = round
  const wanted = assignment.wanted(partition => leaderOf(cluster, partition) === nodeId)
  if (wanted.length === 0) return round.idle()
  const offsets = new Map(wanted.map(at => [assignment.get(at)!, at.offset]))
  for (const partition of offsets.keys()) partition.busy = true
  try {
    const broker = await cluster.findBroker({ nodeId })
    const responses = await fetchPartitions(broker, wanted, round.limits)
    round.fetched()
    for (const fetched of responses) {
      const partition = assignment.get(fetched)
      const offset = partition && offsets.get(partition)
      if (offset !== undefined) await deliver(round, fetched, { ...fetched, offset })
    }
  } finally {
    for (const partition of offsets.keys()) partition.busy = false
  }
}

/** The partition, unless it was paused or sought elsewhere, or the round ended, since `at` was requested. */
const expecting = (round: FetchRound, at: PartitionOffset): AssignedPartition | undefined =>
  round.isOver() ? undefined : round.assignment.expecting(at)

async function deliver(round: FetchRound, fetched: FetchedPartition, at: PartitionOffset): Promise<void> {
  const { errorCode, highWatermark, abortedTransactions } = fetched
  const before = expecting(round, at)
  if (before === undefined) return
  // An end that moved back is a log that was truncated or created again.
  const isAnotherLog = errorCode === 0 && highWatermark < before.highWatermark
  if (errorCode === offsetOutOfRange || isAnotherLog) return deliverJump(round, at)
  if (errorCode !== 0) throw failedFetch(round, fetched)
  const { records, end } = await decodeRecords(fetched.records, at.offset, abortedTransactions)
  const partition = expecting(round, at)
  if (partition === undefined) return
  partition.highWatermark = highWatermark
  if (end === at.offset) return
  partition.next = end
  const { topic, partition: number } = partition
  const { epoch } = round.assignment
  await round.handle({ topic, partition: number, epoch, start: at.offset, end, records, highWatermark })
}

/** The log is not what was read from any more: an empty batch elsewhere says so, and nothing follows before a seek. */
async function deliverJump(round: FetchRound, at: PartitionOffset): Promise<void> {
  const { cluster, assignment, logger } = round
  const [start] = (await listOffsets(cluster, [at], 'earliest')).values()
  const [highWatermark] = (await listOffsets(cluster, [at], 'latest')).values()
  const partition = expecting(round, at)
  if (partition === undefined || start === undefined || highWatermark === undefined) return
  partition.highWatermark = highWatermark
  if (start === at.offset) return
  partition.next = undefined
  const { topic, partition: number } = partition
  logger.warning('The fetched offset is not in the partition any more', {
    context: { topic, partition: number, offset: at.offset, low_watermark: start, high_watermark: highWatermark },
  })
  await round.handle({
    topic,
    partition: number,
    epoch: assignment.epoch,
    start,
    end: start,
    records: [],
    highWatermark,
  })
}

function failedFetch(round: FetchRound, { errorCode, topic, partition }: FetchedPartition): SourceError {
  const error = createErrorFromCode(errorCode)
  // Deleted, and perhaps created again.
  if (error.type === 'UNKNOWN_TOPIC_OR_PARTITION') round.doubt(`${topic}:${partition} is gone`)
  return toSourceError(error, [topic])
}

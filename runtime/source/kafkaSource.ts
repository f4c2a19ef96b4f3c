/**
 * The source on a real cluster: one group member that joins, fetches and delivers in one loop, so that a new assignment
 * begins only when everything of the old one has ended. Positions are only those that the handler sought; the group's
 * committed offsets are neither read nor written.
 *
 * Network failures, elections and refused credentials are retried for ever, with a warning each; anything that needs
 * another manifest ends the consumer (`crashed`).
 */
import type { Logger } from '../contract/logger.ts'
import type { SourceBatch } from '../kafka.ts'
import { Assignment } from './assignment.ts'
import { type Connection, createConnection, type KafkaConnectionOptions } from './connection.ts'
import type { FetchLimits } from './fetchPartitions.ts'
import { runFetchRound } from './fetchRound.ts'
import type { Cluster, KafkajsError } from './kafkajsInternals.ts'
import type { MemberRecords } from './memberRecords.ts'
import { createMembership, type GroupGeneration } from './membership.ts'
import type { Source, SourceHandler, SourceObserver } from './source.ts'
import { SourceError, toSourceError } from './sourceError.ts'

export interface KafkaSourceOptions {
  readonly connection: KafkaConnectionOptions
  readonly groupId: string
  readonly topics: readonly string[]
  /** Default 6 s. */
  readonly sessionTimeoutMs?: number
  /** Longest time that handlers may take to return after `rebalancing`. Default 60 s. */
  readonly rebalanceTimeoutMs?: number
  readonly fetchLimits?: Partial<FetchLimits>
  /** With it, a restart in place does not wait for the session timeout of the process that was killed. */
  readonly memberRecords?: MemberRecords
  readonly observer?: SourceObserver
  readonly logger: Logger
}

export interface KafkaSource extends Source {
  /** What a commit of offsets in the name of this member must carry. */
  generation(): GroupGeneration
}

const defaultFetchLimits: FetchLimits = {
  maxWaitMs: 500,
  maxBytes: 10 * 1024 * 1024,
  maxBytesPerPartition: 1024 * 1024,
}
const maxBackoffMs = 5_000
/** As Kafka's own consumer has it by default: a heartbeat is also how a member learns of a rebalance. */
const maxHeartbeatIntervalMs = 3_000

export function createKafkaSource(options: KafkaSourceOptions): KafkaSource {
  const { groupId, topics, logger, sessionTimeoutMs = 6_000, rebalanceTimeoutMs = 60_000, memberRecords } = options
  const limits = { ...defaultFetchLimits, ...options.fetchLimits }
  const connection: Connection = createConnection(options.connection, logger)
  const membership = createMembership({ groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs, memberRecords, logger })
  const sleepers = new Set<() => void>()
  let handler: SourceHandler
  let assignment = new Assignment(0, [])
  let mustJoin = true
  let joining = false
  let beating: Promise<void> | undefined
  let stopping = false
  let running: Promise<void> | undefined
  let heartbeats: NodeJS.Timeout | undefined
  let failures = 0

  async function run(): Promise<void> {
    while (!stopping) {
      try {
        const cluster = await connection.cluster(topics)
        if (mustJoin && !stopping) await join(cluster)
        await consume(cluster)
      } catch (error) {
        if (stopping) return
        await mend(error)
      }
    }
  }

  async function join(cluster: Cluster): Promise<void> {
    joining = true
    try {
      const partitions = await membership.join(cluster)
      if (stopping) return
      mustJoin = false
      assignment = new Assignment(assignment.epoch + 1, partitions)
    } finally {
      joining = false
    }
    failures = 0
    const { epoch, partitions } = assignment
    logger.info('Joined the consumer group', { context: { group_id: groupId, epoch, partitions: partitions.length } })
    handler.assigned(epoch, partitions)
  }

  /** Rejects with what cannot be mended. */
  async function mend(error: unknown): Promise<void> {
    const { type } = error as KafkajsError
    if (isOutsideGeneration(type)) return rejoin(type)
    const problem = toSourceError(error, topics, options.connection.bootstrapServers)
    if (!problem.retriable) throw problem
    options.observer?.interrupted(problem)
    connection.reset()
    const retryMs = Math.min(maxBackoffMs, 100 * 2 ** failures++) * (0.5 + Math.random() / 2)
    logger.warning('Consuming is interrupted and will be tried again', {
      context: { code: problem.code, retry_ms: Math.round(retryMs), group_id: groupId },
      error: problem,
    })
    await sleep(retryMs)
  }

  function rejoin(reason: string | undefined): void {
    if (reason === 'UNKNOWN_MEMBER_ID') membership.expelled()
    if (mustJoin) return
    mustJoin = true
    logger.info('The consumer group rebalances', { context: { group_id: groupId, reason } })
    handler.rebalancing()
    wake()
  }

  function heartbeat(): void {
    if (joining || beating !== undefined || membership.generation().generationId < 0) return
    beating = beat().finally(() => {
      beating = undefined
    })
  }

  async function beat(): Promise<void> {
    try {
      await membership.heartbeat(await connection.cluster(topics))
    } catch (error) {
      const { type } = error as KafkajsError
      if (isOutsideGeneration(type)) return rejoin(type)
      logger.debug('A heartbeat failed', { context: { group_id: groupId }, error })
    }
  }

  function consume(cluster: Cluster): Promise<void> {
    return runFetchRound({
      cluster,
      assignment,
      topics,
      limits,
      isOver: () => stopping || mustJoin,
      idle: () => sleep(limits.maxWaitMs),
      fetched() {
        failures = 0
      },
      working: () => options.observer?.working(),
      handle,
      doubt: rejoin,
      logger,
    })
  }

  async function handle(batch: SourceBatch): Promise<void> {
    try {
      await handler.batch(batch)
    } catch (error) {
      const { topic, partition, start } = batch
      throw new SourceError('HANDLER_FAILED', `the batch of ${topic}:${partition} at ${start} was not handled`, error)
    }
  }

  function sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer)
        sleepers.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      sleepers.add(end)
    })
  }

  function wake(): void {
    for (const end of [...sleepers]) end()
  }

  /** The rest of the group must not wait for this member; a broker that does not answer finds out by itself. */
  async function leave(): Promise<void> {
    try {
      await membership.leave(await connection.cluster(topics))
    } catch (error) {
      logger.debug('Leaving the consumer group failed', { context: { group_id: groupId }, error })
    }
  }

  async function end(): Promise<void> {
    clearInterval(heartbeats)
    await leave()
    await connection.close()
    // What was under way may have opened a socket meanwhile, and one socket keeps a process alive.
    await Promise.allSettled([beating, membership.settled()])
    await connection.close()
  }

  return {
    async start(given) {
      handler = given
      heartbeats = setInterval(heartbeat, Math.min(maxHeartbeatIntervalMs, sessionTimeoutMs / 3))
      running = run().catch(async (error: unknown) => {
        stopping = true
        await end()
        handler.crashed(toSourceError(error, topics))
      })
    },
    seek(partition, offset) {
      assignment.seek(partition, offset)
      wake()
    },
    pause: partitions => assignment.setPaused(partitions, true),
    resume(partitions) {
      assignment.setPaused(partitions, false)
      wake()
    },
    async stop() {
      if (stopping) return running
      stopping = true
      wake()
      if (joining) await leave()
      await running
      await end()
    },
    generation: membership.generation,
  }
}

/** The broker's answer to a request under a generation that is over. */
function isOutsideGeneration(type: string | undefined): boolean {
  return type === 'REBALANCE_IN_PROGRESS' || type === 'ILLEGAL_GENERATION' || type === 'UNKNOWN_MEMBER_ID'
}

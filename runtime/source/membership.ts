/**
 * Membership of a classic consumer group: join, sync, heartbeat, leave, with the round-robin assignor of kafkajs. It
 * holds the member id and the generation and nothing about positions; when to do what, its caller decides.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../contract/logger.ts'
import type { TopicPartition } from '../kafka.ts'
import { findCoordinator } from './connection.ts'
import {
  apiKeys,
  type Broker,
  type Cluster,
  createRoundRobinAssignor,
  decodeAssignment,
  type JoinRequest,
  type JoinResponse,
  type KafkajsError,
  requests,
} from './kafkajsInternals.ts'
import type { MemberRecords } from './memberRecords.ts'
import { SourceError } from './sourceError.ts'

export interface MembershipOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly memberRecords?: MemberRecords | undefined
  readonly logger: Logger
}

/** What a group request must carry; -1 and '' outside the group. */
export interface GroupGeneration {
  readonly memberId: string
  readonly generationId: number
}

export interface Membership {
  /** Resolves with the assignment, which may be empty. Takes as long as the group needs to gather. */
  join(cluster: Cluster): Promise<readonly TopicPartition[]>
  heartbeat(cluster: Cluster): Promise<void>
  /** Also ends a `join` under way, which then rejects. Does nothing outside the group. */
  leave(cluster: Cluster): Promise<void>
  /** The group does not know this member any more. */
  expelled(): void
  generation(): GroupGeneration
  /** Resolves once nothing that was begun on the side is under way. */
  settled(): Promise<void>
}

const pollMs = 5
const outside: GroupGeneration = { memberId: '', generationId: -1 }
/** A parked JoinGroup blocks its connection at the broker; this is kafkajs' other one, idle while nothing is fetched. */
const otherConnection = 1

export function createMembership(options: MembershipOptions): Membership {
  const { groupId, topics, memberRecords, logger } = options
  let generation = outside
  let coordinator: { readonly cluster: Cluster; readonly broker: Broker } | undefined
  let deadAreReleased = false
  let releasing: Promise<void> = Promise.resolve()
  let leaving = false

  async function coordinatorOf(cluster: Cluster): Promise<Broker> {
    if (coordinator?.cluster !== cluster) coordinator = { cluster, broker: await findCoordinator(cluster, groupId) }
    return coordinator.broker
  }

  async function join(cluster: Cluster): Promise<readonly TopicPartition[]> {
    coordinator = undefined
    const broker = await coordinatorOf(cluster)
    const assignor = createRoundRobinAssignor({ cluster })
    const request = {
      groupId,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      protocolType: 'consumer',
      groupProtocols: [assignor.protocol({ topics })],
    }
    let { memberId } = generation
    if (memberId === '') {
      memberId = await requestMemberId(broker, request)
      memberRecords?.joined(memberId)
      generation = { memberId, generationId: -1 }
    }
    if (leaving) throw new SourceError('UNKNOWN', 'the consumer was stopped while it joined its group')
    const joining = broker.joinGroup({ ...request, memberId })
    releasing = releaseDead(broker, memberId, joining)
    const joined = await joining
    generation = { memberId: joined.memberId, generationId: joined.generationId }
    const isLeader = joined.memberId === joined.leaderId
    if (isLeader) await cluster.refreshMetadata()
    const groupAssignment = isLeader ? await assignor.assign({ members: joined.members, topics }) : []
    const { memberAssignment } = await broker.syncGroup({ groupId, ...generation, groupAssignment })
    const { assignment = {} } = decodeAssignment(memberAssignment) ?? {}
    return topics.flatMap(topic => (assignment[topic] ?? []).map(partition => ({ topic, partition })))
  }

  /**
   * Takes members whose process is dead out of the group that this one is joining. First this one must be in it: an
   * emptied group would gather anew, for the brokers' group.initial.rebalance.delay.ms. Never rejects.
   */
  async function releaseDead(broker: Broker, memberId: string, joining: Promise<unknown>): Promise<void> {
    if (memberRecords === undefined || deadAreReleased) return
    let settled = false
    const settle = () => {
      settled = true
    }
    joining.then(settle, settle)
    try {
      const dead = await memberRecords.dead()
      while (dead.length > 0 && !settled && !(await isMember(broker, groupId, memberId))) await delay(pollMs)
      for (const id of dead) {
        await leaveGroup(broker, groupId, id).catch(ignoreUnknownMember)
        logger.info('Took a dead process out of the consumer group', { context: { group_id: groupId, member_id: id } })
      }
      await memberRecords.left(dead)
      deadAreReleased = true
    } catch (error) {
      logger.warning('A dead process could not be taken out of the group, which waits for its session timeout', {
        context: { group_id: groupId },
        error,
      })
    }
  }

  return {
    join,
    generation: () => generation,
    settled: () => releasing,
    async heartbeat(cluster) {
      const { memberId, generationId } = generation
      try {
        await (await coordinatorOf(cluster)).heartbeat({ groupId, memberId, groupGenerationId: generationId })
      } catch (error) {
        coordinator = undefined
        throw error
      }
    },
    async leave(cluster) {
      leaving = true
      const { memberId } = generation
      if (memberId === '') return
      await leaveGroup(await coordinatorOf(cluster), groupId, memberId).catch(ignoreUnknownMember)
      generation = outside
      await memberRecords?.left([memberId])
    },
    expelled() {
      generation = outside
    },
  }
}

/** The id that the broker gives before it lets a member in (KIP-394): known, and on disk, before the group waits for it. */
async function requestMemberId(broker: Broker, request: Omit<JoinRequest, 'memberId'>): Promise<string> {
  const exchange = broker.lookupRequest<JoinRequest, JoinResponse>(
    apiKeys.JoinGroup,
    requests.JoinGroup,
  )({ ...request, memberId: '' })
  try {
    const connection = await broker.connectionPool.getConnection(0)
    return (await connection.send(exchange)).memberId
  } catch (error) {
    const { memberId } = error as KafkajsError
    if (memberId === undefined || memberId === '') throw error
    return memberId
  }
}

async function isMember(broker: Broker, groupId: string, memberId: string): Promise<boolean> {
  const describe = broker.lookupRequest<{ groupIds: string[] }, Awaited<ReturnType<Broker['describeGroups']>>>(
    apiKeys.DescribeGroups,
    requests.DescribeGroups,
  )
  const connection = await broker.connectionPool.getConnection(otherConnection)
  const { groups } = await connection.send(describe({ groupIds: [groupId] }))
  return groups.some(({ members }) => members.some(member => member.memberId === memberId))
}

async function leaveGroup(broker: Broker, groupId: string, memberId: string): Promise<void> {
  const leave = broker.lookupRequest<{ groupId: string; memberId: string }, unknown>(
    apiKeys.LeaveGroup,
    requests.LeaveGroup,
  )
  const connection = await broker.connectionPool.getConnection(otherConnection)
  await connection.send({ ...leave({ groupId, memberId }), logResponseError: false })
}

function ignoreUnknownMember(error: KafkajsError): void {
  if (error.type !== 'UNKNOWN_MEMBER_ID') throw error
}

/**
 * The parts of kafkajs 2.2.4 behind its public API that the source uses: connections with authentication, cluster
 * metadata, the group requests, the round-robin assignor. The version is pinned exactly, and these are the only
 * imports below `kafkajs/src` in the project. Types name only what is used here. It holds no logic of its own, but for
 * one correction.
 *
 * Why not the public consumer: it keeps positions of its own (reset and committed when out of range, lost at each
 * rebalance, seeks that outlive a revocation), does not say which assignment a batch was fetched under, never hands
 * over an offset range without records, stands still before record batches that compaction has emptied, takes a record
 * whose key is four zero bytes for an abort marker, and learns its member id only when the join is over. What it is
 * good at, sockets and group requests, is kept.
 */
import { createRequire } from 'node:module'
import type { ConnectionOptions } from 'node:tls'
import type { Mechanism, SASLOptions } from 'kafkajs'

/** A request, or the error that a broker answers, in kafkajs' words: `type` is Kafka's name of the error. */
export interface KafkajsError extends Error {
  readonly type?: string
  readonly code?: string | number
  readonly retriable?: boolean
  readonly broker?: string
  /** Of KafkaJSMemberIdRequired: the id to join with (KIP-394). */
  readonly memberId?: string
}

/** One request and how to read its response; `decode` gets the bytes after the correlation id. */
export interface Exchange<T> {
  readonly request: unknown
  readonly response: { decode(payload: Buffer): Promise<T>; parse(data: T): Promise<T> }
  readonly requestTimeout?: number
  readonly logResponseError?: boolean
}

interface Connection {
  send<T>(exchange: Exchange<T>): Promise<T>
}

export interface TopicPartitions<P> {
  readonly topic: string
  readonly partitions: readonly P[]
}

export interface GroupMember {
  readonly memberId: string
  readonly memberMetadata: Buffer
}

export interface Broker {
  readonly brokerAddress: string
  /** Supported versions by api key. */
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>
  /** Connection 0 carries everything but Fetch, which goes over connection 1. Both are opened on demand. */
  readonly connectionPool: { getConnection(index: number): Promise<Connection> }
  /** Picks the newest version of a request that both sides know. */
  lookupRequest<A, T>(apiKey: number, requests: unknown): (arguments_: A) => Exchange<T>
  disconnect(): Promise<void>
  metadata(topics: readonly string[]): Promise<ClusterMetadata>
  findGroupCoordinator(request: {
    groupId: string
    coordinatorType: number
  }): Promise<{ coordinator: { nodeId: number } }>
  joinGroup(request: JoinRequest): Promise<JoinResponse>
  syncGroup(request: {
    groupId: string
    generationId: number
    memberId: string
    groupAssignment: readonly unknown[]
  }): Promise<{ memberAssignment: Buffer }>
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>
  describeGroups(request: {
    groupIds: readonly string[]
  }): Promise<{ groups: readonly { members: readonly { memberId: string }[] }[] }>
  offsetFetch(request: {
    groupId: string
    topics: readonly TopicPartitions<{ partition: number }>[]
  }): Promise<{ responses: readonly TopicPartitions<{ partition: number; offset: string }>[] }>
  offsetCommit(request: {
    groupId: string
    groupGenerationId: number
    memberId: string
    topics: readonly TopicPartitions<{ partition: number; offset: string }>[]
  }): Promise<unknown>
  listOffsets(request: {
    isolationLevel: number
    topics: readonly TopicPartitions<{ partition: number; timestamp: number }>[]
  }): Promise<{ responses: readonly TopicPartitions<{ partition: number; offset: string }>[] }>
}

export interface JoinRequest {
  readonly groupId: string
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly protocolType: string
  readonly memberId: string
  readonly groupProtocols: readonly unknown[]
}

export interface JoinResponse {
  readonly generationId: number
  readonly leaderId: string
  readonly memberId: string
  readonly members: readonly GroupMember[]
}

export interface ClusterMetadata {
  readonly clusterId: string
  readonly topicMetadata: readonly {
    readonly topic: string
    readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[]
  }[]
}

export interface Cluster {
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> }
  connect(): Promise<void>
  disconnect(): Promise<void>
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[]
  getNodeIds(): readonly string[]
  findBroker(node: { nodeId: number | string }): Promise<Broker>
}

export interface ClusterOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: ConnectionOptions | undefined
  readonly sasl?: SASLOptions | Mechanism | undefined
  /** Milliseconds. */
  readonly connectionTimeout: number
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  readonly metadataMaxAge: number
  readonly allowAutoTopicCreation: boolean
  readonly retry: { readonly retries: number }
  readonly logger: KafkajsLogger
  readonly socketFactory: unknown
}

type Log = (message: string, extra?: Readonly<Record<string, unknown>>) => void

export interface KafkajsLogger {
  readonly error: Log
  readonly warn: Log
  readonly info: Log
  readonly debug: Log
  namespace(name: string): KafkajsLogger
}

interface Assignor {
  protocol(subscription: { topics: readonly string[] }): unknown
  assign(group: { members: readonly GroupMember[]; topics: readonly string[] }): Promise<readonly unknown[]>
}

interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
}

export interface FetchRequest {
  readonly replicaId: number
  readonly isolationLevel: number
  /** Milliseconds. */
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly topics: readonly TopicPartitions<{ partition: number; fetchOffset: string; maxBytes: number }>[]
}

const require = createRequire(import.meta.url)

export const ClusterClass: new (options: ClusterOptions) => Cluster = require('kafkajs/src/cluster')
export const createSocketFactory: () => unknown = require('kafkajs/src/network/socketFactory')
export const apiKeys: Readonly<
  Record<'DescribeGroups' | 'Fetch' | 'JoinGroup' | 'LeaveGroup', number>
> = require('kafkajs/src/protocol/requests/apiKeys')
export const {
  requests,
}: {
  requests: Readonly<Record<'DescribeGroups' | 'JoinGroup' | 'LeaveGroup', unknown>>
} = require('kafkajs/src/protocol/requests')
export const createFetchRequest: (
  request: FetchRequest,
) => unknown = require('kafkajs/src/protocol/requests/fetch/v11/request')
export const createErrorFromCode: (code: number) => KafkajsError =
  require('kafkajs/src/protocol/error').createErrorFromCode
export const createRoundRobinAssignor: (context: {
  cluster: Cluster
}) => Assignor = require('kafkajs/src/consumer/assigners/roundRobinAssigner')
export const decodeAssignment: (
  bytes: Buffer,
) => { readonly assignment: Readonly<Record<string, readonly number[]>> } | null =
  require('kafkajs/src/consumer/assignerProtocol').MemberAssignment.decode

/** Codec constructors by number; entries beyond gzip only throw until they are replaced. */
export const kafkajsCodecs: Record<number, () => unknown> = require('kafkajs/src/protocol/message/compression').Codecs

// kafkajs sets a timer with a negative delay after every response, at which Node prints a warning. Nothing waits for
// that timer unless requests are pending.
const { prototype: queue }: { prototype: RequestQueue } = require('kafkajs/src/network/requestQueue')
const schedule = queue.scheduleCheckPendingRequests
queue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this)
}

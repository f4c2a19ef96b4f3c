/**
 * A connection to a Kafka cluster that can be thrown away: after any network failure the next use starts afresh, at the
 * next bootstrap server. (A kafkajs connection that broke within a response would read the next one from its middle.)
 * It retries nothing by itself and keeps no position.
 */
import type { Logger } from '../contract/logger.ts'
import { tlsContext } from '../tlsContext.ts'
import type { KafkaCredentials } from './credentials.ts'
import { type Broker, type Cluster, ClusterClass, createSocketFactory, type KafkajsLogger } from './kafkajsInternals.ts'
import { SourceError, toSourceError } from './sourceError.ts'

export interface KafkaConnectionOptions {
  /** `host:port` each. */
  readonly bootstrapServers: readonly string[]
  readonly clientId: string
  /** Asked at each new connection. What it throws must hold no secret. */
  readonly credentials?: () => KafkaCredentials
  /** How long known leaders and partition counts are trusted. Default 60 s. */
  readonly metadataMaxAgeMs?: number
}

export interface Connection {
  /** Connected, with the metadata of `topics` loaded. Rejects with SourceError. */
  cluster(topics: readonly string[]): Promise<Cluster>
  /** Drops the sockets; requests under way on them settle by themselves. */
  reset(): void
  /** For good: `cluster` rejects with SourceError `CLOSED`. Called again once all requests have settled, it leaves no socket. */
  close(): Promise<void>
}

const connectTimeoutMs = 10_000
const requestTimeoutMs = 30_000
const defaultMetadataMaxAgeMs = 60_000

export function createConnection(options: KafkaConnectionOptions, logger: Logger): Connection {
  let current: Cluster | undefined
  let attempt = 0
  let closed = false
  /** Every one that may hold a socket: a request under way may open another on a cluster that was disconnected. */
  const opened = new Set<Cluster>()

  async function connected(topics: readonly string[]): Promise<Cluster> {
    if (closed) throw new SourceError('CLOSED', 'the connection to Kafka was closed')
    current ??= createCluster(options, attempt++, logger)
    const cluster = current
    opened.add(cluster)
    await cluster.connect()
    await cluster.addMultipleTargetTopics(topics)
    return cluster
  }

  async function disconnect(cluster: Cluster): Promise<void> {
    await cluster.disconnect().catch(() => undefined)
    if (cluster !== current && !closed) opened.delete(cluster)
  }

  return {
    async cluster(topics) {
      try {
        return await connected(topics)
      } catch (error) {
        throw toSourceError(error, topics, options.bootstrapServers)
      }
    },
    reset() {
      const old = current
      current = undefined
      if (old !== undefined) void disconnect(old)
    },
    async close() {
      closed = true
      current = undefined
      await Promise.all([...opened].map(disconnect))
    },
  }
}

function createCluster(options: KafkaConnectionOptions, attempt: number, logger: Logger): Cluster {
  const { bootstrapServers: servers, clientId, metadataMaxAgeMs = defaultMetadataMaxAgeMs } = options
  const { tls, sasl } = credentialsOf(options)
  const first = attempt % servers.length
  return new ClusterClass({
    brokers: [...servers.slice(first), ...servers.slice(0, first)],
    clientId,
    ssl: tls && { secureContext: tlsContext(tls) },
    // kafkajs writes into what it is given.
    sasl: sasl && { ...sasl },
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    metadataMaxAge: metadataMaxAgeMs,
    allowAutoTopicCreation: false,
    retry: { retries: 0 },
    logger: toKafkajsLogger(logger),
    socketFactory: createSocketFactory(),
  })
}

function credentialsOf({ credentials, bootstrapServers }: KafkaConnectionOptions): KafkaCredentials {
  try {
    return credentials?.() ?? {}
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new SourceError('AUTHENTICATION', `no credentials for Kafka at ${bootstrapServers.join(', ')}: ${why}`, error)
  }
}

/** What kafkajs logs is detail to us: each failure reaches the caller as an error too, and is logged there. */
function toKafkajsLogger(logger: Logger): KafkajsLogger {
  const detail = (message: string, extra: Readonly<Record<string, unknown>> = {}) => {
    const { broker, groupId } = extra
    logger.debug(`kafkajs: ${message}`, { context: { broker: text(broker), group_id: text(groupId) } })
  }
  const silent = () => undefined
  const adapted: KafkajsLogger = {
    error: detail,
    warn: detail,
    info: silent,
    debug: silent,
    namespace: () => adapted,
  }
  return adapted
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const groupCoordinator = 0

/** The broker that coordinates the group. kafkajs' own look-up would hide why it failed. */
export async function findCoordinator(cluster: Cluster, groupId: string): Promise<Broker> {
  const broker = await cluster.brokerPool.findConnectedBroker()
  const { coordinator } = await broker.findGroupCoordinator({ groupId, coordinatorType: groupCoordinator })
  return cluster.findBroker({ nodeId: coordinator.nodeId })
}

/**
 * Builds the real ports that an inspection reads through, the read-only sibling of main.ts. It asks the tables and the
 * brokers of a configuration, and gives up on Kafka after the time it is given.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { RuntimeConfiguration } from './contract/configuration.ts'
import type { Inspection } from './contract/inspection.ts'
import { errorsDefinition, rawDefinition } from './iceberg/tables.ts'
import { inspect } from './inspection.ts'
import { openLake } from './lake.ts'
import { kafkaCredentialsReader } from './source/credentials.ts'
import { createKafkaPositions } from './source/kafkaPositions.ts'
import type { KafkaPositions } from './source/source.ts'
import { getLogger } from './telemetry/logging.ts'

/** Where the consumer of a configuration stands. Rejects where a table cannot be read. */
export async function inspectConsumer(
  configuration: RuntimeConfiguration,
  kafkaTimeoutMs: number,
  secretsDirectory?: string,
): Promise<Inspection> {
  const { groupId, topics, tables, onGap, bootstrapServers } = configuration
  const credentials = kafkaCredentialsReader(configuration, secretsDirectory)
  const { catalog, storage, close } = await openLake(configuration, secretsDirectory)
  const positions = createKafkaPositions({
    connection: { bootstrapServers, clientId: 'healthconsumer-status', credentials },
    groupId,
    topics,
    // Only for commits, which an inspection never makes.
    generation: () => ({ memberId: '', generationId: -1 }),
    logger: getLogger('runtime.source'),
  })
  const deadline = new AbortController()
  try {
    return await inspect(
      {
        group: groupId,
        topics,
        onGap,
        raw: { namespace: tables.namespace, name: tables.raw },
        errors: { namespace: tables.namespace, name: tables.errors },
        rawDefinition,
        errorsDefinition,
      },
      {
        catalog,
        storage,
        positions: withDeadline(positions, bootstrapServers, kafkaTimeoutMs, deadline.signal),
      },
    )
  } finally {
    deadline.abort()
    await positions.close()
    close()
  }
}

/** The same questions; all of them together are answered within the time, or reject. */
function withDeadline(
  positions: KafkaPositions,
  servers: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): KafkaPositions {
  const late = delay(timeoutMs, undefined, { signal }).then(() => {
    throw new Error(`Kafka at ${servers.join(', ')} did not answer within ${timeoutMs / 1000} s`)
  })
  late.catch(() => undefined)
  const within = <T>(answer: Promise<T>): Promise<T> => Promise.race([answer, late])
  return {
    clusterId: () => within(positions.clusterId()),
    partitions: topics => within(positions.partitions(topics)),
    committed: partitions => within(positions.committed(partitions)),
    watermarks: partitions => within(positions.watermarks(partitions)),
    lastStableOffsets: partitions => within(positions.lastStableOffsets(partitions)),
    commit: offsets => within(positions.commit(offsets)),
  }
}

/**
 * Builds the real ports that recovery goes by, beside inspect.ts: the tables and the brokers of a configuration. It gives up
 * on each question to Kafka after the time it is given, and joins no group.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { RuntimeConfiguration } from './contract/configuration.ts'
import { errorsDefinition, rawDefinition } from './iceberg/tables.ts'
import { openLake } from './lake.ts'
import { newSnapshotId, sleep } from './parts.ts'
import { createRecovery, type Recovery } from './recover/recover.ts'
import { kafkaCredentialsReader } from './source/credentials.ts'
import { createKafkaPositions } from './source/kafkaPositions.ts'
import { createRecordReader } from './source/recordAt.ts'
import { getLogger } from './telemetry/logging.ts'

/** Only for batches, which recovery never commits. */
const pendingCap = 100

/** Resolves with what `work` makes of the recovery of a configuration's tables; connections are closed then. */
export async function withRecovery<T>(
  configuration: RuntimeConfiguration,
  kafkaTimeoutMs: number,
  secretsDirectory: string | undefined,
  work: (recovery: Recovery) => Promise<T>,
): Promise<T> {
  const { groupId, topics, tables, startFrom, onGap, bootstrapServers, pendingLocation } = configuration
  const credentials = kafkaCredentialsReader(configuration, secretsDirectory)
  const connection = { bootstrapServers, clientId: 'healthconsumer-recover', credentials }
  const logger = getLogger('runtime.source')
  const { catalog, storage, isConfined, close } = await openLake(configuration, secretsDirectory)
  const generation = () => ({ memberId: '', generationId: -1 })
  const positions = createKafkaPositions({ connection, groupId, topics, generation, logger })
  const reader = createRecordReader(connection, logger)
  const over = new AbortController()
  const within =
    <A extends readonly unknown[], R>(ask: (...of: A) => Promise<R>) =>
    (...of: A): Promise<R> =>
      Promise.race([ask(...of), late()])
  const late = () =>
    delay(kafkaTimeoutMs, undefined, { signal: over.signal }).then(() => {
      throw new Error(`Kafka at ${bootstrapServers.join(', ')} did not answer within ${kafkaTimeoutMs / 1000} s`)
    })
  try {
    const recovery = createRecovery(
      {
        group: groupId,
        topics,
        startFrom,
        onGap,
        raw: { namespace: tables.namespace, name: tables.raw },
        errors: { namespace: tables.namespace, name: tables.errors },
        rawDefinition,
        errorsDefinition,
        pendingLocation,
        isConfined,
        pendingCap,
      },
      {
        catalog,
        storage,
        positions: {
          clusterId: within(positions.clusterId),
          partitions: within(positions.partitions),
          committed: within(positions.committed),
          watermarks: within(positions.watermarks),
          lastStableOffsets: within(positions.lastStableOffsets),
          commit: positions.commit,
        },
        recordAt: within(reader.recordAt),
        now: Date.now,
        newId: randomUUID,
        newSnapshotId,
        random: Math.random,
        sleep,
      },
    )
    return await work(recovery)
  } finally {
    over.abort()
    await Promise.all([positions.close(), reader.close()])
    close()
  }
}

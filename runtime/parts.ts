/**
 * The real parts of one consumer, built from its configuration: Kafka, the tables, the classifier and the writers. It
 * starts none of them.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { createProtocol, type Protocol } from './commit/protocol.ts'
import type { RuntimeConfiguration } from './contract/configuration.ts'
import { jsonDecoder } from './decode/jsonDecoder.ts'
import { dataFolder } from './iceberg/append.ts'
import type { Storage } from './iceberg/storage.ts'
import { errorsDefinition, rawDefinition } from './iceberg/tables.ts'
import { errorsTableWriter, rawTableWriter } from './iceberg/tableWriter.ts'
import type { TopicPartition } from './kafka.ts'
import { type Lake, openLake } from './lake.ts'
import type { Observers } from './observers.ts'
import type { PipelinePorts } from './pipelinePorts.ts'
import { createRowSink } from './rowSink.ts'
import { kafkaCredentialsReader } from './source/credentials.ts'
import { type ClosableKafkaPositions, createKafkaPositions } from './source/kafkaPositions.ts'
import { createKafkaSource } from './source/kafkaSource.ts'
import { createMemberRecords } from './source/memberRecords.ts'
import { getLogger } from './telemetry/logging.ts'
import type { Metrics } from './telemetry/metrics.ts'
import { createClassifier } from './validate/classifier.ts'

export interface PartsOptions {
  readonly configuration: RuntimeConfiguration
  readonly metrics: Metrics
  readonly observers: Observers
  /** Folder that outlives the process, for a fast restart in place. */
  readonly stateDirectory: string
  /** Folder with a folder for each Secret that the configuration names. */
  readonly secretsDirectory?: string
}

export interface Parts extends Omit<PipelinePorts, 'observer'> {
  readonly positions: ClosableKafkaPositions
  readonly lake: Lake
}

const pendingCap = 100
const millisPerDay = 86_400_000

/** Positive, of 63 bits. */
export const newSnapshotId = (): bigint => randomBytes(8).readBigUInt64BE() >> 1n || 1n
/** Rejects once the signal is aborted. */
export const sleep = (ms: number, signal: AbortSignal): Promise<void> => delay(ms, undefined, { signal })

export async function createParts(options: PartsOptions): Promise<Parts> {
  const { configuration, secretsDirectory, observers } = options
  const lake = await openLake(configuration, secretsDirectory, observers.lake)
  const { source, positions } = createKafkaParts(options)
  return {
    source,
    positions,
    lake,
    protocol: createTables(options, lake, positions),
    classify: createClassify(options),
    openWriters: createOpenWriters(configuration, lake.storage),
    now: Date.now,
    random: Math.random,
    sleep,
  }
}

function createKafkaParts({ configuration, observers, stateDirectory, secretsDirectory }: PartsOptions) {
  const { groupId, topics, bootstrapServers, sessionTimeoutMs } = configuration
  const connection = {
    bootstrapServers,
    clientId: `healthconsumer-${hostname()}`,
    credentials: kafkaCredentialsReader(configuration, secretsDirectory),
  }
  const logger = getLogger('runtime.source')
  const memberRecords = createMemberRecords(stateDirectory, groupId)
  const group = { groupId, topics, sessionTimeoutMs }
  const source = createKafkaSource({ connection, ...group, memberRecords, observer: observers.source, logger })
  const positions = createKafkaPositions({ connection, groupId, topics, generation: () => source.generation(), logger })
  return { source, positions }
}

function createTables(
  { configuration, observers }: PartsOptions,
  { catalog, storage, isConfined }: Lake,
  positions: ClosableKafkaPositions,
): Protocol {
  const { tables } = configuration
  return createProtocol(
    {
      group: configuration.groupId,
      topics: configuration.topics,
      startFrom: configuration.startFrom,
      onGap: configuration.onGap,
      raw: { namespace: tables.namespace, name: tables.raw },
      errors: { namespace: tables.namespace, name: tables.errors },
      rawDefinition,
      errorsDefinition,
      pendingLocation: configuration.pendingLocation,
      isConfined,
      pendingCap,
    },
    {
      catalog,
      storage,
      positions,
      now: Date.now,
      newId: randomUUID,
      newSnapshotId,
      random: Math.random,
      sleep,
      observer: observers.commit,
    },
  )
}

function createClassify({ configuration, metrics, observers }: PartsOptions): PipelinePorts['classify'] {
  const { mode, ranges, onInvalid } = configuration.validation
  const { classification, kafka } = metrics
  const { tally } = observers
  let at: TopicPartition = { topic: '', partition: 0 }
  const classifier = createClassifier({
    decoder: jsonDecoder,
    mode,
    ranges,
    observer: {
      valid(dataType) {
        tally.valid++
        classification.valid(dataType)
      },
      invalid(errorType, reason, dataType) {
        tally.invalid++
        classification.invalid(errorType, reason, dataType)
        if (errorType === 'DESERIALIZATION_ERROR') kafka.deserializationError(at.topic, at.partition)
      },
      warning: (kind, dataType) => classification.warning(kind, dataType),
    },
  })
  const toSink = createRowSink(onInvalid)
  return (record, from, nowMs, round) => {
    at = from
    const day = Math.floor(nowMs / millisPerDay)
    const processingTime = { day, micros: (nowMs - day * millisPerDay) * 1000 }
    const { rawRows, errorRows } = classifier.classify(record, from, processingTime, toSink(round))
    classification.handedToWriter(record.timestampMs, nowMs, rawRows + errorRows)
  }
}

function createOpenWriters({ commit }: RuntimeConfiguration, storage: Storage): PipelinePorts['openWriters'] {
  const options = {
    storage,
    compression: { name: commit.compression },
    targetFileSizeBytes: commit.targetFileSizeBytes,
    newName: randomUUID,
  }
  return ({ rawTable, errorsTable, pendingFolder }) => ({
    raw: rawTableWriter({ ...options, table: rawTable, folder: dataFolder(rawTable) }),
    errors: errorsTableWriter({ ...options, table: errorsTable, folder: pendingFolder }),
  })
}

/**
 * One Fetch request (version 11, Kafka 2.3) and its response. kafkajs carries it; the response is read here, because
 * kafkajs drops what the position depends on: emptied batches, and all partitions when one is out of range.
 * It keeps no position and decodes no record.
 */
import type { TopicPartition } from '../kafka.ts'
import { ByteReader } from './byteReader.ts'
import { apiKeys, type Broker, createFetchRequest } from './kafkajsInternals.ts'
import type { AbortedTransaction } from './recordBatch.ts'
import { SourceError } from './sourceError.ts'

export interface FetchLimits {
  /** Longest wait of the broker for new records, in milliseconds. */
  readonly maxWaitMs: number
  /** A record larger than these is delivered all the same, alone (KIP-74). */
  readonly maxBytes: number
  readonly maxBytesPerPartition: number
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number
}

export interface FetchedPartition extends TopicPartition {
  /** 0 for none. */
  readonly errorCode: number
  readonly highWatermark: number
  readonly abortedTransactions: readonly AbortedTransaction[]
  readonly records: Buffer
}

const version = 11
const readCommitted = 1
const consumer = -1

export async function fetchPartitions(
  broker: Broker,
  partitions: readonly PartitionOffset[],
  { maxWaitMs, maxBytes, maxBytesPerPartition }: FetchLimits,
): Promise<readonly FetchedPartition[]> {
  if ((broker.versions[apiKeys.Fetch]?.maxVersion ?? 0) < version)
    throw new SourceError('UNSUPPORTED_BROKER', `Kafka at ${broker.brokerAddress} is older than 2.3: upgrade it`)
  const request = createFetchRequest({
    replicaId: consumer,
    isolationLevel: readCommitted,
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    maxBytes,
    // One entry a partition keeps their order, in which the broker fills the response.
    topics: partitions.map(({ topic, partition, offset }) => ({
      topic,
      partitions: [{ partition, fetchOffset: String(offset), maxBytes: maxBytesPerPartition }],
    })),
  })
  const connection = await broker.connectionPool.getConnection(1)
  const { errorCode, fetched } = await connection.send({
    request,
    response: { decode: async payload => decodeFetchResponse(payload), parse: async data => data },
  })
  if (errorCode !== 0) throw new SourceError('UNKNOWN', `Kafka at ${broker.brokerAddress} failed a fetch: ${errorCode}`)
  return fetched
}

export interface FetchResponse {
  /** Milliseconds to keep quiet; kafkajs reads and obeys it (KIP-219). */
  readonly clientSideThrottleTime: number
  readonly errorCode: number
  readonly fetched: readonly FetchedPartition[]
}

/** Shape: the message format of Fetch, version 11. Throws SourceError `CORRUPT_DATA`. */
export function decodeFetchResponse(payload: Buffer): FetchResponse {
  const reader = new ByteReader(payload)
  try {
    const clientSideThrottleTime = reader.int32()
    const errorCode = reader.int16()
    reader.int32() // session id
    const fetched = reader.array(() => {
      const topic = reader.string()
      return reader.array(() => readPartition(reader, topic))
    })
    return { clientSideThrottleTime, errorCode, fetched: fetched.flat() }
  } catch (error) {
    throw new SourceError('CORRUPT_DATA', `a fetch response of ${payload.length} bytes cannot be read`, error)
  }
}

function readPartition(reader: ByteReader, topic: string): FetchedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.offset()
  reader.int64() // last stable offset
  reader.int64() // log start offset
  const abortedTransactions = reader.array(() => ({ producerId: reader.bigInt64(), firstOffset: reader.offset() }))
  reader.int32() // preferred read replica: only asked for with a rack id
  const records = reader.nullableBytes() ?? Buffer.alloc(0)
  return { topic, partition, errorCode, highWatermark, abortedTransactions, records }
}

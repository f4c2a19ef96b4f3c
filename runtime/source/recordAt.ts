/**
 * Reads single records of a real cluster by their offset, outside any group. It keeps no position and commits nothing.
 */
import type { Logger } from '../contract/logger.ts'
import type { KafkaRecord, TopicPartition } from '../kafka.ts'
import { createConnection, type KafkaConnectionOptions } from './connection.ts'
import { fetchPartitions } from './fetchPartitions.ts'
import { createErrorFromCode } from './kafkajsInternals.ts'
import { leaderOf } from './listOffsets.ts'
import { decodeRecords } from './recordBatch.ts'
import { toSourceError } from './sourceError.ts'

export interface RecordReader {
  /**
   * The record at the offset; undefined where the partition has none there for a read-committed consumer. Rejects with
   * SourceError, also where the offset is outside the log.
   */
  recordAt(partition: TopicPartition, offset: number): Promise<KafkaRecord | undefined>
  close(): Promise<void>
}

/** One batch of records, which a broker returns whole however large it is (KIP-74). */
const limits = { maxWaitMs: 500, maxBytes: 1_048_576, maxBytesPerPartition: 1_048_576 }

export function createRecordReader(options: KafkaConnectionOptions, logger: Logger): RecordReader {
  const connection = createConnection(options, logger)
  return {
    async recordAt(partition, offset) {
      const { topic } = partition
      try {
        const cluster = await connection.cluster([topic])
        const broker = await cluster.findBroker({ nodeId: leaderOf(cluster, partition) })
        const [fetched] = await fetchPartitions(broker, [{ ...partition, offset }], limits)
        if (fetched === undefined) return undefined
        if (fetched.errorCode !== 0) throw createErrorFromCode(fetched.errorCode)
        const { records } = await decodeRecords(fetched.records, offset, fetched.abortedTransactions)
        return records.find(record => record.offset === offset)
      } catch (error) {
        throw toSourceError(error, [topic], options.bootstrapServers)
      }
    },
    close: () => connection.close(),
  }
}

/**
 * The exactly-once protocol as the pipeline sees it: take positions, commit batches, audit when idle. It keeps no
 * offsets of its own; every decision is made on what the tables and Kafka say at that moment.
 */
import type { TableMetadata } from '../iceberg/tableMetadata.ts'
import type { LastRecord, OffsetMap, TopicPartition, TopicPartitionKey } from '../kafka.ts'
import { idleAudit, type Position, takePositions } from './assign.ts'
import { type Batch, type CommitResult, commitBatch } from './commitBatch.ts'
import { type CommitContext, type CommitPorts, type CommitSettings, createContext } from './context.ts'
import { HaltError } from './halt.ts'
import { initialise, recognise } from './initialise.ts'
import { pendingFolder } from './rollForward.ts'
import { loadErrors, loadRaw, untilSettled } from './tables.ts'

/** Where the two tables stand, for `/status` and for the writers. */
export interface TablesState {
  readonly rawTable: TableMetadata
  readonly errorsTable: TableMetadata
  readonly rawSnapshotId: bigint
  readonly rawSeq: number
  readonly errorsSnapshotId: bigint
  readonly errorsAppliedSeq: number
  readonly offsets: OffsetMap
  /** Kafka time of the newest record below them, in milliseconds since the epoch; undefined before the first. */
  readonly newestRecordMs: number | undefined
  /** Error files announced by raw and not yet in the errors table. */
  readonly pendingIntents: number
  /** Times of our newest snapshots, in milliseconds since the epoch. */
  readonly rawCommitMs: number
  readonly errorsCommitMs: number
  /** Where the writer puts error files. */
  readonly pendingFolder: string
}

export interface Protocol {
  /** Steps 1 to 5 for a new assignment. Rejects with HaltError or the signal's reason. */
  assign(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<ReadonlyMap<TopicPartitionKey, Position>>
  /** Steps 6 to 10. */
  commit(batch: Batch, signal: AbortSignal): Promise<CommitResult>
  /** Step 11; false means: assign anew. Rejects with HaltError, or with whatever a port rejects with. */
  audit(expected: OffsetMap, partitions: readonly TopicPartition[], signal: AbortSignal): Promise<boolean>
  /** As the newest of the above left or found them; loaded where that failed. */
  state(): Promise<TablesState>
}

export function createProtocol(settings: CommitSettings, ports: CommitPorts): Protocol {
  const context = createContext(settings, ports)
  return {
    async assign(partitions, signal) {
      try {
        await initialise(context, signal)
        const positions = await takePositions(context, partitions, signal)
        await untilSettled(context, 'raw', signal, () => reachStorage(context))
        return positions
      } catch (error) {
        // The halt stands this once; the next look goes by the tables that are there now.
        if (error instanceof HaltError && error.code === 'TableReplaced') await recognise(context)
        throw error
      }
    },
    commit: (batch, signal) => commitBatch(context, batch, signal),
    audit: (expected, partitions, signal) => idleAudit(context, expected, partitions, signal),
    async state() {
      const raw = context.known.raw ?? (await loadRaw(context))
      const errors = context.known.errors ?? (await loadErrors(context))
      return {
        rawTable: raw.table,
        errorsTable: errors.table,
        rawSnapshotId: raw.head['snapshot-id'],
        rawSeq: raw.keys.seq,
        errorsSnapshotId: errors.head['snapshot-id'],
        errorsAppliedSeq: errors.keys.appliedSeq,
        offsets: raw.keys.offsets,
        newestRecordMs: newestOf(raw.keys.last.values()),
        pendingIntents: raw.keys.pending.filter(intent => intent.seq > errors.keys.appliedSeq).length,
        rawCommitMs: raw.own['timestamp-ms'],
        errorsCommitMs: errors.own['timestamp-ms'],
        pendingFolder: pendingFolder(context, errors.table),
      }
    },
  }
}

/**
 * Reads what the next commit will read: files that cannot be reached are trouble from the start, not only once there is
 * something to write.
 */
async function reachStorage(context: CommitContext): Promise<true> {
  const { head } = context.known.raw ?? (await loadRaw(context))
  await context.ports.storage.read(head['manifest-list'])
  return true
}

const newestOf = (lasts: Iterable<LastRecord>): number | undefined => {
  const times = Array.from(lasts, last => last.timestampMs)
  return times.length === 0 ? undefined : Math.max(...times)
}

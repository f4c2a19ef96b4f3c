/**
 * One round of the pipeline: the rows of both tables between two commits, and the offsets that they cover. It is
 * finished once, or discarded; it commits nothing itself.
 */
import type { Batch } from './commit/commitBatch.ts'
import type { TableWriter } from './iceberg/tableWriter.ts'
import type { LastRecord, OffsetRange, TopicPartitionKey } from './kafka.ts'
import type { ErrorRow, RawRow, RowSink } from './rows.ts'

export interface Round extends RowSink {
  readonly startedMs: number
  readonly rows: number
  readonly bufferedBytes: number
  readonly openPartitions: number
  readonly ranges: ReadonlyMap<TopicPartitionKey, OffsetRange>
  /** Notes that the rows pushed so far cover [start, end) of a partition; `last` is the last record among them. */
  cover(key: TopicPartitionKey, start: number, end: number, last: LastRecord | undefined): void
  finish(): Promise<Batch>
  discard(): void
}

export function createRound(startedMs: number, raw: TableWriter<RawRow>, errors: TableWriter<ErrorRow>): Round {
  const ranges = new Map<TopicPartitionKey, OffsetRange>()
  const lasts = new Map<TopicPartitionKey, LastRecord>()
  return {
    startedMs,
    ranges,
    raw: row => raw.push(row),
    error: row => errors.push(row),
    get rows() {
      return raw.rows + errors.rows
    },
    get bufferedBytes() {
      return raw.bufferedBytes + errors.bufferedBytes
    },
    get openPartitions() {
      return Math.max(raw.openPartitions, errors.openPartitions)
    },
    cover(key, start, end, last) {
      const before = ranges.get(key)
      if (before !== undefined && before.end !== start) throw new RangeError(`round of ${key} has a hole at ${start}`)
      ranges.set(key, { start: before?.start ?? start, end })
      if (last !== undefined) lasts.set(key, last)
    },
    async finish() {
      return { ranges, last: lasts, rawFiles: await raw.finish(), errorFiles: await errors.finish() }
    },
    discard() {
      raw.discard()
      errors.discard()
    },
  }
}

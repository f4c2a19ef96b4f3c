/**
 * Where one partition of the current assignment stands: which batch may come next and which of its records are new.
 * Pure state, no ports. It never skips: a batch that does not start where it must is refused.
 */
import type { KafkaRecord, LastRecord, SourceBatch } from './kafka.ts'

export interface Cursor {
  /** Offset at which the next batch must start. */
  at: number
  /** First offset that is not in the table or the buffer. */
  next: number
  /** The last consumed record, to be found unchanged at its offset before anything new is taken. */
  verify: LastRecord | undefined
}

export function createCursor(next: number, verify: LastRecord | undefined): Cursor {
  return { at: verify?.offset ?? next, next, verify }
}

export type Accepted =
  /** The batch does not start where it must: offsets were skipped, or the position is not ours. */
  | { readonly kind: 'jump'; readonly expected: number }
  /** The record at the verified offset is another one: the topic was recreated. */
  | { readonly kind: 'replaced'; readonly offset: number }
  /** New records, and the half-open range that the table lacks; `start` === `end` where nothing is new. */
  | { readonly kind: 'taken'; readonly records: readonly KafkaRecord[]; readonly start: number; readonly end: number }

/** Takes a batch and moves the cursor past it, unless it is refused. `mark` computes a record's identity. */
export function accept(cursor: Cursor, batch: SourceBatch, mark: (record: KafkaRecord) => LastRecord): Accepted {
  if (batch.start !== cursor.at) return { kind: 'jump', expected: cursor.at }
  const { verify } = cursor
  if (verify !== undefined && batch.end > verify.offset) {
    const found = batch.records.find(record => record.offset === verify.offset)
    if (found !== undefined && !isSame(verify, mark(found))) return { kind: 'replaced', offset: verify.offset }
    cursor.verify = undefined
  }
  const start = cursor.next
  cursor.at = batch.end
  cursor.next = Math.max(start, batch.end)
  const records =
    batch.records.length > 0 && batch.records[0]!.offset >= start
      ? batch.records
      : batch.records.filter(record => record.offset >= start)
  return { kind: 'taken', records, start, end: cursor.next }
}

const isSame = (a: LastRecord, b: LastRecord): boolean =>
  a.offset === b.offset && a.timestampMs === b.timestampMs && a.crc32c === b.crc32c

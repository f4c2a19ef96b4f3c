/**
 * The decisions of the protocol, each a pure function of what was read: may this pod go on, what does the next commit
 * say, what did a doubtful commit do. No ports.
 */
import type { LastRecord, OffsetMap, OffsetRange, TopicPartitionKey, Watermarks } from '../kafka.ts'
import { HaltError } from './halt.ts'
import type { ErrorsKeys, Intent, RawKeys } from './keys.ts'

/** Everything that step 3 reads, in the order in which it must be read. */
export interface Readings {
  readonly committed: OffsetMap
  readonly low: OffsetMap
  readonly firstApplied: number
  readonly raw: Pick<RawKeys, 'seq' | 'offsets' | 'errorsAckedSeq' | 'acceptedCommitted'>
  readonly secondApplied: number
  readonly high: OffsetMap
}

/** Records [start, end) of a partition that Kafka deleted before they were read. */
export type Gaps = ReadonlyMap<TopicPartitionKey, OffsetRange>

/**
 * Step 3: throws a HaltError where going on could lose or double samples, else returns the gaps (only under the
 * policy RecordAndContinue; under Halt a gap is a halt).
 */
export function auditReadings(readings: Readings, onGap: 'Halt' | 'RecordAndContinue'): Gaps {
  const { raw, firstApplied, secondApplied } = readings
  refuseBehind(raw.seq, firstApplied)
  refuseRolledBack(raw.errorsAckedSeq, secondApplied)
  const gaps = new Map<TopicPartitionKey, OffsetRange>()
  for (const [key, low] of readings.low) {
    const next = raw.offsets.get(key)
    if (next === undefined) continue
    const high = readings.high.get(key)
    if (high !== undefined && high < next)
      throw new HaltError('TopicRecreated', `${key} ends at offset ${high}, the table was filled up to ${next}`)
    if (low > next) {
      if (onGap === 'Halt') throw new HaltError('OffsetGap', `${key}: next offset ${next}, first retained ${low}`)
      gaps.set(key, { start: next, end: low })
    }
    const committed = readings.committed.get(key)
    if (committed !== undefined && committed > Math.max(next, low, raw.acceptedCommitted?.get(key) ?? 0))
      throw new HaltError('CommittedAhead', `${key}: committed ${committed}, the table says ${next}`)
  }
  return gaps
}

/** Errors never applies what raw did not announce: `applied` was read before `rawSeq`. */
export function refuseBehind(rawSeq: number, applied: number): void {
  if (applied > rawSeq)
    throw new HaltError('RawRolledBack', `errors has applied seq ${applied}, raw stands at ${rawSeq}`)
}

/** What raw saw applied stays applied: `applied` was read after `ackedSeq`. */
export function refuseRolledBack(ackedSeq: number, applied: number): void {
  if (ackedSeq > applied)
    throw new HaltError('ErrorsRolledBack', `raw saw seq ${ackedSeq} applied, errors stands at ${applied}`)
}

/** What one round of flushing hands to a raw commit. */
export interface CommitRequest {
  readonly ranges: ReadonlyMap<TopicPartitionKey, OffsetRange>
  readonly last: ReadonlyMap<TopicPartitionKey, LastRecord>
  readonly commitId: string
  /** The errors of this batch, seq still open. */
  readonly intent: Omit<Intent, 'seq' | 'ranges'> | undefined
}

/** Whether a batch that starts and ends like this may be committed on, was committed with, or contradicts a head. */
export type Standing = 'at-start' | 'durable' | 'mixed'

/** Invariant I2 and step 8: compares every range with the offsets of a loaded head. */
export function standing(ranges: ReadonlyMap<TopicPartitionKey, OffsetRange>, offsets: OffsetMap): Standing {
  let atStart = true
  let durable = true
  for (const [key, range] of ranges) {
    const next = offsets.get(key) ?? -1
    if (next !== range.start) atStart = false
    if (next < range.end) durable = false
  }
  return atStart ? 'at-start' : durable ? 'durable' : 'mixed'
}

/** Keys of the raw commit that follows `parent`. `applied` is the newest applied seq that was read from errors. */
export function nextRawKeys(parent: RawKeys, request: CommitRequest, applied: number): RawKeys {
  const seq = parent.seq + 1
  const offsets = new Map(parent.offsets)
  for (const [key, range] of request.ranges) {
    if (range.end < range.start) throw new RangeError(`range of ${key} ends before it starts`)
    offsets.set(key, range.end)
  }
  const kept = parent.pending.filter(intent => intent.seq > applied)
  const dropped = parent.pending.filter(intent => intent.seq <= applied)
  const own = request.intent === undefined ? [] : [{ ...request.intent, seq, ranges: request.ranges }]
  return {
    ...parent,
    seq,
    offsets,
    pending: [...kept, ...own],
    last: new Map([...parent.last, ...request.last]),
    errorsAckedSeq: Math.max(parent.errorsAckedSeq, ...dropped.map(intent => intent.seq)),
    commitId: request.commitId,
    ...stillAhead(parent.acceptedCommitted, offsets),
  }
}

/** Accepted committed offsets are forgotten once the table has passed them. */
function stillAhead(accepted: OffsetMap | undefined, offsets: OffsetMap): Pick<RawKeys, 'acceptedCommitted'> {
  if (accepted === undefined) return {}
  const kept = new Map([...accepted].filter(([key, offset]) => offset > (offsets.get(key) ?? -1)))
  return { acceptedCommitted: kept.size === 0 ? undefined : kept }
}

/** Step 4: the intents that errors has not applied, in order. */
export function unapplied(pending: readonly Intent[], errors: ErrorsKeys): readonly Intent[] {
  return pending.filter(intent => intent.seq > errors.appliedSeq).sort((a, b) => a.seq - b.seq)
}

/** Step 1: next offsets of partitions that the table does not know yet. */
export function newPartitions(
  known: OffsetMap,
  wanted: ReadonlyMap<string, readonly number[]>,
  watermarks: ReadonlyMap<TopicPartitionKey, Watermarks>,
  startFrom: 'earliest' | 'latest',
): OffsetMap {
  const added = new Map<TopicPartitionKey, number>()
  const knownTopics = new Set([...known.keys()].map(key => key.slice(0, key.lastIndexOf(':'))))
  for (const [topic, partitions] of wanted)
    for (const partition of partitions) {
      const key = `${topic}:${partition}`
      if (known.has(key)) continue
      const marks = watermarks.get(key)
      if (marks === undefined) throw new RangeError(`no watermarks for ${key}`)
      // A partition added to a known topic starts at its beginning: nothing written to it was ever skipped on purpose.
      added.set(key, startFrom === 'latest' && !knownTopics.has(topic) ? marks.high : marks.low)
    }
  return added
}

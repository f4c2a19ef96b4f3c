/**
 * Steps 2 to 5 and 11: what a pod must know before it reads a partition, and what an idle pod checks from time to time.
 * The order of the reads is part of the protocol: in any other, another pod's commit looks like a fault.
 */
import {
  type LastRecord,
  type OffsetMap,
  type TopicPartition,
  type TopicPartitionKey,
  topicPartitionKey,
} from '../kafka.ts'
import type { CommitContext } from './context.ts'
import { type ErrorsKeys, printErrorsKeys, printRawKeys, type RawKeys } from './keys.ts'
import type { Located } from './lineage.ts'
import { auditReadings, type Gaps, nextRawKeys, standing } from './plan.ts'
import { rollForward } from './rollForward.ts'
import { appendOwn, loadErrors, loadRaw, untilSettled } from './tables.ts'

export interface Position {
  /** First offset to hand to the writer. */
  readonly next: number
  /** The last consumed record, where it is still retained: read it again and compare before going on. */
  readonly verify?: LastRecord
}

export interface Audit {
  readonly raw: Located<RawKeys>
  readonly errors: Located<ErrorsKeys>
  readonly low: OffsetMap
  readonly gaps: Gaps
}

/** Step 3: reads everything in the prescribed order; throws HaltError where going on is not safe. */
export async function audit(context: CommitContext, partitions: readonly TopicPartition[]): Promise<Audit> {
  const { positions } = context.ports
  const committed = await positions.committed(partitions)
  const low = lowOf(await positions.watermarks(partitions))
  const firstApplied = (await loadErrors(context)).keys.appliedSeq
  const raw = await loadRaw(context)
  const errors = await loadErrors(context)
  const secondApplied = errors.keys.appliedSeq
  const high = highOf(await positions.watermarks(partitions))
  const readings = { committed, low, firstApplied, raw: raw.keys, secondApplied, high }
  return { raw, errors, low, gaps: auditReadings(readings, context.settings.onGap) }
}

type Marks = ReadonlyMap<TopicPartitionKey, { low: number; high: number }>
const lowOf = (marks: Marks): OffsetMap => new Map([...marks].map(([key, mark]) => [key, mark.low]))
const highOf = (marks: Marks): OffsetMap => new Map([...marks].map(([key, mark]) => [key, mark.high]))

/** Steps 3 and 4 until nothing is pending, then the position of every partition. */
export async function takePositions(
  context: CommitContext,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<TopicPartitionKey, Position>> {
  return untilSettled(context, 'raw', signal, async () => {
    const { raw, errors, low, gaps } = await audit(context, partitions)
    await rollForward(context, raw.keys, signal, { errors })
    if (gaps.size > 0) {
      await recordGaps(context, raw, gaps)
      return undefined
    }
    const result = new Map<TopicPartitionKey, Position>()
    for (const { topic, partition } of partitions) {
      const key = topicPartitionKey(topic, partition)
      const next = raw.keys.offsets.get(key)
      // A partition that appeared since initialisation: the caller initialises again.
      if (next === undefined) continue
      const last = raw.keys.last.get(key)
      const retained = last !== undefined && last.offset >= (low.get(key) ?? 0)
      result.set(key, retained ? { next, verify: last } : { next })
    }
    return result
  })
}

/** Under RecordAndContinue: a keyed empty commit that notes the missing ranges and moves the offsets past them. */
async function recordGaps(context: CommitContext, raw: Located<RawKeys>, gaps: Gaps): Promise<void> {
  if (standing(gaps, raw.keys.offsets) !== 'at-start') return
  const request = { ranges: gaps, last: new Map(), commitId: context.ports.newId(), intent: undefined }
  const keys = printRawKeys(nextRawKeys(raw.keys, request, context.applied))
  const printed = JSON.stringify([...gaps].map(([key, range]) => [key, range.start, range.end]))
  await appendOwn(context, 'raw', raw, [], { ...keys, 'hc.gaps': printed })
  for (const [key, range] of gaps) context.ports.observer.gap(key, range.start, range.end)
}

/**
 * Step 11, for a pod without traffic: the checks of step 3 again, whatever is pending rolled forward, and an empty
 * keyed commit on top of another engine's snapshots, so that their expiry cannot cut the walk to our keys. Resolves
 * with false where `expected` is no longer what the table says: assign anew.
 */
export async function idleAudit(
  context: CommitContext,
  expected: OffsetMap,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<boolean> {
  const { raw, errors, gaps } = await audit(context, partitions)
  if (gaps.size > 0) return false
  for (const [key, next] of expected) if (raw.keys.offsets.get(key) !== next) return false
  await rollForward(context, raw.keys, signal, { errors })
  if (raw.head !== raw.own) {
    const request = { ranges: new Map(), last: new Map(), commitId: context.ports.newId(), intent: undefined }
    await appendOwn(context, 'raw', raw, [], printRawKeys(nextRawKeys(raw.keys, request, context.applied)))
  }
  const newest = context.known.errors ?? (await loadErrors(context))
  if (newest.head !== newest.own)
    await appendOwn(context, 'errors', newest, [], printErrorsKeys({ ...newest.keys, commitId: context.ports.newId() }))
  return true
}

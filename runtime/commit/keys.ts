/**
 * What the protocol keeps in the tables themselves: keys in snapshot summaries, one table property, one tag.
 * Pure: parse and print, nothing else. A summary without our keys is somebody else's snapshot.
 */
import {
  type LastRecord,
  type OffsetMap,
  type OffsetRange,
  parseTopicPartitionKey,
  topicPartitionKey,
} from '../kafka.ts'

type Summary = Readonly<Record<string, string>>

/** A batch of error rows, announced by a raw commit, to be appended to the errors table by whoever comes first. */
export interface Intent {
  /** `hc.seq` of the raw commit that announced it. */
  readonly seq: number
  readonly ranges: ReadonlyMap<string, OffsetRange>
  /** Absolute location of a durable manifest of the errors table: ADDED entries, null snapshot id and numbers. */
  readonly manifest: string
  /** Bytes of that manifest. */
  readonly length: number
  /** Rows that it adds. */
  readonly count: number
}

/** Keys of every raw snapshot of ours. */
export interface RawKeys {
  readonly seq: number
  /** Next offset of every partition that the table is filled from. */
  readonly offsets: OffsetMap
  readonly pending: readonly Intent[]
  readonly group: string
  readonly last: ReadonlyMap<string, LastRecord>
  /** Highest seq whose intent was seen applied and dropped. */
  readonly errorsAckedSeq: number
  readonly commitId: string
  readonly errorsUuid: string
}

/** Keys of every errors snapshot of ours. */
export interface ErrorsKeys {
  readonly appliedSeq: number
  readonly rawUuid: string
  readonly commitId: string
}

/** Table property `hc.initialised`. */
export interface Initialised {
  readonly group: string
  readonly clusterId: string
  readonly topics: readonly string[]
}

export const initialisedProperty = 'hc.initialised'
export const tagName = (group: string): string => `hc-${group}`

export class KeysError extends Error {
  override readonly name = 'KeysError'
}

type ByTopic<T> = Record<string, Record<string, T>>

function byTopic<V, T>(map: ReadonlyMap<string, V>, print: (value: V) => T): ByTopic<T> {
  const result: ByTopic<T> = Object.create(null)
  for (const key of [...map.keys()].sort()) {
    const { topic, partition } = parseTopicPartitionKey(key)
    result[topic] ??= {}
    result[topic][partition] = print(map.get(key) as V)
  }
  return result
}

function fromTopics<T, V>(value: ByTopic<T>, parse: (value: T) => V): Map<string, V> {
  const result = new Map<string, V>()
  for (const [topic, partitions] of Object.entries(value))
    for (const [partition, entry] of Object.entries(partitions))
      result.set(topicPartitionKey(topic, Number(partition)), parse(entry))
  return result
}

const printRanges = (ranges: ReadonlyMap<string, OffsetRange>) => byTopic(ranges, range => [range.start, range.end])

interface PrintedIntent {
  seq: number
  ranges: ByTopic<[number, number]>
  manifest: string
  length: number
  count: number
}

export function printRawKeys(keys: RawKeys): Record<string, string> {
  return {
    'hc.seq': String(keys.seq),
    'hc.offsets': JSON.stringify(byTopic(keys.offsets, offset => offset)),
    'hc.pending': JSON.stringify(keys.pending.map(intent => ({ ...intent, ranges: printRanges(intent.ranges) }))),
    'hc.group': keys.group,
    'hc.last': JSON.stringify(byTopic(keys.last, last => [last.offset, last.timestampMs, last.crc32c])),
    'hc.errors-acked-seq': String(keys.errorsAckedSeq),
    'hc.commit-id': keys.commitId,
    'hc.errors-uuid': keys.errorsUuid,
  }
}

/** Undefined where the summary is not ours; throws KeysError where it is ours and damaged. */
export function parseRawKeys(summary: Summary): RawKeys | undefined {
  if (summary['hc.seq'] === undefined) return undefined
  return {
    seq: integer(summary, 'hc.seq'),
    offsets: fromTopics(json<ByTopic<number>>(summary, 'hc.offsets'), offset => offset),
    pending: json<PrintedIntent[]>(summary, 'hc.pending').map(intent => ({
      ...intent,
      ranges: fromTopics(intent.ranges, ([start, end]) => ({ start, end })),
    })),
    group: text(summary, 'hc.group'),
    last: fromTopics(
      json<ByTopic<[number, number, number]>>(summary, 'hc.last'),
      ([offset, timestampMs, crc32c]): LastRecord => ({ offset, timestampMs, crc32c }),
    ),
    errorsAckedSeq: integer(summary, 'hc.errors-acked-seq'),
    commitId: text(summary, 'hc.commit-id'),
    errorsUuid: text(summary, 'hc.errors-uuid'),
  }
}

export function printErrorsKeys(keys: ErrorsKeys): Record<string, string> {
  return { 'hc.applied-seq': String(keys.appliedSeq), 'hc.raw-uuid': keys.rawUuid, 'hc.commit-id': keys.commitId }
}

export function parseErrorsKeys(summary: Summary): ErrorsKeys | undefined {
  if (summary['hc.applied-seq'] === undefined) return undefined
  return {
    appliedSeq: integer(summary, 'hc.applied-seq'),
    rawUuid: text(summary, 'hc.raw-uuid'),
    commitId: text(summary, 'hc.commit-id'),
  }
}

export const printInitialised = (value: Initialised): string =>
  JSON.stringify({ group: value.group, clusterId: value.clusterId, topics: value.topics })

export function parseInitialised(properties: Summary): Initialised | undefined {
  return properties[initialisedProperty] === undefined ? undefined : json<Initialised>(properties, initialisedProperty)
}

function text(summary: Summary, key: string): string {
  const value = summary[key]
  if (value === undefined) throw new KeysError(`snapshot summary lacks ${key}`)
  return value
}

function integer(summary: Summary, key: string): number {
  const value = Number(text(summary, key))
  if (!Number.isSafeInteger(value) || value < 0) throw new KeysError(`snapshot summary has no whole number in ${key}`)
  return value
}

function json<T>(summary: Summary, key: string): T {
  try {
    return JSON.parse(text(summary, key)) as T
  } catch (cause) {
    throw new KeysError(`${key} is not JSON`, { cause })
  }
}

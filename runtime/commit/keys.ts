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
  /** Committed offsets of the group that a person accepted although they are ahead of the table; absent where none. */
  readonly acceptedCommitted?: OffsetMap
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

function fromTopics<V>(value: unknown, parse: (value: unknown) => V): Map<string, V> {
  const result = new Map<string, V>()
  for (const [topic, partitions] of Object.entries(object(value)))
    for (const [partition, entry] of Object.entries(object(partitions)))
      result.set(topicPartitionKey(topic, whole(Number(partition))), parse(entry))
  return result
}

const printRanges = (ranges: ReadonlyMap<string, OffsetRange>) => byTopic(ranges, range => [range.start, range.end])

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
    ...(keys.acceptedCommitted && {
      'hc.accepted-committed': JSON.stringify(byTopic(keys.acceptedCommitted, offset => offset)),
    }),
  }
}

/** Undefined where the summary is not ours; throws KeysError where it is ours and damaged. */
export function parseRawKeys(summary: Summary): RawKeys | undefined {
  if (summary['hc.seq'] === undefined) return undefined
  return {
    seq: integer(summary, 'hc.seq'),
    offsets: json(summary, 'hc.offsets', value => fromTopics(value, whole)),
    pending: json(summary, 'hc.pending', value => list(value).map(parseIntent)),
    group: text(summary, 'hc.group'),
    last: json(summary, 'hc.last', value => fromTopics(value, parseLast)),
    errorsAckedSeq: integer(summary, 'hc.errors-acked-seq'),
    commitId: text(summary, 'hc.commit-id'),
    errorsUuid: text(summary, 'hc.errors-uuid'),
    ...(summary['hc.accepted-committed'] !== undefined && {
      acceptedCommitted: json(summary, 'hc.accepted-committed', value => fromTopics(value, whole)),
    }),
  }
}

function parseIntent(value: unknown): Intent {
  const { seq, ranges, manifest, length, count } = object(value)
  return {
    seq: whole(seq),
    ranges: fromTopics(ranges, parseRange),
    manifest: string(manifest),
    length: whole(length),
    count: whole(count),
  }
}

function parseRange(value: unknown): OffsetRange {
  const [start, end] = list(value)
  return { start: whole(start), end: whole(end) }
}

function parseLast(value: unknown): LastRecord {
  const [offset, timestampMs, crc32c] = list(value)
  // Kafka's time of a record that has none is -1.
  if (!Number.isSafeInteger(timestampMs)) throw new TypeError('a time is no integer')
  return { offset: whole(offset), timestampMs: timestampMs as number, crc32c: whole(crc32c) }
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
  if (properties[initialisedProperty] === undefined) return undefined
  return json(properties, initialisedProperty, value => {
    const { group, clusterId, topics } = object(value)
    return { group: string(group), clusterId: string(clusterId), topics: list(topics).map(string) }
  })
}

function text(summary: Summary, key: string): string {
  const value = summary[key]
  if (value === undefined) throw new KeysError(`${key} is missing`)
  return value
}

function integer(summary: Summary, key: string): number {
  return json(summary, key, whole)
}

/** Whatever does not have the shape that was printed is a KeysError. */
function json<V>(summary: Summary, key: string, parse: (value: unknown) => V): V {
  const printed = text(summary, key)
  try {
    return parse(JSON.parse(printed))
  } catch (cause) {
    throw new KeysError(`${key} is damaged`, { cause })
  }
}

function whole(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new TypeError('not a whole number')
  return value as number
}

function string(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not a string')
  return value
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError('not a list')
  return value
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value as Record<string, unknown>
}

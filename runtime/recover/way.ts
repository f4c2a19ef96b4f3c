/**
 * The words of recovery: a way out of a halt, what it costs, and the commits that it is made of. Types, and the texts that
 * ways have in common; pure.
 */
import type { Base, Which } from '../commit/tables.ts'
import type { HaltCode } from '../contract/halts.ts'
import type { NewManifest } from '../iceberg/manifest.ts'
import type { Requirement, TableMetadata, Update } from '../iceberg/tableMetadata.ts'
import { type OffsetMap, parseTopicPartitionKey, type TopicPartitionKey } from '../kafka.ts'
import type { KafkaSeen, TableSeen } from './situation.ts'

/** Where offsets are taken from: Kafka, the table, or a person. */
export type From = 'earliest' | 'latest' | 'committed' | 'keep' | OffsetMap

/** What a person asked for. */
export type Choice =
  | { readonly way: 'undo' | 'accept-rollback'; readonly table: Which }
  | { readonly way: 'accept-gap' | 'accept-committed' | 'accept-new-table' | 'accept-lost-errors' }
  | { readonly way: 'accept-new-topic'; readonly topic: string; readonly from?: From }
  | { readonly way: 'accept-new-cluster' | 'adopt'; readonly from?: From }
  | { readonly way: 'take-over'; readonly group: string }

/** One change of one table, under its uuid, main and tag as they were read. */
export type Step = { readonly table: Which; readonly does: string } & (
  | { readonly kind: 'create' }
  /** A snapshot with our keys on top of main; the tag moves to it. */
  | {
      readonly kind: 'append'
      readonly base: Base
      readonly keys: Readonly<Record<string, string>>
      readonly manifests: readonly NewManifest[]
      readonly also: readonly Update[]
      readonly requires?: readonly Requirement[]
    }
  /** The same, and these data files leave the table. */
  | {
      readonly kind: 'drop'
      readonly base: Base
      readonly keys: Readonly<Record<string, string>>
      readonly locations: ReadonlySet<string>
      readonly rows: number
    }
  /** Main and tag are set to snapshots that are there. */
  | {
      readonly kind: 'move'
      readonly base: Base & { readonly table: TableMetadata }
      readonly main: bigint
      readonly tag: bigint
      readonly also: readonly Update[]
    }
)

export interface Way {
  /** As it is typed, e.g. `--accept-rollback raw`. */
  readonly flag: string
  readonly ends: readonly HaltCode[]
  readonly does: string
  /** What is gone for ever, in offsets, rows and times; empty: nothing. */
  readonly loses: readonly string[]
  /** What may be in the tables twice; empty: nothing. */
  readonly doubles: readonly string[]
  /** In order. Each is planned anew on what the tables say once those before are durable. */
  readonly steps: readonly Step[]
}

/** A way that is about this halt, and why it cannot be gone now. */
export interface Refusal {
  readonly flag: string
  readonly ends: readonly HaltCode[]
  readonly refused: string
}

export type Offer = Way | Refusal
export const isRefusal = (offer: Offer): offer is Refusal => 'refused' in offer

/** Names the decision in the snapshot or the table property that it led to. */
export const recoveredKey = 'hc.recovered'

export const baseOf = (seen: TableSeen<unknown>): Base => ({
  table: seen.table as TableMetadata,
  head: seen.head,
  own: seen.tagged,
})

/** `1,234 rows` of a count that may be unknown. */
export const rowsText = (rows: number | undefined): string =>
  rows === undefined ? 'an unknown number of rows' : `${rows.toLocaleString('en')} rows`

export const rangeText = (key: TopicPartitionKey, start: number, end: number): string =>
  `${key} offsets ${start} to ${end - 1}`

/** Committed offsets that are ahead of the table's, and would halt an audit. */
export function committedAhead(kafka: KafkaSeen | string, offsets: OffsetMap): OffsetMap {
  if (typeof kafka === 'string') return new Map()
  const ahead = [...kafka.committed].filter(([key, committed]) => {
    const next = offsets.get(key)
    return next !== undefined && committed > Math.max(next, kafka.watermarks.get(key)?.low ?? 0)
  })
  return new Map(ahead)
}

/**
 * What a commit of these offsets accepts of what the group has committed, or may still commit: a pod that is slow commits
 * the offsets of a lost snapshot late.
 */
export function acceptedWith(
  kafka: KafkaSeen | string,
  offsets: OffsetMap,
  lost: readonly OffsetMap[] = [],
): OffsetMap | undefined {
  const accepted = new Map(committedAhead(kafka, offsets))
  for (const [key, next] of offsets) {
    const most = Math.max(accepted.get(key) ?? 0, ...lost.map(map => map.get(key) ?? 0))
    if (most > next) accepted.set(key, most)
  }
  return accepted.size === 0 ? undefined : accepted
}

/**
 * Offsets of the partitions, or what keeps them from being taken.
 * @param known what the table says, for `keep`
 */
export function offsetsFrom(
  from: From,
  kafka: KafkaSeen,
  wanted: readonly TopicPartitionKey[],
  known: OffsetMap,
): ReadonlyMap<TopicPartitionKey, number> | string {
  const result = new Map<TopicPartitionKey, number>()
  for (const key of wanted) {
    const marks = kafka.watermarks.get(key)
    if (marks === undefined) return `Kafka has no partition ${key}`
    const offset = offsetOf(from, key, marks, kafka.committed, known)
    if (offset === undefined) return `${key} has no offset in --from: name every partition, as TOPIC:PARTITION=OFFSET`
    if (offset < marks.low || offset > marks.high)
      return `${key}: offset ${offset} is not in the partition, which has ${marks.low} to ${marks.high}`
    result.set(key, offset)
  }
  if (from instanceof Map)
    for (const key of from.keys()) if (!result.has(key)) return `${key} in --from is no partition that it is about`
  return result
}

function offsetOf(
  from: From,
  key: TopicPartitionKey,
  marks: { readonly low: number; readonly high: number },
  committed: OffsetMap,
  known: OffsetMap,
): number | undefined {
  if (from === 'earliest') return marks.low
  if (from === 'latest') return marks.high
  // Where the group never committed, it has read nothing.
  if (from === 'committed') return committed.get(key) ?? marks.low
  if (from === 'keep') return known.get(key)
  return from.get(key)
}

export const fromText = (from: From): string =>
  typeof from === 'string' ? from : [...from].map(([key, offset]) => `${key}=${offset}`).join(',')

export const topicOf = (key: TopicPartitionKey): string => parseTopicPartitionKey(key).topic

/**
 * The ways that only set offsets: `--accept-gap`, `--accept-new-topic`, `--accept-new-cluster`. Each is one empty commit of raw with the keys that it decides; no row is touched. Pure.
 */
import { initialisedProperty, printInitialised, printRawKeys, type RawKeys } from '../../commit/keys.ts'
import type { HaltCode } from '../../contract/halts.ts'
import type { Update } from '../../iceberg/tableMetadata.ts'
import { type OffsetRange, type TopicPartitionKey, topicPartitionKey } from '../../kafka.ts'
import { isSound, type KafkaSeen, type Situation, type Sound } from '../situation.ts'
import {
  acceptedWith,
  baseOf,
  type From,
  fromText,
  type Offer,
  offsetsFrom,
  rangeText,
  recoveredKey,
  topicOf,
  type Way,
} from '../way.ts'

/** Both are sound and Kafka has answered, or there is nothing to decide on. */
function ready(situation: Situation): { raw: Sound<RawKeys>; kafka: KafkaSeen } | undefined {
  const { raw, kafka, group } = situation
  return isSound(raw, group) && typeof kafka !== 'string' ? { raw, kafka } : undefined
}

type Changed = Partial<Pick<RawKeys, 'offsets' | 'last' | 'acceptedCommitted'>>

/** One keyed empty commit; committed offsets that would halt the next audit are accepted with it. */
function keyed(
  raw: Sound<RawKeys>,
  kafka: KafkaSeen,
  way: Omit<Way, 'steps' | 'doubles'> & { doubles?: readonly string[] },
  commitId: string,
  changed: Changed,
  noted: Readonly<Record<string, string>> = {},
  also: readonly Update[] = [],
): Way {
  const { keys } = raw.own
  const offsets = changed.offsets ?? keys.offsets
  const acceptedCommitted = acceptedWith(kafka, offsets)
  const next: RawKeys = { ...keys, ...changed, seq: keys.seq + 1, commitId, acceptedCommitted }
  const step = {
    kind: 'append' as const,
    table: 'raw' as const,
    does: `commit the offsets to ${raw.name}, without rows`,
    base: baseOf(raw),
    keys: { ...printRawKeys(next), ...noted, [recoveredKey]: way.flag },
    manifests: [],
    also,
  }
  return { doubles: [], ...way, steps: [step] }
}

export function acceptGap(situation: Situation, commitId: string): Offer | undefined {
  const seen = ready(situation)
  if (seen === undefined) return undefined
  const { raw, kafka } = seen
  const gaps = new Map<TopicPartitionKey, OffsetRange>()
  for (const [key, { low }] of kafka.watermarks) {
    const next = raw.own.keys.offsets.get(key)
    if (next !== undefined && low > next) gaps.set(key, { start: next, end: low })
  }
  if (gaps.size === 0) return undefined
  const offsets = new Map([...raw.own.keys.offsets, ...[...gaps].map(([key, { end }]) => [key, end] as const)])
  const printed = JSON.stringify([...gaps].map(([key, { start, end }]) => [key, start, end]))
  return keyed(
    raw,
    kafka,
    {
      flag: '--accept-gap',
      ends: ['OffsetGap'],
      does: 'notes the missing offsets in the table and goes on after them, this once',
      loses: [...gaps].map(
        ([key, { start, end }]) =>
          `${rangeText(key, start, end)}: at most ${end - start} records, deleted by Kafka unread`,
      ),
    },
    commitId,
    { offsets },
    { 'hc.gaps': printed },
  )
}

/** What reading the last consumed record again has shown, by partition. */
export type Evidence = ReadonlyMap<TopicPartitionKey, 'same' | 'another' | 'unknown'>

/** Partitions of a topic: those that the table knows, and whether Kafka still has what was read from them. */
export function acceptNewTopic(
  situation: Situation,
  { topic, from = 'earliest' }: { readonly topic: string; readonly from?: From },
  evidence: Evidence,
  commitId: string,
): Offer | undefined {
  const seen = ready(situation)
  if (seen === undefined) return undefined
  const { raw, kafka } = seen
  const known = [...raw.own.keys.offsets.keys()].filter(key => topicOf(key) === topic)
  const others = known.filter(key => evidence.get(key) === 'another')
  const flag = `--accept-new-topic ${topic}`
  const ends: readonly HaltCode[] = ['TopicRecreated']
  if (others.length === 0) return undefined
  // One partition that is as it was: the topic was truncated, not created anew.
  const truncated = known.some(key => evidence.get(key) === 'same')
  if (truncated && from === 'earliest')
    return {
      flag,
      ends,
      refused: `${others.join(', ')} was cut short, other partitions of ${topic} are as they were: give the offset at which unread records begin, as --from ${others[0]}=OFFSET, or --from latest`,
    }
  const there = new Set(kafka.partitions.map(({ topic, partition }) => topicPartitionKey(topic, partition)))
  const changed = (truncated ? others : known).filter(key => there.has(key))
  const gone = truncated ? [] : known.filter(key => !there.has(key))
  const taken = offsetsFrom(from, kafka, changed, raw.own.keys.offsets)
  if (typeof taken === 'string') return { flag, ends, refused: taken }
  const offsets = new Map([...raw.own.keys.offsets, ...taken])
  const last = new Map(raw.own.keys.last)
  for (const key of gone) offsets.delete(key)
  for (const key of [...changed, ...gone]) last.delete(key)
  const way = {
    flag: from === 'earliest' ? flag : `${flag} --from ${fromText(from)}`,
    ends,
    does: `starts at ${[...taken].map(([key, offset]) => `${key} offset ${offset}`).join(', ')}; what was read of the former topic stays`,
    loses: [
      ...others.map(
        key => `records of the former ${key} from offset ${raw.own.keys.offsets.get(key)}, if there were any`,
      ),
      ...skipped(taken, kafka),
    ],
    doubles: ['samples that were written to the former topic and again to this one'],
  }
  return keyed(raw, kafka, way, commitId, { offsets, last })
}

export function acceptNewCluster(situation: Situation, from: From | undefined, commitId: string): Offer | undefined {
  const seen = ready(situation)
  if (seen === undefined) return undefined
  const { raw, kafka } = seen
  const initialised = raw.initialised
  if (initialised === undefined || initialised.clusterId === kafka.clusterId) return undefined
  const flag = '--accept-new-cluster'
  const ends: readonly HaltCode[] = ['ClusterChanged']
  if (from === undefined)
    return {
      flag,
      ends,
      refused: `say where reading begins in cluster ${kafka.clusterId}: --from keep (a mirror that kept every offset), earliest, latest, committed, or TOPIC:PARTITION=OFFSET,…`,
    }
  const there = kafka.partitions.map(({ topic, partition }) => topicPartitionKey(topic, partition))
  const known = there.filter(key => raw.own.keys.offsets.has(key))
  const taken = offsetsFrom(from, kafka, known, raw.own.keys.offsets)
  if (typeof taken === 'string') return { flag, ends, refused: taken }
  const way = {
    flag: `${flag} --from ${fromText(from)}`,
    ends,
    does: `takes cluster ${kafka.clusterId} for ${initialised.clusterId} and starts at ${[...taken].map(([key, offset]) => `${key} offset ${offset}`).join(', ')}`,
    loses: [
      `records of cluster ${initialised.clusterId} that were not read and are not in this one`,
      ...(from === 'keep' ? [] : skipped(taken, kafka)),
    ],
    doubles:
      from === 'keep'
        ? ['samples whose record has another offset here than it had there']
        : ['samples that were read there and lie at or past these offsets here'],
  }
  const property: Update = {
    action: 'set-properties',
    updates: { [initialisedProperty]: printInitialised({ ...initialised, clusterId: kafka.clusterId }) },
  }
  // What was read last is compared at the next start where offsets were kept; elsewhere it means nothing.
  const last = from === 'keep' ? raw.own.keys.last : new Map([...raw.own.keys.last].filter(([key]) => !taken.has(key)))
  const offsets = new Map([...raw.own.keys.offsets, ...taken])
  return keyed(raw, kafka, way, commitId, { offsets, last }, {}, [property])
}

/** What lies before the offsets, retained and never read. */
export const skipped = (taken: ReadonlyMap<TopicPartitionKey, number>, kafka: KafkaSeen): readonly string[] =>
  [...taken].flatMap(([key, offset]) => {
    const low = kafka.watermarks.get(key)?.low ?? offset
    return offset > low ? [`${rangeText(key, low, offset)}, where they are not in the table already`] : []
  })

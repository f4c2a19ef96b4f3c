/**
 * Which snapshots of a table may be expired. Pure. It never names the head, our newest snapshot, anything between them,
 * or what a branch or tag needs.
 *
 * On a branch the newest snapshots stay that are younger than the age and no more than the count. What the branch or the
 * table says itself is followed where it keeps more: `min-snapshots-to-keep`, and an age other than the one that tables are
 * created with. On main the count holds against every age: it bounds the metadata that each commit rewrites. A snapshot
 * that is to be kept for longer is given a tag.
 *
 * Source: apache/iceberg format/spec.md "Snapshot Retention Policy".
 */
import type { Located } from '../commit/lineage.ts'
import type { Snapshot, SnapshotRef, TableMetadata } from '../iceberg/tableMetadata.ts'
import { rawDefinition } from '../iceberg/tables.ts'
import type { Retention } from './ports.ts'

export interface Expirable {
  readonly snapshots: readonly Snapshot[]
  /** Branches and tags past their own `max-ref-age-ms`. */
  readonly refs: readonly string[]
}

const ageProperty = 'history.expire.max-snapshot-age-ms'
const countProperty = 'history.expire.min-snapshots-to-keep'

/** @param tag our own tag, which never ages */
export function expirable(
  { table, head, own }: Located<unknown>,
  retention: Retention,
  tag: string,
  nowMs: number,
): Expirable {
  const times = new Map(table.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot['timestamp-ms']]))
  const isOverdue = ([name, ref]: [string, SnapshotRef]): boolean =>
    name !== 'main' &&
    name !== tag &&
    nowMs - (times.get(ref['snapshot-id']) ?? nowMs) > Number(ref['max-ref-age-ms'] ?? Number.POSITIVE_INFINITY)
  const refs = Object.entries(table.refs)
  const overdue = refs.filter(isOverdue).map(([name]) => name)
  const kept = new Set<Snapshot>()
  const onBranch = new Set<Snapshot>()
  for (const snapshot of lineOf(table, head['snapshot-id'])) {
    kept.add(snapshot)
    if (snapshot === own) break
  }
  for (const [name, ref] of refs) {
    if (overdue.includes(name)) continue
    const line = lineOf(table, ref['snapshot-id'])
    const bounds = boundsOf(name, ref, table, retention)
    line.forEach((snapshot, at) => {
      const isYoung = at < bounds.mostYoung && nowMs - snapshot['timestamp-ms'] <= bounds.ageMs
      if (at === 0 || (ref.type === 'branch' && (at < bounds.least || isYoung))) kept.add(snapshot)
      if (ref.type === 'branch') onBranch.add(snapshot)
    })
  }
  // On no branch: what a rollback left, or was staged. It stays for as long as a snapshot does.
  const isStray = (snapshot: Snapshot): boolean =>
    !onBranch.has(snapshot) && nowMs - snapshot['timestamp-ms'] <= retention.maxAgeMs
  return { snapshots: table.snapshots.filter(snapshot => !kept.has(snapshot) && !isStray(snapshot)), refs: overdue }
}

/** The snapshot and its ancestors, newest first, as far as they are in the table. */
export function lineOf(table: TableMetadata, from: bigint): readonly Snapshot[] {
  const byId = new Map(table.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  const line: Snapshot[] = []
  for (let at = byId.get(from); at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1n)) line.push(at)
  return line
}

interface Bounds {
  /** Kept whatever their age. */
  readonly least: number
  readonly mostYoung: number
  readonly ageMs: number
}

function boundsOf(name: string, ref: SnapshotRef, table: TableMetadata, { maxAgeMs, maxCount }: Retention): Bounds {
  const property = table.properties[ageProperty]
  const asked = property === rawDefinition.properties[ageProperty] ? undefined : property
  const stated = ref['max-snapshot-age-ms'] ?? asked
  return {
    least: Number(ref['min-snapshots-to-keep'] ?? numberOf(table.properties[countProperty])),
    mostYoung: name === 'main' || stated === undefined ? maxCount : Number.POSITIVE_INFINITY,
    ageMs: Math.max(maxAgeMs, numberOf(stated)),
  }
}

/** A property that is no number asks for nothing. */
const numberOf = (stated: string | number | bigint | undefined): number => {
  const value = Number(stated)
  return Number.isFinite(value) ? value : 0
}

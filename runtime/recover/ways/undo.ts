/**
 * `--undo TABLE`: main, the tag and the property are set back to the newest snapshot of ours, as if nobody had rolled the
 * table back. Writes no snapshot: what pods had committed is the table again, to the row.
 */
import type { ErrorsKeys, RawKeys } from '../../commit/keys.ts'
import { initialisedProperty, printInitialised } from '../../commit/keys.ts'
import type { Which } from '../../commit/tables.ts'
import type { Snapshot, TableMetadata, Update } from '../../iceberg/tableMetadata.ts'
import { ancestors, isSound, newestOwn, type Own, type Situation, type TableSeen } from '../situation.ts'
import { baseOf, committedAhead, type Offer, recoveredKey } from '../way.ts'

export function undo(situation: Situation, which: Which): Offer | undefined {
  const flag = `--undo ${which}`
  const ends = ['LineageBroken', which === 'raw' ? 'RawRolledBack' : 'ErrorsRolledBack', 'CommittedAhead'] as const
  const { raw, errors, group } = situation
  const seen: TableSeen<unknown> = which === 'raw' ? raw : errors
  const newest = which === 'raw' ? newestOf(raw, own => own.keys.seq) : newestErrors(situation)
  if (newest === undefined || (isSound(seen, group) && !isBehind(situation, which))) return undefined
  if (newest.snapshot === seen.own?.snapshot && isSound(seen, group)) return undefined
  // Another group's, or nobody's who can be told.
  if (seen.initialised !== undefined && seen.initialised.group !== group) return undefined
  const refused = refusal(situation, which, newest)
  if (refused !== undefined) return { flag, ends, refused }
  const target = lastHeadOn(seen, newest)
  const left = leaving(seen, target)
  return {
    flag,
    ends,
    does: `sets main of ${seen.name} to snapshot ${target['snapshot-id']}, which it was before, and the tag to ${newest.snapshot['snapshot-id']}`,
    loses: left
      .filter(({ summary }) => summary.operation !== 'replace')
      .map(
        ({ 'snapshot-id': id, summary }) =>
          `what another engine did in snapshot ${id} (${summary.operation}: ${summary['added-records'] ?? 0} rows added, ${summary['deleted-records'] ?? 0} deleted)`,
      ),
    doubles: [],
    steps: [
      {
        kind: 'move',
        table: which,
        does: `set main and tag of ${seen.name}`,
        base: { ...baseOf(seen), table: seen.table as TableMetadata },
        main: target['snapshot-id'],
        tag: newest.snapshot['snapshot-id'],
        also: properties(situation, seen, flag),
      },
    ],
  }
}

/** The other table, or Kafka, knows more than a table whose own keys and tag agree. */
function isBehind({ raw, errors, kafka }: Situation, which: Which): boolean {
  const [rawKeys, errorsKeys] = [raw.own?.keys, errors.own?.keys]
  if (rawKeys === undefined || errorsKeys === undefined) return false
  if (which === 'errors') return rawKeys.errorsAckedSeq > errorsKeys.appliedSeq
  return errorsKeys.appliedSeq > rawKeys.seq || committedAhead(kafka, rawKeys.offsets).size > 0
}

/** What the tag names, unless it was set back too, or is gone: then the highest of all. */
function newestOf<Keys>(seen: TableSeen<Keys>, rank: (own: Own<Keys>) => number): Own<Keys> | undefined {
  const { own, tagged, table, retained } = seen
  const named = retained.find(({ snapshot }) => snapshot === tagged)
  if (named === undefined || own === undefined || named.snapshot === own.snapshot)
    return retained.reduce<Own<Keys> | undefined>(
      (best, it) => (best === undefined || rank(it) > rank(best) ? it : best),
      undefined,
    )
  const path = table === undefined ? [] : [...ancestors(table, own.snapshot)]
  return path.includes(named.snapshot) ? own : named
}

/** Of the errors table beside this raw table. Of equal ones the younger: an idle audit repeats what is applied. */
function newestErrors({ raw, errors }: Situation): Own<ErrorsKeys> | undefined {
  // A snapshot that was cut for a rollback which did not come about is past raw, and not what to go back to.
  const most = raw.own?.keys.seq ?? Number.POSITIVE_INFINITY
  const rank = ({ keys, snapshot }: Own<ErrorsKeys>): number =>
    (keys.appliedSeq > most ? -1 : keys.appliedSeq) + snapshot['sequence-number'] / Number.MAX_SAFE_INTEGER
  const ofPair = errors.retained.filter(({ keys }) => keys.rawUuid === raw.table?.['table-uuid'])
  return newestOf({ ...errors, retained: ofPair }, rank)
}

function refusal(situation: Situation, which: Which, newest: Own<unknown>): string | undefined {
  const { raw, errors } = situation
  const seen: TableSeen<unknown> = which === 'raw' ? raw : errors
  if (seen.problems.length > 0) return `${seen.name}: ${seen.problems.join('; ')}`
  const ours = leaving(seen, newest.snapshot).find(
    ({ 'snapshot-id': id }) => seen.damaged.has(id) || seen.retained.some(own => own.snapshot['snapshot-id'] === id),
  )
  if (ours !== undefined)
    return `snapshot ${ours['snapshot-id']} of ours is on main and would leave it with its rows: accept the rollback instead`
  if (which === 'errors') return behindCut(situation, newest as Own<ErrorsKeys>)
  const applied = Math.max(0, errors.own?.keys.appliedSeq ?? 0)
  const { seq } = (newest as Own<RawKeys>).keys
  if (applied > seq)
    return `${errors.name} has applied seq ${applied}, the newest retained raw snapshot is of seq ${seq}: error rows were cut for the rollback, or newer raw snapshots are gone; accept the rollback instead`
  return undefined
}

/** Errors was cut for a rollback of raw, and raw was put back since: the cut must not come back. */
function behindCut({ raw, errors, group }: Situation, { keys, snapshot }: Own<ErrorsKeys>): string | undefined {
  if (!isSound(raw, group) || keys.appliedSeq <= raw.own.keys.seq) return undefined
  const id = snapshot['snapshot-id']
  return `snapshot ${id} of ${errors.name} is of seq ${keys.appliedSeq}, ${raw.name} stands at ${raw.own.keys.seq}: accept the rollback instead`
}

/** Snapshots that are on main and not below the target. */
function leaving(seen: TableSeen<unknown>, target: Snapshot): readonly Snapshot[] {
  if (seen.head === undefined || seen.table === undefined) return []
  const staying = new Set([...ancestors(seen.table, target)])
  return [...ancestors(seen.table, seen.head)].filter(snapshot => !staying.has(snapshot))
}

/** The last snapshot that main was while the newest keys were these: other engines may have compacted on top of them. */
function lastHeadOn<Keys>(seen: TableSeen<Keys>, newest: Own<unknown>): Snapshot {
  const { table } = seen
  const byId = new Map(table?.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  for (const { 'snapshot-id': id } of (table?.['snapshot-log'] ?? []).toReversed()) {
    const snapshot = byId.get(id)
    if (snapshot !== undefined && newestOwn(seen, snapshot)?.snapshot === newest.snapshot) return snapshot
  }
  return newest.snapshot
}

function properties({ group, raw, errors, kafka }: Situation, seen: TableSeen<unknown>, flag: string): Update[] {
  const clusterId =
    raw.initialised?.clusterId ?? errors.initialised?.clusterId ?? (typeof kafka === 'string' ? '' : kafka.clusterId)
  const topics = raw.initialised?.topics ?? errors.initialised?.topics ?? []
  const missing = seen.initialised === undefined
  return [
    {
      action: 'set-properties',
      updates: {
        [recoveredKey]: flag,
        ...(missing && { [initialisedProperty]: printInitialised({ group, clusterId, topics }) }),
      },
    },
  ]
}

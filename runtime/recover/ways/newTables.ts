/**
 * The ways that bind tables: `--accept-new-table` (errors was dropped), `--adopt` (a table of others), `--take-over` (a table
 * of a former group). Empty commits with our keys and the property `hc.initialised`; no row is touched. Pure.
 */
import {
  type ErrorsKeys,
  type Initialised,
  initialisedProperty,
  printErrorsKeys,
  printInitialised,
  printRawKeys,
  type RawKeys,
} from '../../commit/keys.ts'
import type { Update } from '../../iceberg/tableMetadata.ts'
import { topicPartitionKey } from '../../kafka.ts'
import { isSound, type KafkaSeen, type Situation, type TableSeen } from '../situation.ts'
import { acceptedWith, baseOf, type From, fromText, type Offer, offsetsFrom, recoveredKey, type Step } from '../way.ts'
import { skipped } from './acceptOffsets.ts'

const property = (initialised: Initialised): Update => ({
  action: 'set-properties',
  updates: { [initialisedProperty]: printInitialised(initialised) },
})

const create = (seen: TableSeen<unknown>): Step => ({
  kind: 'create',
  table: seen.which,
  does: `create ${seen.name}`,
})

const bindErrors = (errors: TableSeen<ErrorsKeys>, keys: ErrorsKeys, initialised: Initialised, flag: string): Step => ({
  kind: 'append',
  table: 'errors',
  does: `bind ${errors.name} to the raw table, without rows`,
  base: baseOf(errors),
  keys: { ...printErrorsKeys(keys), [recoveredKey]: flag },
  manifests: [],
  also: [property(initialised)],
})

/** No snapshot and no property: it may be had. */
const isFresh = ({ table, initialised }: TableSeen<unknown>): boolean =>
  table === undefined || (table.snapshots.length === 0 && initialised === undefined)

export function acceptNewTable(situation: Situation, commitId: string): Offer | undefined {
  const { raw, errors, group } = situation
  if (!isSound(raw, group) || raw.initialised === undefined) return undefined
  const uuid = errors.table?.['table-uuid']
  const { keys } = raw.own
  if (keys.errorsUuid === uuid) return undefined
  const flag = '--accept-new-table'
  const ends = ['TableReplaced'] as const
  const isBound = isSound(errors, group) && errors.own.keys.rawUuid === raw.table['table-uuid']
  if (errors.problems.length > 0) return { flag, ends, refused: `${errors.name}: ${errors.problems.join('; ')}` }
  if (!isFresh(errors) && !isBound)
    return { flag, ends, refused: `${errors.name} is in use by others: move it away, then an empty one is created` }
  const applied = isBound ? errors.own.keys.appliedSeq : keys.errorsAckedSeq
  const steps: Step[] = uuid === undefined ? [create(errors)] : []
  if (uuid !== undefined && !isBound) {
    const errorsKeys = { appliedSeq: applied, rawUuid: raw.table['table-uuid'], commitId }
    steps.push(bindErrors(errors, errorsKeys, raw.initialised, flag))
  }
  if (isBound) {
    const next: RawKeys = { ...keys, seq: keys.seq + 1, commitId, errorsUuid: errors.table['table-uuid'] }
    steps.push({
      kind: 'append',
      table: 'raw',
      does: `bind ${raw.name} to the new errors table, without rows`,
      base: baseOf(raw),
      keys: { ...printRawKeys(next), [recoveredKey]: flag },
      manifests: [],
      also: [],
    })
  }
  const pending = keys.pending.filter(intent => intent.seq > applied)
  return {
    flag,
    ends,
    does: `fills an empty ${errors.name} from now on, beginning with ${pending.length} announced batches`,
    loses: [
      `every error row of the former ${errors.name} that raw saw applied (seq ${keys.errorsAckedSeq} and before): offsets below ${[...keys.offsets].map(([key, next]) => `${key} ${next}`).join(', ')}`,
    ],
    doubles: [],
    steps,
  }
}

export function adopt(situation: Situation, from: From | undefined, commitId: string): Offer | undefined {
  const { raw, errors, kafka, group } = situation
  const ends = ['ForeignTable', 'TableReplaced', 'LineageBroken'] as const
  const isForeign = (seen: TableSeen<unknown>) =>
    (seen.table?.snapshots.length ?? 0) > 0 && seen.initialised === undefined && !seen.damaged.has('property')
  const rawLost = isFresh(raw) && errors.own !== undefined
  if (!isForeign(raw) && !isForeign(errors) && !rawLost) return undefined
  const flag = from === undefined ? '--adopt' : `--adopt --from ${fromText(from)}`
  const refuse = (refused: string): Offer => ({ flag, ends, refused })
  for (const seen of [raw, errors]) {
    if (seen.problems.length > 0) return refuse(`${seen.name}: ${seen.problems.join('; ')}`)
    if (seen.retained.length > 0 && seen.initialised === undefined)
      return refuse(`${seen.name} has snapshots of this group: --undo ${seen.which}`)
    if (seen.initialised !== undefined && seen.initialised.group !== group)
      return refuse(`${seen.name} belongs to group ${seen.initialised.group}`)
  }
  if (typeof kafka === 'string') return refuse(`Kafka must answer: ${kafka}`)
  const bound = isSound(raw, group)
  if (!bound && from === undefined)
    return refuse('say where reading begins: --from earliest, latest, committed, or TOPIC:PARTITION=OFFSET,…')
  const wanted = kafka.partitions.map(({ topic, partition }) => topicPartitionKey(topic, partition))
  const offsets = bound ? raw.own.keys.offsets : offsetsFrom(from!, kafka, wanted, new Map())
  if (typeof offsets === 'string') return refuse(offsets)
  const topics = [...new Set(kafka.partitions.map(({ topic }) => topic))]
  const initialised = { group, clusterId: kafka.clusterId, topics }
  const steps: Step[] = []
  // One at a time: each names the uuid of the one before.
  if (raw.table === undefined) steps.push(create(raw))
  else if (errors.table === undefined) steps.push(create(errors))
  else {
    const [rawUuid, errorsUuid] = [raw.table['table-uuid'], errors.table['table-uuid']]
    const applied = errors.own?.keys.appliedSeq ?? 0
    if (!isSound(errors, group) || errors.own.keys.rawUuid !== rawUuid)
      steps.push(bindErrors(errors, { appliedSeq: applied, rawUuid, commitId }, initialised, flag))
    if (!bound) steps.push(bindRaw(raw, { offsets, errorsUuid, applied, commitId, kafka }, initialised, flag))
  }
  return {
    flag,
    ends,
    does: `makes ${[raw, errors]
      .filter(seen => !isSound<unknown>(seen, group))
      .map(({ name }) => name)
      .join(' and ')} tables of group ${group}; every row in them stays`,
    loses: bound ? [] : skipped(offsets, kafka),
    doubles: bound
      ? []
      : [
          'samples that are in the tables already and whose records lie at or past these offsets',
          ...(rawLost ? [`error rows at or past these offsets in ${errors.name}`] : []),
        ],
    steps,
  }
}

interface Beginning {
  readonly offsets: ReadonlyMap<string, number>
  readonly errorsUuid: string
  readonly applied: number
  readonly commitId: string
  readonly kafka: KafkaSeen
}

function bindRaw(raw: Situation['raw'], at: Beginning, initialised: Initialised, flag: string): Step {
  const keys: RawKeys = {
    // Above whatever another raw table has announced to this errors table.
    seq: at.applied + 1,
    offsets: at.offsets,
    pending: [],
    group: initialised.group,
    last: new Map(),
    errorsAckedSeq: 0,
    commitId: at.commitId,
    errorsUuid: at.errorsUuid,
    acceptedCommitted: acceptedWith(at.kafka, at.offsets),
  }
  return {
    kind: 'append',
    table: 'raw',
    does: `commit the offsets to ${raw.name}, without rows`,
    base: baseOf(raw),
    keys: { ...printRawKeys(keys), [recoveredKey]: flag },
    manifests: [],
    also: [property(initialised)],
  }
}

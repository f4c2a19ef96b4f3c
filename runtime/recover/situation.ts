/**
 * What recovery decides on: both tables as they are now, every retained snapshot of ours in them, and what Kafka says. It
 * reads, judges nothing and writes nothing.
 */
import type { CommitContext } from '../commit/context.ts'
import {
  type ErrorsKeys,
  type Initialised,
  KeysError,
  parseErrorsKeys,
  parseInitialised,
  parseRawKeys,
  type RawKeys,
  tagName,
} from '../commit/keys.ts'
import { tableLabel, type Which } from '../commit/tables.ts'
import type { TableDefinition } from '../iceberg/catalog.ts'
import type { Snapshot, TableMetadata } from '../iceberg/tableMetadata.ts'
import { checkTableLayout } from '../iceberg/tables.ts'
import type { OffsetMap, TopicPartition, TopicPartitionKey, Watermarks } from '../kafka.ts'
import type { KafkaPositions } from '../source/source.ts'

/** A snapshot that carries our keys. */
export interface Own<Keys> {
  readonly snapshot: Snapshot
  readonly keys: Keys
}

export interface TableSeen<Keys> {
  readonly which: Which
  /** Qualified, e.g. `health_db.health_data_raw`. */
  readonly name: string
  readonly table: TableMetadata | undefined
  /** Why the runtime cannot write it; empty where it can. */
  readonly problems: readonly string[]
  readonly head: Snapshot | undefined
  /** What the group's tag names. */
  readonly tagged: Snapshot | undefined
  readonly initialised: Initialised | undefined
  /** Newest snapshot with our keys on main; absent, too, where the newest ones are damaged. */
  readonly own: Own<Keys> | undefined
  /** Every retained snapshot of ours, whatever names it. */
  readonly retained: readonly Own<Keys>[]
  /** Snapshots and properties of ours that cannot be read. */
  readonly damaged: ReadonlySet<bigint | 'property'>
}

export interface KafkaSeen {
  readonly clusterId: string
  readonly partitions: readonly TopicPartition[]
  readonly committed: OffsetMap
  readonly watermarks: ReadonlyMap<TopicPartitionKey, Watermarks>
}

export interface Situation {
  readonly group: string
  readonly raw: TableSeen<RawKeys>
  readonly errors: TableSeen<ErrorsKeys>
  /** Or why it could not be asked. */
  readonly kafka: KafkaSeen | string
}

/**
 * In the order of the protocol's own audit, in any other of which a commit made meanwhile looks like a fault: what the group
 * has committed and where partitions begin, errors, raw, and where partitions end.
 */
export async function readSituation(context: CommitContext): Promise<Situation> {
  const { settings, ports } = context
  const failed = (error: unknown): string => (error instanceof Error ? error.message : String(error))
  const before = await readKafka(settings.topics, ports.positions).catch(failed)
  const errors = await ports.catalog.loadTable(settings.errors)
  const raw = await ports.catalog.loadTable(settings.raw)
  const kafka = typeof before === 'string' ? before : await withEnds(before, ports.positions).catch(failed)
  return {
    group: settings.group,
    raw: seeTable(context, 'raw', raw, settings.rawDefinition, summary => {
      const keys = parseRawKeys(summary)
      return keys?.group === settings.group ? keys : undefined
    }),
    errors: seeTable(context, 'errors', errors, settings.errorsDefinition, parseErrorsKeys),
    kafka,
  }
}

async function readKafka(topics: readonly string[], positions: KafkaPositions): Promise<KafkaSeen> {
  const clusterId = await positions.clusterId()
  const known = await positions.partitions(topics)
  const partitions = [...known].flatMap(([topic, numbers]) => numbers.map(partition => ({ topic, partition })))
  const committed = await positions.committed(partitions)
  return { clusterId, partitions, committed, watermarks: await positions.watermarks(partitions) }
}

async function withEnds(seen: KafkaSeen, positions: KafkaPositions): Promise<KafkaSeen> {
  const ends = await positions.watermarks(seen.partitions)
  const watermarks = new Map(
    [...seen.watermarks].map(([key, { low }]) => [key, { low, high: ends.get(key)?.high ?? low }]),
  )
  return { ...seen, watermarks }
}

type Summary = Readonly<Record<string, string>>

function seeTable<Keys>(
  { settings }: CommitContext,
  which: Which,
  table: TableMetadata | undefined,
  definition: TableDefinition,
  parse: (summary: Summary) => Keys | undefined,
): TableSeen<Keys> {
  const name = tableLabel({ settings }, which)
  const damaged = new Set<bigint | 'property'>()
  const readable = <T>(of: bigint | 'property', read: () => T | undefined): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof KeysError)) throw error
      damaged.add(of)
      return undefined
    }
  }
  const retained = (table?.snapshots ?? []).flatMap(snapshot => {
    const keys = readable(snapshot['snapshot-id'], () => parse(snapshot.summary))
    return keys === undefined ? [] : [{ snapshot, keys }]
  })
  const initialised = table && readable('property', () => parseInitialised(table.properties))
  const head = table && snapshotOf(table, table.refs.main?.['snapshot-id'])
  const tagged = table && snapshotOf(table, table.refs[tagName(settings.group)]?.['snapshot-id'])
  const problems = table ? checkTableLayout(table, definition) : []
  const seen = { which, name, table, problems, head, tagged, initialised, retained, damaged }
  return { ...seen, own: head && newestOwn(seen, head) }
}

const snapshotOf = (table: TableMetadata, id: bigint | undefined): Snapshot | undefined =>
  id === undefined ? undefined : table.snapshots.find(snapshot => snapshot['snapshot-id'] === id)

/** The snapshot and its ancestors, newest first, as far as they are retained. */
export function* ancestors(table: TableMetadata, from: Snapshot): Generator<Snapshot> {
  const byId = new Map(table.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  for (let at: Snapshot | undefined = from; at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1n)) yield at
}

/** The first snapshot of ours on the way back from `from`; none where that one is damaged. */
export function newestOwn<Keys>(
  { table, retained, damaged }: Pick<TableSeen<Keys>, 'table' | 'retained' | 'damaged'>,
  from: Snapshot,
): Own<Keys> | undefined {
  const ours = new Map(retained.map(own => [own.snapshot['snapshot-id'], own]))
  if (table === undefined) return undefined
  for (const { 'snapshot-id': id } of ancestors(table, from)) {
    if (damaged.has(id)) return undefined
    const own = ours.get(id)
    if (own !== undefined) return own
  }
  return undefined
}

/** A table that a pod would take: ours, and the newest keys on main are the tagged ones. */
export type Sound<Keys> = TableSeen<Keys> & {
  readonly table: TableMetadata
  readonly head: Snapshot
  readonly own: Own<Keys>
}

export function isSound<Keys>(seen: TableSeen<Keys>, group: string): seen is Sound<Keys> {
  const { own, tagged, initialised, problems } = seen
  return own !== undefined && own.snapshot === tagged && initialised?.group === group && problems.length === 0
}

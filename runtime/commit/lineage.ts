/**
 * Where our keys stand in a table: walks branch `main` to the newest snapshot that carries them and insists that it is
 * the one our tag names. Pure. It never falls back to the tag: after a rollback that would lose data silently.
 */
import type { Snapshot, TableMetadata } from '../iceberg/tableMetadata.ts'
import { HaltError } from './halt.ts'
import {
  type ErrorsKeys,
  initialisedProperty,
  KeysError,
  parseErrorsKeys,
  parseInitialised,
  parseRawKeys,
  type RawKeys,
  tagName,
} from './keys.ts'

/** A loaded table of ours. `own` is the snapshot that carries `keys`; foreign snapshots may lie between it and `head`. */
export interface Located<Keys> {
  readonly table: TableMetadata
  readonly head: Snapshot
  readonly own: Snapshot
  readonly keys: Keys
}

export const headOf = (table: TableMetadata): Snapshot | undefined =>
  snapshotOf(table, table.refs.main?.['snapshot-id'])

function snapshotOf(table: TableMetadata, id: bigint | undefined): Snapshot | undefined {
  return id === undefined ? undefined : table.snapshots.find(snapshot => snapshot['snapshot-id'] === id)
}

/** Undefined where the table was never initialised (and is empty); halts where it is not ours or lost its keys. */
function locate<Keys>(
  name: string,
  group: string,
  table: TableMetadata,
  parse: (summary: Readonly<Record<string, string>>) => Keys | undefined,
): Located<Keys> | undefined {
  const head = headOf(table)
  const initialised = parseInitialised(table.properties)
  if (initialised === undefined) {
    if (table.snapshots.length > 0) throw new HaltError('ForeignTable', `table ${name} has no ${initialisedProperty}`)
    return undefined
  }
  if (initialised.group !== group)
    throw new HaltError('TableOwned', `table ${name} belongs to group ${initialised.group}, this is group ${group}`)
  const byId = new Map(table.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  const tagged = table.refs[tagName(group)]?.['snapshot-id']
  for (let at = head; at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1n)) {
    const keys = parse(at.summary)
    if (keys === undefined) continue
    if (at['snapshot-id'] !== tagged)
      throw new HaltError(
        'LineageBroken',
        `table ${name}: main leads to snapshot ${at['snapshot-id']}, tag ${tagName(group)} names ${tagged ?? 'none'}`,
      )
    return { table, head: head as Snapshot, own: at, keys }
  }
  throw new HaltError('LineageBroken', `table ${name}: no snapshot on main carries our offsets`)
}

export function locateRaw(name: string, group: string, table: TableMetadata): Located<RawKeys> | undefined {
  return haltIfDamaged(name, () => locate(name, group, table, parseRawKeys))
}

export function locateErrors(name: string, group: string, table: TableMetadata): Located<ErrorsKeys> | undefined {
  return haltIfDamaged(name, () => locate(name, group, table, parseErrorsKeys))
}

function haltIfDamaged<T>(name: string, locating: () => T): T {
  try {
    return locating()
  } catch (error) {
    if (error instanceof KeysError) throw new HaltError('KeysDamaged', `table ${name}: ${error.message}`, error)
    throw error
  }
}

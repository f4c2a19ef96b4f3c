/**
 * The two tables as upkeep reads them, with the checks that a pod makes before it goes on: while anything would halt a
 * pod nothing is removed, because what looks like waste may be what a person needs to recover.
 */
import { HaltError } from '../commit/halt.ts'
import type { ErrorsKeys, RawKeys } from '../commit/keys.ts'
import { type Located, locateErrors, locateRaw } from '../commit/lineage.ts'
import { auditReadings } from '../commit/plan.ts'
import type { Which } from '../commit/tables.ts'
import type { TableIdentifier } from '../iceberg/catalog.ts'
import type { UpkeepPorts, UpkeepSettings } from './ports.ts'

export interface Pair {
  readonly raw: Located<RawKeys>
  readonly errors: Located<ErrorsKeys>
}

export const bothTables: readonly Which[] = ['raw', 'errors']

export const qualified = ({ namespace, name }: TableIdentifier): string => [...namespace, name].join('.')

/** Both tables, or undefined where one is not initialised yet. Rejects with HaltError where a pod would halt on them. */
export async function loadPair({ catalog }: UpkeepPorts, settings: UpkeepSettings): Promise<Pair | undefined> {
  // Errors before and after raw, as in the protocol: in any other order a commit made meanwhile looks like a fault.
  const before = await catalog.loadTable(settings.errors)
  const rawTable = await catalog.loadTable(settings.raw)
  const errorsTable = await catalog.loadTable(settings.errors)
  if (before === undefined || rawTable === undefined || errorsTable === undefined) return undefined
  const [rawName, errorsName] = [qualified(settings.raw), qualified(settings.errors)]
  const first = locateErrors(errorsName, settings.group, before)
  const raw = locateRaw(rawName, settings.group, rawTable)
  const errors = locateErrors(errorsName, settings.group, errorsTable)
  if (first === undefined || raw === undefined || errors === undefined) return undefined
  if (raw.keys.errorsUuid !== errorsTable['table-uuid'] || errors.keys.rawUuid !== rawTable['table-uuid'])
    throw new HaltError('TableReplaced', `${rawName} and ${errorsName} were not filled beside each other`)
  const none = new Map()
  auditReadings(
    {
      ...{ committed: none, low: none, high: none },
      firstApplied: first.keys.appliedSeq,
      raw: raw.keys,
      secondApplied: errors.keys.appliedSeq,
    },
    'Halt',
  )
  return { raw, errors }
}

/** `gc.enabled` false says that other tables, or other branches of a catalog, refer to these files. */
export const mayDeleteFiles = ({ table }: Located<unknown>): boolean =>
  table.properties['gc.enabled']?.toLowerCase() !== 'false'

/**
 * Step 1: creates what is missing and writes the first keys, once per table pair. Runs again whenever topics or
 * partitions appear. On any doubtful answer it loads the tables again and decides anew.
 */
import type { TableMetadata } from '../iceberg/tableMetadata.ts'
import { type TopicPartition, topicPartitionKey } from '../kafka.ts'
import type { CommitContext } from './context.ts'
import { HaltError } from './halt.ts'
import { initialisedProperty, parseInitialised, printErrorsKeys, printInitialised, printRawKeys } from './keys.ts'
import { headOf, locateErrors, locateRaw } from './lineage.ts'
import { newPartitions } from './plan.ts'
import { appendOwn, loadRaw, loadTable, tableLabel, untilSettled, type Which } from './tables.ts'

/** Brings both tables into being with our keys, and every partition of every topic into `hc.offsets`. */
export async function initialise(context: CommitContext, signal: AbortSignal): Promise<void> {
  const clusterId = await context.ports.positions.clusterId()
  const partitions = await context.ports.positions.partitions(context.settings.topics)
  if (!context.initialised) await untilSettled(context, 'errors', signal, () => openTables(context))
  await untilSettled(context, 'raw', signal, () => initialiseRaw(context, clusterId, partitions))
  if (!context.initialised) await untilSettled(context, 'errors', signal, () => initialiseErrors(context, clusterId))
  context.initialised = true
}

/**
 * Takes tables that were replaced while this process ran for the two tables again, once their keys name each other: a new
 * process would take them, too. Creates nothing.
 */
export async function recognise(context: CommitContext): Promise<void> {
  const { group, raw, errors } = context.settings
  const rawTable = await context.ports.catalog.loadTable(raw)
  const errorsTable = await context.ports.catalog.loadTable(errors)
  const rawUuid = rawTable?.['table-uuid']
  const errorsUuid = errorsTable?.['table-uuid']
  if (rawTable === undefined || errorsTable === undefined) return
  const rawKeys = locateRaw(tableLabel(context, 'raw'), group, rawTable)?.keys
  const errorsKeys = locateErrors(tableLabel(context, 'errors'), group, errorsTable)?.keys
  if (rawKeys?.errorsUuid === errorsUuid && errorsKeys?.rawUuid === rawUuid)
    Object.assign(context.seen, { raw: rawUuid, errors: errorsUuid })
}

/** Loads or creates both tables and remembers their uuids; nothing is created where the other table proves a loss. */
async function openTables(context: CommitContext): Promise<true> {
  // Errors before and after raw: another pod may create and fill both between two loads, and that is no loss.
  const before = await loadTable(context, 'errors')
  const raw = await loadTable(context, 'raw')
  const errors = await loadTable(context, 'errors')
  const { group } = context.settings
  const rawKeys = raw && locateRaw(tableLabel(context, 'raw'), group, raw)?.keys
  const errorsKeys = before && locateErrors(tableLabel(context, 'errors'), group, before)?.keys
  if (rawKeys !== undefined && rawKeys.errorsUuid !== errors?.['table-uuid'])
    throw new HaltError('TableReplaced', `${tableLabel(context, 'errors')} is not the table that raw was filled beside`)
  if (errorsKeys !== undefined && errorsKeys.rawUuid !== raw?.['table-uuid'])
    throw new HaltError('TableReplaced', `${tableLabel(context, 'raw')} is not the table that errors was filled beside`)
  const openedErrors = errors ?? (await create(context, 'errors'))
  const openedRaw = raw ?? (await create(context, 'raw'))
  context.seen.errors = openedErrors['table-uuid']
  context.seen.raw = openedRaw['table-uuid']
  return true
}

async function create(context: CommitContext, which: Which): Promise<TableMetadata> {
  const { catalog } = context.ports
  await catalog.ensureNamespace(context.settings[which].namespace)
  return catalog.createTable(
    context.settings[which],
    which === 'raw' ? context.settings.rawDefinition : context.settings.errorsDefinition,
  )
}

const property = (context: CommitContext, clusterId: string) => ({
  action: 'set-properties' as const,
  updates: {
    [initialisedProperty]: printInitialised({
      group: context.settings.group,
      clusterId,
      topics: context.settings.topics,
    }),
  },
})

/** Writes the first offsets, or adds those of partitions that appeared; true once every partition has one. */
async function initialiseRaw(
  context: CommitContext,
  clusterId: string,
  partitions: ReadonlyMap<string, readonly number[]>,
): Promise<true | undefined> {
  const { settings, ports } = context
  const table = await loadTable(context, 'raw')
  if (table === undefined) throw new HaltError('TableReplaced', `${tableLabel(context, 'raw')} is gone`)
  const located = locateRaw(tableLabel(context, 'raw'), settings.group, table)
  const recorded = parseInitialised(table.properties)?.clusterId
  if (recorded !== undefined && recorded !== clusterId)
    throw new HaltError('ClusterChanged', `cluster id was ${recorded}, now ${clusterId}`)
  const known = located?.keys.offsets ?? new Map<string, number>()
  const missing: TopicPartition[] = []
  for (const [topic, numbers] of partitions)
    for (const partition of numbers)
      if (!known.has(topicPartitionKey(topic, partition))) missing.push({ topic, partition })
  if (located !== undefined && missing.length === 0) return true
  const added = newPartitions(known, partitions, await ports.positions.watermarks(missing), settings.startFrom)
  const keys = {
    seq: (located?.keys.seq ?? 0) + 1,
    offsets: new Map([...known, ...added]),
    pending: located?.keys.pending ?? [],
    group: settings.group,
    last: located?.keys.last ?? new Map(),
    errorsAckedSeq: located?.keys.errorsAckedSeq ?? 0,
    commitId: ports.newId(),
    errorsUuid: context.seen.errors as string,
    acceptedCommitted: located?.keys.acceptedCommitted,
  }
  const base = { table, head: headOf(table), own: located?.own }
  await appendOwn(context, 'raw', base, [], printRawKeys(keys), [property(context, clusterId)])
  return undefined
}

async function initialiseErrors(context: CommitContext, clusterId: string): Promise<true | undefined> {
  const { settings, ports } = context
  // Raw may have been initialised by an earlier life; errors without keys and without a tag has applied nothing. Raw
  // first: what raw saw applied was in errors before, while another pod may do both between two loads the other way.
  const raw = await loadRaw(context)
  const table = await loadTable(context, 'errors')
  if (table === undefined) throw new HaltError('TableReplaced', `${tableLabel(context, 'errors')} is gone`)
  if (locateErrors(tableLabel(context, 'errors'), settings.group, table) !== undefined) return true
  if (raw.keys.errorsAckedSeq > 0)
    throw new HaltError('ErrorsRolledBack', `raw saw seq ${raw.keys.errorsAckedSeq} applied, errors has no keys`)
  const keys = { appliedSeq: 0, rawUuid: raw.table['table-uuid'], commitId: ports.newId() }
  await appendOwn(context, 'errors', { table, head: headOf(table) }, [], printErrorsKeys(keys), [
    property(context, clusterId),
  ])
  return undefined
}

/**
 * The two tables as the protocol reads and writes them: load with our keys located, append with our keys and tag under
 * the full set of requirements, try again with backoff. It deletes nothing (invariant I5).
 */
import { prepareAppend } from '../iceberg/append.ts'
import { CatalogError } from '../iceberg/catalog.ts'
import type { NewManifest } from '../iceberg/manifest.ts'
import type { Snapshot, TableMetadata, Update } from '../iceberg/tableMetadata.ts'
import { checkTableLayout } from '../iceberg/tables.ts'
import type { CommitContext } from './context.ts'
import { HaltError } from './halt.ts'
import { type ErrorsKeys, type RawKeys, tagName } from './keys.ts'
import { type Located, locateErrors, locateRaw } from './lineage.ts'

export type Which = 'raw' | 'errors'

export const tableLabel = (context: Pick<CommitContext, 'settings'>, which: Which): string =>
  [...context.settings[which].namespace, context.settings[which].name].join('.')

/** The table, or undefined where there is none and none was ever seen. Halts when a seen table is gone or replaced. */
export async function loadTable(context: CommitContext, which: Which): Promise<TableMetadata | undefined> {
  const table = await context.ports.catalog.loadTable(context.settings[which])
  const seen = context.seen[which]
  if (seen !== undefined && table?.['table-uuid'] !== seen)
    throw new HaltError(
      'TableReplaced',
      `table ${tableLabel(context, which)}: uuid was ${seen}, now ${table?.['table-uuid'] ?? 'there is no such table'}`,
    )
  if (table === undefined) return undefined
  const definition = which === 'raw' ? context.settings.rawDefinition : context.settings.errorsDefinition
  const problems = [...checkTableLayout(table, definition), ...pendingProblems(context, table)]
  if (problems.length > 0)
    throw new HaltError('IncompatibleTable', `table ${tableLabel(context, which)}: ${problems.join('; ')}`)
  return table
}

/** Where a table lies only its catalog says: here is the first place that can tell what configuration could not. */
function pendingProblems({ settings: { pendingLocation } }: CommitContext, { location }: TableMetadata): string[] {
  const folder = (of: string) => `${of.replace(/^s3[an]:/, 's3:').replace(/\/+$/, '')}/`
  if (pendingLocation === undefined || !folder(pendingLocation).startsWith(folder(location))) return []
  return [`spec.iceberg.storage.pendingLocation ${pendingLocation} lies inside it: choose a folder outside both tables`]
}

async function loadKnown(context: CommitContext, which: Which): Promise<TableMetadata> {
  const table = await loadTable(context, which)
  if (table === undefined) throw new HaltError('TableReplaced', `table ${tableLabel(context, which)} does not exist`)
  return table
}

/** Step 2 for the raw table. */
export async function loadRaw(context: CommitContext): Promise<Located<RawKeys>> {
  context.known.raw = undefined
  return rememberRaw(context, await loadKnown(context, 'raw'))
}

function rememberRaw(context: CommitContext, table: TableMetadata): Located<RawKeys> {
  const label = tableLabel(context, 'raw')
  const located = locateRaw(label, context.settings.group, table)
  if (located === undefined) throw new HaltError('LineageBroken', `table ${label} is no longer initialised`)
  if (context.seen.errors !== undefined && located.keys.errorsUuid !== context.seen.errors)
    throw new HaltError('TableReplaced', `table ${label} belongs to an errors table of uuid ${located.keys.errorsUuid}`)
  context.known.raw = located
  return located
}

/** Step 2 for the errors table; remembers what it has applied. */
export async function loadErrors(context: CommitContext): Promise<Located<ErrorsKeys>> {
  context.known.errors = undefined
  return rememberErrors(context, await loadKnown(context, 'errors'))
}

function rememberErrors(context: CommitContext, table: TableMetadata): Located<ErrorsKeys> {
  const label = tableLabel(context, 'errors')
  const located = locateErrors(label, context.settings.group, table)
  if (located === undefined) throw new HaltError('LineageBroken', `table ${label} is no longer initialised`)
  if (context.seen.raw !== undefined && located.keys.rawUuid !== context.seen.raw)
    throw new HaltError('TableReplaced', `table ${label} belongs to a raw table of uuid ${located.keys.rawUuid}`)
  context.known.errors = located
  context.applied = located.keys.appliedSeq
  context.appliedMs = context.ports.now()
  return located
}

/** What an append builds on: the loaded table, its head and our newest snapshot, both absent in an empty table. */
export interface Base {
  readonly table: TableMetadata
  readonly head?: Snapshot
  readonly own?: Snapshot
}

/**
 * One commit of ours: a snapshot with the keys on `main`, the tag moved to it, under the requirements that the table is
 * the same, that main is the head whose keys were checked, and that the tag still names them. A fresh snapshot id each
 * time: repeating an identical body would livelock behind a compaction. Rejects as Catalog.commitTable does; once it
 * resolves, `context.known` has the table as this commit left it, where the catalog's answer shows that.
 */
export async function appendOwn(
  context: CommitContext,
  which: Which,
  base: Base,
  manifests: readonly NewManifest[],
  keys: Readonly<Record<string, string>>,
  also: readonly Update[] = [],
): Promise<void> {
  const { ports, settings } = context
  context.known[which] = undefined
  const startedMs = ports.now()
  const snapshot = await prepareAppend({
    storage: ports.storage,
    table: base.table,
    parent: base.head,
    manifests,
    summary: keys,
    snapshotId: ports.newSnapshotId(),
    nowMs: startedMs,
    newName: ports.newId,
  })
  const id = snapshot['snapshot-id']
  const tag = tagName(settings.group)
  const table = await ports.catalog.commitTable(
    settings[which],
    [
      { type: 'assert-table-uuid', uuid: base.table['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': base.head?.['snapshot-id'] ?? null },
      { type: 'assert-ref-snapshot-id', ref: tag, 'snapshot-id': base.own?.['snapshot-id'] ?? null },
    ],
    [
      { action: 'add-snapshot', snapshot },
      { ...base.table.refs.main, action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id },
      {
        action: 'set-snapshot-ref',
        'ref-name': tag,
        type: 'tag',
        'snapshot-id': id,
        // Without a maximum age of its own a tag expires by the table's default, and with it our place.
        'max-ref-age-ms': 9223372036854775807n,
      },
      ...also,
    ],
  )
  const rows = manifests.reduce((sum, manifest) => sum + Number(manifest.added_rows_count), 0)
  ports.observer.committed(which, rows, ports.now() - startedMs)
  // What else an answer may show, such as somebody's commit on top, only a load is trusted to tell.
  const isAsLeft = [table.refs.main, table.refs[tag]].every(ref => ref?.['snapshot-id'] === id)
  if (!isAsLeft || table['table-uuid'] !== base.table['table-uuid']) return
  if (which === 'raw') rememberRaw(context, table)
  else rememberErrors(context, table)
}

const lostRace: ReadonlySet<string> = new Set(['CONFLICT', 'ALREADY_EXISTS'])
const backoffBaseMs = 100
const backoffCapMs = 10_000

/**
 * Runs `attempt` until it returns something else than undefined. Halts pass; everything else is reported and tried
 * again after a full-jitter backoff, because only a fresh load tells what a failed commit did. Rejects once aborted, and
 * with the last error once `attempts` have failed.
 */
export async function untilSettled<T>(
  context: CommitContext,
  which: Which,
  signal: AbortSignal,
  attempt: (number: number) => Promise<T | undefined>,
  attempts = Number.POSITIVE_INFINITY,
): Promise<T> {
  for (let number = 0; ; number++) {
    signal.throwIfAborted()
    try {
      const result = await attempt(number)
      if (result !== undefined) return result
    } catch (error) {
      if (error instanceof HaltError) throw error
      signal.throwIfAborted()
      if (number + 1 >= attempts) throw error
      const delayMs = context.ports.random() * Math.min(backoffCapMs, backoffBaseMs * 2 ** number)
      if (error instanceof CatalogError && lostRace.has(error.code)) context.ports.observer.conflict(which)
      else context.ports.observer.failed(which, error, delayMs)
      await context.ports.sleep(delayMs, signal)
    }
  }
}

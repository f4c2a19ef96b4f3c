/**
 * Expires snapshots of one table (step 13): a compare-and-swap that asserts the table, every branch and every tag that the
 * decision was made on, and only once it is known to be durable, the files that nothing reaches any more are deleted. A
 * crash between the two leaves them to the removal of orphans.
 */
import { tagName } from '../commit/keys.ts'
import type { Located } from '../commit/lineage.ts'
import type { Which } from '../commit/tables.ts'
import type { UpkeepItem, UpkeepKind } from '../contract/upkeep.ts'
import { CatalogError } from '../iceberg/catalog.ts'
import { applyUpdates } from '../iceberg/metadataUpdates.ts'
import type { Requirement, TableMetadata, Update } from '../iceberg/tableMetadata.ts'
import { deleteFiles } from './deletion.ts'
import { loadPair, mayDeleteFiles, qualified } from './pair.ts'
import type { UpkeepPorts, UpkeepSettings } from './ports.ts'
import { type WasteFile, wasteOf } from './reachability.ts'
import { type Expirable, expirable } from './retention.ts'

export interface ExpiryOptions {
  readonly dryRun: boolean
  /** Only where it is worth reading every manifest list for: a tenth of the snapshots, or a ref. */
  readonly onlyIfWorthwhile: boolean
  progress?(what: string, done: number, of: number): void
}

export interface StepResult {
  readonly items: readonly UpkeepItem[]
  /** Why the step left things alone, for people. */
  readonly left: readonly string[]
  /** Snapshots afterwards. */
  readonly snapshots?: number
}

const nothing: StepResult = { items: [], left: [] }
const attempts = 8
const backoffBaseMs = 200
const backoffCapMs = 10_000

/** Rejects with HaltError, CatalogError or StorageError; what was not deleted then stays for the removal of orphans. */
export async function expireSnapshots(
  ports: UpkeepPorts,
  settings: UpkeepSettings,
  which: Which,
  options: ExpiryOptions,
  signal: AbortSignal,
): Promise<StepResult> {
  const label = qualified(settings[which])
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted()
    const pair = await loadPair(ports, settings)
    if (pair === undefined) return nothing
    const located: Located<unknown> = pair[which]
    const { table } = located
    const asItIs = { ...nothing, snapshots: table.snapshots.length }
    if (!mayDeleteFiles(located)) return { ...asItIs, left: [`${label}: gc.enabled is false`] }
    const found = expirable(located, settings.retention, tagName(settings.group), ports.now())
    if (!isWorthwhile(found, table.snapshots.length, options)) return asItIs
    const updates = updatesOf(found)
    if (options.dryRun) {
      const newest = applyUpdates(table, updates, ports.now())
      const waste = await wasteOf(ports.storage, { table, newest, pending: pair.raw.keys.pending }, signal)
      return { items: itemsOf(label, found, waste), left: [], snapshots: newest.snapshots.length }
    }
    if (!ports.mayAct()) return { ...asItIs, left: [`${label}: another pod is to do it`] }
    const failure = await commit(ports, settings, which, table, updates)
    // Whatever was answered: what the table says now is what happened, and what files are judged by.
    const after = await loadPair(ports, settings)
    const newest = after?.[which].table
    if (newest !== undefined && isDurable(newest, table, found)) {
      const waste = await wasteOf(ports.storage, { table, newest, pending: after!.raw.keys.pending }, signal)
      const deleted = await deleteFiles(ports, waste, options.progress, signal)
      return { items: itemsOf(label, found, waste.slice(0, deleted)), left: [], snapshots: newest.snapshots.length }
    }
    if (attempt + 1 >= attempts)
      throw new CatalogError('CONFLICT', `expiry of ${label} lost ${attempts} races; run it again later`, failure)
    await ports.sleep(ports.random() * Math.min(backoffCapMs, backoffBaseMs * 2 ** attempt), signal)
  }
}

function isWorthwhile({ snapshots, refs }: Expirable, total: number, options: ExpiryOptions): boolean {
  if (snapshots.length + refs.length === 0) return false
  return !options.onlyIfWorthwhile || refs.length > 0 || snapshots.length * 10 >= total
}

const updatesOf = ({ snapshots, refs }: Expirable): readonly Update[] => [
  ...refs.map((name): Update => ({ action: 'remove-snapshot-ref', 'ref-name': name })),
  ...(snapshots.length === 0
    ? []
    : [{ action: 'remove-snapshots' as const, 'snapshot-ids': snapshots.map(snapshot => snapshot['snapshot-id']) }]),
]

/** Resolves with the error where there is one. */
function commit(
  { catalog }: UpkeepPorts,
  settings: UpkeepSettings,
  which: Which,
  table: TableMetadata,
  updates: readonly Update[],
): Promise<unknown> {
  // All of them: a catalog may drop a branch that somebody moved to a snapshot which is being removed.
  const refs = Object.entries(table.refs).map(
    ([ref, { 'snapshot-id': id }]): Requirement => ({ type: 'assert-ref-snapshot-id', ref, 'snapshot-id': id }),
  )
  const requirements: readonly Requirement[] = [{ type: 'assert-table-uuid', uuid: table['table-uuid'] }, ...refs]
  return catalog.commitTable(settings[which], requirements, updates).then(
    () => undefined,
    error => error,
  )
}

function isDurable(table: TableMetadata, before: TableMetadata, { snapshots, refs }: Expirable): boolean {
  const left = new Set(table.snapshots.map(snapshot => snapshot['snapshot-id']))
  return (
    table['table-uuid'] === before['table-uuid'] &&
    snapshots.every(snapshot => !left.has(snapshot['snapshot-id'])) &&
    refs.every(name => table.refs[name] === undefined)
  )
}

function itemsOf(table: string, { snapshots, refs }: Expirable, waste: readonly WasteFile[]): readonly UpkeepItem[] {
  const times = snapshots.map(snapshot => snapshot['timestamp-ms'])
  const item = { step: 'expiry', table, bytes: null, oldestMs: null } as const
  const kinds = new Set<UpkeepKind>(waste.map(({ kind }) => kind))
  const items: readonly UpkeepItem[] = [
    { ...item, kind: 'snapshots', count: snapshots.length, oldestMs: times.length === 0 ? null : Math.min(...times) },
    { ...item, kind: 'refs', count: refs.length },
    ...Array.from(kinds, (kind): UpkeepItem => {
      const files = waste.filter(file => file.kind === kind)
      return { ...item, kind, count: files.length, bytes: bytesOf(files) }
    }),
  ]
  return items.filter(({ count }) => count > 0)
}

const bytesOf = (files: readonly WasteFile[]): number | null =>
  files.some(({ bytes }) => bytes === null) ? null : files.reduce((sum, { bytes }) => sum + bytes!, 0)

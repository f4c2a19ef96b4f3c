/**
 * The two tables of a scenario, and what everybody but us does to them: compaction, expiry, rollback by a person. Data
 * files hold sample ids, a line each. It knows our keys only to expire as a careful engine does.
 */
import { parseErrorsKeys, parseRawKeys, tagName } from '../../../runtime/commit/keys.ts'
import type { Catalog, TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import type { DataFile } from '../../../runtime/iceberg/dataFile.ts'
import type { FilesystemCatalogOptions } from '../../../runtime/iceberg/filesystemCatalog.ts'
import { inMemoryCatalog } from '../../../runtime/iceberg/inMemoryCatalog.ts'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { describeManifest, encodeManifest } from '../../../runtime/iceberg/manifest.ts'
import { encodeManifestList } from '../../../runtime/iceberg/manifestList.ts'
import { liveDataFiles } from '../../../runtime/iceberg/snapshotFiles.ts'
import type { ReplacingStorage } from '../../../runtime/iceberg/storage.ts'
import type { Snapshot, TableMetadata, Update } from '../../../runtime/iceberg/tableMetadata.ts'
import { currentSchema, currentSpec } from '../../../runtime/iceberg/tables.ts'
import { succeeds } from '../../until.ts'

export const group = 'g'
export const rawTable: TableIdentifier = { namespace: ['db'], name: 'raw' }
export const errorsTable: TableIdentifier = { namespace: ['db'], name: 'errors' }
export const tag = tagName(group)

export class Lake {
  readonly storage: ReplacingStorage
  readonly catalog: Catalog
  private clockMs = 1_700_000_000_000
  private ids = 0

  /** @param catalogOf the kind of catalog, given what all kinds take */
  constructor(catalogOf: (options: FilesystemCatalogOptions) => Catalog = inMemoryCatalog) {
    this.storage = inMemoryStorage(() => this.clockMs)
    const options = { warehouse: 'memory:///w', now: () => this.now(), newUuid: () => this.newId() }
    this.catalog = numberingSnapshots(catalogOf({ ...options, storage: this.storage }))
  }

  readonly now = (): number => this.clockMs++
  readonly newId = (): string => `id-${this.ids++}`
  readonly newSnapshotId = (): bigint => BigInt(++this.ids)

  pass(ms: number): void {
    this.clockMs += ms
  }

  async load(id: TableIdentifier): Promise<TableMetadata> {
    const table = await this.catalog.loadTable(id)
    if (table === undefined) throw new Error(`no table ${id.name}`)
    return table
  }

  /** Changes a table without asking whether anybody else did. */
  async change(id: TableIdentifier, ...updates: Update[]): Promise<void> {
    await this.catalog.commitTable(id, [], updates)
  }

  setMain(id: TableIdentifier, snapshotId: bigint): Promise<void> {
    return this.change(id, {
      action: 'set-snapshot-ref',
      'ref-name': 'main',
      type: 'branch',
      'snapshot-id': snapshotId,
    })
  }

  async writeFile(location: string, ids: readonly string[]): Promise<DataFile> {
    const bytes = Buffer.from(ids.join('\n'))
    await this.storage.create(location, bytes)
    const none = new Map()
    return {
      location,
      fileSizeInBytes: bytes.length,
      recordCount: ids.length,
      partition: [20_000, 'x'],
      metrics: {
        columnSizes: none,
        valueCounts: none,
        nullValueCounts: none,
        nanValueCounts: none,
        lowerBounds: none,
        upperBounds: none,
      },
      splitOffsets: [4],
    }
  }

  /** The sample ids of the table's head. */
  async rows(id: TableIdentifier): Promise<string[]> {
    const table = await this.catalog.loadTable(id)
    const head = table && headOf(table)
    const rows: string[] = []
    if (head === undefined) return rows
    for await (const { file } of liveDataFiles(this.storage, head))
      rows.push(...(await this.storage.read(file.location)).toString().split('\n'))
    return rows
  }

  /** Rewrites every live file into one, in a snapshot without keys. False where there is nothing to, or a race is lost. */
  async compact(id: TableIdentifier): Promise<boolean> {
    const table = await this.catalog.loadTable(id)
    const rows = await this.rows(id)
    if (table === undefined || rows.length === 0) return false
    return this.replace(id, await this.writeFile(`${table.location}/data/compacted-${this.newId()}.parquet`, rows))
  }

  /** Makes the file all that the table has, in a snapshot without keys. False where a race is lost. */
  async replace(id: TableIdentifier, file: DataFile): Promise<boolean> {
    const table = await this.load(id)
    const head = headOf(table)
    if (head === undefined) return false
    const bytes = encodeManifest([file], { schema: currentSchema(table), spec: currentSpec(table) })
    const location = `${table.location}/metadata/${this.newId()}.avro`
    await this.storage.create(location, bytes)
    const snapshotId = this.newSnapshotId()
    const sequence = table['last-sequence-number'] + 1
    const manifest = {
      ...describeManifest(location, bytes.length, [file], currentSpec(table)),
      sequence_number: BigInt(sequence),
      min_sequence_number: BigInt(sequence),
      added_snapshot_id: snapshotId,
    }
    const list = `${table.location}/metadata/${this.newId()}-list.avro`
    const parentId = head['snapshot-id']
    const ids = { id: snapshotId, parentId, sequenceNumber: sequence }
    await this.storage.create(list, encodeManifestList([manifest], ids))
    const snapshot: Snapshot = {
      'snapshot-id': snapshotId,
      'parent-snapshot-id': parentId,
      'sequence-number': sequence,
      'timestamp-ms': Math.max(this.clockMs, table['last-updated-ms']),
      'manifest-list': list,
      summary: { operation: 'replace' },
    }
    return succeeds(
      this.catalog.commitTable(
        id,
        [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': parentId }],
        [
          { action: 'add-snapshot', snapshot },
          { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshotId },
        ],
      ),
    )
  }

  /** Drops every snapshot that no ref and no walk from main to our keys needs; tells how many. */
  async expire(id: TableIdentifier): Promise<number> {
    const table = await this.catalog.loadTable(id)
    const head = table && headOf(table)
    if (table === undefined || head === undefined) return 0
    const kept = new Set(Object.values(table.refs).map(ref => ref['snapshot-id']))
    for (const snapshot of ancestors(table, head)) {
      kept.add(snapshot['snapshot-id'])
      if (parseRawKeys(snapshot.summary) !== undefined || parseErrorsKeys(snapshot.summary) !== undefined) break
    }
    const gone = table.snapshots.map(snapshot => snapshot['snapshot-id']).filter(snapshot => !kept.has(snapshot))
    if (gone.length > 0) await this.change(id, { action: 'remove-snapshots', 'snapshot-ids': gone })
    return gone.length
  }
}

/**
 * A catalog that gives a new snapshot its number and time itself: else a stale number or time would refuse most commits
 * that only their requirements should refuse.
 */
function numberingSnapshots(catalog: Catalog): Catalog {
  return {
    ...catalog,
    async commitTable(id, requirements, updates) {
      const table = await catalog.loadTable(id)
      const sequence = (table?.['last-sequence-number'] ?? 0) + 1
      const number = (snapshot: Snapshot): Snapshot => ({
        ...snapshot,
        'sequence-number': sequence,
        'timestamp-ms': Math.max(snapshot['timestamp-ms'], table?.['last-updated-ms'] ?? 0),
      })
      const numbered = updates.map(update =>
        update.action === 'add-snapshot' ? { ...update, snapshot: number(update.snapshot) } : update,
      )
      return catalog.commitTable(id, requirements, numbered)
    },
  }
}

export const headOf = (table: TableMetadata): Snapshot | undefined =>
  table.snapshots.find(snapshot => snapshot['snapshot-id'] === table.refs.main?.['snapshot-id'])

/** Our newest snapshot. */
export const taggedOf = (table: TableMetadata): Snapshot | undefined =>
  table.snapshots.find(snapshot => snapshot['snapshot-id'] === table.refs[tag]?.['snapshot-id'])

/** The snapshot and its ancestors, newest first, as far as they are retained. */
export function ancestors(table: TableMetadata, from: Snapshot): Snapshot[] {
  const byId = new Map(table.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  const result: Snapshot[] = []
  for (let at: Snapshot | undefined = from; at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1n))
    result.push(at)
  return result
}

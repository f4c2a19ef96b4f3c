/**
 * Prepares the snapshot of an append: a new manifest list over the parent's manifests and the new ones, small manifests
 * merged. It writes files under fresh names, deletes none, and commits nothing: that is the catalog's.
 *
 * Source: apache/iceberg format/spec.md "Snapshots"; summary keys of appendix F "Optional Snapshot Summary Fields".
 */
import type { ManifestFile } from './dataFile.ts'
import { type NewManifest, sum } from './manifest.ts'
import { encodeManifestList } from './manifestList.ts'
import { mergeManifests } from './mergeManifests.ts'
import { readManifestList } from './snapshotFiles.ts'
import type { Storage } from './storage.ts'
import type { Snapshot, TableMetadata } from './tableMetadata.ts'

export interface AppendRequest {
  readonly storage: Storage
  readonly table: TableMetadata
  /** Head of the branch to append to; absent in an empty table. */
  readonly parent: Snapshot | undefined
  /** None is legal: the snapshot then only carries its summary. */
  readonly manifests: readonly NewManifest[]
  /** Further keys of the summary. */
  readonly summary: Readonly<Record<string, string>>
  readonly snapshotId: bigint
  readonly nowMs: number
  /** A fresh name each time, for files. */
  readonly newName: () => string
}

/** Folder of the table's metadata, without a trailing slash (property `write.metadata.path`). */
export const metadataFolder = (table: TableMetadata): string =>
  (table.properties['write.metadata.path'] ?? `${table.location}/metadata`).replace(/\/+$/, '')

/** Folder of the table's data files, without a trailing slash (property `write.data.path`). */
export const dataFolder = (table: TableMetadata): string =>
  (table.properties['write.data.path'] ?? `${table.location}/data`).replace(/\/+$/, '')

/**
 * Writes the manifest list (and merged manifests) of a snapshot on top of `parent` and returns the snapshot. Its time is
 * never before the table's last. Every attempt at a commit calls this anew, with a new snapshot id.
 * @throws StorageError CORRUPT for a manifest list or a manifest that cannot be decoded, else as Storage does
 */
export async function prepareAppend(request: AppendRequest): Promise<Snapshot> {
  const { storage, table, parent, manifests, snapshotId, newName } = request
  const sequenceNumber = table['last-sequence-number'] + 1
  const inherited = {
    sequence_number: BigInt(sequenceNumber),
    min_sequence_number: BigInt(sequenceNumber),
    added_snapshot_id: snapshotId,
  }
  const carried = parent === undefined ? [] : (await readManifestList(storage, parent)).filter(hasLiveFiles)
  const folder = metadataFolder(table)
  const kept = await mergeManifests({ storage, table, manifests: carried, folder, newName, inherited })
  const added = manifests.map(({ added_files_size: _, changed_partitions: __, ...manifest }) => ({
    ...manifest,
    ...inherited,
  }))
  const location = `${folder}/snap-${snapshotId}-${newName()}.avro`
  const parentId = parent?.['snapshot-id']
  await storage.create(location, encodeManifestList([...added, ...kept], { id: snapshotId, parentId, sequenceNumber }))
  return {
    'snapshot-id': snapshotId,
    ...(parentId === undefined ? {} : { 'parent-snapshot-id': parentId }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': Math.max(request.nowMs, table['last-updated-ms']),
    'manifest-list': location,
    summary: { ...request.summary, ...summariseAppend(parent, manifests) },
    'schema-id': table['current-schema-id'],
  }
}

/** A manifest of only deleted entries says what an earlier snapshot removed; later ones need it no more. */
const hasLiveFiles = (manifest: ManifestFile): boolean => manifest.added_files_count + manifest.existing_files_count > 0

/** The summary's own keys. A total is left out where the parent's is missing: a wrong one would be believed. */
function summariseAppend(parent: Snapshot | undefined, manifests: readonly NewManifest[]): Record<string, string> {
  const files = sum(manifests, manifest => manifest.added_files_count)
  const records = sum(manifests, manifest => manifest.added_rows_count)
  const size = sum(manifests, manifest => manifest.added_files_size)
  const partitions = new Set(manifests.flatMap(manifest => manifest.changed_partitions))
  const totals = Object.entries({
    'total-data-files': files,
    'total-records': records,
    'total-files-size': size,
    'total-delete-files': 0n,
    'total-position-deletes': 0n,
    'total-equality-deletes': 0n,
  }).flatMap(([key, added]) => {
    const before = parent === undefined ? '0' : parent.summary[key]
    return before !== undefined && /^\d+$/.test(before) ? [[key, String(BigInt(before) + added)]] : []
  })
  return {
    operation: 'append',
    'added-data-files': String(files),
    'added-records': String(records),
    'added-files-size': String(size),
    'changed-partition-count': String(partitions.size),
    ...Object.fromEntries(totals),
  }
}

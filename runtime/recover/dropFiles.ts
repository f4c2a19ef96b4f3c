/**
 * Prepares the snapshot of a delete of whole data files: manifests that list one of them are written again without, all
 * others are carried. It writes files under fresh names, deletes none, and commits nothing.
 *
 * Source: apache/iceberg format/spec.md "Manifests", "Snapshots" (operation `delete`), appendix F for the summary.
 */

import { metadataFolder } from '../iceberg/append.ts'
import type { ManifestFile } from '../iceberg/dataFile.ts'
import { EntryEncoder, sum } from '../iceberg/manifest.ts'
import { type EntryFile, entryStatus, liveEntries, type ManifestEntry } from '../iceberg/manifestEntry.ts'
import { encodeManifestList } from '../iceberg/manifestList.ts'
import { changedPartitions, PartitionBounds } from '../iceberg/partitionSummary.ts'
import { readManifestList, readOpenManifest } from '../iceberg/snapshotFiles.ts'
import { type Storage, StorageError } from '../iceberg/storage.ts'
import type { Snapshot, TableMetadata } from '../iceberg/tableMetadata.ts'

export interface DropRequest {
  readonly storage: Storage
  readonly table: TableMetadata
  readonly parent: Snapshot
  /** Data files of the parent to be dropped. */
  readonly locations: ReadonlySet<string>
  /** Further keys of the summary. */
  readonly summary: Readonly<Record<string, string>>
  readonly snapshotId: bigint
  readonly nowMs: number
  /** A fresh name each time, for files. */
  readonly newName: () => string
}

/** @throws StorageError CORRUPT for what cannot be decoded, or written again as it was; else as Storage does */
export async function prepareDrop(request: DropRequest): Promise<Snapshot> {
  const { storage, table, parent, snapshotId, newName } = request
  const sequenceNumber = table['last-sequence-number'] + 1
  const dropped: EntryFile[] = []
  const manifests: ManifestFile[] = []
  for (const listed of await readManifestList(storage, parent)) manifests.push(await without(request, listed, dropped))
  const location = `${metadataFolder(table)}/snap-${snapshotId}-${newName()}.avro`
  const ids = { id: snapshotId, parentId: parent['snapshot-id'], sequenceNumber }
  await storage.create(location, encodeManifestList(manifests, ids))
  return {
    'snapshot-id': snapshotId,
    'parent-snapshot-id': parent['snapshot-id'],
    'sequence-number': sequenceNumber,
    'timestamp-ms': Math.max(request.nowMs, table['last-updated-ms']),
    'manifest-list': location,
    summary: { ...request.summary, ...summarise(parent, dropped) },
    'schema-id': table['current-schema-id'],
  }
}

/** The manifest as it is, or another one in its place in which the files are deleted; these are added to `dropped`. */
async function without(request: DropRequest, listed: ManifestFile, dropped: EntryFile[]): Promise<ManifestFile> {
  const { storage, table, locations, snapshotId, newName } = request
  if (listed.content !== 0) return listed
  const manifest = await readOpenManifest(storage, listed.manifest_path, listed.manifest_length)
  const entries = [...manifest.blocks()].flatMap(block => liveEntries(block, listed))
  const isDropped = ({ file }: ManifestEntry) => locations.has(file.location)
  const gone = entries.filter(isDropped)
  if (gone.length === 0) return listed
  if (!manifest.reencodable)
    throw new StorageError('CORRUPT', listed.manifest_path, 'the manifest has fields that would be lost: rewrite it')
  const kept = entries.filter(entry => !isDropped(entry))
  dropped.push(...gone.map(entry => entry.file))
  const encoder = new EntryEncoder(manifest.partition, manifest.header)
  encoder.add([
    ...kept.map(entry => ({ ...entry, status: entryStatus.existing })),
    ...gone.map(entry => ({ ...entry, status: entryStatus.deleted, snapshotId })),
  ])
  const bytes = encoder.finish()
  const location = `${metadataFolder(table)}/${newName()}-m0.avro`
  await storage.create(location, bytes)
  const bounds = new PartitionBounds(manifest.spec)
  for (const { file } of entries) bounds.add(file)
  return {
    ...listed,
    manifest_path: location,
    manifest_length: bytes.length,
    sequence_number: BigInt(table['last-sequence-number'] + 1),
    min_sequence_number: entries.reduce<bigint>(
      (least, { sequenceNumber }) => (sequenceNumber !== null && sequenceNumber < least ? sequenceNumber : least),
      BigInt(table['last-sequence-number'] + 1),
    ),
    added_snapshot_id: snapshotId,
    added_files_count: 0,
    existing_files_count: kept.length,
    deleted_files_count: gone.length,
    added_rows_count: 0n,
    existing_rows_count: sum(kept, ({ file }) => file.recordCount),
    deleted_rows_count: sum(gone, ({ file }) => file.recordCount),
    partitions: bounds.summaries(),
    key_metadata: null,
  }
}

/** The summary's own keys. A total is left out where the parent's is missing: a wrong one would be believed. */
function summarise(parent: Snapshot, dropped: readonly EntryFile[]): Record<string, string> {
  const removed = {
    'total-data-files': BigInt(dropped.length),
    'total-records': sum(dropped, file => file.recordCount),
    'total-files-size': sum(dropped, file => file.fileSizeInBytes),
    'total-delete-files': 0n,
    'total-position-deletes': 0n,
    'total-equality-deletes': 0n,
  }
  const totals = Object.entries(removed).flatMap(([key, less]) => {
    const before = parent.summary[key]
    return before !== undefined && /^\d+$/.test(before) ? [[key, String(BigInt(before) - less)]] : []
  })
  return {
    operation: 'delete',
    'deleted-data-files': String(removed['total-data-files']),
    'deleted-records': String(removed['total-records']),
    'removed-files-size': String(removed['total-files-size']),
    'changed-partition-count': String(changedPartitions(dropped).length),
    ...Object.fromEntries(totals),
  }
}

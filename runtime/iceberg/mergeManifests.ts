/**
 * Keeps a table's manifests few: packs small data manifests of one partition spec into bins of the target size and writes
 * each bin as one manifest of EXISTING entries. It drops no live file, touches no delete manifest and deletes nothing.
 *
 * Source: Iceberg Java ManifestMergeManager, whose rule for what to merge this is; table properties `commit.manifest*`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ManifestFile } from './dataFile.ts'
import { EntryEncoder } from './manifest.ts'
import { entryStatus, liveEntries, type OpenManifest } from './manifestEntry.ts'
import { PartitionBounds } from './partitionSummary.ts'
import { readOpenManifest } from './snapshotFiles.ts'
import type { Storage } from './storage.ts'
import type { TableMetadata } from './tableMetadata.ts'

export interface MergeRequest {
  readonly storage: Storage
  readonly table: TableMetadata
  /** The parent's manifests, newest first. */
  readonly manifests: readonly ManifestFile[]
  readonly folder: string
  readonly newName: () => string
  /** Numbers of the snapshot in the making. */
  readonly inherited: Pick<ManifestFile, 'sequence_number' | 'added_snapshot_id'>
}

const defaultTargetBytes = 8 * 1024 * 1024
const defaultMinCount = 100

const positive = (text: string | undefined, otherwise: number): number => {
  const value = Number(text)
  return Number.isInteger(value) && value > 0 ? value : otherwise
}

/** The manifests with small ones merged, newest first. */
export async function mergeManifests(request: MergeRequest): Promise<readonly ManifestFile[]> {
  const { properties } = request.table
  if (properties['commit.manifest-merge.enabled']?.toLowerCase() === 'false') return request.manifests
  const targetBytes = positive(properties['commit.manifest.target-size-bytes'], defaultTargetBytes)
  const minCount = positive(properties['commit.manifest.min-count-to-merge'], defaultMinCount)
  const merged: ManifestFile[] = []
  for (const bin of pack(request.manifests, targetBytes)) {
    // The newest bin still grows: it waits for enough to be worth the work. An older one is as full as it will be.
    const growing = bin.includes(request.manifests[0]!)
    const due = bin.length >= (growing ? minCount : 2)
    merged.push(...(due ? await mergeBin(request, bin) : bin))
  }
  return merged
}

/** Runs of manifests that may become one, oldest packed first so that full bins stay as they are; newest run first. */
function pack(manifests: readonly ManifestFile[], targetBytes: number): readonly (readonly ManifestFile[])[] {
  const bins: ManifestFile[][] = []
  const open = new Map<string, { bin: ManifestFile[]; bytes: number }>()
  for (const manifest of manifests.toReversed()) {
    const key = manifest.content === 0 ? `spec ${manifest.partition_spec_id}` : `deletes ${manifest.manifest_path}`
    const last = open.get(key)
    if (last !== undefined && last.bytes + manifest.manifest_length <= targetBytes) {
      last.bin.unshift(manifest)
      last.bytes += manifest.manifest_length
      continue
    }
    const bin = [manifest]
    open.set(key, { bin, bytes: manifest.manifest_length })
    bins.unshift(bin)
  }
  return bins
}

async function mergeBin(request: MergeRequest, bin: readonly ManifestFile[]): Promise<readonly ManifestFile[]> {
  const { storage, folder, newName } = request
  const open = await Promise.all(
    bin.map(({ manifest_path, manifest_length }) => readOpenManifest(storage, manifest_path, manifest_length)),
  )
  const newest = open[0]!
  if (!open.every(manifest => manifest.reencodable && samePartitions(manifest, newest))) return bin
  const location = `${folder}/${newName()}-m0.avro`
  const { bytes, ...described } = await encodeExisting(bin, open)
  await storage.create(location, bytes)
  const place = { manifest_path: location, manifest_length: bytes.length, key_metadata: null }
  return [{ ...bin[0]!, ...request.inherited, ...described, ...place }]
}

/** Block by block and with pauses: tens of thousands of entries are far more in memory than on disk. */
async function encodeExisting(bin: readonly ManifestFile[], open: readonly OpenManifest[]) {
  const { partition, header, spec } = open[0]!
  const encoder = new EntryEncoder(partition, header)
  const bounds = new PartitionBounds(spec)
  const sequenceNumbers: bigint[] = []
  let files = 0
  let rows = 0n
  for (const [at, manifest] of open.entries())
    for (const block of manifest.blocks()) {
      const entries = liveEntries(block, bin[at]!).map(entry => ({ ...entry, status: entryStatus.existing }))
      encoder.add(entries)
      for (const { file, sequenceNumber } of entries) {
        bounds.add(file)
        rows += BigInt(file.recordCount)
        sequenceNumbers.push(sequenceNumber!)
      }
      files += entries.length
      await nextTurn()
    }
  return {
    bytes: encoder.finish(),
    min_sequence_number: sequenceNumbers.reduce((least, number) => (number < least ? number : least)),
    added_files_count: 0,
    existing_files_count: files,
    deleted_files_count: 0,
    added_rows_count: 0n,
    existing_rows_count: rows,
    deleted_rows_count: 0n,
    partitions: bounds.summaries(),
  }
}

/** Same fields and types, so that values pass from one record to the other; documentation may differ. */
function samePartitions(manifest: OpenManifest, other: OpenManifest): boolean {
  const shape = ({ partition }: OpenManifest): string =>
    JSON.stringify(partition.fields.map(field => [field['field-id'], avroShape(field.type)]))
  return shape(manifest) === shape(other)
}

/** An Avro type without its logical type: a date is an int on disk, whether its writer said so or not. */
function avroShape(type: unknown): unknown {
  if (Array.isArray(type)) return type.map(avroShape)
  if (typeof type !== 'object' || type === null || !('type' in type)) return type
  return 'size' in type ? { type: type.type, size: type.size } : type.type
}

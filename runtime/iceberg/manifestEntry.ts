/**
 * An entry of a manifest, a manifest as its entries are read, and what an entry inherits from the manifest list. Pure; the
 * Avro side is manifest.ts.
 *
 * Source: apache/iceberg format/spec.md "Manifests", "Sequence Number Inheritance".
 */
import type { AvroRecordSchema } from './avro.ts'
import type { ManifestFile } from './dataFile.ts'
import type { PartitionedFile } from './partitionSummary.ts'
import type { PartitionSpec } from './tableMetadata.ts'

export const entryStatus = { existing: 0, added: 1, deleted: 2 } as const
export type EntryStatus = (typeof entryStatus)[keyof typeof entryStatus]

/** A data file or a delete file as its manifest entry describes it. */
export interface EntryFile extends PartitionedFile {
  /** 0 data, 1 position deletes, 2 equality deletes. */
  readonly content: number
  readonly location: string
  readonly format: string
  /** Every field of data_file by field id, as decoded: what is needed to write the entry again whole. */
  readonly fields: ReadonlyMap<number, unknown>
}

export interface ManifestEntry {
  readonly status: EntryStatus
  /** Null is inherited from the manifest list, as are the two numbers. */
  readonly snapshotId: bigint | null
  readonly sequenceNumber: bigint | null
  readonly fileSequenceNumber: bigint | null
  readonly file: EntryFile
}

/** A manifest whose entries are decoded as they are asked for: a merged one has tens of thousands. */
export interface OpenManifest {
  readonly content: 0 | 1
  /** The spec the manifest was written with: partition values are in the order of its fields. */
  readonly spec: PartitionSpec
  /** Avro schema of the partition record. */
  readonly partition: AvroRecordSchema
  /** The header entries that Iceberg asks for. */
  readonly header: Readonly<Record<string, string>>
  /** Whether an EntryEncoder would keep every field: false for a manifest of format version 1 or of a version to come. */
  readonly reencodable: boolean
  /** The entries, a block at a time. Throws AvroError. */
  readonly blocks: () => Generator<readonly ManifestEntry[]>
}

/** A small manifest, decoded whole. */
export interface Manifest extends OpenManifest {
  readonly entries: readonly ManifestEntry[]
}

/**
 * Those of the entries that are live in a snapshot listing their manifest, inherited ids and numbers made explicit. A
 * manifest of format version 1 has no sequence numbers: they are 0.
 */
export const liveEntries = (entries: readonly ManifestEntry[], listed: ManifestFile): readonly ManifestEntry[] =>
  entries
    .filter(entry => entry.status !== entryStatus.deleted)
    .map(entry => ({
      ...entry,
      snapshotId: entry.snapshotId ?? listed.added_snapshot_id,
      sequenceNumber: entry.sequenceNumber ?? listed.sequence_number,
      fileSequenceNumber: entry.fileSequenceNumber ?? listed.sequence_number,
    }))

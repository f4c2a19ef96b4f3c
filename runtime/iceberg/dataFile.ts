/** A data file as a manifest describes it (spec "Manifests", data_file struct). Types only. */

export interface ColumnMetrics {
  /** All keyed by field id. Sizes in bytes on disk, counts in values. */
  readonly columnSizes: ReadonlyMap<number, number>
  readonly valueCounts: ReadonlyMap<number, number>
  readonly nullValueCounts: ReadonlyMap<number, number>
  readonly nanValueCounts: ReadonlyMap<number, number>
  /** Single-value serialisation of spec appendix D, truncated to the metrics mode. */
  readonly lowerBounds: ReadonlyMap<number, Buffer>
  readonly upperBounds: ReadonlyMap<number, Buffer>
}

/** Value of a partition field: a `day` is an int, an `identity` its source's value. */
export type PartitionValue = string | number | null

export interface DataFile {
  readonly location: string
  readonly fileSizeInBytes: number
  readonly recordCount: number
  /** One value per field of the partition spec, in its order. */
  readonly partition: readonly PartitionValue[]
  readonly metrics: ColumnMetrics
  readonly splitOffsets: readonly number[]
}

/** A manifest as a manifest list describes it (spec "Manifest Lists"). Null numbers are inherited at commit. */
export interface ManifestFile {
  readonly manifest_path: string
  readonly manifest_length: number
  readonly partition_spec_id: number
  readonly content: 0 | 1
  readonly sequence_number: bigint | null
  readonly min_sequence_number: bigint | null
  readonly added_snapshot_id: bigint | null
  readonly added_files_count: number
  readonly existing_files_count: number
  readonly deleted_files_count: number
  readonly added_rows_count: bigint
  readonly existing_rows_count: bigint
  readonly deleted_rows_count: bigint
  readonly partitions: readonly PartitionFieldSummary[] | null
  readonly key_metadata: Buffer | null
}

export interface PartitionFieldSummary {
  readonly contains_null: boolean
  readonly contains_nan: boolean | null
  readonly lower_bound: Buffer | null
  readonly upper_bound: Buffer | null
}

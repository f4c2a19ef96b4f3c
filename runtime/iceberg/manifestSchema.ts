/**
 * The Avro schemas of manifests and manifest lists, format version 2, with the field ids readers resolve by. Data and
 * pure functions only.
 *
 * Source: apache/iceberg format/spec.md "Manifests", "Manifest Lists", appendix A "Avro". Names and order are those of
 * Iceberg Java's V2Metadata.
 */
import type { AvroField, AvroRecordSchema } from './avro.ts'
import { CatalogError } from './catalog.ts'
import type { PartitionField, PartitionSpec, Schema } from './tableMetadata.ts'

const required = (name: string, type: unknown, id: number): AvroField => ({ name, type, 'field-id': id })

const optional = (name: string, type: unknown, id: number): AvroField => ({
  name,
  type: ['null', type],
  default: null,
  'field-id': id,
})

/** A map keyed by field id: Avro maps have string keys only, so it is an array of pairs. */
const mapByFieldId = (keyId: number, valueId: number, value: string): unknown => ({
  type: 'array',
  logicalType: 'map',
  items: {
    type: 'record',
    name: `k${keyId}_v${valueId}`,
    fields: [required('key', 'int', keyId), required('value', value, valueId)],
  },
})

/** Field ids of manifest_entry and data_file that the code asks for by name. */
export const entryIds = { status: 0, snapshotId: 1, dataFile: 2, sequenceNumber: 3, fileSequenceNumber: 4 } as const
export const fileIds = {
  content: 134,
  location: 100,
  format: 101,
  partition: 102,
  recordCount: 103,
  fileSizeInBytes: 104,
  columnSizes: 108,
  valueCounts: 109,
  nullValueCounts: 110,
  nanValueCounts: 137,
  lowerBounds: 125,
  upperBounds: 128,
  splitOffsets: 132,
  sortOrderId: 140,
} as const

/** Fields of format version 1 that version 2 must not write: block_size_in_bytes and distinct_counts. */
export const deprecatedFileIds: ReadonlySet<number> = new Set([105, 111])

const dataFileFields = (partition: AvroRecordSchema): readonly AvroField[] => [
  required('content', 'int', fileIds.content),
  required('file_path', 'string', fileIds.location),
  required('file_format', 'string', fileIds.format),
  required('partition', partition, fileIds.partition),
  required('record_count', 'long', fileIds.recordCount),
  required('file_size_in_bytes', 'long', fileIds.fileSizeInBytes),
  optional('column_sizes', mapByFieldId(117, 118, 'long'), fileIds.columnSizes),
  optional('value_counts', mapByFieldId(119, 120, 'long'), fileIds.valueCounts),
  optional('null_value_counts', mapByFieldId(121, 122, 'long'), fileIds.nullValueCounts),
  optional('nan_value_counts', mapByFieldId(138, 139, 'long'), fileIds.nanValueCounts),
  optional('lower_bounds', mapByFieldId(126, 127, 'bytes'), fileIds.lowerBounds),
  optional('upper_bounds', mapByFieldId(129, 130, 'bytes'), fileIds.upperBounds),
  optional('key_metadata', 'bytes', 131),
  optional('split_offsets', { type: 'array', items: 'long', 'element-id': 133 }, fileIds.splitOffsets),
  optional('equality_ids', { type: 'array', items: 'int', 'element-id': 136 }, 135),
  optional('sort_order_id', 'int', fileIds.sortOrderId),
  optional('referenced_data_file', 'string', 143),
]

/** Schema of a manifest's entries for one partition record, and the fields of its data_file apart. */
export function manifestEntrySchema(partition: AvroRecordSchema): {
  readonly entry: AvroRecordSchema
  readonly fileFields: readonly AvroField[]
} {
  const fileFields = dataFileFields(partition)
  const entry: AvroRecordSchema = {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required('status', 'int', entryIds.status),
      optional('snapshot_id', 'long', entryIds.snapshotId),
      optional('sequence_number', 'long', entryIds.sequenceNumber),
      optional('file_sequence_number', 'long', entryIds.fileSequenceNumber),
      required('data_file', { type: 'record', name: 'r2', fields: fileFields }, entryIds.dataFile),
    ],
  }
  return { entry, fileFields }
}

export const fieldSummarySchema: AvroRecordSchema = {
  type: 'record',
  name: 'r508',
  fields: [
    required('contains_null', 'boolean', 509),
    optional('contains_nan', 'boolean', 518),
    optional('lower_bound', 'bytes', 510),
    optional('upper_bound', 'bytes', 511),
  ],
}

export const manifestFileSchema: AvroRecordSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required('manifest_path', 'string', 500),
    required('manifest_length', 'long', 501),
    required('partition_spec_id', 'int', 502),
    required('content', 'int', 517),
    required('sequence_number', 'long', 515),
    required('min_sequence_number', 'long', 516),
    required('added_snapshot_id', 'long', 503),
    required('added_files_count', 'int', 504),
    required('existing_files_count', 'int', 505),
    required('deleted_files_count', 'int', 506),
    required('added_rows_count', 'long', 512),
    required('existing_rows_count', 'long', 513),
    required('deleted_rows_count', 'long', 514),
    optional('partitions', { type: 'array', 'element-id': 508, items: fieldSummarySchema }, 507),
    optional('key_metadata', 'bytes', 519),
  ],
}

/** Avro types of the partition types this project writes; a partition value is a string or a number. */
const avroTypes: Readonly<Record<string, unknown>> = {
  string: 'string',
  int: 'int',
  long: 'long',
  date: { type: 'int', logicalType: 'date' },
}

/** The type a transform yields (spec "Partition Transforms"). */
function resultType({ transform, name, 'source-id': source }: PartitionField, schema: Schema): string {
  if (transform === 'day') return 'date'
  if (transform === 'year' || transform === 'month' || transform === 'hour' || transform.startsWith('bucket['))
    return 'int'
  const type = schema.fields.find(field => field.id === source)?.type
  if (typeof type === 'string') return type
  throw new CatalogError(
    'UNSUPPORTED_FORMAT',
    `partition field '${name}': source column ${source} is no primitive of the schema`,
  )
}

/** A name Avro accepts, as Iceberg Java's AvroSchemaUtil.sanitize makes it. */
const avroName = (name: string): string =>
  name.replace(/^[0-9]/, '_$&').replace(/[^A-Za-z0-9_]/g, char => `_x${char.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * The record of partition values of a spec.
 * @throws CatalogError UNSUPPORTED_FORMAT for a partition type this project does not write
 */
export function partitionRecordSchema(spec: PartitionSpec, schema: Schema): AvroRecordSchema {
  const fields = spec.fields.map(field => {
    const type = resultType(field, schema)
    const avroType = avroTypes[type]
    if (avroType === undefined)
      throw new CatalogError(
        'UNSUPPORTED_FORMAT',
        `partition field '${field.name}': type ${type} is not supported, only ${Object.keys(avroTypes).join(', ')}`,
      )
    return optional(avroName(field.name), avroType, field['field-id'])
  })
  return { type: 'record', name: 'r102', fields }
}

/**
 * The two tables: their columns, partitioning and properties as they are created, and whether a table that exists can
 * be written as such. Pure data and functions.
 *
 * Field ids are the listed order from 1; a map's key and value take the next free ones.
 */
import type { TableDefinition } from './catalog.ts'
import type { MapType, PartitionSpec, PrimitiveType, Schema, SchemaField, TableMetadata } from './tableMetadata.ts'

const required = (id: number, name: string, type: PrimitiveType, doc: string): SchemaField => ({
  id,
  name,
  required: true,
  type,
  doc,
})
const optional = (id: number, name: string, type: PrimitiveType | MapType, doc: string): SchemaField => ({
  id,
  name,
  required: false,
  type,
  doc,
})

const metadataType: MapType = {
  type: 'map',
  'key-id': 18,
  key: 'string',
  'value-id': 19,
  value: 'string',
  'value-required': false,
}

export const rawSchema: Schema = {
  type: 'struct',
  'schema-id': 0,
  fields: [
    optional(1, 'device_id', 'string', 'Device that sent the payload'),
    required(2, 'user_id', 'string', 'Person the sample is about'),
    required(3, 'sample_id', 'string', 'Identifier given by the source'),
    required(4, 'data_type', 'string', 'What was measured, e.g. heartRate'),
    required(5, 'value', 'double', 'Measured value, in `unit`'),
    optional(6, 'unit', 'string', 'Unit as sent'),
    required(7, 'start_date', 'timestamptz', 'Begin of the measurement'),
    required(8, 'end_date', 'timestamptz', 'End of the measurement'),
    optional(9, 'source_bundle', 'string', 'Application that measured'),
    optional(10, 'metadata', metadataType, 'Metadata of the sample as sent'),
    optional(11, 'is_synced', 'boolean', 'Synchronisation flag as sent'),
    optional(12, 'created_at', 'timestamptz', 'When the sample was created on the device'),
    optional(13, 'payload_timestamp', 'timestamptz', 'When the payload was sent'),
    optional(14, 'app_version', 'string', 'Version of the sending application'),
    required(15, 'processing_time', 'timestamptz', 'When the sample was validated'),
    optional(16, 'timezone', 'string', 'IANA time zone of the device'),
    optional(17, 'timezone_offset', 'int', 'Minutes east of UTC'),
  ],
}

export const errorsSchema: Schema = {
  type: 'struct',
  'schema-id': 0,
  fields: [
    optional(1, 'raw_payload', 'binary', 'The failing sample with its envelope, or the whole record'),
    required(2, 'error_type', 'string', 'Kind of failure'),
    required(3, 'error_reason', 'string', 'Rule that failed'),
    optional(4, 'error_message', 'string', 'Explanation, without values of the payload'),
    required(5, 'error_timestamp', 'timestamptz', 'When the failure was found'),
    optional(6, 'device_id', 'string', 'As in the raw table'),
    optional(7, 'user_id', 'string', 'As in the raw table'),
    optional(8, 'sample_id', 'string', 'As in the raw table'),
    optional(9, 'data_type', 'string', 'As in the raw table'),
    required(10, 'kafka_topic', 'string', 'Topic of the record'),
    required(11, 'kafka_partition', 'int', 'Partition of the record'),
    required(12, 'kafka_offset', 'long', 'Offset of the record'),
    optional(13, 'sample_index', 'int', 'Position in `samples`, from 0'),
    optional(14, 'app_version', 'string', 'As in the raw table'),
    required(15, 'processing_time', 'timestamptz', 'When the record was processed'),
  ],
}

export const rawSpec: PartitionSpec = {
  'spec-id': 0,
  fields: [
    { name: 'start_date_day', transform: 'day', 'source-id': 7, 'field-id': 1000 },
    { name: 'data_type', transform: 'identity', 'source-id': 4, 'field-id': 1001 },
  ],
}

export const errorsSpec: PartitionSpec = {
  'spec-id': 0,
  fields: [
    { name: 'error_timestamp_day', transform: 'day', 'source-id': 5, 'field-id': 1000 },
    { name: 'error_type', transform: 'identity', 'source-id': 2, 'field-id': 1001 },
  ],
}

/**
 * What both tables are created with; other engines obey it too. Bounds of a person's or a device's id would carry it
 * into the table's metadata, which outlives its rows: only counts are kept of them. History and manifests are bounded
 * for a table that is committed to every few seconds.
 */
const baseProperties: Readonly<Record<string, string>> = {
  'write.format.default': 'parquet',
  'write.target-file-size-bytes': '134217728',
  'write.parquet.compression-codec': 'zstd',
  'write.parquet.row-group-size-bytes': '134217728',
  'write.metadata.metrics.default': 'truncate(16)',
  'write.metadata.metrics.column.user_id': 'counts',
  'write.metadata.metrics.column.device_id': 'counts',
  'commit.retry.num-retries': '10',
  'commit.manifest.min-count-to-merge': '100',
  'commit.manifest.target-size-bytes': '8388608',
  'history.expire.max-snapshot-age-ms': '604800000',
  // A catalog with a server keeps every metadata file for ever otherwise.
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '100',
}

export const rawDefinition: TableDefinition = { schema: rawSchema, spec: rawSpec, properties: baseProperties }

export const errorsDefinition: TableDefinition = {
  schema: errorsSchema,
  spec: errorsSpec,
  properties: { ...baseProperties, 'write.metadata.metrics.column.raw_payload': 'counts' },
}

/** The schema that new files of the table are read with. */
export function currentSchema(table: TableMetadata): Schema {
  return found(
    table.schemas.find(schema => schema['schema-id'] === table['current-schema-id']),
    `current-schema-id ${table['current-schema-id']}`,
  )
}

/** The spec that new files of the table are partitioned by. */
export function currentSpec(table: TableMetadata): PartitionSpec {
  return found(
    table['partition-specs'].find(spec => spec['spec-id'] === table['default-spec-id']),
    `default-spec-id ${table['default-spec-id']}`,
  )
}

function found<T>(item: T | undefined, what: string): T {
  if (item === undefined) throw new RangeError(`table metadata has no ${what}`)
  return item
}

/**
 * What keeps this project from writing the table, for people; empty when nothing does. Columns of the user's own are
 * fine while they are optional, and so are other names: Iceberg knows columns by id.
 */
export function checkTableLayout(table: TableMetadata, definition: TableDefinition): string[] {
  if (table['format-version'] !== 2)
    return [`format-version is ${table['format-version']}, only 2 is written: use another table`]
  const theirs = new Map(currentSchema(table).fields.map(field => [field.id, field]))
  const ours = new Set(definition.schema.fields.map(field => field.id))
  return [
    ...definition.schema.fields.flatMap(field => fieldProblems(field, theirs.get(field.id))),
    ...[...theirs.values()]
      .filter(field => field.required && !ours.has(field.id))
      .map(field => `column ${field.name} (id ${field.id}) is required and not known here: make it optional`),
    ...specProblems(currentSpec(table), definition),
  ]
}

function fieldProblems(ours: SchemaField, theirs: SchemaField | undefined): string[] {
  const column = `column ${ours.name} (id ${ours.id})`
  if (theirs === undefined) return [`${column} is missing: its values would be lost; use another table`]
  if (typeName(theirs) !== typeName(ours))
    return [`${column} has type ${typeName(theirs)}, ${typeName(ours)} is written: use another table`]
  if (theirs.required && !ours.required) return [`${column} is required, nulls are written: make it optional`]
  return []
}

const typeName = ({ type }: SchemaField): string =>
  typeof type === 'string' ? type : `map<${type['key-id']}: ${type.key}, ${type['value-id']}: ${type.value}>`

function specProblems(theirs: PartitionSpec, { schema, spec }: TableDefinition): string[] {
  const describe = ({ fields }: PartitionSpec) =>
    fields.map(field => `${field.transform}(${columnName(schema, field['source-id'])})`).join(', ') || 'nothing'
  if (describe(theirs) === describe(spec)) return []
  return [`it is partitioned by ${describe(theirs)}, ${describe(spec)} is written: restore that partition spec`]
}

const columnName = (schema: Schema, id: number): string =>
  schema.fields.find(field => field.id === id)?.name ?? `id ${id}`

/**
 * Iceberg table metadata (format version 2) as the REST catalog specification spells it, and the changes to it.
 * Types only. Snapshot ids are bigint: they use 63 bits. Fields this project does not know are kept as they are.
 *
 * Source: apache/iceberg format/spec.md "Table Metadata Fields"; open-api/rest-catalog-open-api.yaml.
 */

export type PrimitiveType = 'string' | 'double' | 'timestamptz' | 'boolean' | 'int' | 'long' | 'binary' | (string & {})

export interface MapType {
  readonly type: 'map'
  readonly 'key-id': number
  readonly key: PrimitiveType
  readonly 'value-id': number
  readonly value: PrimitiveType
  readonly 'value-required': boolean
}

export interface SchemaField {
  readonly id: number
  readonly name: string
  readonly required: boolean
  readonly type: PrimitiveType | MapType
  readonly doc?: string
}

export interface Schema {
  readonly type: 'struct'
  readonly 'schema-id': number
  readonly fields: readonly SchemaField[]
}

export interface PartitionField {
  readonly name: string
  readonly transform: string
  readonly 'source-id': number
  readonly 'field-id': number
}

export interface PartitionSpec {
  readonly 'spec-id': number
  readonly fields: readonly PartitionField[]
}

export interface SnapshotRef {
  readonly 'snapshot-id': bigint
  readonly type: 'branch' | 'tag'
  readonly 'max-ref-age-ms'?: number | bigint
  readonly 'max-snapshot-age-ms'?: number | bigint
  readonly 'min-snapshots-to-keep'?: number
}

export interface Snapshot {
  readonly 'snapshot-id': bigint
  readonly 'parent-snapshot-id'?: bigint
  readonly 'sequence-number': number
  readonly 'timestamp-ms': number
  readonly 'manifest-list': string
  readonly summary: Readonly<Record<string, string>>
  readonly 'schema-id'?: number
}

export interface TableMetadata {
  readonly 'format-version': number
  readonly 'table-uuid': string
  readonly location: string
  readonly 'last-sequence-number': number
  readonly 'last-updated-ms': number
  readonly 'last-column-id': number
  readonly 'current-schema-id': number
  readonly schemas: readonly Schema[]
  readonly 'default-spec-id': number
  readonly 'partition-specs': readonly PartitionSpec[]
  readonly 'last-partition-id': number
  readonly 'default-sort-order-id': number
  readonly 'sort-orders': readonly unknown[]
  readonly properties: Readonly<Record<string, string>>
  readonly 'current-snapshot-id'?: bigint | null
  readonly refs: Readonly<Record<string, SnapshotRef>>
  readonly snapshots: readonly Snapshot[]
  readonly 'snapshot-log': readonly { readonly 'timestamp-ms': number; readonly 'snapshot-id': bigint }[]
  readonly 'metadata-log': readonly { readonly 'timestamp-ms': number; readonly 'metadata-file': string }[]
  readonly [unknown: string]: unknown
}

/** What must hold of the table for a commit to apply (REST specification, TableRequirement). */
export type Requirement =
  | { readonly type: 'assert-table-uuid'; readonly uuid: string }
  /** `snapshot-id` null: the ref must not exist. */
  | { readonly type: 'assert-ref-snapshot-id'; readonly ref: string; readonly 'snapshot-id': bigint | null }

/** A change to the table (REST specification, TableUpdate); those the project uses. */
export type Update =
  | { readonly action: 'add-snapshot'; readonly snapshot: Snapshot }
  | ({ readonly action: 'set-snapshot-ref'; readonly 'ref-name': string } & SnapshotRef)
  | { readonly action: 'remove-snapshot-ref'; readonly 'ref-name': string }
  | { readonly action: 'remove-snapshots'; readonly 'snapshot-ids': readonly bigint[] }
  | { readonly action: 'set-properties'; readonly updates: Readonly<Record<string, string>> }

/** A small table, data files that exist only as descriptions, and a clock and names that count. For tests of Iceberg files. */
import type { Catalog, TableDefinition, TableIdentifier } from '../../../runtime/iceberg/catalog.ts'
import type { DataFile } from '../../../runtime/iceberg/dataFile.ts'
import { describeManifest, encodeManifest, type NewManifest } from '../../../runtime/iceberg/manifest.ts'
import type { Storage } from '../../../runtime/iceberg/storage.ts'
import type { Snapshot, TableMetadata, Update } from '../../../runtime/iceberg/tableMetadata.ts'

export const identifier: TableIdentifier = { namespace: ['db'], name: 'samples' }

export const definition: TableDefinition = {
  schema: {
    type: 'struct',
    'schema-id': 0,
    fields: [
      { id: 1, name: 'at', required: true, type: 'timestamptz' },
      { id: 2, name: 'kind', required: false, type: 'string' },
      {
        id: 3,
        name: 'labels',
        required: false,
        type: { type: 'map', 'key-id': 4, key: 'string', 'value-id': 5, value: 'string', 'value-required': false },
      },
    ],
  },
  spec: {
    'spec-id': 0,
    fields: [
      { name: 'at_day', transform: 'day', 'source-id': 1, 'field-id': 1000 },
      { name: 'kind', transform: 'identity', 'source-id': 2, 'field-id': 1001 },
    ],
  },
  properties: { 'write.format.default': 'parquet' },
}

/** Names `<prefix>1`, `<prefix>2`, … */
export function counting(prefix = 'n'): () => string {
  let last = 0
  return () => `${prefix}${++last}`
}

export const dataFile = (location: string, day: number | null, kind: string | null, recordCount = 1): DataFile => ({
  location,
  fileSizeInBytes: 1000 + recordCount,
  recordCount,
  partition: [day, kind],
  metrics: {
    columnSizes: new Map([[1, 40]]),
    valueCounts: new Map([[1, recordCount]]),
    nullValueCounts: new Map([[2, 0]]),
    nanValueCounts: new Map(),
    lowerBounds: new Map([[2, Buffer.from('a')]]),
    upperBounds: new Map([[2, Buffer.from('b')]]),
  },
  splitOffsets: [4],
})

/** Writes a manifest of the files and describes it. */
export async function writeManifest(
  storage: Storage,
  location: string,
  files: readonly DataFile[],
): Promise<NewManifest> {
  const bytes = encodeManifest(files, definition)
  await storage.create(location, bytes)
  return describeManifest(location, bytes.length, files, definition.spec)
}

export const head = (table: TableMetadata): Snapshot | undefined =>
  table.snapshots.find(snapshot => snapshot['snapshot-id'] === table['current-snapshot-id'])

/** The snapshot added and main moved to it. */
export const appended = (snapshot: Snapshot): readonly Update[] => [
  { action: 'add-snapshot', snapshot },
  { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshot['snapshot-id'] },
]

/** Snapshot number `sequence` of a table, its manifest list only a name. */
export const snapshotOf = (sequence: number, id: bigint, timestampMs: number): Snapshot => ({
  'snapshot-id': id,
  'sequence-number': sequence,
  'timestamp-ms': timestampMs,
  'manifest-list': `file:///w/db/samples/metadata/snap-${id}.avro`,
  summary: { operation: 'append' },
  'schema-id': 0,
})

export async function commitSnapshot(
  catalog: Catalog,
  table: TableMetadata,
  snapshot: Snapshot,
): Promise<TableMetadata> {
  const main = table['current-snapshot-id'] ?? null
  return catalog.commitTable(
    identifier,
    [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': main }],
    appended(snapshot),
  )
}

/**
 * Manifests: the lists of data files that a snapshot is made of. Encodes new ones (ADDED entries that inherit snapshot id
 * and sequence numbers from the commit, so that every attempt reuses them), decodes those of any writer, encodes live
 * entries again for a merged manifest. Pure; it never opens a file.
 *
 * Source: apache/iceberg format/spec.md "Manifests", "Sequence Number Inheritance".
 */
import {
  AvroError,
  type AvroField,
  type AvroRecord,
  type AvroRecordSchema,
  ContainerEncoder,
  openContainer,
  recordsPerBlock,
} from './avro.ts'
import type { DataFile, ManifestFile } from './dataFile.ts'
import { type EntryStatus, entryStatus, type Manifest, type ManifestEntry, type OpenManifest } from './manifestEntry.ts'
import { deprecatedFileIds, entryIds, fileIds, manifestEntrySchema, partitionRecordSchema } from './manifestSchema.ts'
import { parseJson, stringifyJson } from './metadataJson.ts'
import { changedPartitions, PartitionBounds, type PartitionedFile } from './partitionSummary.ts'
import type { PartitionField, PartitionSpec, Schema } from './tableMetadata.ts'

/** A manifest that no snapshot lists yet, with what a snapshot summary tells of it. */
export interface NewManifest extends ManifestFile {
  readonly added_files_size: bigint
  /** One distinct text per partition with files in the manifest. */
  readonly changed_partitions: readonly string[]
}

const pairs = <T>(map: ReadonlyMap<number, T>): readonly AvroRecord[] =>
  Array.from(map, ([key, value]) => ({ key, value }))

const fieldsOf = (file: DataFile): ReadonlyMap<number, unknown> =>
  new Map<number, unknown>([
    [fileIds.content, 0],
    [fileIds.location, file.location],
    [fileIds.format, 'PARQUET'],
    [fileIds.recordCount, file.recordCount],
    [fileIds.fileSizeInBytes, file.fileSizeInBytes],
    [fileIds.columnSizes, pairs(file.metrics.columnSizes)],
    [fileIds.valueCounts, pairs(file.metrics.valueCounts)],
    [fileIds.nullValueCounts, pairs(file.metrics.nullValueCounts)],
    [fileIds.nanValueCounts, pairs(file.metrics.nanValueCounts)],
    [fileIds.lowerBounds, pairs(file.metrics.lowerBounds)],
    [fileIds.upperBounds, pairs(file.metrics.upperBounds)],
    [fileIds.splitOffsets, file.splitOffsets],
    [fileIds.sortOrderId, 0],
  ])

const newEntry = (file: DataFile): ManifestEntry => ({
  status: entryStatus.added,
  snapshotId: null,
  sequenceNumber: null,
  fileSequenceNumber: null,
  file: { ...file, content: 0, format: 'PARQUET', fields: fieldsOf(file) },
})

/**
 * A manifest of new data files.
 * @throws CatalogError UNSUPPORTED_FORMAT for a partition type this project does not write
 */
export const encodeManifest = (
  files: readonly DataFile[],
  { schema, spec }: { readonly schema: Schema; readonly spec: PartitionSpec },
): Buffer => {
  const encoder = new EntryEncoder(partitionRecordSchema(spec, schema), {
    schema: stringifyJson(schema),
    'schema-id': String(schema['schema-id']),
    'partition-spec': stringifyJson(spec.fields),
    'partition-spec-id': String(spec['spec-id']),
    'format-version': '2',
    content: 'data',
  })
  for (let at = 0; at < files.length; at += recordsPerBlock)
    encoder.add(files.slice(at, at + recordsPerBlock).map(newEntry))
  return encoder.finish()
}

/** Encodes a manifest of entries as they are; partition values are in the order of the partition record's fields. */
export class EntryEncoder {
  readonly #partition: AvroRecordSchema
  readonly #fileFields: readonly AvroField[]
  readonly #container: ContainerEncoder

  constructor(partition: AvroRecordSchema, header: Readonly<Record<string, string>>) {
    const { entry, fileFields } = manifestEntrySchema(partition)
    this.#partition = partition
    this.#fileFields = fileFields
    this.#container = new ContainerEncoder(entry, header)
  }

  /** Adds the entries as one block. */
  add(entries: readonly ManifestEntry[]): void {
    this.#container.add(entries.map(entry => this.#record(entry)))
  }

  finish(): Buffer {
    return this.#container.finish()
  }

  #record({ status, snapshotId, sequenceNumber, fileSequenceNumber, file }: ManifestEntry): AvroRecord {
    const dataFile: Record<string, unknown> = {}
    for (const { name, 'field-id': id } of this.#fileFields) dataFile[name] = file.fields.get(id!) ?? null
    dataFile.partition = Object.fromEntries(this.#partition.fields.map(({ name }, at) => [name, file.partition[at]]))
    return {
      status,
      snapshot_id: snapshotId,
      sequence_number: sequenceNumber,
      file_sequence_number: fileSequenceNumber,
      data_file: dataFile,
    }
  }
}

/** Counts and partition bounds of a manifest of new files, as the manifest list will carry them. */
export function describeManifest(
  location: string,
  length: number,
  files: readonly PartitionedFile[],
  spec: PartitionSpec,
): NewManifest {
  const bounds = new PartitionBounds(spec)
  for (const file of files) bounds.add(file)
  return {
    manifest_path: location,
    manifest_length: length,
    partition_spec_id: spec['spec-id'],
    content: 0,
    sequence_number: null,
    min_sequence_number: null,
    added_snapshot_id: null,
    added_files_count: files.length,
    existing_files_count: 0,
    deleted_files_count: 0,
    added_rows_count: sum(files, file => file.recordCount),
    existing_rows_count: 0n,
    deleted_rows_count: 0n,
    partitions: bounds.summaries(),
    key_metadata: null,
    added_files_size: sum(files, file => file.fileSizeInBytes),
    changed_partitions: changedPartitions(files),
  }
}

export const sum = <T>(items: readonly T[], of: (item: T) => number | bigint): bigint =>
  items.reduce((total, item) => total + BigInt(of(item)), 0n)

/** Name of each field by its id: names have changed between writers, ids have not. */
const namesById = (fields: readonly AvroField[]): ReadonlyMap<number, string> =>
  new Map(fields.flatMap(({ name, 'field-id': id }) => (id === undefined ? [] : [[id, name] as const])))

const nestedRecord = (fields: readonly AvroField[], id: number): AvroRecordSchema => {
  const type = fields.find(field => field['field-id'] === id)?.type
  if (typeof type === 'object' && type !== null && 'fields' in type) return type as AvroRecordSchema
  throw new AvroError('MALFORMED', `no record field of id ${id}: not a manifest`)
}

/**
 * A manifest of any writer and of format version 1 or 2.
 * @throws AvroError for bytes that are no manifest
 */
export function openManifest(bytes: Buffer): OpenManifest {
  const { header, schema, blocks } = openContainer(bytes)
  const fileSchema = nestedRecord(schema.fields, entryIds.dataFile)
  const partition = nestedRecord(fileSchema.fields, fileIds.partition)
  const entryNames = namesById(schema.fields)
  const fileNames = namesById(fileSchema.fields)
  const kept = namesById(manifestEntrySchema(partition).fileFields)
  const icebergHeader = Object.fromEntries([...header].filter(([key]) => !key.startsWith('avro.')))
  return {
    content: header.get('content') === 'deletes' ? 1 : 0,
    spec: specOf(header),
    partition,
    header: icebergHeader,
    reencodable:
      header.get('format-version') === '2' &&
      [...fileNames.keys()].every(id => kept.has(id) || deprecatedFileIds.has(id)),
    *blocks() {
      for (const records of blocks()) yield records.map(record => decodeEntry(record, entryNames, fileNames, partition))
    },
  }
}

/**
 * A manifest with all its entries.
 * @throws AvroError for bytes that are no manifest
 */
export function decodeManifest(bytes: Buffer): Manifest {
  const manifest = openManifest(bytes)
  return { ...manifest, entries: [...manifest.blocks()].flat() }
}

function specOf(header: ReadonlyMap<string, string>): PartitionSpec {
  const fields: unknown = parseJson(header.get('partition-spec') ?? 'null')
  const id = Number(header.get('partition-spec-id') ?? 0)
  if (!Array.isArray(fields) || !Number.isInteger(id))
    throw new AvroError('MALFORMED', "headers 'partition-spec' and 'partition-spec-id' hold no partition spec")
  return { 'spec-id': id, fields: fields as readonly PartitionField[] }
}

type Names = ReadonlyMap<number, string>

function decodeEntry(record: AvroRecord, names: Names, fileNames: Names, partition: AvroRecordSchema): ManifestEntry {
  const field = (id: number): unknown => record[names.get(id) ?? '']
  const id = (value: unknown): bigint | null => (typeof value === 'bigint' ? value : null)
  const dataFile = field(entryIds.dataFile) as AvroRecord
  const fields = new Map(Array.from(fileNames, ([fieldId, name]) => [fieldId, dataFile[name]]))
  const partitionRecord = fields.get(fileIds.partition) as AvroRecord
  return {
    status: field(entryIds.status) as EntryStatus,
    snapshotId: id(field(entryIds.snapshotId)),
    sequenceNumber: id(field(entryIds.sequenceNumber)),
    fileSequenceNumber: id(field(entryIds.fileSequenceNumber)),
    file: {
      content: Number(fields.get(fileIds.content) ?? 0),
      location: String(fields.get(fileIds.location)),
      format: String(fields.get(fileIds.format)),
      partition: partition.fields.map(({ name }) => partitionRecord[name]),
      recordCount: Number(fields.get(fileIds.recordCount)),
      fileSizeInBytes: Number(fields.get(fileIds.fileSizeInBytes)),
      fields,
    },
  }
}

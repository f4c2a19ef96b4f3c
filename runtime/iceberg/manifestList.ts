/**
 * Manifest lists: the manifests that make up a snapshot. Encodes and decodes those of format version 2, decodes those
 * that an upgraded table kept from version 1. Pure; it never opens a file.
 *
 * Source: apache/iceberg format/spec.md "Manifest Lists".
 */
import {
  AvroError,
  type AvroField,
  type AvroRecord,
  type AvroRecordSchema,
  allRecords,
  encodeContainer,
  openContainer,
} from './avro.ts'
import type { ManifestFile, PartitionFieldSummary } from './dataFile.ts'
import { fieldSummarySchema, manifestFileSchema } from './manifestSchema.ts'

/** The manifest list of a snapshot. Every manifest carries its numbers; inherited ones must have been filled in. */
export const encodeManifestList = (
  manifests: readonly ManifestFile[],
  snapshot: { readonly id: bigint; readonly parentId: bigint | undefined; readonly sequenceNumber: number },
): Buffer =>
  encodeContainer(manifestFileSchema, manifests as readonly (ManifestFile & AvroRecord)[], {
    'snapshot-id': String(snapshot.id),
    'parent-snapshot-id': String(snapshot.parentId ?? null),
    'sequence-number': String(snapshot.sequenceNumber),
    'format-version': '2',
  })

/** Absent from lists of format version 1, whose manifests are data of sequence number 0. */
const defaults: AvroRecord = { content: 0, sequence_number: 0n, min_sequence_number: 0n }

/** The record with the names of `target`, matched by field id; a field the writer did not know is undefined. */
function renamed(record: AvroRecord, writer: readonly AvroField[], target: AvroRecordSchema): AvroRecord {
  const names = new Map(writer.map(field => [field['field-id'], field.name]))
  return Object.fromEntries(target.fields.map(({ name, 'field-id': id }) => [name, record[names.get(id) ?? '']]))
}

/** Fields of the summary record inside the writer's schema; it stands below the array of `partitions`, in a union. */
function summaryFields(writer: AvroRecordSchema): readonly AvroField[] {
  const partitions = writer.fields.find(field => field['field-id'] === 507)?.type
  const branches: readonly unknown[] = Array.isArray(partitions) ? partitions : [partitions]
  for (const branch of branches)
    if (typeof branch === 'object' && branch !== null && 'items' in branch)
      return (branch.items as AvroRecordSchema).fields
  return fieldSummarySchema.fields
}

function decodeFile(record: AvroRecord, writer: AvroRecordSchema, summary: readonly AvroField[]): ManifestFile {
  const found = renamed(record, writer.fields, manifestFileSchema)
  const complete: Record<string, unknown> = { ...found }
  for (const { name, type } of manifestFileSchema.fields) {
    complete[name] = found[name] ?? defaults[name] ?? null
    if (complete[name] === null && !Array.isArray(type))
      throw new AvroError(
        'MALFORMED',
        `manifest list: '${name}' is missing; rewrite the table's manifests with an engine`,
      )
  }
  const partitions = found.partitions as readonly AvroRecord[] | null | undefined
  return {
    ...(complete as unknown as ManifestFile),
    manifest_length: Number(complete.manifest_length),
    partitions: partitions?.map(item => decodeSummary(renamed(item, summary, fieldSummarySchema))) ?? null,
  }
}

const decodeSummary = (item: AvroRecord): PartitionFieldSummary => ({
  contains_null: item.contains_null === true,
  contains_nan: typeof item.contains_nan === 'boolean' ? item.contains_nan : null,
  lower_bound: Buffer.isBuffer(item.lower_bound) ? item.lower_bound : null,
  upper_bound: Buffer.isBuffer(item.upper_bound) ? item.upper_bound : null,
})

/** @throws AvroError for bytes that are no manifest list */
export function decodeManifestList(bytes: Buffer): readonly ManifestFile[] {
  const container = openContainer(bytes)
  const summary = summaryFields(container.schema)
  return allRecords(container).map(record => decodeFile(record, container.schema, summary))
}

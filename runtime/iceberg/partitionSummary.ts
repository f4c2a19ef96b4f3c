/**
 * Partition summaries: per partition field, whether it is ever null and between which values it lies. A reader skips a
 * whole manifest by them, so what cannot be told exactly is not told at all. Pure.
 *
 * Source: apache/iceberg format/spec.md "Manifest Lists" (field_summary), appendix D "Single-value serialization".
 */
import type { PartitionFieldSummary } from './dataFile.ts'
import type { PartitionField, PartitionSpec } from './tableMetadata.ts'

export interface PartitionedFile {
  /** One value per field of the spec, in its order. */
  readonly partition: readonly unknown[]
  readonly recordCount: number
  readonly fileSizeInBytes: number
}

/** A value's bytes and how two such values compare. Undefined for a value whose type the spec alone does not tell. */
interface Order {
  readonly serialise: (value: never) => Buffer
  readonly compare: (a: never, b: never) => number
}

const int: Order = {
  serialise: (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    return bytes
  },
  compare: (a: number, b: number) => a - b,
}

const long: Order = {
  serialise: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
}

/** Iceberg orders strings by code point, as UTF-8 bytes do and UTF-16 units do not. */
const string: Order = {
  serialise: (value: string) => Buffer.from(value),
  compare: (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)),
}

const intTransforms = /^(day|month|year|hour|bucket\[\d+\])$/

/** A number of an identity may be an int, a date, a float or a double: no order is known. */
function orderOf(value: unknown, field: PartitionField): Order | undefined {
  if (typeof value === 'string') return string
  if (typeof value === 'bigint') return long
  return typeof value === 'number' && intTransforms.test(field.transform) ? int : undefined
}

function summarise(values: readonly unknown[], field: PartitionField): PartitionFieldSummary | undefined {
  const present = values.filter(value => value !== null) as never[]
  const base = { contains_null: present.length < values.length, contains_nan: false }
  if (present.length === 0) return { ...base, lower_bound: null, upper_bound: null }
  const order = orderOf(present[0], field)
  if (order === undefined) return undefined
  const lowest = present.reduce((a, b) => (order.compare(b, a) < 0 ? b : a))
  const highest = present.reduce((a, b) => (order.compare(b, a) > 0 ? b : a))
  return { ...base, lower_bound: order.serialise(lowest), upper_bound: order.serialise(highest) }
}

/**
 * One summary per field of the spec, or null for all of them where one cannot be told: readers take absent bounds for
 * "only nulls" and would skip the manifest, but read it when it has no summaries.
 */
export function partitionSummaries(
  files: readonly PartitionedFile[],
  spec: PartitionSpec,
): readonly PartitionFieldSummary[] | null {
  const summaries = spec.fields.map((field, at) =>
    summarise(
      files.map(file => file.partition[at] ?? null),
      field,
    ),
  )
  return summaries.every(summary => summary !== undefined) ? summaries : null
}

/** One text per distinct partition. */
export const changedPartitions = (files: readonly PartitionedFile[]): readonly string[] => [
  ...new Set(
    files.map(file => JSON.stringify(file.partition.map(value => (typeof value === 'bigint' ? `${value}n` : value)))),
  ),
]

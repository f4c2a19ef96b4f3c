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

class FieldBounds {
  readonly #field: PartitionField
  #order: Order | undefined
  #containsNull = false
  #unknown = false
  #lowest: unknown
  #highest: unknown

  constructor(field: PartitionField) {
    this.#field = field
  }

  add(value: unknown): void {
    if (value === null || value === undefined) {
      this.#containsNull = true
      return
    }
    const order = orderOf(value, this.#field)
    // Two orders in one field: values of a column whose type was promoted.
    if (order === undefined || (this.#order !== undefined && this.#order !== order)) {
      this.#unknown = true
      return
    }
    if (this.#order === undefined || order.compare(value as never, this.#lowest as never) < 0) this.#lowest = value
    if (this.#order === undefined || order.compare(value as never, this.#highest as never) > 0) this.#highest = value
    this.#order = order
  }

  summary(): PartitionFieldSummary | undefined {
    if (this.#unknown) return undefined
    const bound = (value: unknown): Buffer | null => this.#order?.serialise(value as never) ?? null
    return {
      contains_null: this.#containsNull,
      contains_nan: false,
      lower_bound: bound(this.#lowest),
      upper_bound: bound(this.#highest),
    }
  }
}

/** Gathers the summaries of a manifest file by file. */
export class PartitionBounds {
  readonly #fields: readonly FieldBounds[]

  constructor(spec: PartitionSpec) {
    this.#fields = spec.fields.map(field => new FieldBounds(field))
  }

  add({ partition }: PartitionedFile): void {
    this.#fields.forEach((field, at) => {
      field.add(partition[at])
    })
  }

  /**
   * One summary per field of the spec, or null for all of them where one cannot be told: readers take absent bounds for
   * "only nulls" and would skip the manifest, but read it when it has no summaries.
   */
  summaries(): readonly PartitionFieldSummary[] | null {
    const summaries = this.#fields.map(field => field.summary())
    return summaries.every(summary => summary !== undefined) ? summaries : null
  }
}

/** One text per distinct partition. */
export const changedPartitions = (files: readonly PartitionedFile[]): readonly string[] => [
  ...new Set(
    files.map(file => JSON.stringify(file.partition.map(value => (typeof value === 'bigint' ? `${value}n` : value)))),
  ),
]

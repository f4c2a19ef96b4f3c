/**
 * An Iceberg schema as Parquet sees it: leaf columns and schema elements. Pure. Types that the tables do not use are
 * refused, not guessed.
 *
 * Source: Iceberg spec "Parquet" (type mapping, field ids); parquet.thrift SchemaElement, LogicalType.
 */
import type { MapType, PrimitiveType, Schema, SchemaField } from '../tableMetadata.ts'
import { type ThriftCompactWriter, thriftElement } from './thriftCompact.ts'

export interface Leaf {
  readonly fieldId: number
  readonly path: readonly string[]
  readonly type: PrimitiveType
  readonly required: boolean
  /** Inside a map. */
  readonly repeated: boolean
}

/** The leaves of one field: itself, or a map's key and value. */
export function leavesOf(field: SchemaField): readonly Leaf[] {
  const { id: fieldId, name, required, type } = field
  if (typeof type === 'string') return [{ fieldId, path: [name], type, required, repeated: false }]
  const leaf = (id: number, part: string, partType: PrimitiveType, partRequired: boolean): Leaf => ({
    fieldId: id,
    path: [name, 'key_value', part],
    type: partType,
    required: partRequired,
    repeated: true,
  })
  return [leaf(type['key-id'], 'key', type.key, true), leaf(type['value-id'], 'value', type.value, false)]
}

interface PhysicalType {
  /** Parquet's `Type`. */
  readonly id: number
  /** Parquet's deprecated `ConvertedType`, for readers that know no logical types. */
  readonly convertedType?: number
  readonly logicalType?: 'string' | 'timestamp'
}

const physicalTypes: Readonly<Record<string, PhysicalType>> = {
  boolean: { id: 0 },
  int: { id: 1 },
  long: { id: 2 },
  timestamptz: { id: 2, convertedType: 10, logicalType: 'timestamp' },
  double: { id: 5 },
  string: { id: 6, convertedType: 0, logicalType: 'string' },
  binary: { id: 6 },
}
const mapConvertedType = 1

/** Parquet's `Type` of an Iceberg type. */
export function physicalTypeOf(type: PrimitiveType): PhysicalType {
  const physical = physicalTypes[type]
  if (physical === undefined) {
    throw new TypeError(`Iceberg type ${type} is not written by this encoder; it knows ${Object.keys(physicalTypes)}`)
  }
  return physical
}

const repetition = { required: 0, optional: 1, repeated: 2 } as const
type Repetition = keyof typeof repetition

/** Field 2 of FileMetaData: the schema, depth first. */
export function writeSchemaElements(out: ThriftCompactWriter, schema: Schema): void {
  const elements = [
    rootElement(out, schema.fields.length),
    ...schema.fields.flatMap(field => fieldElements(out, field)),
  ]
  out.list(2, thriftElement.struct, elements, write => out.structBody(write))
}

const rootElement = (out: ThriftCompactWriter, children: number) => () => {
  out.binary(4, 'table')
  out.i32(5, children)
}

function fieldElements(out: ThriftCompactWriter, { id, name, required, type }: SchemaField): (() => void)[] {
  const repeats = required ? 'required' : 'optional'
  return typeof type === 'string'
    ? [leafElement(out, name, repeats, id, type)]
    : mapElements(out, name, repeats, id, type)
}

function mapElements(
  out: ThriftCompactWriter,
  name: string,
  repeats: Repetition,
  id: number,
  type: MapType,
): (() => void)[] {
  return [
    () => {
      out.i32(3, repetition[repeats])
      out.binary(4, name)
      out.i32(5, 1)
      out.i32(6, mapConvertedType)
      out.i32(9, id)
      out.struct(10, () => out.struct(2))
    },
    () => {
      out.i32(3, repetition.repeated)
      out.binary(4, 'key_value')
      out.i32(5, 2)
    },
    leafElement(out, 'key', 'required', type['key-id'], type.key),
    leafElement(out, 'value', 'optional', type['value-id'], type.value),
  ]
}

const leafElement =
  (out: ThriftCompactWriter, name: string, repeats: Repetition, fieldId: number, type: PrimitiveType) => () => {
    const physical = physicalTypeOf(type)
    out.i32(1, physical.id)
    out.i32(3, repetition[repeats])
    out.binary(4, name)
    if (physical.convertedType !== undefined) out.i32(6, physical.convertedType)
    out.i32(9, fieldId)
    if (physical.logicalType === 'string') out.struct(10, () => out.struct(1))
    if (physical.logicalType === 'timestamp') out.struct(10, () => writeTimestampType(out))
  }

/** TIMESTAMP(isAdjustedToUTC, MICROS). */
function writeTimestampType(out: ThriftCompactWriter): void {
  out.struct(8, () => {
    out.boolean(1, true)
    out.struct(2, () => out.struct(2))
  })
}

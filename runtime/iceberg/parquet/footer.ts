/**
 * The footer of a Parquet file (FileMetaData) and the headers of its pages, in Thrift. Pure: what it is told is what it
 * writes.
 *
 * Source: apache/parquet-format src/main/thrift/parquet.thrift.
 */
import type { Schema } from '../tableMetadata.ts'
import { type Bounds, type ColumnChunk, encoding } from './columnChunk.ts'
import { type Leaf, physicalTypeOf, writeSchemaElements } from './leaves.ts'
import { ThriftCompactWriter, thriftElement } from './thriftCompact.ts'

/** A column chunk that lies in the file. */
export interface WrittenChunk {
  readonly leaf: Leaf
  readonly statistics: Pick<ColumnChunk, 'valueCount' | 'nullCount' | 'nanCount' | 'bounds'>
  readonly encodings: readonly number[]
  readonly codecId: number
  /** Offset of the dictionary page, where there is one. */
  readonly dictionaryOffset: number | undefined
  readonly dataOffset: number
  /** Page headers included. */
  readonly uncompressedBytes: number
  readonly compressedBytes: number
}

export interface WrittenRowGroup {
  readonly offset: number
  readonly rows: number
  readonly chunks: readonly WrittenChunk[]
}

const createdBy = 'healthconsumer version 1.0.0 (build 1)'
/** A longer bound is left out of the footer: readers take a missing one as unknown. */
const longestBound = 256

export interface PageHeader {
  readonly kind: 'data' | 'dictionary'
  readonly valueCount: number
  readonly encoding: number
  readonly uncompressedBytes: number
  readonly compressedBytes: number
}

export function encodePageHeader(header: PageHeader): Buffer {
  const out = new ThriftCompactWriter()
  out.structBody(() => {
    out.i32(1, header.kind === 'data' ? 0 : 2)
    out.i32(2, header.uncompressedBytes)
    out.i32(3, header.compressedBytes)
    out.struct(header.kind === 'data' ? 5 : 7, () => {
      out.i32(1, header.valueCount)
      out.i32(2, header.encoding)
      if (header.kind === 'data') {
        out.i32(3, encoding.rle)
        out.i32(4, encoding.rle)
      }
    })
  })
  return out.bytes()
}

export function encodeFooter(schema: Schema, rowGroups: readonly WrittenRowGroup[]): Buffer {
  const out = new ThriftCompactWriter()
  const leaves = rowGroups[0]?.chunks ?? []
  out.structBody(() => {
    out.i32(1, 1)
    writeSchemaElements(out, schema)
    out.i64(
      3,
      sum(rowGroups, group => group.rows),
    )
    out.list(4, thriftElement.struct, [...rowGroups.entries()], ([ordinal, group]) =>
      writeRowGroup(out, group, ordinal),
    )
    out.binary(6, createdBy)
    // TypeDefinedOrder of every leaf: without it readers ignore min_value and max_value.
    out.list(7, thriftElement.struct, leaves, () => out.structBody(() => out.struct(1)))
  })
  return out.bytes()
}

function writeRowGroup(out: ThriftCompactWriter, { offset, rows, chunks }: WrittenRowGroup, ordinal: number): void {
  out.structBody(() => {
    out.list(1, thriftElement.struct, chunks, chunk => writeColumnChunk(out, chunk))
    out.i64(
      2,
      sum(chunks, chunk => chunk.uncompressedBytes),
    )
    out.i64(3, rows)
    out.i64(5, offset)
    out.i64(
      6,
      sum(chunks, chunk => chunk.compressedBytes),
    )
    out.i16(7, ordinal)
  })
}

function writeColumnChunk(out: ThriftCompactWriter, written: WrittenChunk): void {
  const { leaf, statistics } = written
  out.structBody(() => {
    out.i64(2, written.dictionaryOffset ?? written.dataOffset)
    out.struct(3, () => {
      out.i32(1, physicalTypeOf(leaf.type).id)
      out.list(2, thriftElement.i32, written.encodings, id => out.zigzag(id))
      out.list(3, thriftElement.binary, leaf.path, part => out.binaryBody(part))
      out.i32(4, written.codecId)
      out.i64(5, statistics.valueCount)
      out.i64(6, written.uncompressedBytes)
      out.i64(7, written.compressedBytes)
      out.i64(9, written.dataOffset)
      if (written.dictionaryOffset !== undefined) out.i64(11, written.dictionaryOffset)
      out.struct(12, () => writeStatistics(out, leaf, statistics))
    })
  })
}

function writeStatistics(
  out: ThriftCompactWriter,
  leaf: Leaf,
  { nullCount, bounds }: WrittenChunk['statistics'],
): void {
  out.i64(3, nullCount)
  if (bounds === undefined || leaf.type === 'binary') return
  const { lower, upper } = leaf.type === 'double' ? zeroWidened(bounds) : bounds
  if (upper.length <= longestBound) out.binary(5, upper)
  if (lower.length <= longestBound) out.binary(6, lower)
}

/** parquet.thrift, ColumnOrder: a least value of zero is written as -0, a greatest as +0. */
function zeroWidened({ lower, upper }: Bounds): Bounds {
  const zero = (sign: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(sign * 0)
    return bytes
  }
  return {
    lower: lower.readDoubleLE() === 0 ? zero(-1) : lower,
    upper: upper.readDoubleLE() === 0 ? zero(1) : upper,
  }
}

const sum = <T>(items: readonly T[], amount: (item: T) => number): number =>
  items.reduce((total, item) => total + amount(item), 0)

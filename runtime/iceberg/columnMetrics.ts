/**
 * What a manifest keeps of a data file's columns: which metrics a column's mode asks for, and bounds cut to its length.
 * Pure. A bound that is wrong loses rows silently in every reader, so one that cannot be made is left out.
 *
 * As Iceberg's own Parquet writer does: leaves inside a map have a size and nothing else; mode `none` keeps nothing.
 * Source: Iceberg spec "Manifests", appendix D; docs/configuration "write.metadata.metrics"; ParquetMetrics.java.
 */
import type { ColumnMetrics } from './dataFile.ts'
import type { Bounds } from './parquet/columnChunk.ts'
import type { WrittenChunk, WrittenRowGroup } from './parquet/footer.ts'
import type { PrimitiveType, TableMetadata } from './tableMetadata.ts'
import { currentSchema } from './tables.ts'

/** `truncate` of Infinity is the mode `full`. */
export type MetricsMode =
  | { readonly keep: 'none' }
  | { readonly keep: 'counts' }
  | { readonly keep: 'bounds'; readonly truncate: number }

/** Mode of each column by field id; a field that is absent has the default. */
export interface MetricsModes {
  readonly default: MetricsMode
  readonly columns: ReadonlyMap<number, MetricsMode>
}

const modeProperty = 'write.metadata.metrics.default'
const columnProperty = 'write.metadata.metrics.column.'

/**
 * What says who a person is: bounds would carry it into metadata that outlives the rows. A table that somebody else created
 * has no modes for them, so only a mode of their own, never the default, may ask for bounds.
 */
const identifying: ReadonlySet<string> = new Set(['user_id', 'device_id', 'raw_payload'])

/** The table's modes. One that is not understood keeps counts only: safe for pruning, and it gives no value away. */
export function metricsModesOf(table: TableMetadata): MetricsModes {
  const byDefault = parseMode(table.properties[modeProperty] ?? 'truncate(16)')
  const columns = new Map<number, MetricsMode>()
  for (const { id, name } of currentSchema(table).fields) {
    const text = table.properties[columnProperty + name]
    if (text !== undefined) columns.set(id, parseMode(text))
    else if (identifying.has(name) && byDefault.keep === 'bounds') columns.set(id, { keep: 'counts' })
  }
  return { default: byDefault, columns }
}

function parseMode(text: string): MetricsMode {
  const mode = text.trim().toLowerCase()
  if (mode === 'none') return { keep: 'none' }
  if (mode === 'full') return { keep: 'bounds', truncate: Number.POSITIVE_INFINITY }
  const length = /^truncate\(\s*([1-9]\d*)\s*\)$/.exec(mode)?.[1]
  return length === undefined ? { keep: 'counts' } : { keep: 'bounds', truncate: Number(length) }
}

/** Metrics of a whole file. */
export function columnMetrics(rowGroups: readonly WrittenRowGroup[], modes: MetricsModes): ColumnMetrics {
  const metrics = {
    columnSizes: new Map<number, number>(),
    valueCounts: new Map<number, number>(),
    nullValueCounts: new Map<number, number>(),
    nanValueCounts: new Map<number, number>(),
    lowerBounds: new Map<number, Buffer>(),
    upperBounds: new Map<number, Buffer>(),
  }
  const add = (counts: Map<number, number>, id: number, amount: number) =>
    counts.set(id, (counts.get(id) ?? 0) + amount)
  for (const [leafIndex, { leaf }] of (rowGroups[0]?.chunks ?? []).entries()) {
    const id = leaf.fieldId
    const mode = modes.columns.get(id) ?? modes.default
    if (mode.keep === 'none') continue
    const chunks = rowGroups.map(group => group.chunks[leafIndex]!)
    for (const { compressedBytes, statistics } of chunks) {
      add(metrics.columnSizes, id, compressedBytes)
      if (leaf.repeated) continue
      add(metrics.valueCounts, id, statistics.valueCount)
      add(metrics.nullValueCounts, id, statistics.nullCount)
      if (leaf.type === 'double') add(metrics.nanValueCounts, id, statistics.nanCount)
    }
    const bounds = mode.keep === 'bounds' && !leaf.repeated ? widest(leaf.type, chunks) : undefined
    if (bounds === undefined || mode.keep !== 'bounds') continue
    metrics.lowerBounds.set(id, truncateLower(leaf.type, bounds.lower, mode.truncate))
    const upper = truncateUpper(leaf.type, bounds.upper, mode.truncate)
    if (upper !== undefined) metrics.upperBounds.set(id, upper)
  }
  return metrics
}

function widest(type: PrimitiveType, chunks: readonly WrittenChunk[]): Bounds | undefined {
  const all = chunks.flatMap(({ statistics: { bounds } }) => (bounds === undefined ? [] : [bounds]))
  if (all.length === 0) return undefined
  return all.reduce((wide, next) => ({
    lower: compareBounds(type, next.lower, wide.lower) < 0 ? next.lower : wide.lower,
    upper: compareBounds(type, next.upper, wide.upper) > 0 ? next.upper : wide.upper,
  }))
}

/** Order of two values in single-value serialisation. Negative, zero or positive. */
export function compareBounds(type: PrimitiveType, left: Buffer, right: Buffer): number {
  switch (type) {
    case 'int':
      return left.readInt32LE() - right.readInt32LE()
    case 'long':
    case 'timestamptz':
      return (
        Number(left.readBigInt64LE() > right.readBigInt64LE()) - Number(left.readBigInt64LE() < right.readBigInt64LE())
      )
    case 'double':
      return compareDoubles(left.readDoubleLE(), right.readDoubleLE())
    default:
      return Buffer.compare(left, right)
  }
}

/** -0 lies below +0. */
const compareDoubles = (left: number, right: number): number =>
  left === right ? Number(Object.is(right, -0)) - Number(Object.is(left, -0)) : left < right ? -1 : 1

/** The greatest value of at most `length` code points (binary: bytes) that is not above `bound`. */
export function truncateLower(type: PrimitiveType, bound: Buffer, length: number): Buffer {
  if (type === 'binary') return bound.subarray(0, length)
  return type === 'string' ? bound.subarray(0, codePointsEnd(bound, length)) : bound
}

/** A value of at most `length` code points (binary: bytes) that is not below `bound`; undefined where there is none. */
export function truncateUpper(type: PrimitiveType, bound: Buffer, length: number): Buffer | undefined {
  if (type === 'string') {
    const end = codePointsEnd(bound, length)
    return end === bound.length ? bound : incrementString(bound.toString('utf8', 0, end))
  }
  return type === 'binary' && bound.length > length ? incrementBytes(bound.subarray(0, length)) : bound
}

/** Byte offset just past the first `count` code points. */
function codePointsEnd(utf8: Buffer, count: number): number {
  let seen = 0
  for (let at = 0; at < utf8.length; at++) {
    const beginsCodePoint = (utf8[at]! & 0xc0) !== 0x80
    if (beginsCodePoint && ++seen > count) return at
  }
  return utf8.length
}

/** The least string, no longer, above every string that `prefix` begins. */
function incrementString(prefix: string): Buffer | undefined {
  const points = Array.from(prefix, character => character.codePointAt(0)!)
  while (points.length > 0) {
    const last = points.pop()!
    // Surrogates are no characters; the next one after U+D7FF is U+E000.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    if (next <= 0x10ffff) return Buffer.from(String.fromCodePoint(...points, next))
  }
  return undefined
}

function incrementBytes(prefix: Buffer): Buffer | undefined {
  const end = prefix.findLastIndex(byte => byte !== 0xff) + 1
  if (end === 0) return undefined
  const bytes = Buffer.from(prefix.subarray(0, end))
  bytes[end - 1] = bytes[end - 1]! + 1
  return bytes
}

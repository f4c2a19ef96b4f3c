/**
 * What a column encodes to: the pages of one leaf in one row group, before compression, with their statistics; and the
 * loop that cuts a flat column into pages. It knows no file, no codec and no field id.
 *
 * Source: apache/parquet-format README "Data Pages", Encodings.md.
 */
import type { DefinitionLevels } from './definitionLevels.ts'
import { bitWidth, encodeHybrid, widestPacking } from './hybridEncoding.ts'

/** Parquet's `Encoding`. */
export const encoding = { plain: 0, rle: 3, rleDictionary: 8 } as const

/** Least and greatest value in PLAIN form (a byte array without its length), which is Iceberg's form too. */
export interface Bounds {
  readonly lower: Buffer
  readonly upper: Buffer
}

export interface DataPage {
  /** Entries, nulls included. */
  readonly valueCount: number
  readonly encoding: number
  readonly bytes: Buffer
}

export interface ColumnChunk {
  /** Entries of all pages, nulls included. */
  readonly valueCount: number
  readonly nullCount: number
  /** Zero for all but doubles. */
  readonly nanCount: number
  /** Absent where no value is comparable: all null, all NaN. */
  readonly bounds: Bounds | undefined
  readonly dictionary: { readonly bytes: Buffer; readonly count: number } | undefined
  readonly pages: readonly DataPage[]
}

/** One column of one row group while rows are gathered. */
export interface Column {
  /** One chunk per leaf: one, or a map's key and value. */
  encode(required: boolean): readonly ColumnChunk[]
}

/** The non-null values of a chunk, ready to be cut into pages. */
export interface ChunkValues {
  readonly encoding: number
  readonly dictionary?: { readonly bytes: Buffer; readonly count: number }
  /** Bytes that one value takes on average, to bound a page. */
  readonly averageBytes: number
  /** Values [from, to) as a page holds them. */
  page(from: number, to: number): Buffer[]
}

export interface ChunkStatistics {
  readonly bounds: Bounds | undefined
  readonly nanCount?: number
}

const entriesPerPage = 20_000
const bytesPerPage = 1024 * 1024

/** Entries of a page that stays near a mebibyte. */
export function pageEntries(values: ChunkValues): number {
  return Math.max(1, Math.min(entriesPerPage, Math.floor(bytesPerPage / Math.max(1, values.averageBytes))))
}

/** Whether a dictionary page and indexes are smaller than the values: at most half of them are distinct. */
export const dictionaryPays = (distinct: number, values: number): boolean =>
  distinct > 0 && distinct * 2 <= values && distinct <= 1 << widestPacking

/** Values as indexes into a dictionary page; a page begins with the width of an index. */
export function dictionaryValues(indexes: Int32Array, bytes: Buffer, count: number): ChunkValues {
  const width = bitWidth(count - 1)
  return {
    encoding: encoding.rleDictionary,
    dictionary: { bytes, count },
    averageBytes: width / 8,
    page: (from, to) => [Buffer.of(width), encodeHybrid(indexes, from, to, width)],
  }
}

/** A body with its length before it, as a v1 data page holds levels. */
export function lengthPrefixed(body: Buffer): Buffer[] {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32LE(body.length)
  return [length, body]
}

/** The chunk of a flat column. */
export function encodeChunk(
  levels: DefinitionLevels,
  values: ChunkValues,
  { bounds, nanCount = 0 }: ChunkStatistics,
  required: boolean,
): ColumnChunk {
  const pages: DataPage[] = []
  for (const { from, to, valuesFrom, valuesTo } of levels.pages(pageEntries(values))) {
    const levelBytes = required ? [] : lengthPrefixed(levels.encode(from, to))
    const bytes = Buffer.concat([...levelBytes, ...values.page(valuesFrom, valuesTo)])
    pages.push({ valueCount: to - from, encoding: values.encoding, bytes })
  }
  return {
    valueCount: levels.rows,
    nullCount: levels.nulls,
    nanCount,
    bounds,
    dictionary: values.dictionary,
    pages,
  }
}

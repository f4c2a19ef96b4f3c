/**
 * Composes one Parquet file in memory: column chunks are compressed and laid out as they come, row group by row group.
 * It never touches storage. A file is written once: after `finish` the writer is spent.
 *
 * Source: apache/parquet-format README "File format".
 */
import type { Schema } from '../tableMetadata.ts'
import { type ColumnChunk, encoding } from './columnChunk.ts'
import { type Codec, uncompressed } from './compression.ts'
import { encodeFooter, encodePageHeader, type PageHeader, type WrittenChunk, type WrittenRowGroup } from './footer.ts'
import type { Leaf } from './leaves.ts'

const magic = Buffer.from('PAR1')

/** A smaller chunk is stored as it is: a codec's set-up costs more than it saves, and each chunk names its codec. */
const smallestCompressed = 1024

export class ParquetFileWriter {
  readonly #schema: Schema
  readonly #codec: Codec
  readonly #parts: Buffer[] = [magic]
  readonly #rowGroups: WrittenRowGroup[] = []
  #chunks: WrittenChunk[] = []
  #length = magic.length
  #rowGroupOffset = magic.length

  constructor(schema: Schema, codec: Codec) {
    this.#schema = schema
    this.#codec = codec
  }

  /** Bytes so far, without the footer. */
  get length(): number {
    return this.#length
  }

  get rowGroups(): readonly WrittenRowGroup[] {
    return this.#rowGroups
  }

  /** The next leaf of the current row group; leaves come in schema order. */
  writeChunk(leaf: Leaf, chunk: ColumnChunk): void {
    const { dictionary, pages } = chunk
    const size = pages.reduce((total, page) => total + page.bytes.length, dictionary?.bytes.length ?? 0)
    const codec = size < smallestCompressed ? uncompressed : this.#codec
    const start = this.#length
    let uncompressedBytes = 0
    if (dictionary !== undefined) {
      const header = { kind: 'dictionary', valueCount: dictionary.count, encoding: encoding.plain } as const
      uncompressedBytes += this.#writePage(header, dictionary.bytes, codec)
    }
    const dataOffset = this.#length
    for (const { bytes, ...page } of pages)
      uncompressedBytes += this.#writePage({ kind: 'data', ...page }, bytes, codec)
    const { valueCount, nullCount, nanCount, bounds } = chunk
    this.#chunks.push({
      leaf,
      statistics: { valueCount, nullCount, nanCount, bounds },
      encodings: encodingsOf(chunk),
      codecId: codec.id,
      dictionaryOffset: dictionary === undefined ? undefined : start,
      dataOffset,
      uncompressedBytes,
      compressedBytes: this.#length - start,
    })
  }

  endRowGroup(rows: number): void {
    this.#rowGroups.push({ offset: this.#rowGroupOffset, rows, chunks: this.#chunks })
    this.#chunks = []
    this.#rowGroupOffset = this.#length
  }

  /** The whole file. */
  finish(): Buffer {
    const footer = encodeFooter(this.#schema, this.#rowGroups)
    const footerLength = Buffer.allocUnsafe(4)
    footerLength.writeUInt32LE(footer.length)
    return Buffer.concat([...this.#parts, footer, footerLength, magic])
  }

  /** Uncompressed size of the page and its header. */
  #writePage(page: Omit<PageHeader, 'uncompressedBytes' | 'compressedBytes'>, bytes: Buffer, codec: Codec): number {
    const compressed = codec.compress(bytes)
    const header = encodePageHeader({
      ...page,
      uncompressedBytes: bytes.length,
      compressedBytes: compressed.length,
    })
    this.#parts.push(header, compressed)
    this.#length += header.length + compressed.length
    return header.length + bytes.length
  }
}

function encodingsOf({ dictionary, pages }: ColumnChunk): readonly number[] {
  const dataEncodings = pages.map(page => page.encoding)
  return [...new Set<number>([encoding.rle, ...(dictionary === undefined ? [] : [encoding.plain]), ...dataEncodings])]
}

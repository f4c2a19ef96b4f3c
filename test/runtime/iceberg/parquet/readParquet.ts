/** Reads Parquet with hyparquet, an implementation that shares nothing with ours. For tests. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet'
import { uncompressSync } from 'snappy'

export type Cell = string | number | bigint | boolean | null | Uint8Array | { readonly [key: string]: string }

const micros = (value: bigint): bigint => value

/** Rows by column name: timestamps are bigint microseconds, a map is an object, a column that is absent is null. */
export async function readRows(bytes: Buffer): Promise<Record<string, Cell>[]> {
  return await parquetReadObjects({
    file: { byteLength: bytes.length, slice: (start, end) => copy(bytes.subarray(start, end)) },
    compressors: {
      ZSTD: input => zstdDecompressSync(input),
      GZIP: input => gunzipSync(input),
      SNAPPY: input => uncompressSync(Buffer.from(input)) as Buffer,
    },
    parsers: { timestampFromMicroseconds: micros },
    utf8: false,
    geoparquet: false,
  })
}

export const readFooter = (bytes: Buffer): FileMetaData => parquetMetadata(copy(bytes), { geoparquet: false })

/** An ArrayBuffer of these bytes only. */
function copy(bytes: Buffer): ArrayBuffer {
  const copied = new ArrayBuffer(bytes.length)
  Buffer.from(copied).set(bytes)
  return copied
}

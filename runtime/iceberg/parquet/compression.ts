/** Parquet's compression codecs, as block functions. Pure. Source: apache/parquet-format Compression.md. */
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { compressSync as snappyCompressSync } from 'snappy'

export const compressionNames = ['zstd', 'snappy', 'gzip', 'none'] as const
export type CompressionName = (typeof compressionNames)[number]

export interface Compression {
  readonly name: CompressionName
  /** Of zstd (1 … 22) and gzip (1 … 9); their own fast setting, 1, where absent. */
  readonly level?: number
}

export interface Codec {
  /** Parquet's `CompressionCodec`. */
  readonly id: number
  compress(bytes: Buffer): Buffer
}

export const uncompressed: Codec = { id: 0, compress: bytes => bytes }

export function codecOf({ name, level = 1 }: Compression): Codec {
  switch (name) {
    case 'none':
      return uncompressed
    case 'snappy':
      return { id: 1, compress: bytes => snappyCompressSync(bytes) }
    case 'gzip':
      return { id: 2, compress: bytes => gzipSync(bytes, { level }) }
    case 'zstd': {
      const params = { [constants.ZSTD_c_compressionLevel]: level }
      return { id: 6, compress: bytes => zstdCompressSync(bytes, { params, chunkSize: outputSize(bytes.length) }) }
    }
  }
}

/** Room for the whole result, so that it comes in one piece: zstd's own bound on the size of incompressible input. */
const outputSize = (length: number): number => Math.max(64, length + (length >> 8) + 64)

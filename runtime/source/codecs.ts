/**
 * The compression codecs of Kafka's record batches, by number. `registerCodecs` gives them to kafkajs' producers; our
 * own decoding calls `decompress`. It knows bytes only, never records.
 *
 * Snappy has two shapes on the wire: Java clients wrap it in xerial frames, librdkafka writes a raw block. Both are
 * read; xerial is written. LZ4 is the LZ4 frame format, zstd and gzip are their standard ones.
 */
import { promisify } from 'node:util'
import { gunzip, gzip, zstdCompress, zstdDecompress } from 'node:zlib'
import lz4 from 'lz4-napi'
import snappy from 'snappy'
import { kafkajsCodecs } from './kafkajsInternals.ts'
import { SourceError } from './sourceError.ts'

interface Codec {
  readonly name: string
  compress(bytes: Buffer): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

/** The magic of snappy-java's SnappyOutputStream, followed by two int32 versions and length-prefixed blocks. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeader = Buffer.concat([xerialMagic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
const xerialBlockSize = 32 * 1024

async function compressXerial(bytes: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [xerialHeader]
  for (let start = 0; start < bytes.length; start += xerialBlockSize) {
    const block = await snappy.compress(bytes.subarray(start, start + xerialBlockSize))
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

async function decompressSnappy(bytes: Buffer): Promise<Buffer> {
  if (!bytes.subarray(0, xerialMagic.length).equals(xerialMagic)) return decompressBlock(bytes)
  const blocks: Promise<Buffer>[] = []
  for (let position = xerialHeader.length; position < bytes.length; ) {
    const end = position + 4 + bytes.readInt32BE(position)
    if (end <= position || end > bytes.length) throw new RangeError('a snappy block past the end')
    blocks.push(decompressBlock(bytes.subarray(position + 4, end)))
    position = end
  }
  return Buffer.concat(await Promise.all(blocks))
}

async function decompressBlock(block: Buffer): Promise<Buffer> {
  const bytes = await snappy.uncompress(block, { asBuffer: true })
  return typeof bytes === 'string' ? Buffer.from(bytes) : bytes
}

/** By the number in a batch's attributes. */
const codecs: Readonly<Record<number, Codec>> = {
  1: { name: 'gzip', compress: promisify(gzip), decompress: promisify(gunzip) },
  2: { name: 'snappy', compress: compressXerial, decompress: decompressSnappy },
  3: { name: 'lz4', compress: bytes => lz4.compressFrame(bytes), decompress: bytes => lz4.decompressFrame(bytes) },
  4: { name: 'zstd', compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) },
}

/** `codec` 0 is none. Throws SourceError `CORRUPT_DATA`. */
export async function decompress(codec: number, bytes: Buffer): Promise<Buffer> {
  if (codec === 0) return bytes
  const found = codecs[codec]
  if (found === undefined)
    throw new SourceError('CORRUPT_DATA', `compression codec ${codec} is unknown: use none, gzip, snappy, lz4 or zstd`)
  try {
    return await found.decompress(bytes)
  } catch (error) {
    throw new SourceError('CORRUPT_DATA', `a record batch does not decompress as ${found.name}`, error)
  }
}

/** Lets kafkajs' producers write all four; safe to call again. */
export function registerCodecs(): void {
  for (const [number, { compress, decompress }] of Object.entries(codecs)) {
    const codec = { compress: ({ buffer }: { buffer: Buffer }) => compress(buffer), decompress }
    kafkajsCodecs[Number(number)] = () => codec
  }
}

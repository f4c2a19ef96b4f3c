/**
 * Avro object container files in memory. Record bodies are avsc's, the container is written here because avsc's own
 * drops attributes it does not know from the schema, and with them Iceberg's field ids. Longs are bigint. Pure: the sync
 * marker is a digest of the contents. It never opens a file.
 * Source: Avro 1.12 specification, "Object Container Files".
 */
import { createHash } from 'node:crypto'
import { crc32, deflateRawSync, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import avro, { type Schema, type Type } from 'avsc'
import snappy from 'snappy'

export interface AvroField {
  readonly name: string
  /** Any Avro schema: a name, a union or an object. */
  readonly type: unknown
  readonly default?: null
  readonly 'field-id'?: number
}

export interface AvroRecordSchema {
  readonly type: 'record'
  readonly name: string
  readonly fields: readonly AvroField[]
}

/** A decoded record, by field name: long is bigint, bytes and fixed are Buffer, a union is the bare value. */
export type AvroRecord = Readonly<Record<string, unknown>>

export interface AvroContainer {
  readonly header: ReadonlyMap<string, string>
  /** The writer's schema as it stands in the header, every attribute kept. */
  readonly schema: AvroRecordSchema
  /** The records, a block at a time: a block is decoded when it is asked for. Throws AvroError MALFORMED. */
  readonly blocks: () => Generator<readonly AvroRecord[]>
}

export class AvroError extends Error {
  override readonly name = 'AvroError'
  readonly code: 'MALFORMED' | 'UNSUPPORTED_CODEC'
  constructor(code: AvroError['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

const magic = Buffer.from('Obj\x01', 'latin1')
const syncLength = 16

const bigintLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint | number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(value))
    return bytes
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

// avsc's typing of schemas knows no field ids, hence the conversion; it checks the schema itself.
const compile = (schema: AvroRecordSchema): Type =>
  avro.Type.forSchema(schema as unknown as Schema, { registry: { long: bigintLong } })

/** Zigzag variable-length encoding of a non-negative count or length. */
function encodeLength(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

const lengthPrefixed = (bytes: Buffer): Buffer => Buffer.concat([encodeLength(bytes.length), bytes])

/** Encodes a container block by block, so that only compressed bytes are held. */
export class ContainerEncoder {
  readonly #type: Type
  readonly #head: Buffer
  readonly #blocks: { readonly count: number; readonly bytes: Buffer }[] = []

  /** @param header further header entries, beside `avro.schema` and `avro.codec` */
  constructor(schema: AvroRecordSchema, header: Readonly<Record<string, string>>) {
    this.#type = compile(schema)
    const entries = Object.entries({ ...header, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'deflate' })
    this.#head = Buffer.concat([
      magic,
      encodeLength(entries.length),
      ...entries.flat().map(text => lengthPrefixed(Buffer.from(text))),
      encodeLength(0),
    ])
  }

  /** Adds the records as one block. */
  add(records: readonly AvroRecord[]): void {
    if (records.length === 0) return
    const bytes = deflateRawSync(Buffer.concat(records.map(record => this.#type.toBuffer(record))))
    this.#blocks.push({ count: records.length, bytes })
  }

  finish(): Buffer {
    const digest = createHash('sha256').update(this.#head)
    for (const { bytes } of this.#blocks) digest.update(bytes)
    const sync = digest.digest().subarray(0, syncLength)
    const blocks = this.#blocks.flatMap(({ count, bytes }) => [encodeLength(count), lengthPrefixed(bytes), sync])
    return Buffer.concat([this.#head, sync, ...blocks])
  }
}

/** Records of a block: enough to compress well, few enough to decode one without holding up the process. */
export const recordsPerBlock = 1000
export function encodeContainer(
  schema: AvroRecordSchema,
  records: readonly AvroRecord[],
  header: Readonly<Record<string, string>>,
): Buffer {
  const encoder = new ContainerEncoder(schema, header)
  for (let at = 0; at < records.length; at += recordsPerBlock) encoder.add(records.slice(at, at + recordsPerBlock))
  return encoder.finish()
}

/** Reads a container's own framing; a position past the end is an error, never undefined. */
class Cursor {
  readonly bytes: Buffer
  position: number

  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes
    this.position = position
  }

  get atEnd(): boolean {
    return this.position === this.bytes.length
  }

  take(length: number): Buffer {
    const end = this.position + length
    if (length < 0 || end > this.bytes.length)
      throw new AvroError('MALFORMED', `ends at byte ${this.bytes.length}, where byte ${end} is expected`)
    const taken = this.bytes.subarray(this.position, end)
    this.position = end
    return taken
  }

  long(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.take(1)[0]!
      value += (byte & 127) * scale
      if (byte < 128) break
    }
    if (value > Number.MAX_SAFE_INTEGER)
      throw new AvroError('MALFORMED', `a count before byte ${this.position} is too large`)
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  text(): Buffer {
    return this.take(this.long())
  }
}

function readHeader(cursor: Cursor): Map<string, string> {
  if (!cursor.take(magic.length).equals(magic)) throw new AvroError('MALFORMED', 'does not start as an Avro container')
  const header = new Map<string, string>()
  for (;;) {
    const count = cursor.long()
    if (count === 0) return header
    if (count < 0) cursor.long() // A negative count is followed by the size of the block in bytes.
    for (let entry = 0; entry < Math.abs(count); entry++) {
      const key = cursor.text().toString()
      header.set(key, cursor.text().toString())
    }
  }
}

function uncompressSnappy(block: Buffer): Buffer {
  const plain = Buffer.from(snappy.uncompressSync(block.subarray(0, -4)))
  if (crc32(plain) !== block.readUInt32BE(block.length - 4)) throw new AvroError('MALFORMED', 'snappy checksum differs')
  return plain
}

const codecs: ReadonlyMap<string, (block: Buffer) => Buffer> = new Map([
  ['null', (block: Buffer) => block],
  ['deflate', (block: Buffer) => inflateRawSync(block)],
  ['snappy', uncompressSnappy],
  ['zstandard', (block: Buffer) => zstdDecompressSync(block)],
])

function decodeBlock(type: Type, block: Buffer, count: number): readonly AvroRecord[] {
  const records: AvroRecord[] = []
  let position = 0
  for (let record = 0; record < count; record++) {
    const { value, offset }: { value: AvroRecord; offset: number } = type.decode(block, position)
    if (offset < 0) throw new AvroError('MALFORMED', `block ends inside record ${record} of ${count}`)
    records.push(value)
    position = offset
  }
  const rest = block.length - position
  if (rest !== 0) throw new AvroError('MALFORMED', `${rest} bytes follow the last record of a block`)
  return records
}

/** What a decoder throws at bytes that are no container, whoever throws it, is one error. */
function checked<T>(decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    if (cause instanceof AvroError) throw cause
    throw new AvroError('MALFORMED', 'not a whole Avro container', cause)
  }
}

/**
 * Reads the header; records are decoded when they are asked for.
 * @throws AvroError MALFORMED for anything but a container, UNSUPPORTED_CODEC
 */
export function openContainer(bytes: Buffer): AvroContainer {
  return checked(() => {
    const cursor = new Cursor(bytes)
    const header = readHeader(cursor)
    const sync = cursor.take(syncLength)
    const codec = header.get('avro.codec') ?? 'null'
    const uncompress = codecs.get(codec)
    if (uncompress === undefined)
      throw new AvroError(
        'UNSUPPORTED_CODEC',
        `codec '${codec}' is not supported, only ${[...codecs.keys()].join(', ')}`,
      )
    const schema: AvroRecordSchema = JSON.parse(header.get('avro.schema') ?? 'null')
    if (schema?.type !== 'record') throw new AvroError('MALFORMED', "header 'avro.schema' is no record schema")
    const type = compile(schema)
    const start = cursor.position
    const blocks = function* (): Generator<readonly AvroRecord[]> {
      const reader = new Cursor(bytes, start)
      while (!reader.atEnd)
        yield checked(() => {
          const count = reader.long()
          const records = decodeBlock(type, uncompress(reader.text()), count)
          if (!reader.take(syncLength).equals(sync))
            throw new AvroError('MALFORMED', `sync marker before byte ${reader.position} differs`)
          return records
        })
    }
    return { header, schema, blocks }
  })
}

/** Every record of a container. Throws as openContainer and its blocks do. */
export const allRecords = ({ blocks }: AvroContainer): readonly AvroRecord[] => [...blocks()].flat()

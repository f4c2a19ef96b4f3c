/**
 * Reads Kafka's wire types from a buffer, in order. Byte strings are views on the buffer, never copies. Reading past
 * the end throws a RangeError (from Node); whoever knows what the bytes are turns it into an error with a name.
 */
export class ByteReader {
  readonly bytes: Buffer
  position: number
  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes
    this.position = position
  }

  get remaining(): number {
    return this.bytes.length - this.position
  }

  int8(): number {
    return this.bytes.readInt8(this.position++)
  }

  int16(): number {
    this.position += 2
    return this.bytes.readInt16BE(this.position - 2)
  }

  int32(): number {
    this.position += 4
    return this.bytes.readInt32BE(this.position - 4)
  }

  bigInt64(): bigint {
    this.position += 8
    return this.bytes.readBigInt64BE(this.position - 8)
  }

  /** Rounded above 2^53: for times; an offset has `offset`. */
  int64(): number {
    this.position += 8
    return this.bytes.readInt32BE(this.position - 8) * 0x1_0000_0000 + this.bytes.readUInt32BE(this.position - 4)
  }

  offset(): number {
    const offset = this.int64()
    if (!Number.isSafeInteger(offset)) throw new RangeError('an offset above 2^53')
    return offset
  }

  /** Zigzag, of up to 64 bits (KIP-98), rounded above 2^53. */
  varint(): number {
    let unsigned = 0
    let scale = 1
    for (;;) {
      const byte = this.bytes.readUInt8(this.position++)
      unsigned += (byte & 0x7f) * scale
      if (byte < 0x80) return unsigned % 2 === 0 ? unsigned / 2 : -(unsigned + 1) / 2
      scale *= 128
      if (scale > 2 ** 63) throw new RangeError('a varint of more than ten bytes')
    }
  }

  slice(length: number): Buffer {
    const start = this.position
    if (length < 0 || length > this.remaining) throw new RangeError('a length past the end')
    this.position += length
    return this.bytes.subarray(start, this.position)
  }

  /** A string of int16 length. */
  string(): string {
    return this.slice(this.int16()).toString('utf8')
  }

  /** An int32 length, negative for null. */
  nullableBytes(): Buffer | null {
    const length = this.int32()
    return length < 0 ? null : this.slice(length)
  }

  /** A varint length, negative for null. */
  varintBytes(): Buffer | null {
    const length = this.varint()
    return length < 0 ? null : this.slice(length)
  }

  array<T>(read: (reader: ByteReader) => T): T[] {
    const length = this.int32()
    return Array.from({ length: Math.max(0, length) }, () => read(this))
  }
}

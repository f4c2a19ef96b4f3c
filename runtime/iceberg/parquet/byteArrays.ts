/**
 * Strings and binaries gathered in Parquet's PLAIN form, a little-endian length before each. It knows no nulls.
 *
 * Byte order of UTF-8 is the order of code points; JavaScript compares UTF-16 units, which differs beyond U+FFFF. So
 * bounds are found among the bytes.
 */
import { type Bounds, type ChunkValues, encoding } from './columnChunk.ts'

/** Up to here a loop over character codes beats the call into the runtime's encoder. */
const shortString = 48

export class ByteArrays {
  count = 0
  #bytes = Buffer.allocUnsafe(256)
  #length = 0
  #knownOffsets = new Uint32Array(1)

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  pushString(value: string): void {
    // A UTF-16 unit takes at most three bytes.
    this.#reserve(4 + value.length * 3)
    const start = this.#length + 4
    const written = value.length <= shortString ? this.#writeAscii(value, start) : -1
    this.#end(start + (written >= 0 ? written : this.#bytes.write(value, start)))
  }

  pushBytes(value: Uint8Array): void {
    this.#reserve(4 + value.length)
    this.#bytes.set(value, this.#length + 4)
    this.#end(this.#length + 4 + value.length)
  }

  /** The values at the first `count` of `places`, in that order. */
  select(places: Int32Array, count: number): ByteArrays {
    const offsets = this.#offsets()
    const selected = new ByteArrays()
    for (let index = 0; index < count; index++) selected.pushBytes(this.#value(offsets, places[index]!))
    return selected
  }

  /** The values in PLAIN encoding, uncopied. */
  plainValues(): ChunkValues {
    const offsets = this.#offsets()
    return {
      encoding: encoding.plain,
      averageBytes: this.#length / Math.max(1, this.count),
      page: (from, to) => [this.#bytes.subarray(offsets[from], offsets[to])],
    }
  }

  /** Least and greatest value in unsigned byte order. */
  bounds(): Bounds | undefined {
    if (this.count === 0) return undefined
    const offsets = this.#offsets()
    let lower = 0
    let upper = 0
    let lowerPrefix = this.#prefix(offsets, 0)
    let upperPrefix = lowerPrefix
    for (let index = 1; index < this.count; index++) {
      // The first four bytes decide almost always.
      const prefix = this.#prefix(offsets, index)
      if (prefix < lowerPrefix || (prefix === lowerPrefix && this.#compare(offsets, index, lower) < 0)) {
        lower = index
        lowerPrefix = prefix
      } else if (prefix > upperPrefix || (prefix === upperPrefix && this.#compare(offsets, index, upper) > 0)) {
        upper = index
        upperPrefix = prefix
      }
    }
    return { lower: Buffer.from(this.#value(offsets, lower)), upper: Buffer.from(this.#value(offsets, upper)) }
  }

  /** Where each value begins (at its length), and the end of the last: count + 1 offsets. */
  #offsets(): Uint32Array {
    if (this.#knownOffsets.length === this.count + 1) return this.#knownOffsets
    const offsets = new Uint32Array(this.count + 1)
    for (let index = 0, at = 0; index < this.count; index++) {
      at += 4 + this.#bytes.readUInt32LE(at)
      offsets[index + 1] = at
    }
    this.#knownOffsets = offsets
    return offsets
  }

  /** Bytes written, or -1 when a character is not ASCII. */
  #writeAscii(value: string, start: number): number {
    const bytes = this.#bytes
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 0x7f) return -1
      bytes[start + index] = code
    }
    return value.length
  }

  #end(end: number): void {
    this.#bytes.writeUInt32LE(end - this.#length - 4, this.#length)
    this.#length = end
    this.count++
  }

  #prefix(offsets: Uint32Array, index: number): number {
    const start = offsets[index]! + 4
    if (offsets[index + 1]! - start >= 4) return this.#bytes.readUInt32BE(start)
    let prefix = 0
    for (let at = start; at < start + 4; at++) prefix = prefix * 256 + (at < offsets[index + 1]! ? this.#bytes[at]! : 0)
    return prefix
  }

  #compare(offsets: Uint32Array, left: number, right: number): number {
    return Buffer.compare(this.#value(offsets, left), this.#value(offsets, right))
  }

  #value(offsets: Uint32Array, index: number): Buffer {
    return this.#bytes.subarray(offsets[index]! + 4, offsets[index + 1])
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

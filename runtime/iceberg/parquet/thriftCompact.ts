/**
 * Writes the Thrift compact protocol, the encoding of Parquet's page headers and footer. It knows no Parquet
 * structure and never reads. Integers are JavaScript numbers, exact to 2^53.
 *
 * Source: apache/thrift doc/specs/thrift-compact-protocol.md.
 */

const typeCode = { true: 1, false: 2, i16: 4, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const

/** Type codes of list elements. */
export const thriftElement = { i32: typeCode.i32, binary: typeCode.binary, struct: typeCode.struct } as const

export class ThriftCompactWriter {
  #bytes = Buffer.allocUnsafe(256)
  #length = 0
  #lastFieldId = 0

  /** What was written so far, a copy. */
  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }

  /** The fields of a struct, then its end. Also the form of a struct that is a list element or the whole message. */
  structBody(fields: () => void): void {
    const outer = this.#lastFieldId
    this.#lastFieldId = 0
    fields()
    this.#byte(0)
    this.#lastFieldId = outer
  }

  struct(id: number, fields: () => void = () => {}): void {
    this.#header(id, typeCode.struct)
    this.structBody(fields)
  }

  boolean(id: number, value: boolean): void {
    this.#header(id, value ? typeCode.true : typeCode.false)
  }

  i16(id: number, value: number): void {
    this.#header(id, typeCode.i16)
    this.zigzag(value)
  }

  i32(id: number, value: number): void {
    this.#header(id, typeCode.i32)
    this.zigzag(value)
  }

  i64(id: number, value: number): void {
    this.#header(id, typeCode.i64)
    this.zigzag(value)
  }

  binary(id: number, value: Uint8Array | string): void {
    this.#header(id, typeCode.binary)
    this.binaryBody(value)
  }

  /** A list; `write` writes the body of one element (`zigzag`, `binaryBody` or `structBody`, as the type says). */
  list<T>(id: number, elementType: number, elements: readonly T[], write: (element: T) => void): void {
    this.#header(id, typeCode.list)
    if (elements.length < 15) this.#byte((elements.length << 4) | elementType)
    else {
      this.#byte(0xf0 | elementType)
      this.#varint(elements.length)
    }
    for (const element of elements) write(element)
  }

  /** The body of an i16, i32 or i64. */
  zigzag(value: number): void {
    this.#varint(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  binaryBody(value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value
    this.#varint(bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #header(id: number, type: number): void {
    const delta = id - this.#lastFieldId
    this.#lastFieldId = id
    if (delta > 0 && delta < 16) this.#byte((delta << 4) | type)
    else {
      this.#byte(type)
      this.zigzag(id)
    }
  }

  #varint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.#byte((rest % 128) | 0x80)
      rest = Math.floor(rest / 128)
    }
    this.#byte(rest)
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

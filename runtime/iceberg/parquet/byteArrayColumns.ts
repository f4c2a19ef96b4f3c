/**
 * Columns of strings and binaries: `StringColumn` for values that repeat, the plain ones for values that do not.
 */
import { ByteArrays } from './byteArrays.ts'
import { type Column, type ColumnChunk, encodeChunk } from './columnChunk.ts'
import { DefinitionLevels } from './definitionLevels.ts'
import type { SizeEstimate } from './sizeEstimate.ts'
import { StringDictionary } from './stringDictionary.ts'

export class StringColumn implements Column {
  readonly #levels = new DefinitionLevels()
  readonly #dictionary: StringDictionary

  constructor(size: SizeEstimate) {
    this.#dictionary = new StringDictionary(size)
  }

  push(value: string | null): void {
    if (!this.#levels.add(value)) return
    this.#dictionary.push(value)
  }

  encode(required: boolean): readonly ColumnChunk[] {
    const { values, bounds } = this.#dictionary.encode()
    return [encodeChunk(this.#levels, values, { bounds }, required)]
  }
}

/** Strings written one after another, for columns whose values are distinct. */
export class PlainStringColumn implements Column {
  readonly #levels = new DefinitionLevels()
  readonly #values = new ByteArrays()
  readonly #size: SizeEstimate

  constructor(size: SizeEstimate) {
    this.#size = size
  }

  push(value: string | null): void {
    if (!this.#levels.add(value)) return
    this.#values.pushString(value)
    this.#size.bytes += 4 + value.length
  }

  encode(required: boolean): readonly ColumnChunk[] {
    return [encodePlain(this.#levels, this.#values, required)]
  }
}

/** Binaries, copied at push. */
export class BinaryColumn implements Column {
  readonly #levels = new DefinitionLevels()
  readonly #values = new ByteArrays()
  readonly #size: SizeEstimate

  constructor(size: SizeEstimate) {
    this.#size = size
  }

  push(value: Uint8Array | null): void {
    if (!this.#levels.add(value)) return
    this.#values.pushBytes(value)
    this.#size.bytes += 4 + value.length
  }

  encode(required: boolean): readonly ColumnChunk[] {
    return [encodePlain(this.#levels, this.#values, required)]
  }
}

function encodePlain(levels: DefinitionLevels, values: ByteArrays, required: boolean): ColumnChunk {
  const offsets = values.offsets()
  return encodeChunk(levels, values.plainValues(offsets), { bounds: values.bounds(offsets) }, required)
}

/**
 * Columns of strings and binaries: `StringColumn` for values that repeat, the plain ones for values that do not.
 */
import { ByteArrays } from './byteArrays.ts'
import { type Column, type ColumnChunk, encodeChunk } from './columnChunk.ts'
import { DefinitionLevels } from './definitionLevels.ts'
import type { SizeEstimate } from './sizeEstimate.ts'
import { PooledStrings, type StringPool } from './stringPool.ts'

export class StringColumn implements Column {
  readonly #levels = new DefinitionLevels()
  readonly #places: PooledStrings

  constructor(pool: StringPool) {
    this.#places = new PooledStrings(pool)
  }

  push(value: string | null): void {
    if (this.#levels.add(value)) this.#places.push(value)
  }

  encode(required: boolean): readonly ColumnChunk[] {
    const { values, bounds } = this.#places.encode()
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

const encodePlain = (levels: DefinitionLevels, values: ByteArrays, required: boolean): ColumnChunk =>
  encodeChunk(levels, values.plainValues(), { bounds: values.bounds() }, required)

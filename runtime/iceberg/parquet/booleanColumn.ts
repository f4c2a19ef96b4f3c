/** A column of booleans, packed eight to a byte in PLAIN encoding. */
import { type Bounds, type Column, type ColumnChunk, encodeChunk, encoding } from './columnChunk.ts'
import { DefinitionLevels } from './definitionLevels.ts'

export class BooleanColumn implements Column {
  readonly #levels = new DefinitionLevels()
  #values = new Uint8Array(64)
  #trues = 0

  push(value: boolean | null): void {
    if (!this.#levels.add(value)) return
    const at = this.#levels.values - 1
    if (at === this.#values.length) {
      const values = new Uint8Array(at * 2)
      values.set(this.#values)
      this.#values = values
    }
    if (value) {
      this.#values[at] = 1
      this.#trues++
    }
  }

  encode(required: boolean): readonly ColumnChunk[] {
    const values = {
      encoding: encoding.plain,
      averageBytes: 1 / 8,
      page: (from: number, to: number) => [this.#pack(from, to)],
    }
    return [encodeChunk(this.#levels, values, { bounds: this.#bounds() }, required)]
  }

  #pack(from: number, to: number): Buffer {
    const bytes = Buffer.alloc((to - from + 7) >> 3)
    for (let index = from; index < to; index++) {
      const at = index - from
      bytes[at >> 3] = bytes[at >> 3]! | (this.#values[index]! << (at & 7))
    }
    return bytes
  }

  #bounds(): Bounds | undefined {
    const count = this.#levels.values
    if (count === 0) return undefined
    return { lower: Buffer.of(this.#trues === count ? 1 : 0), upper: Buffer.of(this.#trues === 0 ? 0 : 1) }
  }
}

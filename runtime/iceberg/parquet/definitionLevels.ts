/**
 * Which rows of a flat column are null. Costs nothing until the first null. It holds no values.
 */
import { encodeHybrid, encodeRepeated } from './hybridEncoding.ts'

export interface PageRange {
  /** Rows [from, to). */
  readonly from: number
  readonly to: number
  /** Non-null values [valuesFrom, valuesTo) of those rows. */
  readonly valuesFrom: number
  readonly valuesTo: number
}

export class DefinitionLevels {
  rows = 0
  nulls = 0
  /** One level per row, 0 for null; absent while no row was null. */
  #levels: Uint8Array | undefined

  get values(): number {
    return this.rows - this.nulls
  }

  /** Counts a row in; true where it has a value, which is then the last of `values`. */
  add<T>(value: T | null): value is T {
    if (value === null) this.#levels ??= new Uint8Array(Math.max(64, this.rows * 2)).fill(1, 0, this.rows)
    if (this.#levels !== undefined) this.#set(this.#levels, value === null ? 0 : 1)
    this.rows++
    if (value === null) this.nulls++
    return value !== null
  }

  *pages(rowsPerPage: number): Generator<PageRange> {
    let valuesFrom = 0
    for (let from = 0; from < this.rows; from += rowsPerPage) {
      const to = Math.min(this.rows, from + rowsPerPage)
      const valuesTo = valuesFrom + this.#valuesIn(from, to)
      yield { from, to, valuesFrom, valuesTo }
      valuesFrom = valuesTo
    }
  }

  /** Hybrid body of the levels of rows [from, to), one bit each. */
  encode(from: number, to: number): Buffer {
    return this.#levels === undefined ? encodeRepeated(1, to - from, 1) : encodeHybrid(this.#levels, from, to, 1)
  }

  #valuesIn(from: number, to: number): number {
    if (this.#levels === undefined) return to - from
    let present = 0
    for (let row = from; row < to; row++) present += this.#levels[row]!
    return present
  }

  #set(levels: Uint8Array, level: number): void {
    if (this.rows < levels.length) {
      levels[this.rows] = level
      return
    }
    this.#levels = new Uint8Array(levels.length * 2)
    this.#levels.set(levels)
    this.#levels[this.rows] = level
  }
}

/**
 * Columns of 32 and 64 bits: int, long, timestamp in microseconds, double. Values are held as little-endian words, the
 * very bytes of PLAIN encoding, so that a 64-bit integer is exact beyond 2^53.
 */
import type { Instant } from '../../rows.ts'
import {
  type ChunkStatistics,
  type ChunkValues,
  type Column,
  type ColumnChunk,
  dictionaryValues,
  encodeChunk,
  encoding,
} from './columnChunk.ts'
import { DefinitionLevels } from './definitionLevels.ts'
import { findDistinct } from './distinctWords.ts'
import { doubleStatistics, int32Statistics, int64Statistics } from './fixedWidthStatistics.ts'

const initialValues = 64
const twoTo32 = 0x1_0000_0000
/** Microseconds of a day are 20 · 2^32 + this. */
const dayMicrosLow = 86_400_000_000 - 20 * twoTo32

export class IntColumn implements Column {
  readonly #levels = new DefinitionLevels()
  #words = new Int32Array(initialValues)

  push(value: number | null): void {
    if (!this.#levels.add(value)) return
    const at = this.#levels.values - 1
    if (at === this.#words.length) this.#words = doubled(this.#words)
    this.#words[at] = value
  }

  encode(required: boolean): readonly ColumnChunk[] {
    return [encodeWords(this.#levels, this.#words, 1, int32Statistics, required)]
  }
}

/** Integers that a double holds exactly. */
export class LongColumn implements Column {
  readonly #levels = new DefinitionLevels()
  #words = new Int32Array(initialValues * 2)

  push(value: number | null): void {
    if (!this.#levels.add(value)) return
    const at = (this.#levels.values - 1) * 2
    if (at === this.#words.length) this.#words = doubled(this.#words)
    const high = Math.floor(value / twoTo32)
    this.#words[at] = value - high * twoTo32
    this.#words[at + 1] = high
  }

  encode(required: boolean): readonly ColumnChunk[] {
    return [encodeWords(this.#levels, this.#words, 2, int64Statistics, required)]
  }
}

/** Microseconds since 1970-01-01 UTC, exact for every day whose microseconds fit 64 bits. */
export class TimestampColumn implements Column {
  readonly #levels = new DefinitionLevels()
  #words = new Int32Array(initialValues * 2)

  push(instant: Instant | null): void {
    if (!this.#levels.add(instant)) return
    const at = (this.#levels.values - 1) * 2
    if (at === this.#words.length) this.#words = doubled(this.#words)
    // day · 20 · 2^32 goes to the high word; what is left is far below 2^53.
    const rest = instant.day * dayMicrosLow + instant.micros
    const carry = Math.floor(rest / twoTo32)
    this.#words[at] = rest - carry * twoTo32
    this.#words[at + 1] = instant.day * 20 + carry
  }

  encode(required: boolean): readonly ColumnChunk[] {
    return [encodeWords(this.#levels, this.#words, 2, int64Statistics, required)]
  }
}

export class DoubleColumn implements Column {
  readonly #levels = new DefinitionLevels()
  #values = new Float64Array(initialValues)

  push(value: number | null): void {
    if (!this.#levels.add(value)) return
    const at = this.#levels.values - 1
    if (at === this.#values.length) {
      const values = new Float64Array(at * 2)
      values.set(this.#values)
      this.#values = values
    }
    this.#values[at] = value
  }

  encode(required: boolean): readonly ColumnChunk[] {
    return [encodeWords(this.#levels, new Int32Array(this.#values.buffer), 2, doubleStatistics, required)]
  }
}

function encodeWords(
  levels: DefinitionLevels,
  words: Int32Array,
  wordsPerValue: number,
  statistics: (words: Int32Array, count: number) => ChunkStatistics,
  required: boolean,
): ColumnChunk {
  const count = levels.values
  const distinct = findDistinct(words, count, wordsPerValue)
  if (distinct === undefined) {
    return encodeChunk(levels, plainWords(words, wordsPerValue), statistics(words, count), required)
  }
  const values = dictionaryValues(distinct.indexes, bytesOf(distinct.words), distinct.count)
  return encodeChunk(levels, values, statistics(distinct.words, distinct.count), required)
}

function plainWords(words: Int32Array, wordsPerValue: number): ChunkValues {
  const bytesPerValue = wordsPerValue * 4
  const bytes = bytesOf(words)
  return {
    encoding: encoding.plain,
    averageBytes: bytesPerValue,
    page: (from, to) => [bytes.subarray(from * bytesPerValue, to * bytesPerValue)],
  }
}

/** The words' own memory; every platform that Node runs on is little-endian. */
const bytesOf = (words: Int32Array): Buffer => Buffer.from(words.buffer, words.byteOffset, words.byteLength)

function doubled(words: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(words.length * 2)
  larger.set(words)
  return larger
}

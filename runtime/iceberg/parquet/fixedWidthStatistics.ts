/**
 * Least and greatest value of columns of 32 and 64 bits. Pure.
 *
 * Doubles: NaN is counted and bounds nothing; -0 lies below +0, as in IEEE 754 totalOrder.
 * Source: Iceberg spec "Manifests" (bounds of float and double); parquet.thrift ColumnOrder.
 */
import type { Bounds, ChunkStatistics } from './columnChunk.ts'

export function int32Statistics(words: Int32Array, count: number): ChunkStatistics {
  if (count === 0) return { bounds: undefined }
  let lower = words[0]!
  let upper = lower
  for (let index = 1; index < count; index++) {
    const value = words[index]!
    if (value < lower) lower = value
    else if (value > upper) upper = value
  }
  return { bounds: { lower: wordBytes(lower), upper: wordBytes(upper) } }
}

/** Signed 64-bit integers as pairs of low and high word. */
export function int64Statistics(words: Int32Array, count: number): ChunkStatistics {
  if (count === 0) return { bounds: undefined }
  let lower = 0
  let upper = 0
  for (let at = 2; at < count * 2; at += 2) {
    if (isBelow(words, at, lower)) lower = at
    else if (isBelow(words, upper, at)) upper = at
  }
  return { bounds: pairBounds(words, lower, upper) }
}

/** Doubles as pairs of low and high word. */
export function doubleStatistics(words: Int32Array, count: number): ChunkStatistics {
  const values = new Float64Array(words.buffer, words.byteOffset, count)
  let lower = -1
  let upper = -1
  let nanCount = 0
  for (let index = 0; index < count; index++) {
    const value = values[index]!
    if (Number.isNaN(value)) nanCount++
    else {
      if (lower < 0 || precedes(value, values[lower]!)) lower = index
      if (upper < 0 || precedes(values[upper]!, value)) upper = index
    }
  }
  return { bounds: lower < 0 ? undefined : pairBounds(words, lower * 2, upper * 2), nanCount }
}

const precedes = (left: number, right: number): boolean =>
  left < right || (left === 0 && right === 0 && Object.is(left, -0) && !Object.is(right, -0))

const isBelow = (words: Int32Array, left: number, right: number): boolean =>
  words[left + 1]! < words[right + 1]! ||
  (words[left + 1] === words[right + 1] && words[left]! >>> 0 < words[right]! >>> 0)

const pairBounds = (words: Int32Array, lower: number, upper: number): Bounds => ({
  lower: wordBytes(words[lower]!, words[lower + 1]!),
  upper: wordBytes(words[upper]!, words[upper + 1]!),
})

function wordBytes(...words: number[]): Buffer {
  const bytes = Buffer.alloc(words.length * 4)
  for (const [index, word] of words.entries()) bytes.writeInt32LE(word, index * 4)
  return bytes
}

/**
 * Finds the distinct ones among values of one or two 32-bit words, compared bit by bit (so -0 and each NaN stay what
 * they are). Pure; gives up early where a dictionary would not pay.
 */
import { dictionaryPays } from './columnChunk.ts'

export interface WordDictionary {
  /** Distinct values in order of first appearance. */
  readonly words: Int32Array
  readonly count: number
  /** For each value its place among the distinct ones. */
  readonly indexes: Int32Array
}

/** Distinct values that are forgiven before more than half of those seen must repeat. */
const patience = 256
/** Room for all that a hopeless column is granted, so that only a true dictionary grows. */
const initialPlaces = patience * 2

/** @param wordsPerValue 1 or 2 */
export function findDistinct(words: Int32Array, count: number, wordsPerValue: number): WordDictionary | undefined {
  const indexes = new Int32Array(count)
  const distinct = new DistinctWords(wordsPerValue)
  let lastLow = 0
  let lastHigh = 0
  let last = -1
  for (let index = 0; index < count; index++) {
    const low = words[index * wordsPerValue]!
    const high = words[(index + 1) * wordsPerValue - 1]!
    if (last < 0 || low !== lastLow || high !== lastHigh) {
      last = distinct.placeOf(low, high)
      lastLow = low
      lastHigh = high
      if (distinct.size > index / 2 + patience) return undefined
    }
    indexes[index] = last
  }
  if (!dictionaryPays(distinct.size, count)) return undefined
  return { words: distinct.words.subarray(0, distinct.size * wordsPerValue), count: distinct.size, indexes }
}

/** A hash set that numbers its members; open addressing, at most half full. */
class DistinctWords {
  size = 0
  words: Int32Array
  readonly #wordsPerValue: number
  /** Place + 1 of the value that hashes here, 0 where free. */
  #slots = new Int32Array(initialPlaces * 2)

  constructor(wordsPerValue: number) {
    this.#wordsPerValue = wordsPerValue
    this.words = new Int32Array(initialPlaces * wordsPerValue)
  }

  /** The place of a value, which is added if it is new. One word: `high` is `low`. */
  placeOf(low: number, high: number): number {
    const slot = this.#slotOf(low, high)
    const found = this.#slots[slot]!
    if (found !== 0) return found - 1
    const at = this.size * this.#wordsPerValue
    this.words[at] = low
    this.words[at + this.#wordsPerValue - 1] = high
    this.size++
    this.#slots[slot] = this.size
    if (this.size * 2 === this.#slots.length) this.#grow()
    return this.size - 1
  }

  #slotOf(low: number, high: number): number {
    const mask = this.#slots.length - 1
    let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)
    hash ^= hash >>> 15
    let slot = hash & mask
    for (;;) {
      const place = this.#slots[slot]! - 1
      if (place < 0 || (this.#low(place) === low && this.#high(place) === high)) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    const words = new Int32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
    this.#slots = new Int32Array(this.#slots.length * 2)
    for (let place = 0; place < this.size; place++) {
      this.#slots[this.#slotOf(this.#low(place), this.#high(place))] = place + 1
    }
  }

  #low(place: number): number {
    return this.words[place * this.#wordsPerValue]!
  }

  #high(place: number): number {
    return this.words[(place + 1) * this.#wordsPerValue - 1]!
  }
}

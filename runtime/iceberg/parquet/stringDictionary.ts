/**
 * Strings gathered as indexes into the distinct ones seen. Encodes them so where that pays, PLAIN otherwise. It knows
 * no nulls.
 */
import { ByteArrays } from './byteArrays.ts'
import { type Bounds, type ChunkValues, dictionaryPays, dictionaryValues } from './columnChunk.ts'
import type { SizeEstimate } from './sizeEstimate.ts'

/** What a distinct string costs in memory beside its characters: its header, its hash table entry, its list entry. */
const entryBytes = 64

export class StringDictionary {
  count = 0
  readonly #size: SizeEstimate
  readonly #indexOf = new Map<string, number>()
  readonly #distinct: string[] = []
  #indexes = new Int32Array(64)
  #last: string | undefined
  #lastIndex = 0

  constructor(size: SizeEstimate) {
    this.#size = size
  }

  push(value: string): void {
    // The samples of one payload share these very strings.
    if (value !== this.#last) {
      this.#last = value
      this.#lastIndex = this.#indexOf.get(value) ?? this.#add(value)
    }
    if (this.count === this.#indexes.length) {
      const indexes = new Int32Array(this.count * 2)
      indexes.set(this.#indexes)
      this.#indexes = indexes
    }
    this.#indexes[this.count++] = this.#lastIndex
  }

  encode(): { values: ChunkValues; bounds: Bounds | undefined } {
    const distinct = new ByteArrays()
    for (const value of this.#distinct) distinct.pushString(value)
    const offsets = distinct.offsets()
    const bounds = distinct.bounds(offsets)
    if (dictionaryPays(distinct.count, this.count)) {
      return { values: dictionaryValues(this.#indexes, distinct.bytes(), distinct.count), bounds }
    }
    if (distinct.count === this.count) return { values: distinct.plainValues(offsets), bounds }
    const plain = new ByteArrays()
    for (let index = 0; index < this.count; index++) plain.pushString(this.#distinct[this.#indexes[index]!]!)
    return { values: plain.plainValues(plain.offsets()), bounds }
  }

  #add(value: string): number {
    const index = this.#distinct.length
    this.#indexOf.set(value, index)
    this.#distinct.push(value)
    this.#size.bytes += entryBytes + value.length
    return index
  }
}

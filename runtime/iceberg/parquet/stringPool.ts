/**
 * The distinct strings of one column over every table partition of a writer, numbered, and what a single column chunk
 * makes of such numbers: a dictionary of its own where that pays, PLAIN values otherwise. It knows no nulls.
 *
 * One pool for all partitions, because the samples of a payload share their strings and scatter over partitions.
 */
import { ByteArrays } from './byteArrays.ts'
import { type Bounds, type ChunkValues, dictionaryPays, dictionaryValues } from './columnChunk.ts'
import type { SizeEstimate } from './sizeEstimate.ts'

/** What a distinct string costs in memory beside its characters: its header, its hash table entry, its length. */
const entryBytes = 64

export class StringPool {
  readonly #size: SizeEstimate
  readonly #places = new Map<string, number>()
  readonly #strings = new ByteArrays()
  #last: string | undefined
  #lastPlace = 0
  /** Place in the dictionary of the chunk at hand + 1, by place in the pool; all 0 between chunks. */
  #localPlaces = new Int32Array(0)

  constructor(size: SizeEstimate) {
    this.#size = size
  }

  placeOf(value: string): number {
    if (value !== this.#last) {
      this.#last = value
      this.#lastPlace = this.#places.get(value) ?? this.#add(value)
    }
    return this.#lastPlace
  }

  /** The first `count` of `places` as values of one chunk. */
  encode(places: Int32Array, count: number): { values: ChunkValues; bounds: Bounds | undefined } {
    const { indexes, distinctPlaces } = this.#numberLocally(places, count)
    const distinct = this.#strings.select(distinctPlaces, distinctPlaces.length)
    const bounds = distinct.bounds()
    if (dictionaryPays(distinct.count, count)) {
      return { values: dictionaryValues(indexes, distinct.bytes(), distinct.count), bounds }
    }
    const all = distinct.count === count ? distinct : this.#strings.select(places, count)
    return { values: all.plainValues(), bounds }
  }

  #numberLocally(places: Int32Array, count: number): { indexes: Int32Array; distinctPlaces: Int32Array } {
    if (this.#localPlaces.length < this.#strings.count) this.#localPlaces = new Int32Array(this.#strings.count)
    const localPlaces = this.#localPlaces
    const indexes = new Int32Array(count)
    const distinctPlaces = new Int32Array(Math.min(count, this.#strings.count))
    let distinct = 0
    for (let index = 0; index < count; index++) {
      const place = places[index]!
      if (localPlaces[place] === 0) {
        distinctPlaces[distinct++] = place
        localPlaces[place] = distinct
      }
      indexes[index] = localPlaces[place]! - 1
    }
    for (let index = 0; index < distinct; index++) localPlaces[distinctPlaces[index]!] = 0
    return { indexes, distinctPlaces: distinctPlaces.subarray(0, distinct) }
  }

  #add(value: string): number {
    const place = this.#strings.count
    this.#places.set(value, place)
    this.#strings.pushString(value)
    this.#size.bytes += entryBytes + value.length * 2
    return place
  }
}

/** Values of one chunk, held as their places in the pool. */
export class PooledStrings {
  readonly #pool: StringPool
  #places = new Int32Array(64)
  #count = 0

  constructor(pool: StringPool) {
    this.#pool = pool
  }

  push(value: string): void {
    if (this.#count === this.#places.length) {
      const places = new Int32Array(this.#count * 2)
      places.set(this.#places)
      this.#places = places
    }
    this.#places[this.#count++] = this.#pool.placeOf(value)
  }

  encode(): { values: ChunkValues; bounds: Bounds | undefined } {
    return this.#pool.encode(this.#places, this.#count)
  }
}

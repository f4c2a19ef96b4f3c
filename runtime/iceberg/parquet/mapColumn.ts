/**
 * A column of maps from string to string: an optional group of a repeated `key_value` of required key and optional
 * value. Encodes to two leaves, which share their repetition levels.
 *
 * Definition levels: 0 null map, 1 empty map, 2 a key (its value null), 3 a value; this column writes no null value.
 * Source: apache/parquet-format LogicalTypes.md "Maps"; Dremel levels in README "Nested Encoding".
 */
import {
  type Bounds,
  type ChunkValues,
  type Column,
  type ColumnChunk,
  type DataPage,
  lengthPrefixed,
  pageEntries,
} from './columnChunk.ts'
import { encodeHybrid } from './hybridEncoding.ts'
import type { SizeEstimate } from './sizeEstimate.ts'
import { PooledStrings, type StringPool } from './stringPool.ts'

const level = { nullMap: 0, emptyMap: 1, key: 2, value: 3 } as const
const levelBits = 2
/** Levels and two dictionary indexes. */
const entryBytes = 10

export class MapColumn implements Column {
  readonly #size: SizeEstimate
  readonly #keys: PooledStrings
  readonly #values: PooledStrings
  #entries = 0
  #repetition = new Uint8Array(64)
  /** As for the key leaf. */
  #definition = new Uint8Array(64)

  constructor(size: SizeEstimate, keys: StringPool, values: StringPool) {
    this.#size = size
    this.#keys = new PooledStrings(keys)
    this.#values = new PooledStrings(values)
  }

  push(map: Readonly<Record<string, string>> | null): void {
    const keys = map === null ? [] : Object.keys(map)
    if (map === null) this.#entry(0, level.nullMap)
    else if (keys.length === 0) this.#entry(0, level.emptyMap)
    else this.#pushEntries(map, keys)
  }

  /** Keys, then values. A map is optional whatever the column is: `required` is not for maps. */
  encode(): readonly ColumnChunk[] {
    const ofValues = this.#definition.map(entry => (entry === level.key ? level.value : entry))
    return [this.#encodeLeaf(this.#keys.encode(), this.#definition), this.#encodeLeaf(this.#values.encode(), ofValues)]
  }

  #pushEntries(map: Readonly<Record<string, string>>, keys: readonly string[]): void {
    let repetition = 0
    for (const key of keys) {
      this.#entry(repetition, level.key)
      repetition = 1
      this.#keys.push(key)
      this.#values.push(map[key]!)
    }
    this.#size.bytes += keys.length * entryBytes
  }

  #encodeLeaf(leaf: { values: ChunkValues; bounds: Bounds | undefined }, definition: Uint8Array): ColumnChunk {
    const { values, bounds } = leaf
    const entriesPerPage = pageEntries(values)
    const pages: DataPage[] = []
    let present = 0
    for (let from = 0; from < this.#entries; ) {
      const to = this.#rowBoundary(from + entriesPerPage)
      const presentFrom = present
      for (let entry = from; entry < to; entry++) if (definition[entry]! >= level.key) present++
      const bytes = Buffer.concat([
        ...lengthPrefixed(encodeHybrid(this.#repetition, from, to, 1)),
        ...lengthPrefixed(encodeHybrid(definition, from, to, levelBits)),
        ...values.page(presentFrom, present),
      ])
      pages.push({ valueCount: to - from, encoding: values.encoding, bytes })
      from = to
    }
    const nullCount = this.#entries - present
    return { valueCount: this.#entries, nullCount, nanCount: 0, bounds, dictionary: values.dictionary, pages }
  }

  /** The first entry at or after one that begins a row: a page may not begin amid a row. */
  #rowBoundary(entry: number): number {
    let at = entry
    while (at < this.#entries && this.#repetition[at] !== 0) at++
    return Math.min(at, this.#entries)
  }

  #entry(repetition: number, definition: number): void {
    if (this.#entries === this.#repetition.length) {
      this.#repetition = doubled(this.#repetition)
      this.#definition = doubled(this.#definition)
    }
    this.#repetition[this.#entries] = repetition
    this.#definition[this.#entries] = definition
    this.#entries++
  }
}

function doubled(levels: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(levels.length * 2)
  larger.set(levels)
  return larger
}

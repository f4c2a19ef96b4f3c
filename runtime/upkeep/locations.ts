/**
 * Locations as upkeep compares them. Pure. Engines spell one file in several ways (`s3a://b/k` and `s3://b/k`, `file:/f` and
 * `file:///f`), so only paths are compared: a file that shares its path with a referenced one counts as referenced.
 */
import { createHash } from 'node:crypto'

/** The path of a location, without its scheme and authority: equal for every spelling of one file. */
export const pathKey = (location: string): string =>
  location.replace(/^[a-z][a-z0-9+.-]*:(?:\/\/[^/]*)?/i, '').replace(/\/{2,}/g, '/')

/** Whether the file lies in the folder, or the folder in the other. */
export const isInside = (location: string, folder: string): boolean =>
  `${pathKey(location)}/`.startsWith(`${pathKey(folder).replace(/\/$/, '')}/`)

const bits = 2 ** 27

/**
 * A set of locations in 16 MiB, however many they are (a Bloom filter): it never denies what was added, and wrongly claims
 * 1 of 200 others at ten million. So it may only ever be asked what to keep.
 */
export class LocationFilter {
  readonly #bits = new Uint8Array(bits / 8)
  readonly #salt: string

  /** @param salt another each time, so that what is kept by mistake is not kept for ever */
  constructor(salt: string) {
    this.#salt = salt
  }

  add(location: string): void {
    for (const bit of this.#places(location)) this.#bits[bit >>> 3]! |= 1 << (bit & 7)
  }

  mayHave(location: string): boolean {
    return this.#places(location).every(bit => (this.#bits[bit >>> 3]! & (1 << (bit & 7))) !== 0)
  }

  #places(location: string): readonly number[] {
    const digest = createHash('sha256').update(this.#salt).update(pathKey(location)).digest()
    return [0, 4, 8, 12].map(at => digest.readUInt32LE(at) % bits)
  }
}

/** A picture with 256 colours, which takes a third of the room; it never changes its size. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** upng-js, which has no types of its own. */
interface Upng {
  decode(png: Buffer): { readonly width: number; readonly height: number }
  toRGBA8(image: object): ArrayBuffer[]
  encode(frames: ArrayBuffer[], width: number, height: number, colors: number): ArrayBuffer
}

export function withPalette(png: Buffer, parts: string): Buffer {
  const upng: Upng = createRequire(join(parts, 'package.json'))('upng-js')
  const image = upng.decode(png)
  return Buffer.from(upng.encode(upng.toRGBA8(image), image.width, image.height, 256))
}

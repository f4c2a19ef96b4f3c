/**
 * Parquet's RLE / bit-packing hybrid: how levels and dictionary indexes are written. Pure.
 *
 * A body is a sequence of runs: `(count << 1) value` for a repeated value, `(groups << 1 | 1) bits` for groups of eight
 * packed values, least significant bit first. Only the last group of a body may hold padding.
 *
 * Source: apache/parquet-format Encodings.md "Run Length Encoding / Bit-Packing Hybrid".
 */

/** A repetition shorter than this is packed with its neighbours: a run costs two headers. */
const shortestRun = 16

/** Packing shifts up to 7 + width bits in a 32-bit integer. */
export const widestPacking = 24

/** Bits that hold every value of 0 … max. */
export const bitWidth = (max: number): number => 32 - Math.clz32(max)

/** Encodes `values[from, to)`, each of `width` bits, without the length or width that some pages put before it. */
export function encodeHybrid(values: Uint8Array | Int32Array, from: number, to: number, width: number): Buffer {
  const out = Buffer.allocUnsafe(Math.ceil((to - from) / 8) * (width + 10) + 16)
  let position = 0
  let at = from
  while (at < to) {
    const run = runLength(values, at, to)
    if (run >= shortestRun || width === 0) {
      position = writeRun(out, position, values[at]!, run, width)
      at += run
      continue
    }
    const packedFrom = at
    do at = Math.min(at + 8, to)
    while (at < to && runLength(values, at, Math.min(to, at + shortestRun)) < shortestRun)
    position = writePacked(out, position, values, packedFrom, at, width)
  }
  return out.subarray(0, position)
}

/** A body of one value repeated `count` times. */
export function encodeRepeated(value: number, count: number, width: number): Buffer {
  const out = Buffer.allocUnsafe(16)
  return out.subarray(0, writeRun(out, 0, value, count, width))
}

function runLength(values: Uint8Array | Int32Array, from: number, to: number): number {
  const value = values[from]
  let end = from + 1
  while (end < to && values[end] === value) end++
  return end - from
}

function writeRun(out: Buffer, at: number, value: number, count: number, width: number): number {
  let position = writeVarint(out, at, count * 2)
  for (let shift = 0; shift < width; shift += 8) out[position++] = (value >>> shift) & 0xff
  return position
}

function writePacked(
  out: Buffer,
  at: number,
  values: Uint8Array | Int32Array,
  from: number,
  to: number,
  width: number,
): number {
  const groups = (to - from + 7) >> 3
  let position = writeVarint(out, at, groups * 2 + 1)
  const end = position + groups * width
  let bits = 0
  let held = 0
  for (let index = from; index < to; index++) {
    bits |= values[index]! << held
    held += width
    while (held >= 8) {
      out[position++] = bits & 0xff
      bits >>>= 8
      held -= 8
    }
  }
  if (held > 0) out[position++] = bits & 0xff
  out.fill(0, position, end)
  return end
}

function writeVarint(out: Buffer, at: number, value: number): number {
  let position = at
  let rest = value
  while (rest > 0x7f) {
    out[position++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  out[position++] = rest
  return position
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitWidth, encodeHybrid, encodeRepeated } from '../../../../runtime/iceberg/parquet/hybridEncoding.ts'
import fc from '../../../properties.ts'

/** Decodes as Encodings.md says, one bit at a time. */
function decodeHybrid(body: Buffer, width: number, count: number): number[] {
  const values: number[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = body[at++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (values.length < count) {
    const header = varint()
    if (header % 2 === 0) {
      let value = 0
      for (let byte = 0; byte < Math.ceil(width / 8); byte++) value += body[at++]! * 256 ** byte
      for (let index = 0; index < header / 2; index++) values.push(value)
    } else {
      const packed = ((header - 1) / 2) * 8
      for (let index = 0; index < packed; index++) {
        let value = 0
        for (let bit = 0; bit < width; bit++) {
          const position = index * width + bit
          value += ((body[at + (position >> 3)]! >> (position & 7)) & 1) * 2 ** bit
        }
        if (values.length < count) values.push(value)
        else assert.equal(value, 0, 'padding of the last group is zero')
      }
      at += (packed * width) / 8
    }
  }
  assert.equal(at, body.length, 'nothing follows the last run')
  assert.equal(values.length, count)
  return values
}

/** Runs of random length of random values, so that repeated and packed runs meet at every alignment. */
const sequences = fc.integer({ min: 0, max: 24 }).chain(width =>
  fc.record({
    width: fc.constant(width),
    values: fc
      .array(fc.tuple(fc.integer({ min: 0, max: 2 ** width - 1 }), fc.integer({ min: 1, max: 40 })), { maxLength: 40 })
      .map(runs => runs.flatMap(([value, length]) => Array<number>(length).fill(value))),
  }),
)

test('values of every width come back, whatever the runs', () => {
  fc.assert(
    fc.property(sequences, ({ width, values }) => {
      const body = encodeHybrid(Int32Array.from(values), 0, values.length, width)
      assert.deepEqual(decodeHybrid(body, width, values.length), values)
    }),
    { numRuns: 500 },
  )
})

test('a part of the values is encoded, and nothing around it', () => {
  const values = Int32Array.from({ length: 100 }, (_, index) => index % 7)
  assert.deepEqual(decodeHybrid(encodeHybrid(values, 13, 60, 3), 3, 47), [...values.subarray(13, 60)])
})

test('a constant page takes a few bytes', () => {
  assert.ok(encodeHybrid(new Uint8Array(20_000).fill(1), 0, 20_000, 1).length <= 4)
  assert.deepEqual(decodeHybrid(encodeRepeated(1, 20_000, 1), 1, 20_000), Array(20_000).fill(1))
})

test('a width holds the greatest value', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 255, 256].map(bitWidth), [0, 1, 2, 2, 3, 8, 9])
})

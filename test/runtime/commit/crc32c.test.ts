/** CRC-32C by published vectors: RFC 3720 appendix B.4 and the check value of the CRC catalogue. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../../runtime/commit/crc32c.ts'
import fc from '../../properties.ts'

test('gives the published checksums', () => {
  for (const [bytes, expected] of [
    [Buffer.from('123456789'), 0xe3069283],
    [Buffer.alloc(0), 0],
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ] as const)
    assert.equal(crc32c(bytes), expected)
})

test('of parts is that of the whole, null parts being empty', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      assert.equal(crc32c(a, null, b), crc32c(Buffer.concat([a, b])))
    }),
  )
})

/** The four codecs: what they write they read, both shapes of snappy, and damage has a name. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import snappy from 'snappy'
import { decompress, registerCodecs } from '../../../runtime/source/codecs.ts'
import { kafkajsCodecs } from '../../../runtime/source/kafkajsInternals.ts'
import fc from '../../properties.ts'

const names = ['gzip', 'snappy', 'lz4', 'zstd']

suite('codecs', () => {
  registerCodecs()

  for (const [index, name] of names.entries()) {
    const number = index + 1
    const codec = kafkajsCodecs[number]!() as { compress(encoder: { buffer: Buffer }): Promise<Buffer> }

    test(`${name} reads what it writes`, async () => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 30_000, max: 100_000 }).map(length => new Uint8Array(length).fill(length)),
      )
      await fc.assert(
        fc.asyncProperty(bytes, async given => {
          const buffer = Buffer.from(given)
          assert.deepEqual(await decompress(number, await codec.compress({ buffer })), buffer)
        }),
        { numRuns: 30 },
      )
    })

    test(`${name} names itself where the bytes are damaged`, async () => {
      const good = await codec.compress({ buffer: Buffer.from('some text, some text, some text') })
      for (const bad of [good.subarray(0, good.length - 5), Buffer.from('no such thing')])
        await assert.rejects(decompress(number, bad), {
          name: 'SourceError',
          code: 'CORRUPT_DATA',
          message: `a record batch does not decompress as ${name}`,
        })
    })
  }

  test('snappy reads a raw block', async () => {
    assert.equal(String(await decompress(2, await snappy.compress('raw block'))), 'raw block')
  })

  test('an unknown codec is refused', async () => {
    await assert.rejects(decompress(5, Buffer.alloc(1)), { code: 'CORRUPT_DATA' })
  })

  test('codec 0 is the bytes themselves', async () => {
    const bytes = Buffer.from('plain')
    assert.equal(await decompress(0, bytes), bytes)
  })
})

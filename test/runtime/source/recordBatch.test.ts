/** Decoding record batches: what counts as delivered, and how far the position moves, whatever the bytes. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { decodeRecords } from '../../../runtime/source/recordBatch.ts'
import fc from '../../properties.ts'
import { type BatchFields, encodeBatch } from './encodeBatch.ts'

const values = (records: readonly { value: Buffer | null }[]) => records.map(({ value }) => value?.toString() ?? null)
const decode = (batches: readonly BatchFields[], offset = 0, aborted: Parameters<typeof decodeRecords>[2] = []) =>
  decodeRecords(Buffer.concat(batches.map(encodeBatch)), offset, aborted)

suite('record batches', () => {
  test('give offset, time, key and value of each record', async () => {
    const { records, end } = await decode([
      {
        baseOffset: 2 ** 33,
        baseTimestampMs: 1_700_000_000_000,
        records: [
          { offsetDelta: 0, timestampDelta: 0, key: 'a', value: 'x' },
          { offsetDelta: 3, timestampDelta: -5, key: null, value: null, headers: [['h', 'v']] },
        ],
      },
    ])
    assert.deepEqual(records, [
      { offset: 2 ** 33, timestampMs: 1_700_000_000_000, key: Buffer.from('a'), value: Buffer.from('x') },
      { offset: 2 ** 33 + 3, timestampMs: 1_699_999_999_995, key: null, value: null },
    ])
    assert.equal(end, 2 ** 33 + 4)
  })

  test('use the append time where the topic does', async () => {
    const { records } = await decode([
      { baseOffset: 0, attributes: 0x08, baseTimestampMs: 1, maxTimestampMs: 99, records: [{ value: 'x' }] },
    ])
    assert.equal(records[0]!.timestampMs, 99)
  })

  test('move the position past offsets that compaction removed, even where it removed all records', async () => {
    const { records, end } = await decode([
      { baseOffset: 5, lastOffsetDelta: 4, records: [{ offsetDelta: 1, value: 'kept' }] },
      { baseOffset: 10, lastOffsetDelta: 9, records: [] },
    ])
    assert.deepEqual(values(records), ['kept'])
    assert.equal(end, 20)
  })

  test('leave out records before the requested offset', async () => {
    const { records, end } = await decode([{ baseOffset: 0, records: ['a', 'b', 'c'].map(of) }], 2)
    assert.deepEqual(values(records), ['c'])
    assert.equal(end, 3)
  })

  test('leave the position where only a part of a batch arrived', async () => {
    const whole = encodeBatch({ baseOffset: 7, records: [{ value: 'x'.repeat(100) }] })
    for (const length of [0, 5, 12, 30, whole.length - 1])
      assert.deepEqual(await decodeRecords(whole.subarray(0, length), 7, []), { records: [], end: 7 })
  })

  test('leave out aborted transactions and control records, and pass them', async () => {
    const { records, end } = await decode(
      [
        { baseOffset: 0, producerId: 1n, transactional: true, records: ['aborted'].map(of) },
        { baseOffset: 1, producerId: 2n, transactional: true, records: ['committed'].map(of) },
        { baseOffset: 2, producerId: 1n, marker: 'abort' },
        { baseOffset: 3, producerId: 1n, transactional: true, records: ['later'].map(of) },
        { baseOffset: 4, producerId: 2n, marker: 'commit' },
        { baseOffset: 5, producerId: 1n, marker: 'commit' },
      ],
      0,
      [{ producerId: 1n, firstOffset: 0 }],
    )
    assert.deepEqual(values(records), ['committed', 'later'])
    assert.equal(end, 6)
  })

  test('do not take a record whose key looks like an abort marker for one', async () => {
    const zeros = Buffer.alloc(4)
    const { records } = await decode(
      [
        { baseOffset: 0, producerId: 1n, transactional: true, records: [{ key: zeros, value: 'aborted' }] },
        { baseOffset: 1, producerId: 1n, transactional: true, records: [{ key: zeros, value: 'aborted too' }] },
        { baseOffset: 2, producerId: 1n, marker: 'abort' },
      ],
      0,
      [{ producerId: 1n, firstOffset: 0 }],
    )
    assert.deepEqual(records, [])
  })

  test('leave out every one of several transactions that were open before the requested offset', async () => {
    const { records } = await decode(
      [
        { baseOffset: 10, producerId: 2n, transactional: true, records: ['aborted'].map(of) },
        { baseOffset: 11, producerId: 1n, transactional: true, records: ['aborted'].map(of) },
        { baseOffset: 12, producerId: 1n, marker: 'abort' },
        { baseOffset: 13, producerId: 2n, marker: 'abort' },
      ],
      10,
      // In the order of their ends, as brokers list them.
      [
        { producerId: 1n, firstOffset: 3 },
        { producerId: 2n, firstOffset: 1 },
      ],
    )
    assert.deepEqual(records, [])
  })

  test('are refused where bytes are damaged', async () => {
    const good = encodeBatch({ baseOffset: 0, records: ['a', 'b'].map(of) })
    const damaged = [
      ['an old format', 16, 1],
      ['an unknown codec', 22, 7],
      ['a compressed batch that is none', 22, 2],
      ['a record count too high', 60, 3],
      ['a record count too low', 60, 1],
      ['a record that ends elsewhere', 61, 2],
    ] as const
    for (const [what, position, byte] of damaged) {
      const bytes = Buffer.from(good)
      bytes[position] = byte
      await assert.rejects(decodeRecords(bytes, 0, []), { name: 'SourceError', code: 'CORRUPT_DATA' }, what)
    }
  })

  test('never end in anything but records or CORRUPT_DATA', async () => {
    const good = encodeBatch({ baseOffset: 0, records: ['a', 'bc'].map(of) })
    const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(damage, async changes => {
        const bytes = Buffer.from(good)
        for (const [position, byte] of changes) bytes[position] = byte
        await decodeRecords(bytes, 0, []).catch(error => assert.equal(error.code, 'CORRUPT_DATA'))
      }),
    )
  })

  test('come back as they were encoded', async () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 40 }).map(array => Buffer.from(array)))
    const record = fc.record({ key: bytes, value: bytes, timestampDelta: fc.integer() })
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2 ** 40),
        fc.array(record, { minLength: 1, maxLength: 20 }),
        async (baseOffset, given) => {
          const records = given.map((fields, offsetDelta) => ({ ...fields, offsetDelta }))
          const decoded = await decode([{ baseOffset, baseTimestampMs: 2 ** 40, records }])
          const expected = records.map(({ key, value, timestampDelta, offsetDelta }) => ({
            offset: baseOffset + offsetDelta,
            timestampMs: 2 ** 40 + timestampDelta,
            key,
            value,
          }))
          assert.deepEqual(decoded, { records: expected, end: baseOffset + records.length })
        },
      ),
    )
  })
})

function of(value: string, offsetDelta: number): { value: string; offsetDelta: number } {
  return { value, offsetDelta }
}

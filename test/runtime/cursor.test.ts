/** A cursor neither skips nor repeats: what it takes, in order, is exactly what the table lacks. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { accept, createCursor } from '../../runtime/cursor.ts'
import type { KafkaRecord, LastRecord, SourceBatch } from '../../runtime/kafka.ts'
import fc from '../properties.ts'

const record = (offset: number): KafkaRecord => ({ offset, timestampMs: offset, key: null, value: Buffer.from('v') })
const mark = ({ offset, timestampMs }: KafkaRecord): LastRecord => ({ offset, timestampMs, crc32c: 7 })
const batch = (start: number, end: number, offsets: readonly number[]): SourceBatch => ({
  topic: 't',
  partition: 0,
  epoch: 1,
  start,
  end,
  records: offsets.map(record),
  highWatermark: end,
})
const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i)

suite('a batch', () => {
  test('that starts elsewhere is a jump and leaves the cursor alone', () => {
    for (const start of [4, 6, 0, 99]) {
      const cursor = createCursor(5, undefined)
      assert.deepEqual(accept(cursor, batch(start, start + 2, []), mark), { kind: 'jump', expected: 5 })
      assert.deepEqual(cursor, createCursor(5, undefined))
    }
  })

  test('with offsets that hold no record covers them', () => {
    const cursor = createCursor(5, undefined)
    const taken = accept(cursor, batch(5, 12, [7, 10]), mark)
    assert.deepEqual(taken, { kind: 'taken', records: [record(7), record(10)], start: 5, end: 12 })
    assert.deepEqual(accept(cursor, batch(12, 14, []), mark), { kind: 'taken', records: [], start: 12, end: 14 })
  })

  test('that begins below next, at the record to verify, gives only what is new', () => {
    const cursor = createCursor(6, mark(record(3)))
    assert.deepEqual(accept(cursor, batch(3, 9, [3, 5, 6, 8]), mark), {
      kind: 'taken',
      records: [record(6), record(8)],
      start: 6,
      end: 9,
    })
  })

  test('that ends below next gives nothing, and the cursor never goes back', () => {
    const cursor = createCursor(6, mark(record(3)))
    assert.deepEqual(accept(cursor, batch(3, 4, [3]), mark), { kind: 'taken', records: [], start: 6, end: 6 })
    assert.deepEqual(accept(cursor, batch(4, 7, [6]), mark), { kind: 'taken', records: [record(6)], start: 6, end: 7 })
  })

  test('cut as it may be, every record at or past next is taken once', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 19 }))
    fc.assert(
      fc.property(cuts, fc.nat(10), fc.nat(10), fc.uniqueArray(fc.nat(19)), (between, a, b, gaps) => {
        const [verified, next] = [Math.min(a, b), Math.max(a, b)]
        const cursor = createCursor(next, verified < next ? mark(record(verified)) : undefined)
        const first = cursor.at
        const bounds = [first, ...between.filter(cut => cut > first).sort((x, y) => x - y), 20]
        const held = range(0, 20).filter(offset => offset === verified || !gaps.includes(offset))
        const taken: number[] = []
        let expected = next
        for (const [i, start] of bounds.slice(0, -1).entries()) {
          const end = bounds[i + 1]!
          const offsets = held.filter(offset => offset >= start && offset < end)
          const accepted = accept(cursor, batch(start, end, offsets), mark)
          assert.ok(accepted.kind === 'taken')
          assert.equal(accepted.start, expected)
          expected = accepted.end
          taken.push(...accepted.records.map(({ offset }) => offset))
        }
        assert.deepEqual(
          taken,
          held.filter(offset => offset >= next),
        )
        assert.deepEqual([cursor.next, cursor.verify], [20, undefined])
      }),
    )
  })
})

suite('the last consumed record', () => {
  test('must be the same: time and checksum', () => {
    for (const other of [
      { ...mark(record(3)), timestampMs: 4 },
      { ...mark(record(3)), crc32c: 8 },
    ]) {
      const cursor = createCursor(6, other)
      assert.deepEqual(accept(cursor, batch(3, 9, [3, 7]), mark), { kind: 'replaced', offset: 3 })
      assert.equal(cursor.next, 6, 'nothing of that batch is taken')
    }
  })

  test('may have been compacted away', () => {
    const cursor = createCursor(6, mark(record(3)))
    assert.equal(accept(cursor, batch(3, 9, [7]), mark).kind, 'taken')
  })

  test('is looked for until a batch has passed it', () => {
    const cursor = createCursor(6, { ...mark(record(3)), crc32c: 8 })
    assert.equal(accept(cursor, batch(3, 3, []), mark).kind, 'taken')
    assert.equal(accept(cursor, batch(3, 4, [3]), mark).kind, 'replaced')
  })

  test('is compared once', () => {
    const cursor = createCursor(6, mark(record(3)))
    accept(cursor, batch(3, 4, [3]), mark)
    assert.equal(cursor.verify, undefined)
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBounds, metricsModesOf, truncateLower, truncateUpper } from '../../../runtime/iceberg/columnMetrics.ts'
import { rawDefinition } from '../../../runtime/iceberg/tables.ts'
import fc from '../../properties.ts'
import { tableOf } from './tableOf.ts'

const points = (bytes: Buffer) => Array.from(bytes.toString()).length

/** Strings rich in the code points where truncation goes wrong. */
const hardCharacter = fc.oneof(
  fc.constantFrom('\u{10ffff}', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u007f', '\u07ff', 'é', '\0'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
)
const hardString = fc.string({ unit: hardCharacter, maxLength: 12 }).map(text => Buffer.from(text))

test('a truncated string bound is a string, no longer than asked, and on the right side', () => {
  fc.assert(
    fc.property(hardString, fc.integer({ min: 1, max: 6 }), (value, length) => {
      const lower = truncateLower('string', value, length)
      const upper = truncateUpper('string', value, length)
      assert.ok(Buffer.compare(lower, value) <= 0 && points(lower) <= length)
      assert.deepEqual(Buffer.from(lower.toString()), lower)
      if (upper === undefined) assert.match(value.toString(), /^\u{10ffff}+./u)
      else {
        assert.ok(Buffer.compare(upper, value) >= 0 && points(upper) <= length)
        assert.deepEqual(Buffer.from(upper.toString()), upper)
      }
    }),
    { numRuns: 2000 },
  )
})

test('upper bounds are those of Iceberg: the last code point that can grow does', () => {
  const upper = (text: string, length: number) => truncateUpper('string', Buffer.from(text), length)?.toString()
  assert.equal(upper('イロハニホヘト', 2), 'イヮ')
  assert.equal(upper('イロハニホヘト', 7), 'イロハニホヘト')
  assert.equal(upper('\uffff\uffff', 1), '\u{10000}')
  assert.equal(upper('a\ud7ffb', 2), 'a\ue000')
  assert.equal(upper('a\u{10ffff}c', 2), 'b')
  assert.equal(upper('\u{10ffff}\u{10ffff}', 1), undefined)
})

test('a truncated binary bound is on the right side', () => {
  const bytes = fc.uint8Array({ maxLength: 6 }).map(array => Buffer.from(array.map(byte => (byte > 200 ? 255 : byte))))
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 4 }), (value, length) => {
      assert.ok(Buffer.compare(truncateLower('binary', value, length), value) <= 0)
      const upper = truncateUpper('binary', value, length)
      if (upper === undefined) assert.ok(value.subarray(0, length).every(byte => byte === 255))
      else assert.ok(Buffer.compare(upper, value) >= 0 && upper.length <= Math.max(length, 0))
    }),
  )
})

test('bounds compare as their type does', () => {
  const double = (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(value)
    return bytes
  }
  const long = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  }
  assert.ok(compareBounds('double', double(-0), double(0)) < 0)
  assert.ok(compareBounds('double', double(0), double(-0)) > 0)
  assert.equal(compareBounds('double', double(-0), double(-0)), 0)
  assert.ok(compareBounds('double', double(-2), double(-1)) < 0)
  assert.ok(compareBounds('timestamptz', long(-1n), long(1n)) < 0)
  assert.ok(compareBounds('long', long(2n ** 62n), long(2n ** 62n + 1n)) < 0)
})

test('metrics modes are the table’s, by its present column names', () => {
  const table = tableOf(rawDefinition)
  const modes = metricsModesOf({
    ...table,
    properties: {
      'write.metadata.metrics.default': 'full',
      'write.metadata.metrics.column.user_id': 'counts',
      'write.metadata.metrics.column.unit': 'None',
      'write.metadata.metrics.column.value': 'truncate(4)',
      'write.metadata.metrics.column.timezone': 'nonsense',
    },
  })
  assert.deepEqual(modes.default, { keep: 'bounds', truncate: Number.POSITIVE_INFINITY })
  assert.deepEqual(modes.columns.get(2), { keep: 'counts' })
  assert.deepEqual(modes.columns.get(6), { keep: 'none' })
  assert.deepEqual(modes.columns.get(5), { keep: 'bounds', truncate: 4 })
  assert.deepEqual(modes.columns.get(16), { keep: 'counts' })
  assert.deepEqual(metricsModesOf({ ...table, properties: {} }).default, { keep: 'bounds', truncate: 16 })
})

test('who a person is stays out of metadata, unless a column of its own says so', () => {
  const table = tableOf(rawDefinition)
  const modes = (properties: Record<string, string>) => metricsModesOf({ ...table, properties }).columns
  assert.deepEqual(
    [...modes({})],
    [1, 2].map(id => [id, { keep: 'counts' }]),
  )
  assert.deepEqual([...modes({ 'write.metadata.metrics.default': 'none' })], [])
  const asked = modes({ 'write.metadata.metrics.column.device_id': 'full' })
  assert.deepEqual(asked.get(1), { keep: 'bounds', truncate: Number.POSITIVE_INFINITY })
})

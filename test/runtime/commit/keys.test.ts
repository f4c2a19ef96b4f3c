/** What is printed into a snapshot summary is read back the same; what is damaged is refused and named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ErrorsKeys,
  type Initialised,
  KeysError,
  parseErrorsKeys,
  parseInitialised,
  parseRawKeys,
  printErrorsKeys,
  printInitialised,
  printRawKeys,
  type RawKeys,
} from '../../../runtime/commit/keys.ts'
import fc from '../../properties.ts'

const whole = fc.nat(Number.MAX_SAFE_INTEGER)
const topic = fc.oneof(fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/), fc.constantFrom('__proto__', 'constructor', '0'))
const byPartition = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Map<string, T>> =>
  fc
    .array(fc.tuple(topic, fc.nat(5000), value), { maxLength: 6 })
    .map(entries => new Map(entries.map(([name, partition, it]) => [`${name}:${partition}`, it])))
const range = fc.record({ start: whole, end: whole })
const rawKeys: fc.Arbitrary<RawKeys> = fc.record(
  {
    seq: whole,
    offsets: byPartition(whole),
    pending: fc.array(
      fc.record({ seq: whole, ranges: byPartition(range), manifest: fc.string(), length: whole, count: whole }),
      { maxLength: 3 },
    ),
    group: fc.string(),
    last: byPartition(fc.record({ offset: whole, timestampMs: fc.maxSafeInteger(), crc32c: fc.nat(0xffffffff) })),
    errorsAckedSeq: whole,
    commitId: fc.uuid(),
    errorsUuid: fc.uuid(),
    acceptedCommitted: byPartition(whole),
  },
  { requiredKeys: ['seq', 'offsets', 'pending', 'group', 'last', 'errorsAckedSeq', 'commitId', 'errorsUuid'] },
)
const errorsKeys: fc.Arbitrary<ErrorsKeys> = fc.record({ appliedSeq: whole, rawUuid: fc.uuid(), commitId: fc.uuid() })
const initialised: fc.Arbitrary<Initialised> = fc.record({
  group: fc.string(),
  clusterId: fc.string(),
  topics: fc.array(topic),
})

/** fast-check's records have no prototype. */
const plain = <T>(value: T): T => structuredClone(value)

test('raw keys come back as they were printed, among the keys of the summary', () => {
  fc.assert(
    fc.property(rawKeys, keys => {
      assert.deepEqual(parseRawKeys({ operation: 'append', ...printRawKeys(keys) }), plain(keys))
    }),
  )
})

test('errors keys come back as they were printed', () => {
  fc.assert(
    fc.property(errorsKeys, keys => {
      assert.deepEqual(parseErrorsKeys({ operation: 'append', ...printErrorsKeys(keys) }), plain(keys))
    }),
  )
})

test('the table property comes back as it was printed', () => {
  fc.assert(
    fc.property(initialised, value => {
      assert.deepEqual(parseInitialised({ 'hc.initialised': printInitialised(value) }), plain(value))
    }),
  )
})

test('the printed form is the same whatever the order of partitions, so that commits can be compared', () => {
  const print = (keys: string[]) =>
    printRawKeys({ ...sample, offsets: new Map(keys.map((key, i) => [key, keys.length > 1 ? 7 : i])) })['hc.offsets']
  assert.equal(print(['b:1', 'a:0', 'b:0']), print(['a:0', 'b:0', 'b:1']))
})

test("a summary without our keys is somebody else's", () => {
  assert.equal(parseRawKeys({ operation: 'replace' }), undefined)
  assert.equal(parseErrorsKeys({ operation: 'replace' }), undefined)
  assert.equal(parseInitialised({ owner: 'x' }), undefined)
})

const sample: RawKeys = {
  seq: 1,
  offsets: new Map([['t:0', 5]]),
  pending: [{ seq: 1, ranges: new Map([['t:0', { start: 0, end: 5 }]]), manifest: 'memory:///m', length: 9, count: 1 }],
  group: 'g',
  last: new Map([['t:0', { offset: 4, timestampMs: 1, crc32c: 2 }]]),
  errorsAckedSeq: 0,
  commitId: 'c',
  errorsUuid: 'u',
}

for (const key of Object.keys(printRawKeys(sample)).filter(name => name !== 'hc.seq'))
  test(`raw keys without ${key} are refused, and the key is named`, () => {
    const { [key]: _, ...rest } = printRawKeys(sample)
    assert.throws(() => parseRawKeys(rest), named(key))
  })

for (const [key, value] of [
  ['hc.seq', ''],
  ['hc.seq', '-1'],
  ['hc.seq', '1.5'],
  ['hc.seq', '9007199254740993'],
  ['hc.seq', 'one'],
  ['hc.errors-acked-seq', 'NaN'],
  ['hc.offsets', '{"t":{"0":'],
  ['hc.offsets', 'null'],
  ['hc.offsets', '[]'],
  ['hc.offsets', '{"t":null}'],
  ['hc.offsets', '{"t":{"0":"5"}}'],
  ['hc.offsets', '{"t":{"0":-1}}'],
  ['hc.offsets', '{"t":{"x":5}}'],
  ['hc.pending', '{}'],
  ['hc.pending', 'null'],
  ['hc.pending', '[null]'],
  ['hc.pending', '[{}]'],
  ['hc.pending', '[{"seq":"1","ranges":{},"manifest":"m","length":1,"count":1}]'],
  ['hc.pending', '[{"seq":1,"ranges":{"t":{"0":[1]}},"manifest":"m","length":1,"count":1}]'],
  ['hc.pending', '[{"seq":1,"ranges":{},"length":1,"count":1}]'],
  ['hc.last', '{"t":{"0":4}}'],
  ['hc.last', '{"t":{"0":[4,1]}}'],
] as const)
  test(`${key} of ${JSON.stringify(value)} is refused`, () => {
    assert.throws(() => parseRawKeys({ ...printRawKeys(sample), [key]: value }), named(key))
  })

test('a damaged table property is refused', () => {
  for (const value of ['', '{', 'null', '{"group":"g"}', '{"group":1,"clusterId":"c","topics":[]}'])
    assert.throws(() => parseInitialised({ 'hc.initialised': value }), named('hc.initialised'))
})

test('errors keys with a damaged seq are refused', () => {
  const printed = printErrorsKeys({ appliedSeq: 1, rawUuid: 'r', commitId: 'c' })
  assert.throws(() => parseErrorsKeys({ ...printed, 'hc.applied-seq': 'x' }), named('hc.applied-seq'))
})

function named(key: string): (error: unknown) => boolean {
  return error => error instanceof KeysError && error.message.includes(key)
}

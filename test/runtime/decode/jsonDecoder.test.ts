/** JSON bytes to a payload or a reason: what counts as JSON here, and what a hostile record may cost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonDecoder, maxNesting } from '../../../runtime/decode/jsonDecoder.ts'
import { bytesNestDeeperThan, valueNestsDeeperThan } from '../../../runtime/decode/nesting.ts'
import fc from '../../properties.ts'

const decode = (value: string | Buffer) => jsonDecoder.decode(Buffer.from(value as string))

const refused: readonly (readonly [what: string, value: string | Buffer, reason: string])[] = [
  ['a lone continuation byte', Buffer.from([0x7b, 0x80, 0x7d]), 'invalid_utf8'],
  ['an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'invalid_utf8'],
  ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'invalid_utf8'],
  ['a code point past U+10FFFF', Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]), 'invalid_utf8'],
  ['a truncated character', Buffer.from('{"samples":["ä').subarray(0, -1), 'invalid_utf8'],
  ['UTF-16', Buffer.from('\ufeff{"samples":[]}', 'utf16le'), 'invalid_utf8'],
  ['no bytes', '', 'invalid_json'],
  ['blanks', ' \n', 'invalid_json'],
  ['a truncated object', '{"samples":[{"id":"a"', 'invalid_json'],
  ['two documents', '{"samples":[]}{"samples":[]}', 'invalid_json'],
  ['NaN', '{"samples":[{"value":NaN}]}', 'invalid_json'],
  ['Infinity', '{"samples":[{"value":-Infinity}]}', 'invalid_json'],
  ['a leading zero', '{"samples":[{"value":012}]}', 'invalid_json'],
  ['single quotes', "{'samples':[]}", 'invalid_json'],
  ['a trailing comma', '{"samples":[],}', 'invalid_json'],
  ['a comment', '{"samples":[]/**/}', 'invalid_json'],
  ['a control character in a text', '{"samples":["\n"]}', 'invalid_json'],
  ['a byte order mark in the middle', '{\ufeff"samples":[]}', 'invalid_json'],
  ['two byte order marks', '\ufeff\ufeff{"samples":[]}', 'invalid_json'],
  ['null', 'null', 'not_an_object'],
  ['an array', '[{"samples":[]}]', 'not_an_object'],
  ['a text', '"samples"', 'not_an_object'],
  ['a number', '1', 'not_an_object'],
  ['no samples', '{"userId":"u"}', 'missing_samples'],
  ['samples null', '{"samples":null}', 'missing_samples'],
  ['samples under the prototype', '{"__proto__":{"samples":[]}}', 'missing_samples'],
  ['samples an object', '{"samples":{"length":1}}', 'samples_not_array'],
  ['samples a text', '{"samples":"[]"}', 'samples_not_array'],
  ['samples twice, the last no array', '{"samples":[],"samples":1}', 'samples_not_array'],
]

for (const [what, value, reason] of refused)
  test(`${what} is ${reason}`, () => assert.equal(decode(value).reason, reason))

const taken: readonly (readonly [what: string, value: string, envelope: unknown])[] = [
  ['an empty list', '{"samples":[]}', { samples: [] }],
  ['a leading byte order mark', '\ufeff{"samples":[]}', { samples: [] }],
  ['blanks around', ' \t\r\n{"samples" : [ ] } \n', { samples: [] }],
  ['unknown fields', '{"x":{"y":[1]},"samples":[1,"a",null]}', { x: { y: [1] }, samples: [1, 'a', null] }],
  [
    'duplicate keys: the last wins',
    '{"userId":"a","samples":1,"userId":"b","samples":[]}',
    { userId: 'b', samples: [] },
  ],
  ['an escaped key', '{"s\\u0061mples":[]}', { samples: [] }],
  ['a number past the doubles', '{"samples":[1e999]}', { samples: [Number.POSITIVE_INFINITY] }],
  ['half a surrogate pair', '{"samples":["\\ud800"]}', { samples: ['\ud800'] }],
]

for (const [what, value, envelope] of taken)
  test(`${what} is taken`, () => assert.deepEqual(decode(value), { envelope, reason: null }))

test('__proto__ is an ordinary key', () => {
  const { envelope } = decode('{"__proto__":{"userId":"x"},"samples":[]}')
  assert.equal(envelope?.userId, undefined)
  assert.deepEqual(Object.keys(envelope!), ['__proto__', 'samples'])
})

test('what could be read of an envelope comes along with the reason', () => {
  assert.equal(decode('{"userId":"u","samples":5}').envelope?.userId, 'u')
  assert.equal(decode('{"userId":"u"}').envelope?.userId, 'u')
  assert.equal(decode('{"userId":"u"').envelope, null)
})

const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`

test('nesting is bounded to 64 levels: the payload is the first level', () => {
  assert.equal(maxNesting, 64)
  // The payload and its samples are two levels.
  assert.equal(decode(`{"samples":[${nested(maxNesting - 2)}]}`).reason, null)
  assert.equal(decode(`{"samples":[${nested(maxNesting - 1)}]}`).reason, 'nesting_too_deep')
  assert.equal(decode(`{"x":${nested(maxNesting)},"samples":[]}`).reason, 'nesting_too_deep')
  assert.equal(decode(`{"x":${nested(maxNesting - 1)},"samples":[]}`).reason, null)
  assert.equal(decode(`{"x":"${'['.repeat(1000)}","samples":["\\"${'{'.repeat(1000)}"]}`).reason, null)
  const wide = `{"samples":[${'{"metadata":{}},'.repeat(1000)}{}]}`
  assert.equal(decode(wide).reason, null)
})

test('a large record is bounded alike, on the other side of the length where bytes are measured first', () => {
  const padding = `"pad":"${'x'.repeat(2 << 20)}"`
  assert.equal(decode(`{${padding},"samples":[${nested(maxNesting - 2)}]}`).reason, null)
  assert.equal(decode(`{${padding},"samples":[${nested(maxNesting - 1)}]}`).reason, 'nesting_too_deep')
})

for (const [what, value] of [
  ['a million nested arrays', nested(1_000_000)],
  ['a million nested arrays in the samples', `{"samples":${nested(1_000_000)}}`],
  ['ten million open brackets', '['.repeat(10_000_000)],
  ['a million nested objects', `${'{"a":'.repeat(1_000_000)}1${'}'.repeat(1_000_000)}`],
  ['a hundred thousand nested arrays', nested(100_000)],
  ['a hundred thousand open brackets', '['.repeat(100_000)],
] as const)
  test(`${what} cost neither the stack nor memory`, () => assert.equal(decode(value).reason, 'nesting_too_deep'))

test('depth measured on the bytes and on the value agree', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), fc.integer({ min: 0, max: 8 }), (text, levels) => {
      assert.equal(bytesNestDeeperThan(Buffer.from(text), levels), valueNestsDeeperThan(JSON.parse(text), levels))
    }),
    { numRuns: 2_000 },
  )
})

test('never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const { reason } = jsonDecoder.decode(Buffer.from(bytes))
      assert.ok(reason !== undefined)
    }),
    { numRuns: 2_000 },
  )
})

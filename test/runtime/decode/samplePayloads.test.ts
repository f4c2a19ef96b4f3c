/** Single samples cut out of a record: their own bytes, the envelope's scalars, and bounded cost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonDecoder } from '../../../runtime/decode/jsonDecoder.ts'
import fc from '../../properties.ts'

const payload = (record: string, index: number): string =>
  jsonDecoder.samplePayloads(Buffer.from(record)).payload(index).toString()

test('a sample keeps its own bytes', () => {
  const sample = '{ "id":"\\ud800", "value":1.50e0,\n"value":72.0, "note":"}]\\"{[," ,"ü":"\\u00fc" }'
  const record = `{"deviceId":"d","samples":[ 1 , ${sample} ,[[]]],"userId":"u"}`
  assert.equal(payload(record, 0), '{"deviceId":"d","userId":"u","samples":[1]}')
  assert.equal(payload(record, 1), `{"deviceId":"d","userId":"u","samples":[${sample}]}`)
  assert.equal(payload(record, 2), '{"deviceId":"d","userId":"u","samples":[[[]]]}')
})

test('the envelope keeps its scalars and drops the rest, but shows a known field whatever it is', () => {
  const record =
    '{"big":{"a":[1]},"list":[2],"deviceId":null,"userId":{"id":1},"v":-1.0,"ok":true,"samples":[{}],"timestamp":"t"}'
  assert.equal(
    payload(record, 0),
    '{"deviceId":null,"userId":{"id":1},"v":-1.0,"ok":true,"timestamp":"t","samples":[{}]}',
  )
})

test('of duplicate keys the last wins, as for the parser', () => {
  const record = '{"samples":["no"],"userId":"a","user\\u0049d":"b","x":1,"x":{},"samples":["yes"]}'
  assert.equal(payload(record, 0), '{"user\\u0049d":"b","samples":["yes"]}')
})

test('a byte order mark, blanks and odd keys', () => {
  assert.equal(
    payload('\ufeff { "__proto__" : "p" , "" : "e" , "samples" : [ "s" ] } ', 0),
    '{"__proto__" : "p","" : "e","samples":["s"]}',
  )
})

/** Well-formed text that JSON.parse takes, re-spaced, with lone surrogates. */
const anyEnvelope = fc.record({
  deviceId: fc.jsonValue(),
  userId: fc.string({ unit: 'binary' }),
  extra: fc.jsonValue(),
  samples: fc.array(fc.jsonValue(), { minLength: 1 }),
})

test('each cut payload decodes to its sample and the same ids', () => {
  fc.assert(
    fc.property(anyEnvelope, fc.constantFrom(undefined, 1, '\t'), (envelope, space) => {
      const text = JSON.stringify(envelope, null, space)
      const record = Buffer.from(text)
      const { deviceId, userId, samples } = JSON.parse(text)
      const payloads = jsonDecoder.samplePayloads(record)
      for (const [index, sample] of samples.entries()) {
        const cut = JSON.parse(payloads.payload(index).toString())
        assert.deepEqual(cut.samples, [sample])
        assert.deepEqual([cut.deviceId, cut.userId], [deviceId, userId])
      }
    }),
    { numRuns: 1_000 },
  )
})

test('a long envelope is not copied into every one of many failing samples', () => {
  const count = 20_000
  const record = Buffer.from(`{"userId":"${'u'.repeat(100_000)}","samples":[${'{},'.repeat(count - 1)}{}]}`)
  const payloads = jsonDecoder.samplePayloads(record)
  let bytes = 0
  for (let index = 0; index < count; index++) bytes += payloads.payload(index).length
  assert.ok(bytes < 32 << 20, `${bytes} bytes`)
  assert.equal(payloads.payload(count - 1).toString(), '{"samples":[{}]}')
})

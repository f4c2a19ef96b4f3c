/** Generated payloads: always the same, true to life, and exactly what they say they are, as the real rules see it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createPayload, type PayloadOptions } from '../../cli/payloads.ts'
import { jsonDecoder } from '../../runtime/decode/jsonDecoder.ts'
import type { RowSink } from '../../runtime/rows.ts'
import { createClassifier } from '../../runtime/validate/classifier.ts'
import type { ValidationMode } from '../../runtime/validate/rules.ts'

const usual: PayloadOptions = { seed: 1, samplesPerPayload: 20, invalidShare: 0.01 }
const make = (options: PayloadOptions, count: number) =>
  Array.from({ length: count }, (_, i) => createPayload(options, i))

function consume(options: PayloadOptions, mode: ValidationMode, count: number): void {
  const reasons: string[] = []
  let valueSum = 0
  let valid = 0
  const sink: RowSink = {
    raw(row) {
      valid++
      valueSum += row.value
    },
    error: row => void reasons.push(row.errorReason),
  }
  const observer = {
    valid() {},
    invalid() {},
    warning: (kind: string) => assert.fail(`a sample is valid but odd: ${kind}`),
  }
  const classifier = createClassifier({ decoder: jsonDecoder, mode, observer })
  for (let index = 0; index < count; index++) {
    const payload = createPayload(options, index)
    reasons.length = 0
    valid = valueSum = 0
    const record = { offset: index, timestampMs: 0, key: Buffer.from(payload.key), value: payload.value }
    classifier.classify(record, { topic: 't', partition: 0 }, { day: 0, micros: 0 }, sink)
    assert.deepEqual(
      { valid, valueSum, invalid: reasons },
      {
        valid: payload.valid,
        valueSum: payload.valueSum,
        invalid: payload.invalid,
      },
    )
  }
}

for (const mode of ['lenient', 'strict'] as const)
  for (const invalidShare of [0, 0.01, 0.5, 1])
    test(`the real rules find what a payload announces: share ${invalidShare}, ${mode}`, () =>
      consume({ seed: 7, samplesPerPayload: 20, invalidShare }, mode, 500))

test('the same seed and index give the same bytes, another seed or index others', () => {
  assert.deepEqual(createPayload(usual, 5), createPayload(usual, 5))
  assert.notDeepEqual(createPayload(usual, 5).value, createPayload(usual, 6).value)
  assert.notDeepEqual(createPayload(usual, 5).value, createPayload({ ...usual, seed: 2 }, 5).value)
})

test('the bytes stay what they were when figures were noted down', () => {
  const hash = createHash('sha256')
  for (const { key, value } of make({ ...usual, invalidShare: 0.1 }, 200)) hash.update(key).update(value)
  assert.equal(hash.digest('hex'), '2d6720ff9facbc46c57642f5dd56ace664a11bd291ab7a557ae4dd4737b9ddad')
})

test('invalid rows make up the share that was asked for, in great variety', () => {
  const payloads = make({ ...usual, invalidShare: 0.1 }, 5_000)
  const invalid = payloads.flatMap(payload => payload.invalid)
  const valid = payloads.reduce((sum, payload) => sum + payload.valid, 0)
  const share = invalid.length / (invalid.length + valid)
  assert.ok(Math.abs(share - 0.1) < 0.005, `${share}`)
  assert.equal(new Set(invalid).size, 27)
})

test('no sample id comes twice, over payloads and seeds', () => {
  const ids = new Set<string>()
  let samples = 0
  for (const seed of [0, 1, 2, 4_294_967_295])
    for (const payload of make({ seed, samplesPerPayload: 20, invalidShare: 0 }, 500))
      for (const { id } of JSON.parse(payload.value.toString()).samples) {
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
        ids.add(id)
        samples++
      }
  assert.equal(ids.size, samples)
})

test('true to life: people, table partitions and size', () => {
  const payloads = make({ ...usual, invalidShare: 0 }, 1_000)
  const samples = payloads.flatMap(({ value }) => JSON.parse(value.toString()).samples)
  assert.equal(new Set(payloads.map(payload => payload.key)).size, 40)
  assert.equal(new Set(samples.map(({ startDate, type }) => `${startDate.slice(0, 10)} ${type}`)).size, 32)
  assert.ok(samples.every(({ value }) => Number.isInteger(value * 8)))
  const bytes = payloads.reduce((sum, { value }) => sum + value.length, 0) / samples.length
  assert.ok(bytes > 380 && bytes < 420, `${bytes} bytes a sample`)
})

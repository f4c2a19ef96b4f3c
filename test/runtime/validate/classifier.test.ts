/** A record to rows: one row a sample whatever happens, and what each error row holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decoder } from '../../../runtime/contract/decoder.ts'
import { reasonsByType } from '../../../runtime/contract/reasons.ts'
import { jsonDecoder } from '../../../runtime/decode/jsonDecoder.ts'
import type { KafkaRecord } from '../../../runtime/kafka.ts'
import type { ErrorRow, RawRow } from '../../../runtime/rows.ts'
import { createClassifier } from '../../../runtime/validate/classifier.ts'
import { messageOf } from '../../../runtime/validate/messages.ts'
import { changed, type Fields, validEnvelope, validSample } from './cases.ts'

const source = { topic: 'health-data-raw', partition: 3 }
const processingTime = { day: 20_000, micros: 5 }

const record = (value: string | Buffer | null, offset = 42): KafkaRecord => ({
  offset,
  timestampMs: 0,
  key: null,
  value: value === null ? null : Buffer.from(value as string),
})
const json = (envelope: Fields, ...samples: readonly unknown[]) =>
  JSON.stringify(changed({ ...validEnvelope, samples }, envelope))

/** Rows are copied as they come, since the classifier reuses them. */
function classify(record: KafkaRecord, decoder: Decoder = jsonDecoder) {
  const raw: RawRow[] = []
  const errors: ErrorRow[] = []
  const observed: string[] = []
  const classifier = createClassifier({
    decoder,
    mode: 'lenient',
    observer: {
      valid: dataType => observed.push(`valid ${dataType}`),
      invalid: (errorType, reason, dataType) => observed.push(`${errorType} ${reason} ${dataType}`),
      warning: (kind, dataType) => observed.push(`${kind} ${dataType}`),
    },
  })
  const sink = {
    raw: (row: RawRow) => void raw.push(structuredClone(row)),
    error: (row: ErrorRow) => void errors.push({ ...row }),
  }
  const outcome = { ...classifier.classify(record, source, processingTime, sink) }
  return { raw, errors, observed, outcome }
}

test('each sample becomes one row, in order', () => {
  const samples = [validSample, changed(validSample, { id: 'b', value: -1 }), 5, changed(validSample, { id: 'd' })]
  const { raw, errors, observed, outcome } = classify(record(json({}, ...samples)))
  assert.deepEqual(
    raw.map(row => row.sampleId),
    ['sample-1', 'd'],
  )
  assert.deepEqual(
    errors.map(row => [row.sampleIndex, row.errorReason]),
    [
      [1, 'negative_value'],
      [2, 'wrong_type_sample'],
    ],
  )
  assert.deepEqual(outcome, { rawRows: 2, errorRows: 2, tombstone: false })
  assert.deepEqual(observed, [
    'valid heartRate',
    'VALIDATION_ERROR negative_value heartRate',
    'VALIDATION_ERROR wrong_type_sample null',
    'valid heartRate',
  ])
})

test('the error row of a sample', () => {
  const sample = '{ "id":"s","type":"steps", "value":-1.50 }'
  const value = `{"deviceId":"d","userId":"u","samples":[${sample}],"timestamp":"2024-05-01","appVersion":"9"}`
  const { errors } = classify(record(value))
  assert.deepEqual(errors, [
    {
      rawPayload: Buffer.from(
        `{"deviceId":"d","userId":"u","timestamp":"2024-05-01","appVersion":"9","samples":[${sample}]}`,
      ),
      errorType: 'VALIDATION_ERROR',
      errorReason: 'negative_value',
      errorMessage: 'value must not be negative',
      errorTimestamp: processingTime,
      deviceId: 'd',
      userId: 'u',
      sampleId: 's',
      dataType: 'steps',
      kafkaTopic: 'health-data-raw',
      kafkaPartition: 3,
      kafkaOffset: 42,
      sampleIndex: 0,
      appVersion: '9',
      processingTime,
    } satisfies ErrorRow,
  ])
})

test('the error row of a record that cannot be decoded: its bytes, its position and nothing else', () => {
  const value = Buffer.from([0x7b, 0xff, 0x7d])
  const { errors, observed, outcome } = classify(record(value))
  assert.deepEqual(errors, [
    {
      rawPayload: value,
      errorType: 'DESERIALIZATION_ERROR',
      errorReason: 'invalid_utf8',
      errorMessage: 'the record is not valid UTF-8',
      errorTimestamp: processingTime,
      deviceId: null,
      userId: null,
      sampleId: null,
      dataType: null,
      kafkaTopic: 'health-data-raw',
      kafkaPartition: 3,
      kafkaOffset: 42,
      sampleIndex: null,
      appVersion: null,
      processingTime,
    } satisfies ErrorRow,
  ])
  assert.deepEqual(outcome, { rawRows: 0, errorRows: 1, tombstone: false })
  assert.deepEqual(observed, ['DESERIALIZATION_ERROR invalid_utf8 null'])
})

test('a record without samples keeps the ids it has, so that erasure finds it', () => {
  const [row] = classify(record('{"deviceId":5,"userId":"u","appVersion":"1"}')).errors
  assert.deepEqual(
    [row?.errorReason, row?.deviceId, row?.userId, row?.appVersion, row?.sampleId, row?.sampleIndex],
    ['missing_samples', null, 'u', '1', null, null],
  )
})

test('no row of one record carries into the next', () => {
  const errors: ErrorRow[] = []
  const classifier = createClassifier({
    decoder: jsonDecoder,
    mode: 'lenient',
    observer: { valid() {}, invalid() {}, warning() {} },
  })
  const sink = { raw() {}, error: (row: ErrorRow) => void errors.push({ ...row }) }
  for (const value of [json({}, changed(validSample, { value: null })), '{', '{"samples":[{}]}']) {
    const outcome = classifier.classify(record(value), source, processingTime, sink)
    assert.deepEqual(outcome, { rawRows: 0, errorRows: 1, tombstone: false })
  }
  assert.equal(errors[2]?.rawPayload?.toString(), '{"samples":[{}]}')
  assert.deepEqual(
    errors.map(row => [row.userId, row.deviceId, row.sampleId, row.dataType, row.sampleIndex, row.appVersion]),
    [
      ['user-1', 'device-1', 'sample-1', 'heartRate', 0, '1.2.3'],
      [null, null, null, null, null, null],
      [null, null, null, null, 0, null],
    ],
  )
})

test('a tombstone is skipped, a payload of no samples is no row', () => {
  assert.deepEqual(classify(record(null)).outcome, { rawRows: 0, errorRows: 0, tombstone: true })
  assert.deepEqual(classify(record(json({}))).outcome, { rawRows: 0, errorRows: 0, tombstone: false })
  assert.deepEqual(classify(record('')).outcome, { rawRows: 0, errorRows: 1, tombstone: false })
})

test('half a surrogate pair: the row says so, holds no such text, and keeps the bytes', () => {
  const sample = '{"id":"\\udc00","type":"\\ud83d"}'
  const { errors } = classify(
    record(`{"deviceId":"\\ud800","userId":"u\\ud800","samples":[${sample}],"appVersion":"\\udfff"}`),
  )
  const [row] = errors
  assert.deepEqual([row?.errorType, row?.errorReason], ['TRANSFORMATION_ERROR', 'unencodable_string'])
  assert.deepEqual(
    [row?.deviceId, row?.userId, row?.sampleId, row?.dataType, row?.appVersion],
    [null, null, null, null, null],
  )
  assert.ok(row?.rawPayload?.toString().includes(`"samples":[${sample}]`))
})

test('numbers past the doubles, duplicate keys and __proto__', () => {
  const of = (sample: string) => classify(record(`{"userId":"u","samples":[${sample}]}`))
  const rest = '"id":"i","type":"steps","startDate":"2024-05-01","endDate":"2024-05-01"'
  assert.equal(of(`{${rest},"value":1e999}`).errors[0]?.errorReason, 'not_finite')
  assert.equal(of(`{"value":-1,${rest},"value":7}`).raw[0]?.value, 7)
  assert.equal(of(`{${rest},"__proto__":{"value":7}}`).errors[0]?.errorReason, 'missing_value')
  const { raw } = of(`{${rest},"value":7,"metadata":{"__proto__":"p","constructor":"c"}}`)
  assert.deepEqual(Object.entries(raw[0]!.metadata!), [
    ['__proto__', 'p'],
    ['constructor', 'c'],
  ])
})

test('odd samples are counted beside the valid ones', () => {
  const odd = changed(validSample, { unit: 'Hz', startDate: '2020-01-01' })
  assert.deepEqual(classify(record(json({}, odd, changed(odd, { id: '' })))).observed, [
    'valid heartRate',
    'unit_unchecked heartRate',
    'long_duration heartRate',
    'VALIDATION_ERROR empty_sample_id heartRate',
  ])
})

test('an unexpected exception costs its own sample an error row and no other', () => {
  const poison = {
    get type(): never {
      throw new TypeError('unexpected')
    },
  }
  const decoder: Decoder = {
    decode: () => ({ envelope: { ...validEnvelope, samples: [validSample, poison, validSample] }, reason: null }),
    samplePayloads: jsonDecoder.samplePayloads,
  }
  const value = json({}, validSample, {}, validSample)
  const { raw, errors, observed } = classify(record(value), decoder)
  assert.equal(raw.length, 2)
  assert.deepEqual(
    errors.map(row => [row.errorType, row.errorReason, row.sampleIndex, row.userId]),
    [['PROCESSING_ERROR', 'internal', 1, 'user-1']],
  )
  assert.ok(errors[0]?.rawPayload?.toString().endsWith('"samples":[{}]}'))
  assert.ok(observed.includes('PROCESSING_ERROR internal null'))
})

test('an unexpected exception in the decoder costs the record one error row with its bytes', () => {
  const fail = (): never => {
    throw new RangeError('unexpected')
  }
  const broken = classify(record('abc'), { decode: fail, samplePayloads: fail })
  assert.deepEqual(
    broken.errors.map(row => [row.errorType, row.errorReason, row.rawPayload?.toString(), row.sampleIndex]),
    [['PROCESSING_ERROR', 'internal', 'abc', null]],
  )
  const value = json({}, 5)
  const { errors } = classify(record(value), { decode: jsonDecoder.decode, samplePayloads: fail })
  assert.deepEqual(
    errors.map(row => [row.errorReason, row.rawPayload?.toString()]),
    [['wrong_type_sample', value]],
  )
})

test('what the sink throws is not taken for a fault of the sample', () => {
  const classifier = createClassifier({
    decoder: jsonDecoder,
    mode: 'lenient',
    observer: { valid() {}, invalid() {}, warning() {} },
  })
  const full = () => {
    throw new Error('full')
  }
  for (const sample of [validSample, {}])
    assert.throws(
      () => classifier.classify(record(json({}, sample)), source, processingTime, { raw: full, error: full }),
      /full/,
    )
})

test('every reason has a sentence of its own', () => {
  const reasons = Object.values(reasonsByType).flat()
  const sentences = reasons.map(messageOf)
  assert.deepEqual(
    reasons.filter(reason => messageOf(reason) === reason),
    [],
  )
  assert.equal(new Set(sentences).size, reasons.length)
})

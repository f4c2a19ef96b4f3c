/**
 * The rules of a sample: a table of every reason, the order among them, and the hand checks compared with the readable
 * schema on samples that are nearly valid.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataTypes, type RangeOverrides, unitAliases } from '../../../runtime/contract/dataTypes.ts'
import type { Envelope } from '../../../runtime/contract/decoder.ts'
import { validationReasons } from '../../../runtime/contract/reasons.ts'
import type { RawRow } from '../../../runtime/rows.ts'
import { createSampleRules, type ValidationMode } from '../../../runtime/validate/rules.ts'
import { createSampleChecker } from '../../../runtime/validate/sample.ts'
import { createSampleSchema } from '../../../runtime/validate/sampleSchema.ts'
import fc from '../../properties.ts'
import { changed, type Fields, validEnvelope, validSample } from './cases.ts'

const processingTime = { day: 1, micros: 2 }

function both(mode: ValidationMode, ranges: RangeOverrides = {}) {
  const rules = createSampleRules({ mode, ranges })
  return { checker: createSampleChecker(rules), reasonOf: createSampleSchema(rules) }
}
const builtIn = { lenient: both('lenient'), strict: both('strict') }

/** By hand, and by the schema, which must say the same. */
function check(
  sample: unknown,
  envelope: Envelope = validEnvelope,
  mode: ValidationMode = 'lenient',
  { checker, reasonOf } = builtIn[mode],
) {
  checker.begin(envelope, processingTime)
  const reason = checker.check(sample)
  assert.equal(reasonOf(envelope, sample), reason, 'the readable schema says otherwise')
  return { reason, row: checker.row, warnings: [...checker.warnings] }
}

const lone = '\ud83d'
const infinite = Number.POSITIVE_INFINITY

/** Change of the sample, of the envelope, reason in lenient mode, reason in strict mode where it is another. */
const cases: readonly (readonly [sample: Fields, envelope: Fields, lenient: string | null, strict?: string | null])[] =
  [
    [{}, {}, null],
    [{ unknownField: { a: [1] } }, { extra: 1 }, null],
    // device_id
    [{}, { deviceId: undefined }, null],
    [{}, { deviceId: null }, null],
    [{}, { deviceId: '' }, null],
    [{}, { deviceId: 7 }, 'wrong_type_device_id'],
    [{}, { deviceId: lone }, 'unencodable_string'],
    // user_id
    [{}, { userId: undefined }, 'missing_user_id'],
    [{}, { userId: null }, 'missing_user_id'],
    [{}, { userId: '' }, 'empty_user_id'],
    [{}, { userId: ' ' }, null],
    [{}, { userId: 7 }, 'wrong_type_user_id'],
    [{}, { userId: `a${lone}` }, 'unencodable_string'],
    [{}, { userId: '😀' }, null],
    // sample_id
    [{ id: undefined }, {}, 'missing_sample_id'],
    [{ id: null }, {}, 'missing_sample_id'],
    [{ id: '' }, {}, 'empty_sample_id'],
    [{ id: 1 }, {}, 'wrong_type_sample_id'],
    [{ id: lone }, {}, 'unencodable_string'],
    // data_type
    [{ type: undefined }, {}, 'missing_data_type'],
    [{ type: '' }, {}, 'empty_data_type'],
    [{ type: ['heartRate'] }, {}, 'wrong_type_data_type'],
    [{ type: lone }, {}, 'unencodable_string'],
    [{ type: '1abc' }, {}, 'invalid_data_type'],
    [{ type: 'heart rate' }, {}, 'invalid_data_type'],
    [{ type: 'heartRate\n' }, {}, 'invalid_data_type'],
    [{ type: '../x' }, {}, 'invalid_data_type'],
    [{ type: 'häufigkeit' }, {}, 'invalid_data_type'],
    [{ type: 'a'.repeat(65) }, {}, 'invalid_data_type'],
    [{ type: 'a'.repeat(64) }, {}, null, 'unknown_type'],
    [{ type: 'HKQuantityType_Steps.v2-x', unit: 'anything', value: 1e9 }, {}, null, 'unknown_type'],
    [{ type: 'constructor' }, {}, null, 'unknown_type'],
    [{ type: '__proto__' }, {}, 'invalid_data_type'],
    [{ type: 'HeartRate' }, {}, null, 'unknown_type'],
    // value
    [{ value: undefined }, {}, 'missing_value'],
    [{ value: null }, {}, 'missing_value'],
    [{ value: '72' }, {}, 'wrong_type_value'],
    [{ value: true }, {}, 'wrong_type_value'],
    [{ value: infinite }, {}, 'not_finite'],
    [{ value: -infinite }, {}, 'not_finite'],
    [{ value: -1 }, {}, 'negative_value'],
    [{ value: -5e-324 }, {}, 'negative_value'],
    [{ value: 29.999 }, {}, 'out_of_range'],
    [{ value: 250.001 }, {}, 'out_of_range'],
    [{ value: 30 }, {}, null],
    [{ value: 250 }, {}, null],
    [{ value: 0, type: 'steps', unit: 'count' }, {}, null],
    [{ value: -0, type: 'steps', unit: 'count' }, {}, null],
    // unit
    [{ unit: undefined, value: 251 }, {}, 'out_of_range'],
    [{ unit: null, value: 250 }, {}, null],
    [{ unit: 'bpm', value: 251 }, {}, 'out_of_range'],
    [{ unit: 'bpm' }, {}, null],
    [{ unit: 'Hz', value: 1.2 }, {}, null, 'wrong_unit'],
    [{ unit: 'BPM', value: 999 }, {}, null, 'wrong_unit'],
    [{ unit: '', value: 1 }, {}, null, 'wrong_unit'],
    [{ unit: 5, value: 999 }, {}, 'wrong_type_unit'],
    [{ unit: lone, value: 999 }, {}, 'unencodable_string'],
    [{ unit: 5, type: 'unlisted' }, {}, 'wrong_type_unit', 'unknown_type'],
    // start_date, end_date
    [{ startDate: undefined }, {}, 'missing_start_date'],
    [{ startDate: '' }, {}, 'empty_start_date'],
    [{ startDate: 1714557600 }, {}, 'wrong_type_start_date'],
    [{ startDate: '2024-02-30' }, {}, 'invalid_start_date'],
    [{ startDate: lone }, {}, 'invalid_start_date'],
    [{ startDate: '2024-05-01' }, {}, null, 'invalid_start_date'],
    [{ startDate: '2024-05-01T10:00' }, {}, null, 'invalid_start_date'],
    [{ endDate: null }, {}, 'missing_end_date'],
    [{ endDate: '' }, {}, 'empty_end_date'],
    [{ endDate: {} }, {}, 'wrong_type_end_date'],
    [{ endDate: '2024-05-01T24:00:00Z' }, {}, 'invalid_end_date'],
    [{ endDate: '2024-05-02' }, {}, null, 'invalid_end_date'],
    [{ endDate: '2024-05-01T10:00:00.123455Z' }, {}, 'end_before_start'],
    [{ endDate: '2024-04-30T23:59:59Z' }, {}, 'end_before_start'],
    [{ endDate: '2024-05-01T10:00:00.1234561Z' }, {}, null],
    [{ startDate: '1890-01-01T00:00:00Z', endDate: '1890-01-01T00:00:00+00:00' }, {}, null],
    [{ startDate: '2024-05-01T12:00:00+02:00', endDate: '2024-05-01T10:00:00Z' }, {}, null],
    // the optional ones
    [{ sourceBundle: undefined }, {}, null],
    [{ sourceBundle: '' }, {}, null],
    [{ sourceBundle: 1 }, {}, 'wrong_type_source_bundle'],
    [{ sourceBundle: `x${lone}y` }, {}, 'unencodable_string'],
    [{ metadata: undefined }, {}, null],
    [{ metadata: null }, {}, null],
    [{ metadata: {} }, {}, null],
    [{ metadata: [] }, {}, 'wrong_type_metadata'],
    [{ metadata: 'a' }, {}, 'wrong_type_metadata'],
    [{ metadata: { a: 1 } }, {}, 'wrong_type_metadata'],
    [{ metadata: { a: null } }, {}, 'wrong_type_metadata'],
    [{ metadata: { a: { b: 'c' } } }, {}, 'wrong_type_metadata'],
    [{ metadata: { a: lone } }, {}, 'unencodable_string'],
    [{ metadata: { [lone]: 'a' } }, {}, 'unencodable_string'],
    [{ metadata: { a: lone, b: 1 } }, {}, 'wrong_type_metadata'],
    [{ metadata: JSON.parse('{"__proto__":"p","constructor":"c"}') }, {}, null],
    [{ metadata: JSON.parse('{"__proto__":{"a":"b"}}') }, {}, 'wrong_type_metadata'],
    [{ isSynced: null }, {}, null],
    [{ isSynced: 'true' }, {}, 'wrong_type_is_synced'],
    [{ isSynced: 1 }, {}, 'wrong_type_is_synced'],
    [{ createdAt: null }, {}, null],
    [{ createdAt: 5 }, {}, 'wrong_type_created_at'],
    [{ createdAt: '' }, {}, 'invalid_created_at'],
    [{ createdAt: 'yesterday' }, {}, 'invalid_created_at'],
    [{ createdAt: '2024-05-01' }, {}, null, 'invalid_created_at'],
    [{}, { timestamp: undefined }, null],
    [{}, { timestamp: null }, null],
    [{}, { timestamp: 5 }, 'wrong_type_payload_timestamp'],
    [{}, { timestamp: '2024-05-01T10:60:00Z' }, 'invalid_payload_timestamp'],
    [{}, { timestamp: '2024-05-01T10:20:00' }, null, 'invalid_payload_timestamp'],
    [{}, { appVersion: null }, null],
    [{}, { appVersion: 12 }, 'wrong_type_app_version'],
    [{}, { appVersion: lone }, 'unencodable_string'],
    [{ timezone: null }, {}, null],
    [{ timezone: 60 }, {}, 'wrong_type_timezone'],
    [{ timezone: lone }, {}, 'unencodable_string'],
    [{ timezoneOffset: null }, {}, null],
    [{ timezoneOffset: -720 }, {}, null],
    [{ timezoneOffset: -0 }, {}, null],
    [{ timezoneOffset: 330.5 }, {}, 'wrong_type_timezone_offset'],
    [{ timezoneOffset: '60' }, {}, 'wrong_type_timezone_offset'],
    [{ timezoneOffset: 2 ** 31 }, {}, 'wrong_type_timezone_offset'],
    [{ timezoneOffset: -(2 ** 31) }, {}, null],
    [{ timezoneOffset: infinite }, {}, 'wrong_type_timezone_offset'],
    // the first failing rule in column order wins
    [{ id: '', value: -1 }, { deviceId: 1, userId: '' }, 'wrong_type_device_id'],
    [{ id: '', value: -1 }, { userId: '' }, 'empty_user_id'],
    [{ type: '', value: -1 }, { appVersion: 1 }, 'empty_data_type'],
    [{ value: 999, startDate: 'x' }, { timestamp: 'x' }, 'out_of_range'],
    [{ value: 999, unit: 'Hz', startDate: 'x' }, {}, 'invalid_start_date', 'wrong_unit'],
    [{ type: 'unlisted', value: -1 }, {}, 'negative_value', 'unknown_type'],
    [{ startDate: 'x', endDate: '' }, {}, 'invalid_start_date'],
    [{ endDate: '2024-04-30', sourceBundle: 1 }, {}, 'end_before_start', 'invalid_end_date'],
    [{ createdAt: 'x', timezone: 1 }, { timestamp: 'x' }, 'invalid_created_at'],
    [{ timezone: 1 }, { timestamp: 'x', appVersion: 1 }, 'invalid_payload_timestamp'],
    [{ timezone: 1 }, { appVersion: 1 }, 'wrong_type_app_version'],
    [{ isSynced: 1, metadata: { a: lone } }, {}, 'unencodable_string'],
  ]

for (const [sample, envelope, lenient, strict = lenient] of cases)
  test(`${JSON.stringify(sample)} in ${JSON.stringify(envelope)} is ${lenient ?? 'valid'}, strictly ${strict ?? 'valid'}`, () => {
    const payload = changed(validEnvelope, envelope)
    assert.equal(check(changed(validSample, sample), payload).reason, lenient)
    assert.equal(check(changed(validSample, sample), payload, 'strict').reason, strict)
  })

for (const sample of [null, 5, 'text', true, [], [{}], undefined])
  test(`${JSON.stringify(sample)} is no sample`, () => {
    assert.equal(check(sample).reason, 'wrong_type_sample')
    assert.equal(check(sample, changed(validEnvelope, { userId: 5 })).reason, 'wrong_type_sample')
  })

test('the cases hold every reason there is', () => {
  const covered = new Set(cases.flatMap(([, , lenient, strict]) => [lenient, strict]))
  const missing = validationReasons.filter(reason => reason !== 'wrong_type_sample' && !covered.has(reason))
  assert.deepEqual(missing, [])
})

test('a valid sample fills every column', () => {
  const expected: RawRow = {
    deviceId: 'device-1',
    userId: 'user-1',
    sampleId: 'sample-1',
    dataType: 'heartRate',
    value: 72.5,
    unit: 'count/min',
    startDate: { day: 19_844, micros: 36_000_123_456 },
    endDate: { day: 19_844, micros: 36_060_000_000 },
    sourceBundle: 'com.apple.health',
    metadata: { device: 'Watch' },
    isSynced: true,
    createdAt: { day: 19_844, micros: 36_120_000_000 },
    payloadTimestamp: { day: 19_844, micros: 37_200_000_000 },
    appVersion: '1.2.3',
    processingTime,
    timezone: 'Europe/Berlin',
    timezoneOffset: 120,
  }
  assert.deepEqual(check(validSample).row, expected)
})

test('what is absent is null, also after a sample that had it', () => {
  const required = { id: 'i', type: 'steps', value: 0, startDate: '2024-05-01', endDate: '2024-05-01' }
  const checker = createSampleChecker(createSampleRules({ mode: 'lenient' }))
  checker.begin(validEnvelope, processingTime)
  assert.equal(checker.check(validSample), null)
  checker.begin({ userId: 'u' }, processingTime)
  assert.equal(checker.check(required), null)
  const nulls = Object.entries(checker.row).filter(([, value]) => value === null)
  assert.deepEqual(
    nulls.map(([column]) => column),
    [
      'deviceId',
      'unit',
      'sourceBundle',
      'metadata',
      'isSynced',
      'createdAt',
      'payloadTimestamp',
      'appVersion',
      'timezone',
      'timezoneOffset',
    ],
  )
})

test('a duration past seven days is a warning', () => {
  const lasting = (endDate: string) => check(changed(validSample, { startDate: '2024-05-01T10:00:00Z', endDate }))
  assert.deepEqual(lasting('2024-05-08T10:00:00Z').warnings, [])
  assert.deepEqual(lasting('2024-05-08T10:00:00.000001Z').warnings, ['long_duration'])
  assert.deepEqual(lasting('2025-05-01T10:00:00Z').warnings, ['long_duration'])
  assert.deepEqual(check(validSample).warnings, [])
})

test('another unit is taken unchecked with a warning', () => {
  assert.deepEqual(check(changed(validSample, { unit: 'Hz', value: 1e6 })).warnings, ['unit_unchecked'])
  assert.deepEqual(check(changed(validSample, { unit: 'bpm' })).warnings, [])
  assert.deepEqual(check(changed(validSample, { type: 'unlisted', unit: 'x' })).warnings, [])
})

test('every known type takes its bounds in every spelling of its unit, and nothing outside them', () => {
  for (const [type, { min, max, unit }] of Object.entries(dataTypes))
    for (const spelling of [unit, ...unitAliases[unit]!, undefined]) {
      const verdict = (value: number) =>
        check(changed(validSample, { type, unit: spelling, value }), validEnvelope, 'strict').reason
      assert.deepEqual([min, max].map(verdict), [null, null], `${type} in ${spelling}`)
      assert.equal(verdict(max + 0.001), 'out_of_range', `${type} in ${spelling}`)
      if (min > 0) assert.equal(verdict(min - 0.001), 'out_of_range', `${type} in ${spelling}`)
    }
})

test("a manifest's ranges go over the built-in ones", () => {
  const ranges = { heartRate: { max: 300 }, bloodGlucose: { min: 1, max: 33, unit: 'mmol/L' }, grip: { max: 90 } }
  const rules = both('strict', ranges)
  const reason = (change: Fields) => check(changed(validSample, change), validEnvelope, 'strict', rules).reason
  assert.equal(reason({ value: 300 }), null)
  assert.equal(reason({ value: 29 }), 'out_of_range')
  assert.equal(reason({ type: 'bloodGlucose', unit: 'mmol/L', value: 34 }), 'out_of_range')
  assert.equal(reason({ type: 'bloodGlucose', unit: 'mg/dL', value: 30 }), 'wrong_unit')
  assert.equal(reason({ type: 'grip', unit: 'anything', value: 90 }), null)
  assert.equal(reason({ type: 'grip', unit: 'anything', value: 91 }), 'out_of_range')
  assert.equal(reason({ type: 'restingHeartRate', value: 300 }), 'out_of_range')
})

const oddValue = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, '', ' ', lone, '😀', 0, -0, -1, 1.5, 72, 2 ** 31, infinite, true, {}, [], {
    a: 'b',
  }),
  fc.constantFrom<unknown>({ a: lone }, { [lone]: 'a' }, { a: 1 }, { a: lone, b: 2 }, JSON.parse('{"__proto__":"x"}')),
  fc.constantFrom('heartRate', 'steps', 'sleepAnalysis', 'unlisted', '9x', 'count/min', 'bpm', 'h', 'Hz'),
  fc.constantFrom('2024-05-01', '2024-05-01T10:00:30Z', '2024-05-20T10:00Z', '2023-02-29', '2024-05-01T10:00:00+05:30'),
  fc.double(),
  fc.string({ unit: 'binary' }),
)
const change = (fields: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...fields), oddValue, { maxKeys: 3, noNullPrototype: true })

test('hand checks and schema agree on verdict and reason', () => {
  const seen = new Set<string | null>()
  fc.assert(
    fc.property(
      change(Object.keys(validSample)),
      change(['deviceId', 'userId', 'timestamp', 'appVersion']),
      fc.constantFrom<ValidationMode>('lenient', 'strict'),
      (sample, envelope, mode) => {
        seen.add(check(changed(validSample, sample), changed(validEnvelope, envelope), mode).reason)
      },
    ),
    { numRuns: 6_000 },
  )
  assert.ok(seen.size > 30, `only ${[...seen]}`)
})

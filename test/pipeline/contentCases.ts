/**
 * Records that people and programs really send, each with the rows that it must become. Data, and functions that spell
 * it; nothing here comes from the code under test. Every id and free text holds `mark`, so that a test can look for it
 * where it must not be.
 */
import type { Cell } from '../readers/readers.ts'

export const mark = 'zqx'

type Cells = Readonly<Record<string, Cell>>

export interface ContentCase {
  readonly name: string
  /** The record. */
  readonly key?: string | null
  readonly value: Buffer | string | null
  /** Rows of the raw table, without processing_time. */
  readonly raw: readonly Cells[]
  /** Rows of the errors table, without times, message and Kafka position. */
  readonly errors: readonly Cells[]
  /** What strict mode finds instead, where that is something else: the reason for sample 0. */
  readonly strict?: string
}

/** JSON text that JSON.stringify would not write. */
class Json {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
const json = (text: string): Json => new Json(text)

/** Microseconds since the epoch of an instant that Date can read, and `micros` more. */
const at = (instant: string, micros = 0): string => String(BigInt(Date.parse(instant)) * 1000n + BigInt(micros))
const base64 = (value: string | Buffer): string => Buffer.from(value).toString('base64')

type Fields = Readonly<Record<string, unknown>>

const objectText = (fields: Fields, more = ''): string => {
  const members = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}:${value instanceof Json ? value.text : JSON.stringify(value)}`)
  return `{${members.join(',')}${more}}`
}

const envelope = {
  deviceId: `${mark}-device`,
  userId: `${mark}-user`,
  timestamp: '2024-05-01T09:00:00.250Z',
  appVersion: `${mark}-1.4.2`,
}
const payload = (samples: readonly string[], changes: Fields = {}): string =>
  objectText({ ...envelope, ...changes, samples: json(`[${samples.join(',')}]`) })

const idOf = (name: string) => `${mark} ${name}`
const sample = (name: string, changes: Fields = {}, more = ''): string =>
  objectText(
    {
      id: idOf(name),
      type: 'heartRate',
      value: 72.5,
      unit: 'count/min',
      startDate: '2024-05-01T08:00:00Z',
      endDate: '2024-05-01T08:01:00Z',
      ...changes,
    },
    more,
  )

const rawRow = (name: string, changes: Cells = {}): Cells => ({
  device_id: envelope.deviceId,
  user_id: envelope.userId,
  sample_id: idOf(name),
  data_type: 'heartRate',
  value: 72.5,
  unit: 'count/min',
  start_date: at('2024-05-01T08:00:00Z'),
  end_date: at('2024-05-01T08:01:00Z'),
  source_bundle: null,
  metadata: null,
  is_synced: null,
  created_at: null,
  payload_timestamp: at(envelope.timestamp),
  app_version: envelope.appVersion,
  timezone: null,
  timezone_offset: null,
  ...changes,
})

const undecodable = new Set(
  'invalid_utf8 invalid_json nesting_too_deep not_an_object missing_samples samples_not_array'.split(' '),
)
export function errorTypeOf(reason: string): string {
  if (undecodable.has(reason)) return 'DESERIALIZATION_ERROR'
  return reason === 'unencodable_string' ? 'TRANSFORMATION_ERROR' : 'VALIDATION_ERROR'
}

const errorRow = (reason: string, rawPayload: string | Buffer, changes: Cells): Cells => ({
  raw_payload: base64(rawPayload),
  error_type: errorTypeOf(reason),
  error_reason: reason,
  device_id: envelope.deviceId,
  user_id: envelope.userId,
  sample_id: null,
  data_type: null,
  sample_index: null,
  app_version: envelope.appVersion,
  ...changes,
})

/** One sample that is taken. */
function taken(name: string, changes: Fields, row: Cells, strict?: string): ContentCase {
  return { name, value: payload([sample(name, changes)]), raw: [rawRow(name, row)], errors: [], strict }
}

/** One sample that is refused. */
function refused(reason: string, name: string, changes: Fields, row: Cells = {}, more = ''): ContentCase {
  const value = payload([sample(name, changes, more)])
  const ids = { sample_id: idOf(name), data_type: 'heartRate', sample_index: 0 }
  return { name, value, raw: [], errors: [errorRow(reason, value, { ...ids, ...row })] }
}

/** A record that is one error row; the ids are known where the envelope could be read. */
function unread(reason: string, name: string, value: string | Buffer, row?: Cells): ContentCase {
  const ids = row ?? { device_id: null, user_id: null, app_version: null }
  return { name, value, raw: [], errors: [errorRow(reason, value, ids)] }
}

const bytes = (before: string, wrong: readonly number[], after: string): Buffer =>
  Buffer.concat([Buffer.from(before), Buffer.from(wrong), Buffer.from(after)])
const nested = (levels: number) => json('['.repeat(levels) + ']'.repeat(levels))
const [beforeName, afterName] = payload([sample('of broken text')]).split('of broken text') as [string, string]
const broken = (wrong: readonly number[]) => bytes(beforeName, wrong, afterName)

const undecodableRecords: readonly ContentCase[] = [
  unread('invalid_utf8', 'a byte that is none of UTF-8', broken([0xff])),
  unread('invalid_utf8', 'an overlong slash', broken([0xc0, 0xaf])),
  unread('invalid_utf8', 'a surrogate as UTF-8', broken([0xed, 0xa0, 0x80])),
  unread('invalid_utf8', 'a character that is cut off', broken([0xe2, 0x82])),
  unread('invalid_utf8', 'Latin-1', Buffer.from(payload([sample('of Zürich')]), 'latin1')),
  unread('invalid_utf8', 'UTF-16', Buffer.from(`\ufeff${payload([sample('in UTF-16')])}`, 'utf16le')),
  unread('invalid_json', 'no byte at all', ''),
  unread('invalid_json', 'blanks only', '  \n'),
  unread('invalid_json', 'a record that is cut off', payload([sample('cut')]).slice(0, -3)),
  unread('invalid_json', 'two documents', payload([]) + payload([])),
  unread('invalid_json', 'NaN', payload([sample('NaN', { value: json('NaN') })])),
  unread('invalid_json', 'Infinity', payload([sample('Infinity', { value: json('-Infinity') })])),
  unread('invalid_json', 'a hexadecimal number', payload([sample('hex', { value: json('0x48') })])),
  unread('invalid_json', 'single quotes', `{'samples':[]}`),
  unread('invalid_json', 'a comma too many', `{"samples":[],}`),
  unread('invalid_json', 'a line feed in a string', payload([sample('feed', { unit: json('"a\nb"') })])),
  unread('nesting_too_deep', '65 levels', payload([sample('65', { other: nested(62) })])),
  unread('nesting_too_deep', 'ten thousand open brackets', '['.repeat(10_000)),
  unread('not_an_object', 'null', 'null'),
  unread('not_an_object', 'a text', `"${mark}"`),
  unread('not_an_object', 'an array', `[${payload([sample('in an array')])}]`),
  unread('missing_samples', 'no samples', objectText(envelope), {}),
  unread('missing_samples', 'samples of null', objectText({ ...envelope, samples: null }), {}),
  unread(
    'missing_samples',
    'samples of a prototype only',
    objectText({ ...envelope, __proto__: null }, ',"__proto__":{"samples":[]}'),
    {},
  ),
  unread(
    'missing_samples',
    'no samples, ids of other types',
    objectText({ deviceId: 5, userId: [mark], appVersion: true }),
    {
      device_id: null,
      user_id: null,
      app_version: null,
    },
  ),
  unread('samples_not_array', 'samples as an object', objectText({ ...envelope, samples: { 0: mark } }), {}),
]

const emptyRecords: readonly ContentCase[] = [
  { name: 'a tombstone', key: `${mark}-user`, value: null, raw: [], errors: [] },
  { name: 'a tombstone without a key', key: null, value: null, raw: [], errors: [] },
  { name: 'an empty array of samples', value: payload([]), raw: [], errors: [] },
  { name: 'an empty array of samples, and a wrong envelope', value: payload([], { userId: 5 }), raw: [], errors: [] },
]

const values: readonly ContentCase[] = [
  taken('value 0', { type: 'steps', unit: 'count', value: 0 }, { data_type: 'steps', unit: 'count', value: 0 }),
  taken(
    'value -0',
    { type: 'steps', unit: 'count', value: json('-0') },
    { data_type: 'steps', unit: 'count', value: -0 },
  ),
  taken(
    'the largest double',
    { type: 'other', value: Number.MAX_VALUE },
    { data_type: 'other', value: Number.MAX_VALUE },
    'unknown_type',
  ),
  taken('the smallest double', { type: 'other', value: 5e-324 }, { data_type: 'other', value: 5e-324 }, 'unknown_type'),
  taken(
    'an integer past 2^53',
    { type: 'other', value: json('9007199254740993') },
    { data_type: 'other', value: 2 ** 53 },
    'unknown_type',
  ),
  taken(
    'more digits than a double has',
    { value: json('72.123456789012345678901234567890') },
    { value: 72.12345678901235 },
  ),
  taken('an exponent', { value: json('7.25E+1') }, {}),
  taken('the lower bound', { value: 30 }, { value: 30 }),
  taken('the upper bound', { value: 250 }, { value: 250 }),
  refused('out_of_range', 'below the lower bound', { value: 29.999999999999996 }),
  refused('out_of_range', 'above the upper bound', { value: 250.00000000000003 }),
  refused('out_of_range', 'a huge value of a known type', { value: 1e308 }),
  refused('not_finite', '1e999', { value: json('1e999') }),
  refused('not_finite', '-1e999', { value: json('-1e999') }),
  refused('negative_value', 'a negative value', { value: -1 }),
  refused('negative_value', 'the smallest negative value', { value: -5e-324 }),
  refused('missing_value', 'no value', { value: undefined }),
  refused('missing_value', 'a value of null', { value: null }),
  refused('wrong_type_value', 'a value in quotes', { value: '72.5' }),
  refused('wrong_type_value', 'a value of true', { value: true }),
  refused('wrong_type_value', 'a value in an array', { value: [72.5] }),
  taken('a unit by another name', { unit: 'bpm' }, { unit: 'bpm' }),
  taken('no unit', { unit: undefined }, { unit: null }),
  taken('another unit', { unit: 'Hz', value: 1.2 }, { unit: 'Hz', value: 1.2 }, 'wrong_unit'),
  refused('wrong_type_unit', 'a unit of 5', { unit: 5 }),
]

const identities: readonly ContentCase[] = [
  refused('missing_sample_id', 'no id', { id: undefined }, { sample_id: null }),
  refused('empty_sample_id', 'an empty id', { id: '' }, { sample_id: '' }),
  refused('wrong_type_sample_id', 'an id of 4711', { id: 4711 }, { sample_id: null }),
  refused('missing_data_type', 'no type', { type: undefined }, { data_type: null }),
  refused('empty_data_type', 'an empty type', { type: '' }, { data_type: '' }),
  refused('wrong_type_data_type', 'a type of 5', { type: 5 }, { data_type: null }),
  refused('invalid_data_type', 'a type with a slash', { type: '../x' }, { data_type: '../x' }),
  refused('invalid_data_type', 'a type of 65 letters', { type: 'a'.repeat(65) }, { data_type: 'a'.repeat(65) }),
  refused('invalid_data_type', 'type __proto__', { type: '__proto__' }, { data_type: '__proto__' }),
  taken('a type of 64 letters', { type: 'a'.repeat(64) }, { data_type: 'a'.repeat(64) }, 'unknown_type'),
  taken('type constructor', { type: 'constructor' }, { data_type: 'constructor' }, 'unknown_type'),
]

const optionalFields: readonly ContentCase[] = [
  taken(
    'every field',
    {
      sourceBundle: `${mark}.bundle`,
      metadata: { device: `${mark} watch`, empty: '', 'kéy 🫀': 'välue \u0000 \t"' },
      isSynced: false,
      createdAt: '2024-05-01T08:02:00.123456Z',
      timezone: 'Asia/Kolkata',
      timezoneOffset: 330,
    },
    {
      source_bundle: `${mark}.bundle`,
      metadata: { device: `${mark} watch`, empty: '', 'kéy 🫀': 'välue \u0000 \t"' },
      is_synced: false,
      created_at: at('2024-05-01T08:02:00Z', 123456),
      timezone: 'Asia/Kolkata',
      timezone_offset: 330,
    },
  ),
  taken(
    'every optional field null',
    {
      unit: null,
      sourceBundle: null,
      metadata: null,
      isSynced: null,
      createdAt: null,
      timezone: null,
      timezoneOffset: null,
    },
    { unit: null },
  ),
  taken(
    'empty metadata and texts',
    { metadata: {}, sourceBundle: '', timezone: '' },
    { metadata: {}, source_bundle: '', timezone: '' },
  ),
  taken('the least time zone offset', { timezoneOffset: -(2 ** 31) }, { timezone_offset: -(2 ** 31) }),
  taken('fields that nobody knows', { mood: mark, nested: { deep: [mark] } }, {}),
  taken('64 levels', { other: nested(61) }, {}),
  refused('wrong_type_source_bundle', 'a source bundle of 5', { sourceBundle: 5 }),
  refused('wrong_type_metadata', 'metadata as a text', { metadata: mark }),
  refused('wrong_type_metadata', 'metadata as an array', { metadata: [mark] }),
  refused('wrong_type_metadata', 'metadata with a number', { metadata: { battery: 87 } }),
  refused('wrong_type_metadata', 'metadata with null', { metadata: { battery: null } }),
  refused('wrong_type_is_synced', 'isSynced of 1', { isSynced: 1 }),
  refused('wrong_type_timezone', 'a time zone of 5', { timezone: 5 }),
  refused('wrong_type_timezone_offset', 'a fraction of a minute', { timezoneOffset: 90.5 }),
  refused('wrong_type_timezone_offset', 'an offset of 33 bits', { timezoneOffset: 2 ** 31 }),
]

/** Both dates of a sample, so that start ≤ end. */
const dated = (name: string, text: string, instant: string, strict?: string) =>
  taken(`date ${name}`, { startDate: text, endDate: text }, { start_date: instant, end_date: instant }, strict)
const notDated = (name: string, text: string, reason = 'invalid_start_date') =>
  refused(reason, `date ${name}`, { startDate: text })

const dates: readonly ContentCase[] = [
  dated('with an offset', '2024-05-01T10:30:00+05:30', at('2024-05-01T05:00:00Z')),
  dated('with a compact offset that changes the day', '2024-05-01T22:30:00-0330', at('2024-05-02T02:00:00Z')),
  dated('without a zone', '2024-05-01T08:00:00', at('2024-05-01T08:00:00Z'), 'invalid_start_date'),
  dated('without a time', '2024-05-01', at('2024-05-01T00:00:00Z'), 'invalid_start_date'),
  dated('without seconds', '2024-05-01T08:15Z', at('2024-05-01T08:15:00Z')),
  dated('before 1970', '1969-12-31T23:59:59.999999Z', at('1969-12-31T23:59:59Z', 999_999)),
  dated('long before 1970', '1901-03-04T05:06:07.000001Z', at('1901-03-04T05:06:07Z', 1)),
  dated('of year 1', '0001-01-01T00:00:00Z', at('0001-01-01T00:00:00Z')),
  dated('of year 9999', '9999-12-31T23:59:59.999999Z', at('9999-12-31T23:59:59Z', 999_999)),
  dated('with microseconds', '2024-05-01T08:00:00.123456Z', at('2024-05-01T08:00:00Z', 123_456)),
  dated('with nanoseconds, which are cut', '2024-05-01T08:00:00.123456999Z', at('2024-05-01T08:00:00Z', 123_456)),
  dated('of a leap day', '2024-02-29T00:00:00Z', at('2024-02-29T00:00:00Z')),
  notDated('of a leap second', '2016-12-31T23:59:60Z'),
  notDated('at 24:00', '2024-05-01T24:00:00Z'),
  notDated('of no such day', '2023-02-29T08:00:00Z'),
  notDated('of month 13', '2024-13-01T08:00:00Z'),
  notDated('of day 0', '2024-05-00T08:00:00Z'),
  notDated('with ten digits of a second', '2024-05-01T08:00:00.1234567890Z'),
  notDated('with a blank', '2024-05-01 08:00:00Z'),
  notDated('in words', 'yesterday'),
  notDated('with an offset of 24 hours', '2024-05-01T08:00:00+24:00'),
  notDated('that is empty', '', 'empty_start_date'),
  refused('missing_start_date', 'no start', { startDate: undefined }),
  refused('wrong_type_start_date', 'a start in seconds', { startDate: 1_714_550_400 }),
  refused('missing_end_date', 'an end of null', { endDate: null }),
  refused('invalid_end_date', 'an end of no such day', { endDate: '2024-04-31T08:00:00Z' }),
  refused('end_before_start', 'an end a microsecond before the start', {
    startDate: '2024-05-01T08:00:00.000001Z',
    endDate: '2024-05-01T08:00:00Z',
  }),
  refused('invalid_created_at', 'created yesterday', { createdAt: 'yesterday' }),
  refused('wrong_type_created_at', 'created at 5', { createdAt: 5 }),
  taken('eight days', { endDate: '2024-05-09T08:00:00Z' }, { end_date: at('2024-05-09T08:00:00Z') }),
]

const strings: readonly ContentCase[] = [
  refused('unencodable_string', 'a lone surrogate in metadata', { metadata: json('{"note":"\\ud83d"}') }),
  refused('unencodable_string', 'a lone surrogate as a key', { metadata: json('{"\\udc00":"note"}') }),
  refused('unencodable_string', 'a lone surrogate in the id', { id: json('"\\ud83d"') }, { sample_id: null }),
  refused('unencodable_string', 'a lone surrogate in the type', { type: json('"heart\\udfff"') }, { data_type: null }),
  taken('a pair of surrogates', { sourceBundle: json('"\\ud83e\\udec0"') }, { source_bundle: '🫀' }),
  refused('missing_value', 'a value in __proto__ only', { value: undefined }, {}, ',"__proto__":{"value":72.5}'),
  taken(
    '__proto__ in metadata',
    { metadata: json('{"__proto__":"plain","toString":"x"}') },
    {
      metadata: JSON.parse('{"__proto__":"plain","toString":"x"}') as Record<string, string>,
    },
  ),
  {
    name: 'a byte order mark',
    value: `\ufeff${payload([sample('a byte order mark')])}`,
    raw: [rawRow('a byte order mark')],
    errors: [],
  },
  {
    name: 'duplicate keys, of which the last wins',
    value: payload([sample('duplicates', {}, ',"value":80,"id":"zqx last"')]).replace('{', '{"userId":5,'),
    raw: [rawRow('duplicates', { sample_id: `${mark} last`, value: 80 })],
    errors: [],
  },
  {
    name: 'samples twice, of which the last wins',
    value: payload([sample('second')]).replace('{', `{"samples":[${sample('first')},${sample('first')}],`),
    raw: [rawRow('second')],
    errors: [],
  },
]

/** The envelope's fields, which fail every sample of the record. */
function refusedEnvelope(reason: string, name: string, changes: Fields, row: Cells): ContentCase {
  const samples = [sample(`${name}, one`), sample(`${name}, two`)]
  const errors = samples.map((text, index) =>
    errorRow(reason, payload([text], changes), {
      sample_id: idOf(`${name}, ${index === 0 ? 'one' : 'two'}`),
      data_type: 'heartRate',
      sample_index: index,
      ...row,
    }),
  )
  return { name, value: payload(samples, changes), raw: [], errors }
}

const envelopes: readonly ContentCase[] = [
  refusedEnvelope('missing_user_id', 'no user', { userId: undefined }, { user_id: null }),
  refusedEnvelope('empty_user_id', 'an empty user', { userId: '' }, { user_id: '' }),
  refusedEnvelope('wrong_type_user_id', 'a user of 5', { userId: 5 }, { user_id: null }),
  refusedEnvelope(
    'unencodable_string',
    'a lone surrogate in the user',
    { userId: json('"zqx\\ud800"') },
    { user_id: null },
  ),
  refusedEnvelope('wrong_type_device_id', 'a device of 5', { deviceId: 5 }, { device_id: null }),
  refusedEnvelope('invalid_payload_timestamp', 'a timestamp of no such day', { timestamp: '2023-02-29T00:00:00Z' }, {}),
  refusedEnvelope('wrong_type_payload_timestamp', 'a timestamp of 5', { timestamp: 5 }, {}),
  refusedEnvelope('wrong_type_app_version', 'a version of 5', { appVersion: 5 }, { app_version: null }),
  {
    name: 'an envelope of a user and nothing else',
    value: objectText({ userId: envelope.userId, deviceId: null, samples: json(`[${sample('alone')}]`) }),
    raw: [rawRow('alone', { device_id: null, payload_timestamp: null, app_version: null })],
    errors: [],
  },
]

/** Positions: which sample of a record failed. */
function mixed(name: string): ContentCase {
  const samples = [
    sample(`${name} 0`),
    sample(`${name} 1`, { value: -1 }),
    'null',
    sample(`${name} 3`),
    `"${mark}"`,
    '[]',
    sample(`${name} 6`, { endDate: '' }),
  ]
  const refusals = new Map([
    [1, 'negative_value'],
    [2, 'wrong_type_sample'],
    [4, 'wrong_type_sample'],
    [5, 'wrong_type_sample'],
    [6, 'empty_end_date'],
  ])
  const errors = [...refusals].map(([index, reason]) => {
    const ids: Cells =
      reason === 'wrong_type_sample' ? {} : { sample_id: idOf(`${name} ${index}`), data_type: 'heartRate' }
    return errorRow(reason, payload([samples[index]!]), { ...ids, sample_index: index })
  })
  return { name, value: payload(samples), raw: [rawRow(`${name} 0`), rawRow(`${name} 3`)], errors }
}

const tenMegabytes = 10 * 1024 * 1024

/** Some 45,000 samples in one record, every hundredth of which is refused. */
function manySamples(name: string): ContentCase {
  const samples: string[] = []
  const raw: Cells[] = []
  const errors: Cells[] = []
  for (let length = 0; length < tenMegabytes; length += samples.at(-1)!.length + 1) {
    const index = samples.length
    const own = `${name} ${index}`
    const value = 40 + (index % 1600) / 8
    const wrong = index % 100 === 99
    const text = sample(own, { value: wrong ? -value : value, metadata: { note: mark } })
    samples.push(text)
    const ids = { sample_id: idOf(own), data_type: 'heartRate', sample_index: index }
    if (wrong) errors.push(errorRow('negative_value', payload([text]), ids))
    else raw.push(rawRow(own, { value, metadata: { note: mark } }))
  }
  return { name, value: payload(samples), raw, errors }
}

const longText = `${mark} ${'é'.repeat(tenMegabytes / 2)}`

const large: readonly ContentCase[] = [
  manySamples('10 MB of samples'),
  taken('10 MB of one text', { metadata: { long: longText } }, { metadata: { long: longText } }),
  refused('wrong_type_unit', '10 MB of a refused sample', { unit: 5, metadata: { long: longText } }),
  unread('nesting_too_deep', '10 MB of brackets', '['.repeat(tenMegabytes)),
  unread('nesting_too_deep', '10 MB of open objects', '{"a":'.repeat(tenMegabytes / 5)),
  unread('not_an_object', '10 MB of digits', '7'.repeat(tenMegabytes)),
  unread(
    'invalid_utf8',
    '10 MB of zero bytes and a wrong one',
    Buffer.concat([Buffer.alloc(tenMegabytes), Buffer.from([0xff])]),
  ),
]

/** After everything odd, something ordinary: the consumer has gone on. */
const last: readonly ContentCase[] = [mixed('samples of one record'), taken('the end', {}, {})]

export const contentCases: readonly ContentCase[] = [
  ...undecodableRecords,
  ...emptyRecords,
  ...values,
  ...identities,
  ...optionalFields,
  ...dates,
  ...strings,
  ...envelopes,
  ...large,
  ...last,
]

/** The same cases as strict mode judges them. */
export const strictCases: readonly ContentCase[] = contentCases.map(given => {
  if (given.strict === undefined) return given
  const { sample_id, data_type } = given.raw[0]!
  const ids = { sample_id: sample_id!, data_type: data_type!, sample_index: 0 }
  return { ...given, raw: [], errors: [errorRow(given.strict, given.value as string, ids)] }
})

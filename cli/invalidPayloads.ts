/**
 * Ways to spoil a valid sample or payload, each with the reason that an exact consumer must find. Data and two choices;
 * pure, given its random numbers. Every spoilt sample is invalid in lenient and in strict mode alike.
 */

/** A valid sample, of which only these fields need to be known here. */
interface Sample {
  readonly id: string
  readonly value: number
}
type Spoil = (sample: Sample) => string

const withFields =
  (fields: Readonly<Record<string, unknown>>): Spoil =>
  sample =>
    JSON.stringify({ ...sample, ...fields })

const sampleFaults: readonly (readonly [reason: string, spoil: Spoil])[] = [
  ['wrong_type_sample', ({ id }) => JSON.stringify(id)],
  ['missing_sample_id', withFields({ id: undefined })],
  ['empty_sample_id', withFields({ id: '' })],
  ['wrong_type_sample_id', withFields({ id: 4711 })],
  ['missing_data_type', withFields({ type: null })],
  ['invalid_data_type', withFields({ type: 'heart rate' })],
  ['missing_value', withFields({ value: undefined })],
  ['wrong_type_value', sample => JSON.stringify({ ...sample, value: String(sample.value) })],
  ['not_finite', sample => JSON.stringify({ ...sample, value: null }).replace('"value":null', '"value":1e999')],
  ['negative_value', sample => JSON.stringify({ ...sample, value: -1 - sample.value })],
  ['out_of_range', withFields({ type: 'heartRate', unit: 'bpm', value: 251 })],
  ['missing_start_date', withFields({ startDate: null })],
  ['invalid_start_date', withFields({ startDate: '2024-02-30T08:00:00Z' })],
  ['wrong_type_start_date', withFields({ startDate: 1_714_550_400 })],
  ['empty_end_date', withFields({ endDate: '' })],
  ['end_before_start', withFields({ endDate: '2024-01-01T00:00:00Z' })],
  ['wrong_type_metadata', withFields({ metadata: { battery: 87 } })],
  ['unencodable_string', withFields({ metadata: { note: '\ud83d' } })],
  ['wrong_type_is_synced', withFields({ isSynced: 'yes' })],
  ['invalid_created_at', withFields({ createdAt: 'yesterday' })],
  ['wrong_type_timezone_offset', withFields({ timezoneOffset: 90.5 })],
]

const payloadFaults: readonly (readonly [reason: string, spoil: (payload: Buffer) => Buffer])[] = [
  // 0xff is no byte of UTF-8; this one lies within the device id.
  ['invalid_utf8', payload => Buffer.from(payload).fill(0xff, 20, 21)],
  ['invalid_json', payload => payload.subarray(0, -1)],
  ['nesting_too_deep', payload => Buffer.from(`{"samples":${'['.repeat(100)}${payload}${']'.repeat(100)}}`)],
  ['not_an_object', payload => Buffer.from(`[${payload}]`)],
  ['missing_samples', payload => Buffer.from(payload.toString().replace('"samples":', '"readings":'))],
  ['samples_not_array', payload => Buffer.from(`{"samples":${payload}}`)],
]

const choose = <T>(choices: readonly T[], random: () => number): T => choices[Math.floor(random() * choices.length)]!

/** The sample's JSON text, spoilt, and the reason it is now invalid for. */
export function spoilSample(sample: Sample, random: () => number): { readonly text: string; readonly reason: string } {
  const [reason, spoil] = choose(sampleFaults, random)
  return { text: spoil(sample), reason }
}

/** Bytes that cannot be decoded, and why. */
export function spoilPayload(value: Buffer, random: () => number): { readonly value: Buffer; readonly reason: string } {
  const [reason, spoil] = choose(payloadFaults, random)
  return { value: spoil(value), reason }
}

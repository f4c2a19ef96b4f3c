/**
 * One sentence for people per reason, for `error_message` in the errors table. Data and one look-up; no sentence holds
 * anything from a payload.
 */
import { dateFields, type PayloadField, payloadFields, requiredFields } from '../contract/reasons.ts'

/** The payload's name of each column, and the type it must have. */
const fields: Readonly<Record<PayloadField, readonly [name: string, type: string]>> = {
  device_id: ['deviceId', 'a string'],
  user_id: ['userId', 'a string'],
  sample_id: ['id', 'a string'],
  data_type: ['type', 'a string'],
  value: ['value', 'a number'],
  unit: ['unit', 'a string'],
  start_date: ['startDate', 'a string'],
  end_date: ['endDate', 'a string'],
  source_bundle: ['sourceBundle', 'a string'],
  metadata: ['metadata', 'an object whose values are strings'],
  is_synced: ['isSynced', 'true or false'],
  created_at: ['createdAt', 'a string'],
  payload_timestamp: ['timestamp', 'a string'],
  app_version: ['appVersion', 'a string'],
  timezone: ['timezone', 'a string'],
  timezone_offset: ['timezoneOffset', 'a whole number of minutes'],
}

const sentences: ReadonlyMap<string, string> = new Map([
  ...requiredFields.map(field => [`missing_${field}`, `${fields[field][0]} is required but missing or null`] as const),
  ...requiredFields.map(field => [`empty_${field}`, `${fields[field][0]} must not be empty`] as const),
  ...payloadFields.map(field => [`wrong_type_${field}`, `${fields[field][0]} must be ${fields[field][1]}`] as const),
  ...dateFields.map(
    field =>
      [
        `invalid_${field}`,
        `${fields[field][0]} must be an ISO 8601 date that exists, such as 2024-05-01T10:15:30Z; strict mode needs a zone`,
      ] as const,
  ),
  ['wrong_type_sample', 'a sample must be a JSON object'],
  ['not_finite', 'value must be a finite number'],
  ['negative_value', 'value must not be negative'],
  ['out_of_range', 'value lies outside the range of its data type'],
  ['invalid_data_type', 'type must begin with a letter and hold at most 64 letters, digits and the characters _ . -'],
  ['end_before_start', 'endDate must not lie before startDate'],
  ['unknown_type', 'strict mode takes known data types only'],
  ['wrong_unit', 'strict mode takes the unit of the data type only'],
  ['unencodable_string', 'a text holds half of a surrogate pair and has no UTF-8 form'],
  ['invalid_utf8', 'the record is not valid UTF-8'],
  ['invalid_json', 'the record is not valid JSON'],
  ['nesting_too_deep', 'arrays and objects of the record lie too deep within one another'],
  ['not_an_object', 'the record must be a JSON object'],
  ['missing_samples', 'samples is required but missing or null'],
  ['samples_not_array', 'samples must be an array'],
  ['internal', 'the sample could not be processed because of a fault in the consumer itself'],
  ['unknown', 'the sample could not be processed'],
])

/** The sentence of a reason of contract/reasons.ts; a test holds the two lists together. */
export const messageOf = (reason: string): string => sentences.get(reason) ?? reason

/**
 * The readable rule of a sample, as a zod schema of the raw table's columns: what sample.ts checks by hand for speed and is
 * compared with by a property test. Never on the hot path. An issue's message is the reason.
 *
 * The first failing rule in column order wins, so `reasonOf` takes the first issue by column; the rules of one column are
 * listed in their order and stop at the first that fails.
 */
import { z } from 'zod'
import type { Envelope } from '../contract/decoder.ts'
import { type DateField, type PayloadField, payloadFields, type RequiredField } from '../contract/reasons.ts'
import type { Instant } from '../rows.ts'
import { dataTypePattern, type SampleRules, type TypeRule } from './rules.ts'

/** A column that two fields decide: checked on the whole row, blamed on the later column. */
interface RowRule {
  readonly column: PayloadField
  readonly reason: string
  readonly holds: (row: Readonly<Record<PayloadField, unknown>>) => boolean
}

const absent = (value: unknown): boolean => value === undefined || value === null

/** A type error's reason: absent or of the wrong type. */
const required = (field: RequiredField) => ({
  error: ({ input }: { input?: unknown }) => (absent(input) ? `missing_${field}` : `wrong_type_${field}`),
})
const wrongType = (field: PayloadField) => ({ error: `wrong_type_${field}` })

const encodable = z.refine<string>(text => text.isWellFormed(), { error: 'unencodable_string', abort: true })
const nonEmpty = (field: RequiredField) => z.minLength(1, { error: `empty_${field}`, abort: true })
const requiredText = (field: RequiredField) => z.string(required(field)).check(nonEmpty(field), encodable)
const optionalText = (field: PayloadField) => z.string(wrongType(field)).check(encodable).nullish()

const isDate = ({ parseInstant }: SampleRules, field: DateField) =>
  z.refine<string>(text => parseInstant(text, { day: 0, micros: 0 }), { error: `invalid_${field}`, abort: true })
const requiredDate = (rules: SampleRules, field: DateField & RequiredField) =>
  z.string(required(field)).check(nonEmpty(field), isDate(rules, field))
const optionalDate = (rules: SampleRules, field: DateField) =>
  z.string(wrongType(field)).check(isDate(rules, field)).nullish()

/** JSON numbers have no NaN, but 1e999 is Infinity, which z.number() would call a type error. */
const number = (field: RequiredField) => z.custom<number>(value => typeof value === 'number', required(field))

const textMap = z
  .custom<Readonly<Record<string, string>>>(
    value =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every(text => typeof text === 'string'),
    { error: 'wrong_type_metadata', abort: true },
  )
  .refine(map => Object.entries(map).every(entry => entry.every(text => text.isWellFormed())), {
    error: 'unencodable_string',
  })

const columns = (rules: SampleRules) =>
  z.object({
    device_id: optionalText('device_id'),
    user_id: requiredText('user_id'),
    sample_id: requiredText('sample_id'),
    data_type: requiredText('data_type').check(
      z.refine(text => rules.types.has(text) || dataTypePattern.test(text), {
        error: 'invalid_data_type',
        abort: true,
      }),
      z.refine(text => rules.types.has(text) || !rules.strict, { error: 'unknown_type' }),
    ),
    value: number('value').check(
      z.refine(value => Number.isFinite(value), { error: 'not_finite', abort: true }),
      z.refine(value => value >= 0, { error: 'negative_value', abort: true }),
    ),
    unit: optionalText('unit'),
    start_date: requiredDate(rules, 'start_date'),
    end_date: requiredDate(rules, 'end_date'),
    source_bundle: optionalText('source_bundle'),
    metadata: textMap.nullish(),
    is_synced: z.boolean(wrongType('is_synced')).nullish(),
    created_at: optionalDate(rules, 'created_at'),
    payload_timestamp: optionalDate(rules, 'payload_timestamp'),
    app_version: optionalText('app_version'),
    timezone: optionalText('timezone'),
    timezone_offset: z.int32(wrongType('timezone_offset')).nullish(),
  })

const rowRules = (rules: SampleRules): readonly RowRule[] => [
  {
    column: 'value',
    reason: 'out_of_range',
    holds({ data_type, value, unit }) {
      const type = rules.types.get(data_type as string)
      return !type || !comparable(type, unit) || (Number(value) >= type.min && Number(value) <= type.max)
    },
  },
  {
    column: 'unit',
    reason: 'wrong_unit',
    holds({ data_type, unit }) {
      const type = rules.types.get(data_type as string)
      return !type || !rules.strict || comparable(type, unit)
    },
  },
  {
    column: 'end_date',
    reason: 'end_before_start',
    holds({ start_date, end_date }) {
      const start = instant(rules, start_date)
      const end = instant(rules, end_date)
      return !start || !end || end.day > start.day || (end.day === start.day && end.micros >= start.micros)
    },
  },
]

/** A range is a number of the type's unit: it says nothing about a value in another. */
const comparable = ({ units }: TypeRule, unit: unknown): boolean =>
  absent(unit) || units === null || units.has(unit as string)

function instant({ parseInstant }: SampleRules, text: unknown): Instant | null {
  const into = { day: 0, micros: 0 }
  return typeof text === 'string' && parseInstant(text, into) ? into : null
}

/** Why a sample is refused, or null where it is valid. */
export type SampleJudge = (envelope: Omit<Envelope, 'samples'>, sample: unknown) => string | null

export function createSampleSchema(rules: SampleRules): SampleJudge {
  const schema = columns(rules)
  const acrossColumns = rowRules(rules)
  const isSample = z.looseObject({})

  return function reasonOf(envelope, sample) {
    const fields = isSample.safeParse(sample).data
    if (fields === undefined) return 'wrong_type_sample'
    const row = rowOf(envelope, fields)
    const broken = new Map<PropertyKey, string>()
    // A column's own rules come before those that look at others.
    for (const { column, reason, holds } of acrossColumns) if (!holds(row)) broken.set(column, reason)
    for (const { path, message } of schema.safeParse(row).error?.issues.toReversed() ?? [])
      broken.set(path[0]!, message)
    const first = payloadFields.find(column => broken.has(column))
    return first === undefined ? null : broken.get(first)!
  }
}

const rowOf = (
  { deviceId, userId, timestamp, appVersion }: Omit<Envelope, 'samples'>,
  sample: Readonly<Record<string, unknown>>,
): Readonly<Record<PayloadField, unknown>> => ({
  device_id: deviceId,
  user_id: userId,
  sample_id: sample.id,
  data_type: sample.type,
  value: sample.value,
  unit: sample.unit,
  start_date: sample.startDate,
  end_date: sample.endDate,
  source_bundle: sample.sourceBundle,
  metadata: sample.metadata,
  is_synced: sample.isSynced,
  created_at: sample.createdAt,
  payload_timestamp: timestamp,
  app_version: appVersion,
  timezone: sample.timezone,
  timezone_offset: sample.timezoneOffset,
})

/**
 * One sample to one row of the raw table, or the first rule in column order that it breaks. The hot path: written by hand,
 * it allocates nothing for a valid sample. sampleSchema.ts says the same rules readably, and a property test compares the
 * two. Pure; it knows no record, sink or error row.
 */
import type { Envelope } from '../contract/decoder.ts'
import type { ValidationWarning } from '../contract/metrics.ts'
import type { DateField, RequiredField, SampleReason } from '../contract/reasons.ts'
import type { Instant, RawRow } from '../rows.ts'
import {
  absentOrWrongType,
  optionalBoolean,
  optionalInt,
  optionalText,
  optionalTextMap,
  requiredText,
} from './fields.ts'
import { dataTypePattern, longDurationDays, type SampleRules, type TypeRule } from './rules.ts'

export interface SampleChecker {
  /** The row that `check` fills. Reused: it holds the last valid sample until the next call. */
  readonly row: RawRow
  /** What is odd about the last valid sample though it is taken. Reused. */
  readonly warnings: readonly ValidationWarning[]
  /** Checks what all samples of a payload have in common, once a record. */
  begin(envelope: Omit<Envelope, 'samples'>, processingTime: Instant): void
  /** Null: the sample is valid and `row` holds it. */
  check(sample: unknown): SampleReason | null
}

export function createSampleChecker(rules: SampleRules): SampleChecker {
  const row = emptyRow()
  const warnings: ValidationWarning[] = []
  const createdAt: Instant = { day: 0, micros: 0 }
  const payloadTimestamp: Instant = { day: 0, micros: 0 }
  // The envelope's columns lie before and after the sample's: its failures wait here for their turn.
  let identityReason: SampleReason | null = null
  let envelopeReason: SampleReason | null = null

  function begin(envelope: Omit<Envelope, 'samples'>, processingTime: Instant): void {
    const { deviceId, userId, timestamp, appVersion } = envelope
    identityReason = optionalText(deviceId, 'device_id') ?? requiredText(userId, 'user_id')
    envelopeReason =
      optionalDate(timestamp, payloadTimestamp, 'payload_timestamp') ?? optionalText(appVersion, 'app_version')
    row.deviceId = (deviceId ?? null) as string | null
    row.userId = userId as string
    row.payloadTimestamp = isAbsent(timestamp) ? null : payloadTimestamp
    row.appVersion = (appVersion ?? null) as string | null
    row.processingTime = processingTime
  }

  function check(sample: unknown): SampleReason | null {
    if (typeof sample !== 'object' || sample === null || Array.isArray(sample)) return 'wrong_type_sample'
    const fields = sample as Readonly<Record<string, unknown>>
    warnings.length = 0
    const dataType = fields.type
    const type = typeof dataType === 'string' ? rules.types.get(dataType) : undefined
    const reason =
      identityReason ??
      requiredText(fields.id, 'sample_id') ??
      (type === undefined ? unlistedType(dataType) : null) ??
      measurement(fields.value, fields.unit, type) ??
      period(fields.startDate, fields.endDate) ??
      optionalText(fields.sourceBundle, 'source_bundle') ??
      optionalTextMap(fields.metadata, 'metadata') ??
      optionalBoolean(fields.isSynced, 'is_synced') ??
      optionalDate(fields.createdAt, createdAt, 'created_at') ??
      envelopeReason ??
      optionalText(fields.timezone, 'timezone') ??
      optionalInt(fields.timezoneOffset, 'timezone_offset')
    if (reason === null) fill(fields)
    return reason
  }

  function unlistedType(dataType: unknown): SampleReason | null {
    const reason = requiredText(dataType, 'data_type')
    if (reason !== null) return reason
    if (!dataTypePattern.test(dataType as string)) return 'invalid_data_type'
    return rules.strict ? 'unknown_type' : null
  }

  /** The range is checked where the unit is absent or the type's own; nothing is converted. */
  function measurement(value: unknown, unit: unknown, type: TypeRule | undefined): SampleReason | null {
    if (typeof value !== 'number') return absentOrWrongType(value, 'value')
    if (!Number.isFinite(value)) return 'not_finite'
    if (value < 0) return 'negative_value'
    if (type === undefined) return optionalText(unit, 'unit')
    const comparable = isAbsent(unit) || type.units === null || type.units.has(unit as string)
    if (comparable && (value < type.min || value > type.max)) return 'out_of_range'
    const reason = optionalText(unit, 'unit')
    if (reason !== null || comparable) return reason
    if (rules.strict) return 'wrong_unit'
    warnings.push('unit_unchecked')
    return null
  }

  function period(startDate: unknown, endDate: unknown): SampleReason | null {
    const { startDate: start, endDate: end } = row
    const reason = requiredDate(startDate, start, 'start_date') ?? requiredDate(endDate, end, 'end_date')
    if (reason !== null) return reason
    const days = end.day - start.day
    if (days < 0 || (days === 0 && end.micros < start.micros)) return 'end_before_start'
    if (days > longDurationDays || (days === longDurationDays && end.micros > start.micros))
      warnings.push('long_duration')
    return null
  }

  function requiredDate(value: unknown, into: Instant, field: DateField & RequiredField): SampleReason | null {
    if (typeof value !== 'string') return absentOrWrongType(value, field)
    if (value === '') return `empty_${field}`
    return rules.parseInstant(value, into) ? null : `invalid_${field}`
  }

  function optionalDate(value: unknown, into: Instant, field: DateField): SampleReason | null {
    if (isAbsent(value)) return null
    if (typeof value !== 'string') return `wrong_type_${field}`
    return rules.parseInstant(value, into) ? null : `invalid_${field}`
  }

  /** Every field has its type by now. The two dates of the period were parsed into the row. */
  function fill(fields: Readonly<Record<string, unknown>>): void {
    row.sampleId = fields.id as string
    row.dataType = fields.type as string
    row.value = fields.value as number
    row.unit = (fields.unit ?? null) as string | null
    row.sourceBundle = (fields.sourceBundle ?? null) as string | null
    row.metadata = (fields.metadata ?? null) as Readonly<Record<string, string>> | null
    row.isSynced = (fields.isSynced ?? null) as boolean | null
    row.createdAt = isAbsent(fields.createdAt) ? null : createdAt
    row.timezone = (fields.timezone ?? null) as string | null
    row.timezoneOffset = isAbsent(fields.timezoneOffset) ? null : (fields.timezoneOffset as number) | 0
  }

  return { row, warnings, begin, check }
}

const isAbsent = (value: unknown): value is null | undefined => value === undefined || value === null

const emptyRow = (): RawRow => ({
  deviceId: null,
  userId: '',
  sampleId: '',
  dataType: '',
  value: 0,
  unit: null,
  startDate: { day: 0, micros: 0 },
  endDate: { day: 0, micros: 0 },
  sourceBundle: null,
  metadata: null,
  isSynced: null,
  createdAt: null,
  payloadTimestamp: null,
  appVersion: null,
  processingTime: { day: 0, micros: 0 },
  timezone: null,
  timezoneOffset: null,
})

/**
 * Checks of one field each, by hand, for the hot path. Each returns the first rule that the field breaks, or null.
 * Pure. A string must be well formed (no lone surrogate), else it has no UTF-8 form and no table could hold it.
 */
import type { PayloadField, RequiredField, SampleReason } from '../contract/reasons.ts'

const isAbsent = (value: unknown): value is null | undefined => value === undefined || value === null

/** Why a required field is not of its type: it is absent, or of another one. */
export function absentOrWrongType(value: unknown, field: RequiredField): SampleReason {
  return isAbsent(value) ? `missing_${field}` : `wrong_type_${field}`
}

export function requiredText(value: unknown, field: Exclude<RequiredField, 'value'>): SampleReason | null {
  if (typeof value !== 'string') return absentOrWrongType(value, field)
  if (value === '') return `empty_${field}`
  return value.isWellFormed() ? null : 'unencodable_string'
}

export function optionalText(value: unknown, field: PayloadField): SampleReason | null {
  if (typeof value === 'string') return value.isWellFormed() ? null : 'unencodable_string'
  return isAbsent(value) ? null : `wrong_type_${field}`
}

export function optionalBoolean(value: unknown, field: PayloadField): SampleReason | null {
  return typeof value === 'boolean' || isAbsent(value) ? null : `wrong_type_${field}`
}

/** A whole number of 32 bits. */
export function optionalInt(value: unknown, field: PayloadField): SampleReason | null {
  return (typeof value === 'number' && (value | 0) === value) || isAbsent(value) ? null : `wrong_type_${field}`
}

/** An object whose every value is a string; `__proto__` is a key like any other. */
export function optionalTextMap(value: unknown, field: PayloadField): SampleReason | null {
  if (isAbsent(value)) return null
  if (typeof value !== 'object' || Array.isArray(value)) return `wrong_type_${field}`
  const entries = value as Readonly<Record<string, unknown>>
  let encodable = true
  for (const key in entries) {
    const text = entries[key]
    if (typeof text !== 'string') return `wrong_type_${field}`
    encodable = encodable && key.isWellFormed() && text.isWellFormed()
  }
  return encodable ? null : 'unencodable_string'
}

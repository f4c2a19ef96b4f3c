/**
 * The rules that samples are checked against, compiled once from the type table, the manifest's ranges and the mode.
 * Pure; the hand checks (sample.ts) and the readable schema (sampleSchema.ts) both take them.
 */
import { dataTypeRules, type RangeOverrides, unitSpellings } from '../contract/dataTypes.ts'
import { createInstantParser, type ParseInstant } from './dates.ts'

export type ValidationMode = 'lenient' | 'strict'

export interface TypeRule {
  readonly min: number
  readonly max: number
  /** Every spelling of the type's unit; null where the range holds whatever the unit. */
  readonly units: ReadonlySet<string> | null
}

export interface SampleRules {
  /** Refuses unknown types, other units and dates without a zone; lenient takes them all. */
  readonly strict: boolean
  readonly types: ReadonlyMap<string, TypeRule>
  readonly parseInstant: ParseInstant
}

/** A data type's name: it becomes a folder of the table and a metric label. */
export const dataTypePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/** A sample may last this long without a warning. */
export const longDurationDays = 7

export function createSampleRules(options: {
  readonly mode: ValidationMode
  readonly ranges?: RangeOverrides
}): SampleRules {
  const strict = options.mode === 'strict'
  const types = new Map<string, TypeRule>()
  for (const [dataType, { min, max, unit }] of dataTypeRules(options.ranges))
    types.set(dataType, {
      min: min ?? Number.NEGATIVE_INFINITY,
      max: max ?? Number.POSITIVE_INFINITY,
      units: unit === undefined ? null : unitSpellings(unit),
    })
  return { strict, types, parseInstant: createInstantParser({ zoneRequired: strict }) }
}

/**
 * The health data types the project knows: unit and inclusive range of each, and the closed list of other spellings of
 * a unit. Data and two look-ups; it converts nothing and checks no sample.
 */

export interface DataTypeRule {
  /** Inclusive bounds in `unit`. */
  readonly min: number
  readonly max: number
  readonly unit: string
}

/** `min`, `max` and `unit` of each known type. */
export const dataTypes = {
  heartRate: { min: 30, max: 250, unit: 'count/min' },
  restingHeartRate: { min: 30, max: 250, unit: 'count/min' },
  heartRateVariability: { min: 0, max: 500, unit: 'ms' },
  steps: { min: 0, max: 100_000, unit: 'count' },
  stepCount: { min: 0, max: 100_000, unit: 'count' },
  distance: { min: 0, max: 100_000, unit: 'm' },
  distanceWalkingRunning: { min: 0, max: 100_000, unit: 'm' },
  activeEnergyBurned: { min: 0, max: 10_000, unit: 'kcal' },
  basalEnergyBurned: { min: 0, max: 5_000, unit: 'kcal' },
  bloodPressureSystolic: { min: 50, max: 250, unit: 'mmHg' },
  bloodPressureDiastolic: { min: 30, max: 150, unit: 'mmHg' },
  bloodGlucose: { min: 20, max: 600, unit: 'mg/dL' },
  bodyTemperature: { min: 30, max: 45, unit: '°C' },
  oxygenSaturation: { min: 0, max: 100, unit: '%' },
  bodyMass: { min: 20, max: 500, unit: 'kg' },
  height: { min: 50, max: 300, unit: 'cm' },
  bodyMassIndex: { min: 10, max: 100, unit: 'count' },
  bodyFatPercentage: { min: 0, max: 100, unit: '%' },
  leanBodyMass: { min: 10, max: 300, unit: 'kg' },
  waistCircumference: { min: 30, max: 300, unit: 'cm' },
  sleepAnalysis: { min: 0, max: 24, unit: 'h' },
  timeInBed: { min: 0, max: 24, unit: 'h' },
  mindfulSession: { min: 0, max: 24, unit: 'h' },
  mindfulMinutes: { min: 0, max: 1_440, unit: 'min' },
  respiratoryRate: { min: 5, max: 60, unit: 'count/min' },
  vo2Max: { min: 10, max: 100, unit: 'mL/kg·min' },
  flightsClimbed: { min: 0, max: 1_000, unit: 'count' },
  exerciseTime: { min: 0, max: 1_440, unit: 'min' },
  standHours: { min: 0, max: 24, unit: 'h' },
} as const satisfies Readonly<Record<string, DataTypeRule>>

/**
 * Other spellings of each unit, compared exactly. Sources: UCUM case-sensitive codes (`Cel`, `mm[Hg]`, `{beats}/min`),
 * Apple HealthKit unit strings (`degC`, `mL/kg·min`, `ml/(kg*min)`), Health Connect and FHIR vital signs profiles. Every
 * alias means the very same quantity, so that a value needs no conversion.
 */
export const unitAliases: Readonly<Record<string, readonly string[]>> = {
  'count/min': [
    'bpm',
    '/min',
    '1/min',
    'min-1',
    'beats/min',
    '{beats}/min',
    'beats per minute',
    'breaths/min',
    '{breaths}/min',
  ],
  ms: ['msec', 'millisecond', 'milliseconds'],
  count: ['1', '{count}', 'counts', '{steps}', 'steps'],
  m: ['meter', 'meters', 'metre', 'metres'],
  cm: ['centimeter', 'centimeters', 'centimetre', 'centimetres'],
  kg: ['kilogram', 'kilograms'],
  kcal: ['Cal', 'kilocalorie', 'kilocalories'],
  mmHg: ['mm[Hg]', 'mm Hg'],
  'mg/dL': ['mg/dl'],
  '°C': ['degC', 'Cel', '℃'],
  '%': ['percent', 'pct'],
  h: ['hr', 'hour', 'hours'],
  min: ['minute', 'minutes'],
  'mL/kg·min': [
    'mL/kg⋅min',
    'mL/(kg·min)',
    'mL/(kg*min)',
    'mL/kg*min',
    'mL/kg/min',
    'mL/min/kg',
    'ml/kg·min',
    'ml/(kg·min)',
    'ml/(kg*min)',
    'ml/kg*min',
    'ml/kg/min',
    'ml/min/kg',
  ],
}

/** Every spelling of a unit, itself included; a unit outside the table is spelled one way only. */
export function unitSpellings(unit: string): ReadonlySet<string> {
  for (const [name, aliases] of Object.entries(unitAliases))
    if (name === unit || aliases.includes(unit)) return new Set([name, ...aliases])
  return new Set([unit])
}

/** A manifest's own rule for one type (`spec.validation.ranges`); what it leaves out stays as built in. */
export type RangeOverrides = Readonly<Record<string, Partial<DataTypeRule>>>

/**
 * The rules in force: the built-in table with a manifest's overrides merged over it. A type that only the manifest names
 * becomes known; where it gives no bound there is none, and without a unit its range holds whatever the unit.
 */
export function dataTypeRules(overrides: RangeOverrides = {}): ReadonlyMap<string, Partial<DataTypeRule>> {
  const rules = new Map<string, Partial<DataTypeRule>>(Object.entries(dataTypes))
  for (const [dataType, { min, max, unit }] of Object.entries(overrides)) {
    const built = rules.get(dataType)
    rules.set(dataType, { min: min ?? built?.min, max: max ?? built?.max, unit: unit ?? built?.unit })
  }
  return rules
}

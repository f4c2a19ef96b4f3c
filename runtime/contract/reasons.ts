/**
 * Why a sample or a record is not in the raw table: the closed lists of error types and reasons. They are column values
 * of the errors table and label values of `validation_failures_total`, hence closed. Data only.
 */

export const errorTypes = [
  'VALIDATION_ERROR',
  'TRANSFORMATION_ERROR',
  'DESERIALIZATION_ERROR',
  'PROCESSING_ERROR',
  'UNKNOWN_ERROR',
] as const
export type ErrorType = (typeof errorTypes)[number]

/** The columns of the raw table that validation fills from the payload, in column order (the order of the rules). */
export const payloadFields = [
  'device_id',
  'user_id',
  'sample_id',
  'data_type',
  'value',
  'unit',
  'start_date',
  'end_date',
  'source_bundle',
  'metadata',
  'is_synced',
  'created_at',
  'payload_timestamp',
  'app_version',
  'timezone',
  'timezone_offset',
] as const
export type PayloadField = (typeof payloadFields)[number]

export const requiredFields = ['user_id', 'sample_id', 'data_type', 'value', 'start_date', 'end_date'] as const
export type RequiredField = (typeof requiredFields)[number]

export const dateFields = ['start_date', 'end_date', 'created_at', 'payload_timestamp'] as const
export type DateField = (typeof dateFields)[number]

export const deserializationReasons = [
  'invalid_utf8',
  'invalid_json',
  'nesting_too_deep',
  'not_an_object',
  'missing_samples',
  'samples_not_array',
] as const
export type DeserializationReason = (typeof deserializationReasons)[number]

export type ValidationReason =
  | `missing_${RequiredField}`
  | `empty_${RequiredField}`
  | `wrong_type_${PayloadField}`
  | `wrong_type_sample`
  | `invalid_${DateField}`
  | 'not_finite'
  | 'negative_value'
  | 'out_of_range'
  | 'invalid_data_type'
  | 'end_before_start'
  | 'unknown_type'
  | 'wrong_unit'

export const validationReasons: readonly ValidationReason[] = [
  ...requiredFields.map(field => `missing_${field}` as const),
  ...requiredFields.filter(field => field !== 'value').map(field => `empty_${field}` as const),
  ...payloadFields.map(field => `wrong_type_${field}` as const),
  'wrong_type_sample',
  'not_finite',
  'negative_value',
  'out_of_range',
  ...dateFields.map(field => `invalid_${field}` as const),
  'invalid_data_type',
  'end_before_start',
  'unknown_type',
  'wrong_unit',
]

/** A lone surrogate has no UTF-8 form (Unicode 17, section 3.9, D76 and D92). */
export const transformationReasons = ['unencodable_string'] as const
export type TransformationReason = (typeof transformationReasons)[number]

export const processingReasons = ['internal'] as const
export type ProcessingReason = (typeof processingReasons)[number]

/** Why a sample of a decoded payload is refused. */
export type SampleReason = ValidationReason | TransformationReason | ProcessingReason

/** Every reason of each error type. */
export const reasonsByType: Readonly<Record<ErrorType, readonly string[]>> = {
  VALIDATION_ERROR: validationReasons,
  TRANSFORMATION_ERROR: transformationReasons,
  DESERIALIZATION_ERROR: deserializationReasons,
  PROCESSING_ERROR: processingReasons,
  UNKNOWN_ERROR: ['unknown'],
}

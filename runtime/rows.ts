/**
 * The rows of the two tables as the validation step hands them to the writer. Types and closed lists only.
 *
 * A row object is reused by its producer from call to call, so a consumer copies what it keeps. An instant is two
 * numbers, days since 1970-01-01 (floored) and microseconds within that day [0, 86 400 000 000): microseconds since
 * the epoch do not fit a double beyond the years 1684 to 2255.
 */

import type { ErrorType } from './contract/reasons.ts'

export interface Instant {
  /** Days since 1970-01-01 UTC, negative before. */
  day: number
  /** Microseconds of that day. */
  micros: number
}

/** One row of `health_data_raw`, columns in table order. */
export interface RawRow {
  deviceId: string | null
  userId: string
  sampleId: string
  dataType: string
  value: number
  unit: string | null
  startDate: Instant
  endDate: Instant
  sourceBundle: string | null
  /** Own enumerable keys, `__proto__` included as an ordinary one. */
  metadata: Readonly<Record<string, string>> | null
  isSynced: boolean | null
  createdAt: Instant | null
  payloadTimestamp: Instant | null
  appVersion: string | null
  processingTime: Instant
  timezone: string | null
  timezoneOffset: number | null
}

/** One row of `health_data_errors`, columns in table order. */
export interface ErrorRow {
  rawPayload: Buffer | null
  errorType: ErrorType
  /** One of the closed lists in contract/reasons.ts. */
  errorReason: string
  /** For people; never holds a value from the payload. */
  errorMessage: string
  errorTimestamp: Instant
  deviceId: string | null
  userId: string | null
  sampleId: string | null
  dataType: string | null
  kafkaTopic: string
  kafkaPartition: number
  kafkaOffset: number
  /** Position in `samples`, from 0; null for a record that could not be decoded. */
  sampleIndex: number | null
  appVersion: string | null
  processingTime: Instant
}

/** Where classified rows go. Implemented by the table writers. */
export interface RowSink {
  raw(row: RawRow): void
  error(row: ErrorRow): void
}

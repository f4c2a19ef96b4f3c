/**
 * Reads rows and records of which nothing is known: any field may be missing or of any type. Pure.
 */

/** Field names are the columns of the tables; `kafka_timestamp` is the time of the row's Kafka record. */
export interface RowFields {
  readonly data_type?: unknown
  readonly error_type?: unknown
  readonly error_reason?: unknown
  readonly kafka_timestamp?: unknown
}

/** An empty error type is none. */
export const isInvalid = ({ error_type }: RowFields): boolean => Boolean(error_type)

/** What keeps a label closed: `value` where it is one of `known`, else `other`. */
export function closedLabel(known: Iterable<string>, other: string) {
  const values = new Set([...known, other])
  return { values, of: (value: unknown): string => (typeof value === 'string' && values.has(value) ? value : other) }
}

/** A count, a size or a duration that a metric can take. */
export const isAmount = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0

/**
 * The age of a Kafka record time at `nowMs`: 0 where the producer's clock runs ahead, undefined without a time (Kafka's
 * -1 too). Times are milliseconds since the epoch as a number, a bigint or kafkajs' decimal text, or a Date.
 */
export function ageMs(time: unknown, nowMs: number): number | undefined {
  const ms = millisecondsOf(time)
  return isAmount(ms) && Number.isFinite(nowMs) ? Math.max(0, nowMs - ms) : undefined
}

function millisecondsOf(time: unknown): unknown {
  if (time instanceof Date) return time.getTime()
  if (typeof time === 'bigint' || (typeof time === 'string' && /^\d{1,16}$/.test(time))) return Number(time)
  return time
}

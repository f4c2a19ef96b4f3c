/**
 * Rows of both tables at the edges of what their columns hold, and the cells that a reader must show for them.
 * Deterministic: row `n` is always the same.
 */
import { type ErrorType, errorTypes } from '../../runtime/contract/reasons.ts'
import type { ErrorRow, Instant, RawRow } from '../../runtime/rows.ts'
import type { Cell, Row } from './readers.ts'

/** Longest, and longer than, a truncated bound (16 code points), with a last code point that is hard to increment. */
const atTheCut = ['z', 'é', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{1f600}', '\u{10ffff}'].flatMap(last => [
  `${'a'.repeat(15)}${last}`,
  `${'a'.repeat(15)}${last}tail`,
  `${'\u{1f600}'.repeat(14)}b${last}${last}`,
])
const strings = [...atTheCut, '', ' ', "it's", '"', '\\', 'é', '\u{10ffff}'.repeat(20), 'Z'.repeat(300)]

/** Days since 1970-01-01: the first of year 1, the last before 1970, the first of it and the last of 9999. */
const days = [-719162, -1, 0, 2932896]
const micros = [0, 1, 43_200_000_000, 86_399_999_999]
const dataTypes = ['heartRate', 'A.b_c-9', 'x'.repeat(64)]
const values = [5e-324, Number.MAX_VALUE, 0, 0.1, 72.5, 1 / 3, 99999.999]
const ints = [-2147483648, -720, 0, 60, 2147483647]
const longs = [0, 1, 2 ** 31, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER]
const payloads = [Buffer.alloc(0), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), Buffer.from('{"a":1}')]
const maps = [{}, { '': '' }, { key: 'value', '\u{1f600}': strings[5]! }, Object.fromEntries([['__proto__', 'own']])]

/** Every third is null, and all of one day are. */
function optional<T>(list: readonly T[], n: number, salt: number): T | null {
  if (n % days.length === salt % days.length || (n + salt) % 3 === 0) return null
  return pick(list, n + salt)
}

/** Spread so that partitions differ in the values they hold. */
const pick = <T>(list: readonly T[], n: number): T => list[(n * 7 + Math.floor(n / 12)) % list.length]!
const instant = (n: number): Instant => ({ day: days[n % days.length]!, micros: pick(micros, n) })

export const rawRow = (n: number): RawRow => ({
  deviceId: optional(strings, n, 1),
  userId: pick(strings, n),
  sampleId: `${pick(strings, n + 1)}#${n}`,
  dataType: pick(dataTypes, n),
  value: pick(values, n),
  unit: optional(strings, n, 2),
  startDate: instant(n),
  endDate: instant(n + 1),
  sourceBundle: optional(strings, n, 3),
  metadata: optional(maps, n, 4),
  isSynced: optional([true, false], n, 5),
  createdAt: optional(
    days.map((_, index) => instant(index)),
    n,
    6,
  ),
  payloadTimestamp: optional(
    days.map((_, index) => instant(index + 2)),
    n,
    7,
  ),
  appVersion: optional(strings, n, 8),
  processingTime: { day: 20000 + (n % 3), micros: n },
  timezone: optional(strings, n, 9),
  timezoneOffset: optional(ints, n, 10),
})

export const errorRow = (n: number): ErrorRow => ({
  rawPayload: optional(payloads, n, 1),
  errorType: pick<ErrorType>(errorTypes, n),
  errorReason: pick(strings, n + 2),
  errorMessage: pick(strings, n + 3),
  errorTimestamp: instant(n),
  deviceId: optional(strings, n, 2),
  userId: optional(strings, n, 3),
  sampleId: optional(strings, n, 4),
  dataType: optional(strings, n, 5),
  kafkaTopic: pick(strings, n + 4),
  kafkaPartition: pick(ints, n),
  kafkaOffset: pick(longs, n),
  sampleIndex: optional(ints, n, 6),
  appVersion: optional(strings, n, 7),
  processingTime: { day: 20000 + (n % 3), micros: n },
})

/** Column names and cells as a reader shows them. */
export const cellsOf = (row: RawRow | ErrorRow): Row =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [columnName(key), cellOf(value)]))

const columnName = (property: string) => property.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

function cellOf(value: Instant | Buffer | Cell): Cell {
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (isInstant(value)) return String(BigInt(value.day) * 86_400_000_000n + BigInt(value.micros))
  return value
}

const isInstant = (value: Instant | Cell): value is Instant =>
  typeof value === 'object' && value !== null && typeof value.micros === 'number'

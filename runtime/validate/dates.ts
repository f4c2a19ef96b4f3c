/**
 * ISO 8601 dates and times to instants, by hand: `YYYY-MM-DD[THH:MM[:SS[.f{1,9}]][Z|±HH:MM|±HHMM]]`, years 0000 to 9999 of
 * the proleptic Gregorian calendar, fractions cut to microseconds, no 24:00 and no second 60. Pure but for a cache of
 * the last day in each parser. Date.parse would take more spellings, days that do not exist, and twice the time.
 */
import type { Instant } from '../rows.ts'

const microsPerSecond = 1_000_000
export const microsPerDay = 86_400 * microsPerSecond

/**
 * Parses `text` into `into` and tells whether it could; on false `into` holds nothing of use. Text without a zone is read
 * as UTC, or refused where the parser requires a zone.
 */
export type ParseInstant = (text: string, into: Instant) => boolean

/** Rows that follow one another mostly share their day, so each parser keeps the last one it computed. */
export function createInstantParser(options: { readonly zoneRequired: boolean }): ParseInstant {
  let cachedDate = Number.NaN
  let cachedDay = 0

  return function parseInstant(text, into) {
    const date = readDate(text)
    if (date < 0) return false
    if (date !== cachedDate) {
      if (!dayExists(date)) return false
      cachedDay = daysFromCivil(date)
      cachedDate = date
    }
    into.day = cachedDay
    into.micros = 0
    if (text.length === 10) return !options.zoneRequired
    return readTime(text, into, options.zoneRequired)
  }
}

const zero = 0x30
const dash = 0x2d
const colon = 0x3a
const dot = 0x2e
const plus = 0x2b
const capitalT = 0x54
const capitalZ = 0x5a

/** Two digits as a number, or a negative number. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - zero
  const ones = text.charCodeAt(at + 1) - zero
  // Past the end charCodeAt is NaN, for which no comparison holds.
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** The first ten characters as the number YYYYMMDD, or -1; whether the day exists is not looked at. */
function readDate(text: string): number {
  const century = twoDigits(text, 0)
  const year = twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  if (century < 0 || year < 0 || month < 0 || day < 0) return -1
  if (text.charCodeAt(4) !== dash || text.charCodeAt(7) !== dash) return -1
  return century * 1_000_000 + year * 10_000 + month * 100 + day
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function dayExists(date: number): boolean {
  const year = Math.floor(date / 10_000)
  const month = Math.floor(date / 100) % 100
  const day = date % 100
  if (month < 1 || month > 12 || day < 1) return false
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= (month === 2 && leap ? 29 : monthLengths[month - 1]!)
}

/** Days since 1970-01-01 of a date YYYYMMDD (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil). */
function daysFromCivil(date: number): number {
  const month = Math.floor(date / 100) % 100
  // The year begins in March, so that the leap day is its last.
  const year = Math.floor(date / 10_000) - (month <= 2 ? 1 : 0)
  const era = Math.floor(year / 400)
  const yearOfEra = year - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + (date % 100) - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** Everything from the `T` on: adds the time of day to `into`, whose day is set. */
function readTime(text: string, into: Instant, zoneRequired: boolean): boolean {
  const hour = twoDigits(text, 11)
  const minute = twoDigits(text, 14)
  if (text.charCodeAt(10) !== capitalT || text.charCodeAt(13) !== colon) return false
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false
  let second = 0
  let fraction = 0
  let at = 16
  if (text.charCodeAt(at) === colon) {
    second = twoDigits(text, 17)
    if (second < 0 || second > 59) return false
    at = 19
    if (text.charCodeAt(at) === dot) {
      const end = endOfDigits(text, 20)
      if (end === 20 || end > 29) return false
      fraction = readMicros(text, 20, end)
      at = end
    }
  }
  const offset = readOffset(text, at, zoneRequired)
  if (Number.isNaN(offset)) return false
  setTime(into, (hour * 60 + minute - offset) * 60 + second, fraction)
  return true
}

/** Carries a second before or past the day, as an offset makes it, into the day. */
function setTime(into: Instant, second: number, fraction: number): void {
  if (second < 0) {
    into.day -= 1
    second += 86_400
  } else if (second >= 86_400) {
    into.day += 1
    second -= 86_400
  }
  into.micros = second * microsPerSecond + fraction
}

function endOfDigits(text: string, at: number): number {
  while (text.charCodeAt(at) >= zero && text.charCodeAt(at) <= zero + 9) at++
  return at
}

/** The fraction's digits as microseconds: those past the sixth are cut, never rounded. */
function readMicros(text: string, start: number, end: number): number {
  let micros = 0
  for (let at = start; at < start + 6; at++) micros = micros * 10 + (at < end ? text.charCodeAt(at) - zero : 0)
  return micros
}

/** Minutes east of UTC of the zone that begins at `at` and ends the text; NaN where it is wrong or wanted and absent. */
function readOffset(text: string, at: number, zoneRequired: boolean): number {
  const sign = text.charCodeAt(at)
  const length = text.length - at
  if (sign === capitalZ) return length === 1 ? 0 : Number.NaN
  if (length === 0) return zoneRequired ? Number.NaN : 0
  if (sign !== plus && sign !== dash) return Number.NaN
  const extended = text.charCodeAt(at + 3) === colon
  if (length !== (extended ? 6 : 5)) return Number.NaN
  const hours = twoDigits(text, at + 1)
  const minutes = twoDigits(text, extended ? at + 4 : at + 3)
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Number.NaN
  return (sign === dash ? -1 : 1) * (hours * 60 + minutes)
}

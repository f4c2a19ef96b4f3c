/** The date parser, against tables of cases and, for every date that Date can print, against Date itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Instant } from '../../../runtime/rows.ts'
import { createInstantParser } from '../../../runtime/validate/dates.ts'
import fc from '../../properties.ts'

function parse(text: string, zoneRequired = false): Instant | null {
  const into = { day: 0, micros: 0 }
  return createInstantParser({ zoneRequired })(text, into) ? into : null
}

const hour = 3_600_000_000
const minute = 60_000_000
const second = 1_000_000

const accepted: readonly (readonly [text: string, day: number, micros: number])[] = [
  ['1970-01-01', 0, 0],
  ['1970-01-01T00:00', 0, 0],
  ['1970-01-01T00:00Z', 0, 0],
  ['1970-01-01T00:00:01', 0, second],
  ['1970-01-02T01:02:03Z', 1, hour + 2 * minute + 3 * second],
  ['1969-12-31T23:59:59.999999Z', -1, 24 * hour - 1],
  ['1970-01-01T00:00:00.1Z', 0, 100_000],
  ['1970-01-01T00:00:00.000001Z', 0, 1],
  ['1970-01-01T00:00:00.0000019Z', 0, 1],
  ['1970-01-01T00:00:00.999999999Z', 0, 999_999],
  ['1970-01-01T00:00:00.123456789', 0, 123_456],
  ['1969-12-31T23:59:59.9999999Z', -1, 24 * hour - 1],
  ['1970-01-01T01:00:00+01:00', 0, 0],
  ['1970-01-01T01:00:00+0100', 0, 0],
  ['1970-01-01T00:30+01:00', -1, 23 * hour + 30 * minute],
  ['1969-12-31T23:30-0100', 0, 30 * minute],
  ['1970-01-01T00:00:00-00:00', 0, 0],
  ['1970-01-01T00:00:00+23:59', -1, minute],
  ['1970-01-01T23:59:00-23:59', 1, 23 * hour + 58 * minute],
  ['1970-01-01T05:45:00.5+05:45', 0, 500_000],
  ['2000-02-29', 11_016, 0],
  ['2024-02-29T23:59:59Z', 19_782, 24 * hour - second],
  ['1900-03-01', -25_508, 0],
  ['0000-01-01', -719_528, 0],
  ['0000-02-29', -719_469, 0],
  ['0000-01-01T00:00:00+00:01', -719_529, 24 * hour - minute],
  ['0001-01-01', -719_162, 0],
  ['9999-12-31T23:59:59.999999Z', 2_932_896, 24 * hour - 1],
]

for (const [text, day, micros] of accepted)
  test(`${text} is day ${day}, ${micros} µs`, () => assert.deepEqual(parse(text), { day, micros }))

const refused = [
  '',
  ' ',
  '1970',
  '1970-01',
  '1970-1-1',
  '19700101',
  '1970-00-01',
  '1970-13-01',
  '1970-01-00',
  '1970-01-32',
  '1970-04-31',
  '1900-02-29',
  '2100-02-29',
  '2023-02-29',
  '2024-02-30',
  '+1970-01-01',
  '-001-01-01',
  '10000-01-01',
  '1970-01-01Z',
  '1970-01-01+01:00',
  '1970-01-01T',
  '1970-01-01T00',
  '1970-01-01T00Z',
  '1970-01-01T0000',
  '1970-01-01T00:0',
  '1970-01-01 00:00:00Z',
  '1970-01-01t00:00:00Z',
  '1970-01-01T00:00:00z',
  '1970-01-01T24:00:00Z',
  '1970-01-01T24:00',
  '1970-01-01T23:60:00Z',
  '2016-12-31T23:59:60Z',
  '1970-01-01T00:00:00.Z',
  '1970-01-01T00:00:00.',
  '1970-01-01T00:00:00,5Z',
  '1970-01-01T00:00:00.1234567890Z',
  '1970-01-01T00:00.5Z',
  '1970-01-01T00:00:00+1',
  '1970-01-01T00:00:00+01',
  '1970-01-01T00:00:00+01:0',
  '1970-01-01T00:00:00+010',
  '1970-01-01T00:00:00+24:00',
  '1970-01-01T00:00:00+01:60',
  '1970-01-01T00:00:00+01:00:00',
  '1970-01-01T00:00:00 +01:00',
  '1970-01-01T00:00:00ZZ',
  '1970-01-01T00:00:00Z ',
  ' 1970-01-01T00:00:00Z',
  '1970-01-01T00:00:00+01:00[Europe/Paris]',
  '1970-01-01T00:00:00\u221201:00',
  '１９７０-01-01',
  '1970-01-01T0a:00:00Z',
  '1970/01/01',
  '1970-W01-1',
  'now',
]

for (const text of refused) test(`${JSON.stringify(text)} is refused`, () => assert.equal(parse(text), null))

test('a zone is required where the parser is told so', () => {
  for (const text of ['2024-05-01', '2024-05-01T10:00', '2024-05-01T10:00:00.5']) {
    assert.notEqual(parse(text), null)
    assert.equal(parse(text, true), null)
  }
  for (const zone of ['Z', '+00:00', '-0230']) assert.notEqual(parse(`2024-05-01T10:00${zone}`, true), null)
})

const anyMillisecond = fc.integer({ min: Date.UTC(1, 0, 1) - 366 * 86_400_000, max: Date.UTC(9999, 11, 31) })

test('agrees with Date on every day it can name, one parser for all', () => {
  const parseInstant = createInstantParser({ zoneRequired: true })
  const into = { day: 0, micros: 0 }
  fc.assert(
    fc.property(anyMillisecond, ms => {
      fc.pre(/^\d{4}-/.test(new Date(ms).toISOString()))
      assert.ok(parseInstant(new Date(ms).toISOString(), into))
      const day = Math.floor(ms / 86_400_000)
      assert.deepEqual(into, { day, micros: (ms - day * 86_400_000) * 1000 })
    }),
    { numRuns: 5_000 },
  )
})

test('every day of 400 years exists or not as Date says', () => {
  for (let year = 1800; year < 2200; year++)
    for (let month = 1; month <= 12; month++)
      for (const day of [28, 29, 30, 31]) {
        const text = `${year}-${String(month).padStart(2, '0')}-${day}`
        const exists = new Date(Date.UTC(year, month - 1, day)).getUTCMonth() === month - 1
        assert.equal(parse(text) !== null, exists, text)
      }
})

test('an offset moves the instant by exactly that much', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 23 }),
      fc.integer({ min: 0, max: 59 }),
      fc.boolean(),
      (hours, minutes, east) => {
        const digits = `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`
        const { day, micros } = parse(`2024-02-29T12:00:00${east ? '+' : '-'}${digits}`)!
        const shift = (hours * 60 + minutes) * 60_000 * (east ? -1 : 1)
        assert.equal(day * 86_400_000 + micros / 1000, Date.UTC(2024, 1, 29, 12) + shift)
      },
    ),
  )
})

test('a refused text leaves no day behind in the cache', () => {
  const parseInstant = createInstantParser({ zoneRequired: false })
  const into = { day: 0, micros: 0 }
  assert.ok(parseInstant('2024-01-31', into))
  assert.ok(!parseInstant('2024-02-31', into))
  assert.ok(!parseInstant('2024-02-31', into))
  assert.ok(parseInstant('2024-01-31', into))
  assert.equal(into.day, 19_753)
})

test('days that follow one another through one parser, forwards and back, each twice', () => {
  const parseInstant = createInstantParser({ zoneRequired: false })
  const into = { day: 0, micros: 0 }
  const days = Array.from({ length: 800 }, (_, day) => day + 19_000)
  for (const day of [...days, ...days.toReversed()].flatMap(each => [each, each])) {
    assert.ok(parseInstant(new Date(day * 86_400_000).toISOString().slice(0, 10), into))
    assert.equal(into.day, day)
  }
})

/** A round holds rows and the offsets that they cover, without holes, and hands both over together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DataFile } from '../../runtime/iceberg/dataFile.ts'
import type { TableWriter } from '../../runtime/iceberg/tableWriter.ts'
import { createRound } from '../../runtime/round.ts'
import type { ErrorRow, RawRow } from '../../runtime/rows.ts'
import { dataFile } from './iceberg/fixtures.ts'

function writer<Row>(file: DataFile) {
  const pushed: Row[] = []
  const told: string[] = []
  const it: TableWriter<Row> = {
    push: row => pushed.push(row),
    get rows() {
      return pushed.length
    },
    get bufferedBytes() {
      return pushed.length * 10
    },
    get openPartitions() {
      return pushed.length
    },
    async finish() {
      told.push('finish')
      return [file]
    },
    discard: () => told.push('discard'),
  }
  return { it, pushed, told }
}

// A round passes rows on and looks into none.
const rawRow = { sampleId: 'a' } as RawRow
const errorRow = { errorReason: 'not_finite' } as ErrorRow
const mark = (offset: number) => ({ offset, timestampMs: 1, crc32c: 1 })

function newRound() {
  const raw = writer<RawRow>(dataFile('memory:///raw', 1, 'x'))
  const errors = writer<ErrorRow>(dataFile('memory:///errors', 1, 'x'))
  return { round: createRound(123, raw.it, errors.it), raw, errors }
}

test('rows go to the table they belong to and are counted together', () => {
  const { round, raw, errors } = newRound()
  round.raw(rawRow)
  round.raw(rawRow)
  round.error(errorRow)
  assert.deepEqual([raw.pushed, errors.pushed], [[rawRow, rawRow], [errorRow]])
  assert.deepEqual([round.rows, round.bufferedBytes, round.openPartitions, round.startedMs], [3, 30, 2, 123])
})

test('what it covers joins up per partition; its last record is the newest that there was', () => {
  const { round } = newRound()
  round.cover('t:0', 5, 7, mark(6))
  round.cover('t:1', 0, 1, undefined)
  round.cover('t:0', 7, 9, undefined)
  assert.deepEqual(Object.fromEntries(round.ranges), { 't:0': { start: 5, end: 9 }, 't:1': { start: 0, end: 1 } })
})

test('a hole or an overlap is refused', () => {
  for (const start of [8, 6]) {
    const { round } = newRound()
    round.cover('t:0', 5, 7, undefined)
    assert.throws(() => round.cover('t:0', start, 9, undefined), /t:0 has a hole at/)
  }
})

test('finished, it is a batch: ranges, last records and the files of both tables', async () => {
  const { round, raw, errors } = newRound()
  round.cover('t:0', 5, 7, mark(6))
  round.cover('t:0', 7, 9, undefined)
  const batch = await round.finish()
  assert.deepEqual(Object.fromEntries(batch.ranges), { 't:0': { start: 5, end: 9 } })
  assert.deepEqual(Object.fromEntries(batch.last), { 't:0': mark(6) })
  assert.deepEqual([batch.rawFiles[0]?.location, batch.errorFiles[0]?.location], ['memory:///raw', 'memory:///errors'])
  assert.deepEqual([raw.told, errors.told], [['finish'], ['finish']])
})

test('discarded, both writers are', () => {
  const { round, raw, errors } = newRound()
  round.discard()
  assert.deepEqual([raw.told, errors.told], [['discard'], ['discard']])
})

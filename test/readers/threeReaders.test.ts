/**
 * What pyiceberg, DuckDB and Iceberg Java make of the tables that the runtime writes: all rows, exact sums, and the rows
 * that a predicate selects on every column that has bounds. A wrong bound loses rows silently in all three.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, before, test } from 'node:test'
import type { Schema } from '../../runtime/iceberg/tableMetadata.ts'
import { errorsDefinition, rawDefinition } from '../../runtime/iceberg/tables.ts'
import { errorsTableWriter, rawTableWriter } from '../../runtime/iceberg/tableWriter.ts'
import type { ErrorRow, RawRow } from '../../runtime/rows.ts'
import { cellsOf, errorRow, rawRow } from './edgeRows.ts'
import { createLocalTable, type LocalTable } from './localTable.ts'
import { type Cell, change, type Filter, type Reading, type Row, read, readerNames } from './readers.ts'

const rowCount = 2000
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

let folder: string
let raw: LocalTable<RawRow>
let errors: LocalTable<ErrorRow>

before(async () => {
  folder = await mkdtemp(`${tmpdir()}/three-readers-`)
  raw = await createLocalTable(folder, 'health_data_raw', rawDefinition, rawTableWriter)
  errors = await createLocalTable(folder, 'health_data_errors', errorsDefinition, errorsTableWriter)
  await raw.append(range(0, rowCount).map(rawRow))
  await errors.append(range(0, rowCount).map(errorRow))
})
after(() => rm(folder, { recursive: true, force: true }))

/** Rows in an order of their own, their columns' cells in the schema's order. */
const sorted = (rows: readonly Row[], schema: Schema) =>
  rows.map(row => schema.fields.map(field => [field.name, row[field.name]])).sort(byText)
const byText = (a: unknown, b: unknown) => compareText(JSON.stringify(a), JSON.stringify(b))
const compareText = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

async function assertSameRows(path: string, expected: readonly Row[], schema: Schema): Promise<void> {
  const seen = await read(path, [{ op: 'rows' }])
  for (const reader of readerNames) {
    assert.deepEqual(sorted(seen[reader][0].rows, schema), sorted(expected, schema), reader)
  }
}

/** Order of two present cells of a column, as Iceberg orders its type: strings by UTF-8 bytes. */
function compare(type: unknown, a: Cell, b: Cell): number {
  if (type === 'string') return compareText(String(a), String(b))
  if (type === 'timestamptz') return Number(BigInt(String(a)) - BigInt(String(b)))
  return Number(a) < Number(b) ? -1 : Number(a) > Number(b) ? 1 : 0
}

interface Predicate {
  readonly filter: Filter
  readonly selects: (row: Row) => boolean
}

/** Predicates on a column whose answer depends on the bounds of some file: the least and greatest of each partition. */
function predicates(rows: readonly Row[], column: string, type: unknown, partitionOf: (row: Row) => string) {
  const ascending = (a: Row, b: Row) => compare(type, a[column]!, b[column]!)
  const present = rows.filter(row => row[column] !== null)
  const partitions = Map.groupBy(present.toSorted(ascending), partitionOf)
  const ends = new Set([...partitions.values()].flatMap(list => [list[0]![column]!, list.at(-1)![column]!]))
  const order = (row: Row, value: Cell) => (row[column] === null ? Number.NaN : compare(type, row[column]!, value))
  const found: Predicate[] = [
    { filter: { column, is: 'null' }, selects: row => row[column] === null },
    { filter: { column, is: 'notNull' }, selects: row => row[column] !== null },
  ]
  for (const value of ends as Set<string | number | boolean>) {
    found.push({ filter: { column, is: 'eq', value }, selects: row => order(row, value) === 0 })
    if (type !== 'string' || typeof value !== 'string' || value === '') continue
    const prefix = [...value].slice(0, 17).join('')
    found.push({
      filter: { column, is: 'startsWith', value: prefix },
      selects: row => row[column] !== null && String(row[column]).startsWith(prefix),
    })
  }
  if (type === 'boolean') return found
  const inOrder = present.toSorted(ascending).map(row => row[column] as string | number)
  // Iceberg Java takes null for less than anything in files of its own, too, where the table has a map.
  const and = (filter: Filter): Filter => ({ and: [{ column, is: 'notNull' }, filter] })
  const [least, middle, greatest] = [inOrder[0]!, inOrder[inOrder.length >> 1]!, inOrder.at(-1)!]
  found.push(
    { filter: and({ column, is: 'le', value: least }), selects: row => order(row, least) <= 0 },
    { filter: { column, is: 'ge', value: greatest }, selects: row => order(row, greatest) >= 0 },
    { filter: and({ column, is: 'lt', value: middle }), selects: row => order(row, middle) < 0 },
    { filter: { column, is: 'gt', value: middle }, selects: row => order(row, middle) > 0 },
    {
      filter: { column, is: 'in', value: [least, greatest] },
      selects: row => order(row, least) === 0 || order(row, greatest) === 0,
    },
    {
      filter: and({ not: { column, is: 'eq', value: middle } }),
      selects: row => row[column] !== null && order(row, middle) !== 0,
    },
  )
  return found
}

/**
 * DuckDB 1.5.5 rounds the day of a partition towards 1970 when it prunes, so it loses rows of tables by any writer,
 * Iceberg Java included, where a predicate on the column that days are of names a time before 1970.
 */
function namesDayBefore1970(filter: Filter): boolean {
  if ('and' in filter) return filter.and.some(namesDayBefore1970)
  if ('not' in filter) return namesDayBefore1970(filter.not)
  if (!('column' in filter && 'value' in filter)) return false
  return /^(start_date|error_timestamp)$/.test(filter.column) && [filter.value].flat().some(value => Number(value) < 0)
}

/** Rows are told apart by processing_time, which is different in each. */
async function assertSameSelections(
  path: string,
  rows: readonly Row[],
  schema: Schema,
  partitionOf: (row: Row) => string,
): Promise<void> {
  const filterable = schema.fields.filter(field => typeof field.type === 'string' && field.type !== 'binary')
  const all = filterable.flatMap(field => predicates(rows, field.name, field.type, partitionOf))
  const operations = all.map(({ filter }): Reading & { op: 'rows' } => ({
    op: 'rows',
    columns: ['processing_time'],
    filter,
  }))
  const seen = await read(path, operations)
  for (const reader of readerNames) {
    for (const [index, { filter, selects }] of all.entries()) {
      if (reader === 'duckdb' && namesDayBefore1970(filter)) continue
      const found = seen[reader][index]!.rows.map(row => row.processing_time).sort()
      const expected = rows
        .filter(selects)
        .map(row => row.processing_time)
        .sort()
      assert.deepEqual(found, expected, `${reader} ${JSON.stringify(filter)}`)
    }
  }
}

const dayOf = (cell: Cell | undefined) => Math.floor(Number(cell) / 86_400_000_000)

const rawCells = range(0, rowCount).map(n => cellsOf(rawRow(n)))
const errorCells = range(0, rowCount).map(n => cellsOf(errorRow(n)))

test('every reader sees every cell of the raw table', async () => {
  await assertSameRows(raw.path, rawCells, rawDefinition.schema)
})

test('every reader sees every cell of the errors table', async () => {
  await assertSameRows(errors.path, errorCells, errorsDefinition.schema)
})

test('predicates select the same rows of the raw table in every reader', async () => {
  const partitionOf = (row: Row) => `${dayOf(row.start_date)} ${row.data_type}`
  await assertSameSelections(raw.path, rawCells, rawDefinition.schema, partitionOf)
})

test('predicates select the same rows of the errors table in every reader', async () => {
  const partitionOf = (row: Row) => `${dayOf(row.error_timestamp)} ${row.error_type}`
  await assertSameSelections(errors.path, errorCells, errorsDefinition.schema, partitionOf)
})

test('sums are exact in every reader', async () => {
  const moderate: Filter = {
    and: [
      { column: 'value', is: 'ge', value: 1e-3 },
      { column: 'value', is: 'le', value: 1e6 },
    ],
  }
  // Doubles of this size are whole multiples of 2^-80: they are summed as such and rounded once.
  const scale = 2 ** 80
  const doubles = rawCells.map(row => row.value as number).filter(value => value >= 1e-3 && value <= 1e6)
  const doubleSum = Number(doubles.reduce((sum, value) => sum + BigInt(value * scale), 0n)) / scale
  const longSum = errorCells.reduce((sum, row) => sum + BigInt(row.kafka_offset as number), 0n)
  const nulls = errorCells.filter(row => row.sample_index === null).length
  const intSum = errorCells.reduce((sum, row) => sum + ((row.sample_index as number | null) ?? 0), 0)
  const ofRaw = await read(raw.path, [{ op: 'sum', column: 'value', filter: moderate }])
  const ofErrors = await read(errors.path, [
    { op: 'sum', column: 'kafka_offset' },
    { op: 'sum', column: 'sample_index' },
  ])
  for (const reader of readerNames) {
    const [value] = ofRaw[reader]
    assert.equal(value.rows, doubles.length, reader)
    assert.equal(Number(value.sum), doubleSum, reader)
    const [offsets, indexes] = ofErrors[reader]
    assert.equal(offsets.sum, String(longSum), reader)
    assert.deepEqual(indexes, { rows: rowCount, nulls, sum: String(intSum) }, reader)
  }
})

test('the runtime goes on appending to a table that Iceberg Java appended to, rewrote and expired', async () => {
  const shared = await createLocalTable(folder, 'shared', rawDefinition, rawTableWriter)
  await shared.append(range(0, 300).map(rawRow))
  await change(shared.path, [
    { op: 'append', rows: range(300, 306).map(n => cellsOf(rawRow(n))) },
    { op: 'compact' },
    { op: 'rewriteManifests' },
    { op: 'updateProperties', set: { 'owner.team': 'analytics' } },
    { op: 'expireSnapshots', olderThanMs: Date.now() + 1, retainLast: 1 },
  ])
  await shared.append(range(306, 400).map(rawRow))
  await assertSameRows(shared.path, rawCells.slice(0, 400), rawDefinition.schema)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorTypes } from '../../../runtime/contract/reasons.ts'
import type { DataFile } from '../../../runtime/iceberg/dataFile.ts'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { type Storage, StorageError } from '../../../runtime/iceberg/storage.ts'
import { errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { errorsTableWriter, rawTableWriter, type TableWriterOptions } from '../../../runtime/iceberg/tableWriter.ts'
import type { ErrorRow, Instant, RawRow } from '../../../runtime/rows.ts'
import fc from '../../properties.ts'
import { type Cell, readFooter, readRows } from './parquet/readParquet.ts'
import { tableOf } from './tableOf.ts'

const folder = 'memory:///warehouse/table/data'

function options(overrides: Partial<TableWriterOptions> = {}): TableWriterOptions {
  let names = 0
  return {
    table: tableOf(rawDefinition),
    storage: inMemoryStorage(() => 0),
    folder,
    compression: { name: 'zstd' },
    targetFileSizeBytes: 128 * 1024 * 1024,
    newName: () => `file-${++names}`,
    ...overrides,
  }
}
const errorOptions = (overrides: Partial<TableWriterOptions> = {}) =>
  options({ table: tableOf(errorsDefinition), ...overrides })

const rawRow = (overrides: Partial<RawRow> = {}): RawRow => ({
  deviceId: 'device',
  userId: 'user-1',
  sampleId: 'sample-1',
  dataType: 'heartRate',
  value: 61.5,
  unit: 'count/min',
  startDate: { day: 19_844, micros: 5 },
  endDate: { day: 19_844, micros: 6 },
  sourceBundle: null,
  metadata: { k: 'v' },
  isSynced: true,
  createdAt: null,
  payloadTimestamp: { day: 19_845, micros: 0 },
  appVersion: '1.0',
  processingTime: { day: 19_845, micros: 1 },
  timezone: 'Europe/Berlin',
  timezoneOffset: 60,
  ...overrides,
})

const instant: fc.Arbitrary<Instant> = fc.record({
  // Years 0 to 9999, with an offset's day on either side.
  day: fc.integer({ min: -719_530, max: 2_932_898 }),
  micros: fc.integer({ min: 0, max: 86_399_999_999 }),
})
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const name = fc.constantFrom('', 'a', 'Zürich', '東京', '\u{1f600}', 'x'.repeat(40))
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 3 })
const rawRows: fc.Arbitrary<RawRow> = fc.record({
  deviceId: nullable(name),
  userId: fc.oneof(name, text),
  sampleId: text,
  dataType: fc.constantFrom('heartRate', 'steps', 'my.own-Type_1'),
  value: fc.double({ min: 0, noDefaultInfinity: true, noNaN: true }),
  unit: nullable(name),
  startDate: fc.oneof(instant, fc.constant({ day: -1, micros: 1 })),
  endDate: instant,
  sourceBundle: nullable(name),
  metadata: nullable(fc.dictionary(name, text, { maxKeys: 3 })),
  isSynced: nullable(fc.boolean()),
  createdAt: nullable(instant),
  payloadTimestamp: nullable(instant),
  appVersion: nullable(name),
  processingTime: instant,
  timezone: nullable(name),
  timezoneOffset: nullable(fc.integer({ min: -1000, max: 1000 })),
})
const errorRows: fc.Arbitrary<ErrorRow> = fc.record({
  rawPayload: nullable(fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes))),
  errorType: fc.constantFrom(...errorTypes),
  errorReason: fc.constantFrom('not_finite', 'missing_value'),
  errorMessage: name,
  errorTimestamp: fc.record({ day: fc.integer({ min: -2, max: 2 }), micros: fc.integer({ min: 0, max: 9 }) }),
  deviceId: nullable(name),
  userId: nullable(name),
  sampleId: nullable(text),
  dataType: nullable(name),
  kafkaTopic: fc.constant('health-data-raw'),
  kafkaPartition: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  kafkaOffset: fc.maxSafeNat(),
  sampleIndex: nullable(fc.nat()),
  appVersion: nullable(name),
  processingTime: instant,
})

const micros = ({ day, micros: ofDay }: Instant): bigint => BigInt(day) * 86_400_000_000n + BigInt(ofDay)
const snakeCase = (key: string) => key.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** A row as a reader sees it, comparable and sortable. */
const seen = (row: object): string =>
  JSON.stringify(
    Object.entries(row)
      .map(([key, value]): [string, unknown] => [snakeCase(key), visible(value)])
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  )
function visible(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'object' && value !== null)
    return 'day' in value && 'micros' in value ? String(micros(value as Instant)) : Object.entries(value).sort()
  return value
}
const seenRaw = (row: RawRow) => seen(row)
const seenError = (row: ErrorRow) => seen({ ...row, kafkaOffset: String(row.kafkaOffset) })

const rowsOf = async (storage: Storage, files: readonly DataFile[]): Promise<Record<string, Cell>[]> =>
  (await Promise.all(files.map(async file => readRows(await storage.read(file.location))))).flat()

test('every raw row comes back, once, from the file of its partition', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rawRows, { maxLength: 40 }), async rows => {
      const at = options()
      const writer = rawTableWriter(at)
      for (const row of rows) writer.push(row)
      const files = await writer.finish()
      const read = await rowsOf(at.storage, files)
      assert.deepEqual(read.map(seen).sort(), rows.map(seenRaw).sort())
      for (const file of files)
        for (const row of await rowsOf(at.storage, [file]))
          assert.deepEqual(file.partition, [dayOf(row.start_date as bigint), row.data_type])
    }),
    { numRuns: 60 },
  )
})
/** Floors, as the transform `day` does. */
const dayOf = (value: bigint): number => {
  const ofDay = ((value % 86_400_000_000n) + 86_400_000_000n) % 86_400_000_000n
  return Number((value - ofDay) / 86_400_000_000n)
}

test('every error row comes back, once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(errorRows, { maxLength: 40 }), async rows => {
      const at = errorOptions()
      const writer = errorsTableWriter(at)
      for (const row of rows) writer.push(row)
      const files = await writer.finish()
      assert.deepEqual((await rowsOf(at.storage, files)).map(seen).sort(), rows.map(seenError).sort())
    }),
    { numRuns: 60 },
  )
})

test('a row object may be used again after push', async () => {
  const at = options()
  const writer = rawTableWriter(at)
  const row = rawRow()
  writer.push(row)
  Object.assign(row.startDate, { micros: 77 })
  Object.assign(row.metadata!, { k: 'changed' })
  Object.assign(row, { sampleId: 'sample-2', value: 2 })
  writer.push(row)
  const read = await rowsOf(at.storage, await writer.finish())
  assert.deepEqual(
    read.map(({ sample_id, value, metadata }) => [sample_id, value, { ...(metadata as object) }]),
    [
      ['sample-1', 61.5, { k: 'v' }],
      ['sample-2', 2, { k: 'changed' }],
    ],
  )
  const payload = Buffer.from('payload')
  const errors = errorsTableWriter(errorOptions())
  errors.push({ ...fc.sample(errorRows, { numRuns: 1, seed: 1 })[0]!, rawPayload: payload })
  payload.fill(0)
  assert.equal((await errors.finish())[0]!.recordCount, 1)
})

test('__proto__ is a metadata key like any other', async () => {
  const at = options()
  const writer = rawTableWriter(at)
  writer.push(rawRow({ metadata: JSON.parse('{"__proto__": "x"}') }))
  const [file] = await writer.finish()
  const columns = readFooter(await at.storage.read(file!.location)).row_groups[0]!.columns
  const statistics = (leaf: string) =>
    columns.find(({ meta_data }) => meta_data!.path_in_schema.join('.') === `metadata.key_value.${leaf}`)!.meta_data!
      .statistics!
  assert.equal(statistics('key').min_value, '__proto__')
  assert.equal(statistics('value').min_value, 'x')
})

test('files lie in folders named after their partition', async () => {
  const writer = rawTableWriter(options())
  writer.push(rawRow())
  writer.push(rawRow({ startDate: { day: -1, micros: 0 }, dataType: 'a b/ü' }))
  const files = await writer.finish()
  assert.deepEqual(
    files.map(file => file.location),
    [
      `${folder}/start_date_day=2024-05-01/data_type=heartRate/file-1.parquet`,
      `${folder}/start_date_day=1969-12-31/data_type=a+b%2F%C3%BC/file-2.parquet`,
    ],
  )
})

test('a data file says its size, its rows and where its row groups begin', async () => {
  const at = options()
  const writer = rawTableWriter(at)
  for (let index = 0; index < 100; index++) writer.push(rawRow({ sampleId: `s${index}` }))
  const [file] = await writer.finish()
  const bytes = await at.storage.read(file!.location)
  assert.equal(file!.fileSizeInBytes, bytes.length)
  assert.equal(file!.recordCount, 100)
  assert.deepEqual(file!.splitOffsets, [4])
  const footer = readFooter(bytes)
  assert.equal(footer.num_rows, 100n)
  const sizes = footer.row_groups[0]!.columns.map(column => Number(column.meta_data!.total_compressed_size))
  assert.deepEqual([...file!.metrics.columnSizes.values()], sizes)
})

test('metrics count values and nulls, and bound what may be bounded', async () => {
  const writer = rawTableWriter(options())
  writer.push(rawRow({ unit: null, value: 2, sampleId: 'sample-with-a-long-name-a' }))
  writer.push(rawRow({ value: -0, sampleId: 'sample-with-a-long-name-b' }))
  writer.push(rawRow({ value: Number.NaN, sampleId: 'sample-with-a-long-name-a' }))
  const { metrics } = (await writer.finish())[0]!
  assert.deepEqual([metrics.valueCounts.get(6), metrics.nullValueCounts.get(6)], [3, 1])
  assert.deepEqual([...metrics.nanValueCounts], [[5, 1]])
  assert.equal(metrics.lowerBounds.get(3)!.toString(), 'sample-with-a-lo')
  assert.equal(metrics.upperBounds.get(3)!.toString(), 'sample-with-a-lp')
  assert.ok(Object.is(metrics.lowerBounds.get(5)!.readDoubleLE(), -0))
  assert.equal(metrics.upperBounds.get(5)!.readDoubleLE(), 2)
  assert.equal(metrics.lowerBounds.get(7)!.readBigInt64LE(), 19_844n * 86_400_000_000n + 5n)
  for (const id of [1, 2]) {
    assert.equal(metrics.valueCounts.get(id), 3)
    assert.equal(metrics.lowerBounds.has(id) || metrics.upperBounds.has(id), false, `id ${id} has no bounds`)
  }
  for (const id of [18, 19])
    assert.deepEqual(
      [metrics.columnSizes.has(id), metrics.valueCounts.has(id), metrics.lowerBounds.has(id)],
      [true, false, false],
    )
  assert.equal(metrics.lowerBounds.has(12), false, 'a column of nulls has no bounds')
})

test('bounds hold every value over all row groups of a file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rawRows, { minLength: 1, maxLength: 60 }), async rows => {
      const properties = { ...rawDefinition.properties, 'write.parquet.row-group-size-bytes': '600' }
      const at = options({ table: { ...tableOf(rawDefinition), properties } })
      const writer = rawTableWriter(at)
      for (const row of rows) writer.push({ ...row, dataType: 'steps', startDate: { ...row.startDate, day: 3 } })
      const files = await writer.finish()
      assert.equal(files.length, 1)
      const { metrics } = files[0]!
      for (const row of await rowsOf(at.storage, files)) {
        for (const { id, name: column, type } of rawDefinition.schema.fields) {
          const value = row[column]!
          const lower = metrics.lowerBounds.get(id)
          const upper = metrics.upperBounds.get(id)
          if (value === null || lower === undefined || typeof type !== 'string') continue
          if (type === 'string') {
            const bytes = Buffer.from(value as string)
            assert.ok(Buffer.compare(lower, bytes) <= 0)
            assert.ok(upper === undefined || Buffer.compare(upper, bytes) >= 0)
          } else if (type === 'timestamptz')
            assert.ok(lower.readBigInt64LE() <= (value as bigint) && (value as bigint) <= upper!.readBigInt64LE())
          else if (type === 'double')
            assert.ok(lower.readDoubleLE() <= (value as number) && (value as number) <= upper!.readDoubleLE())
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('a partition is split into files near the target size', async () => {
  const target = 64 * 1024
  const at = options({ targetFileSizeBytes: target, compression: { name: 'none' } })
  const writer = rawTableWriter(at)
  const rows = 20_000
  for (let index = 0; index < rows; index++) writer.push(rawRow({ sampleId: `sample-${index}-${'x'.repeat(50)}` }))
  const files = await writer.finish()
  assert.ok(files.length > 10)
  for (const file of files.slice(0, -1))
    assert.ok(file.fileSizeInBytes > target / 2 && file.fileSizeInBytes < target * 2, `${file.fileSizeInBytes}`)
  const read = await rowsOf(at.storage, files)
  assert.equal(new Set(read.map(row => row.sample_id)).size, rows)
  assert.equal(read.length, rows)
})

test('a writer tells how much it holds', async () => {
  const writer = rawTableWriter(options())
  assert.deepEqual([writer.rows, writer.bufferedBytes, writer.openPartitions], [0, 0, 0])
  for (const day of [1, 1, 2]) writer.push(rawRow({ startDate: { day, micros: 0 } }))
  const before = writer.bufferedBytes
  assert.deepEqual([writer.rows, writer.openPartitions], [3, 2])
  writer.push(rawRow({ sampleId: 'x'.repeat(10_000), startDate: { day: 2, micros: 0 } }))
  assert.ok(writer.bufferedBytes - before >= 10_000)
  const held = writer.bufferedBytes
  writer.push(rawRow({ userId: 'u'.repeat(10_000), startDate: { day: 2, micros: 0 } }))
  assert.ok(writer.bufferedBytes - held >= 10_000)
})

test('a writer is used once', async () => {
  const finished = rawTableWriter(options())
  assert.deepEqual(await finished.finish(), [])
  assert.throws(() => finished.push(rawRow()), /finished or discarded/)
  await assert.rejects(finished.finish(), /finished or discarded/)

  const at = options()
  const discarded = rawTableWriter(at)
  discarded.push(rawRow())
  discarded.discard()
  assert.deepEqual([discarded.rows, discarded.bufferedBytes, discarded.openPartitions], [0, 0, 0])
  await assert.rejects(discarded.finish(), /finished or discarded/)
  for await (const file of at.storage.list(folder)) assert.fail(`${file.location} was written`)
})

test('a failed write fails the whole, once every write has ended', async () => {
  const inMemory = inMemoryStorage(() => 0)
  let underWay = 0
  let created = 0
  const storage: Storage = {
    ...inMemory,
    async create(location, bytes) {
      underWay++
      await new Promise(resolve => setImmediate(resolve))
      underWay--
      if (++created === 3) throw new StorageError('NO_SPACE', location, 'cannot create the file')
      await inMemory.create(location, bytes)
    },
  }
  const writer = rawTableWriter(options({ storage }))
  for (let day = 0; day < 20; day++) writer.push(rawRow({ startDate: { day, micros: 0 } }))
  await assert.rejects(writer.finish(), { code: 'NO_SPACE' })
  assert.equal(underWay, 0)
  assert.ok(created < 20, 'no further file is begun')
})

test('other work of the process goes on while files are encoded', async () => {
  const writer = rawTableWriter(options())
  for (let index = 0; index < 60_000; index++) writer.push(rawRow({ sampleId: `${index}` }))
  let turns = 0
  const other = () => {
    turns++
    ticking = setImmediate(other)
  }
  let ticking = setImmediate(other)
  await writer.finish()
  clearImmediate(ticking)
  assert.ok(turns >= 3, `${turns} turns`)
})

/**
 * Whatever a record holds: it becomes the rows that the design says, with type, reason and position, and the consumer
 * goes on. Real Kafka, the real command, tables as pyiceberg reads them.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import type { Row } from '../readers/readers.ts'
import { type Consumer, createConsumer, type Ended, type SpecParts, summaryOf } from './consumer.ts'
import { type ContentCase, contentCases, mark, strictCases } from './contentCases.ts'

const partitions = 2
/** Each case is a record of its own, the partitions taking turns. */
const positionOf = (index: number) => ({ partition: index % partitions, offset: Math.floor(index / partitions) })
const keyOf = (partition: unknown, offset: unknown, index: unknown) => `${partition}:${offset}:${index ?? '-'}`

const without = (row: Row, columns: readonly string[]): Row =>
  Object.fromEntries(Object.entries(row).filter(([column]) => !columns.includes(column)))

let broker: TestBroker
const consumers: Consumer[] = []
before(async () => {
  broker = await startBroker()
  await broker.createTopic('content', partitions, { 'max.message.bytes': String(32 * 1024 * 1024) })
  for (const [index, { key = null, value }] of contentCases.entries())
    await broker.produce('content', positionOf(index).partition, [{ key, value }])
})
after(async () => {
  for (const consumer of consumers) await consumer.remove()
  await broker.stop()
})

async function consumerOf(topic: string, validation?: SpecParts['validation']): Promise<Consumer> {
  const consumer = await createConsumer({
    kafka: { bootstrapServers: [broker.bootstrapServers], topics: [topic] },
    validation,
  })
  consumers.push(consumer)
  return consumer
}

/** The rows of both tables by what identifies them: the sample's id, and the Kafka position. */
interface Tables {
  readonly raw: ReadonlyMap<unknown, Row>
  readonly errors: ReadonlyMap<string, Row>
}

async function tablesOf(consumer: Consumer): Promise<Tables> {
  const [raw, errors] = [await consumer.rows('raw'), await consumer.rows('errors')]
  const tables = {
    raw: new Map(raw.map(row => [row.sample_id, row])),
    errors: new Map(errors.map(row => [keyOf(row.kafka_partition, row.kafka_offset, row.sample_index), row])),
  }
  assert.equal(tables.raw.size, raw.length, 'a sample is in the raw table twice')
  assert.equal(tables.errors.size, errors.length, 'a failure is in the errors table twice')
  return tables
}

function assertRows({ raw, errors }: ContentCase, index: number, tables: Tables): void {
  for (const expected of raw) {
    const found = tables.raw.get(expected.sample_id)
    assert.ok(found, 'its row is not in the raw table')
    assert.deepEqual(without(found, ['processing_time']), expected)
  }
  const { partition, offset } = positionOf(index)
  for (const expected of errors) {
    const found = tables.errors.get(keyOf(partition, offset, expected.sample_index))
    assert.ok(found, 'its row is not in the errors table')
    const position = { kafka_topic: 'content', kafka_partition: partition, kafka_offset: offset }
    const open = ['error_message', 'error_timestamp', 'processing_time']
    assert.deepEqual(without(found, open), { ...expected, ...position })
  }
}

function assertNothingElse(cases: readonly ContentCase[], tables: Tables): void {
  assert.equal(tables.raw.size, cases.flatMap(({ raw }) => raw).length)
  assert.equal(tables.errors.size, cases.flatMap(({ errors }) => errors).length)
}

suite('lenient mode', () => {
  let ended: Ended
  let tables: Tables
  const startedMs = Date.now()
  before(async () => {
    const consumer = await consumerOf('content')
    ended = await consumer.run({ environment: { LOG_LEVEL: 'DEBUG' } })
    tables = await tablesOf(consumer)
  })

  for (const [index, given] of contentCases.entries()) test(given.name, () => assertRows(given, index, tables))

  test('there is no row beside those, and the run says so', () => {
    assertNothingElse(contentCases, tables)
    assert.equal(ended.code, 0, ended.stderr)
    const { records, raw, errors, caughtUp } = summaryOf(ended)
    assert.deepEqual(
      { records, raw: raw.rowsWritten, errors: errors.rowsWritten, caughtUp },
      { records: contentCases.length, raw: tables.raw.size, errors: tables.errors.size, caughtUp: true },
    )
  })

  test('every row has the time at which it was processed, and an error its message', () => {
    const isNow = (micros: unknown) => Number(micros) / 1000 >= startedMs && Number(micros) / 1000 <= Date.now()
    for (const row of tables.raw.values()) assert.ok(isNow(row.processing_time), `${row.processing_time}`)
    for (const row of tables.errors.values()) {
      assert.ok(isNow(row.processing_time), `${row.processing_time}`)
      assert.equal(row.error_timestamp, row.processing_time)
      assert.match(String(row.error_message), /^[\x20-\x7e]{10,}$/)
      assert.ok(!String(row.error_message).includes(mark))
    }
  })

  test('nothing of a record is in the log or the summary', () => {
    assert.ok(ended.stderr.includes('"level":"DEBUG"'))
    assert.ok(!(ended.stderr + ended.stdout).includes(mark))
  })
})

test('strict mode refuses unknown types, other units and dates without a zone, and nothing more', async () => {
  const consumer = await consumerOf('content', { mode: 'strict' })
  const ended = await consumer.run()
  assert.equal(ended.code, 0, ended.stderr)
  const tables = await tablesOf(consumer)
  for (const [index, given] of strictCases.entries()) assertRows(given, index, tables)
  assertNothingElse(strictCases, tables)
})

suite('rules of the manifest', () => {
  const sample = (id: string, type: string, value: number, unit: string) => ({
    id,
    type,
    value,
    unit,
    startDate: '2024-05-01T08:00:00Z',
    endDate: '2024-05-01T08:00:00Z',
  })
  before(async () => {
    await broker.createTopic('rules')
    const samples = [
      sample('below the built-in range', 'heartRate', 29, 'bpm'),
      sample('above the range of the manifest', 'heartRate', 201, 'bpm'),
      sample('of a type that only the manifest knows', 'grip', 50, 'N'),
      sample('of that type, above its range', 'grip', 1001, 'N'),
      sample('of a type with the built-in range', 'steps', 100_001, 'count'),
    ]
    await broker.produce('rules', 0, [{ value: JSON.stringify({ userId: 'u', samples }) }, { value: 'no JSON' }])
  })
  const ranges = { heartRate: { min: 25, max: 200, unit: 'count/min' }, grip: { min: 1, max: 1000, unit: 'N' } }
  const kept = ['below the built-in range', 'of a type that only the manifest knows']

  test("ranges of the manifest take the built-in ones' place, and Drop leaves the errors table empty", async () => {
    const consumer = await consumerOf('rules', { mode: 'strict', onInvalid: 'Drop', ranges })
    const ended = await consumer.run()
    assert.equal(ended.code, 0, ended.stderr)
    const { raw, errors } = await tablesOf(consumer)
    assert.deepEqual([...raw.keys()].sort(), kept)
    assert.equal(errors.size, 0)
  })

  test('Fail halts at the first invalid sample, commits nothing of its record, and goes on once the policy changes', async () => {
    const consumer = await consumerOf('rules', { mode: 'strict', onInvalid: 'Fail', ranges })
    const ended = await consumer.run()
    assert.equal(ended.code, 1)
    const { halt, caughtUp } = summaryOf(ended)
    assert.equal(halt?.code, 'InvalidRecord')
    assert.match(halt.message, /rules:0 offset 0 sample 1: out_of_range/)
    assert.equal(caughtUp, false)
    assert.equal((await tablesOf(consumer)).raw.size, 0)
    await consumer.configure({
      kafka: { bootstrapServers: [broker.bootstrapServers], topics: ['rules'] },
      validation: { mode: 'strict', onInvalid: 'ErrorsTable', ranges },
    })
    assert.equal((await consumer.run()).code, 0)
    const { raw, errors } = await tablesOf(consumer)
    assert.deepEqual([...raw.keys()].sort(), kept)
    assert.deepEqual([...errors.keys()].sort(), ['0:0:1', '0:0:3', '0:0:4', '0:1:-'])
  })
})

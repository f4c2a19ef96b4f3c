/**
 * What a running consumer says about itself: metrics, health, status and logs agree with the tables as pyiceberg reads
 * them, and hold nothing of what was consumed.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { createPayload } from '../../cli/payloads.ts'
import type { ProduceReport } from '../../cli/producePayloads.ts'
import { dataTypes } from '../../runtime/contract/dataTypes.ts'
import { metrics as catalogue } from '../../runtime/contract/metrics.ts'
import type { RuntimeStatus } from '../../runtime/contract/status.ts'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import type { Row } from '../readers/readers.ts'
import { until } from '../until.ts'
import {
  type Consumer,
  createConsumer,
  type Ended,
  type LogLine,
  logLines,
  type Running,
  summaryOf,
} from './consumer.ts'

const topic = 'observed'
const partitions = 3
const payloadOptions = { seed: 7, samplesPerPayload: 20, invalidShare: 0.05 }
const payloads = 300

/** Values and texts that cannot come from anywhere else. */
const own = {
  value: 71.62519383,
  id: 'own-sample-id',
  userId: 'own-user-id',
  deviceId: 'own-device-id',
  type: 'ownType',
  note: 'own-note',
}
const ownPayload = JSON.stringify({
  userId: own.userId,
  deviceId: own.deviceId,
  samples: [
    { id: own.id, type: own.type, value: own.value, startDate: '2024-05-01', endDate: '2024-05-20', unit: 'own-unit' },
    { id: own.id, type: own.type, value: -own.value, startDate: own.note, endDate: own.note },
  ],
})

suite('a running consumer', () => {
  let broker: TestBroker
  let consumer: Consumer
  let report: ProduceReport
  let status: RuntimeStatus
  let scraped: Scrape
  let scrapedAgain: Scrape
  let contentType: string | null
  const answers: string[] = []
  let health: readonly number[]
  let ended: Ended
  let pid: number | undefined
  let raw: readonly Row[]
  let errors: readonly Row[]

  before(async () => {
    broker = await startBroker()
    consumer = await createConsumer({ kafka: { bootstrapServers: [broker.bootstrapServers], topics: [topic] } })
    report = await produce(consumer.manifest)
    await broker.produce(topic, 0, [{ key: own.userId, value: null }])
    await broker.produce(topic, 1, [{ value: ownPayload }, { value: `${ownPayload} and more` }, { value: null }])
    const running = consumer.start({ environment: { LOG_LEVEL: 'DEBUG' } })
    await until('everything is durable', async () => isCaughtUp(await running.status()))
    await observe(running)
    ended = await running.stop()
    pid = logLines(ended.stderr)[0]?.process.id
    raw = await consumer.rows('raw', ['data_type', 'value'])
    errors = await consumer.rows('errors', ['error_type', 'error_reason', 'data_type', 'kafka_partition'])
  })
  after(async () => {
    await consumer.remove()
    await broker.stop()
  })

  async function observe(running: Running): Promise<void> {
    status = await running.status()
    const response = await running.get('/metrics')
    contentType = response.headers.get('content-type')
    answers.push(JSON.stringify(status), await response.text())
    scraped = scrape(answers[1]!)
    health = [(await running.get('/livez')).status, (await running.get('/readyz')).status]
    answers.push(await (await running.get('/metrics')).text())
    scrapedAgain = scrape(answers[2]!)
  }

  /** The high watermarks are Kafka's own, so that lag is known. */
  function isCaughtUp({ partitions: all, pendingErrorIntents }: RuntimeStatus): boolean {
    return (
      all.length === partitions &&
      pendingErrorIntents === 0 &&
      all.every(({ lag, committed }) => lag === 0 && committed > 0)
    )
  }

  const value = (sample: string): number => scraped.samples.get(sample) ?? Number.NaN
  const count = <T>(rows: readonly T[], matches: (row: T) => boolean) => rows.filter(matches).length

  test('every metric of the contract is there with its type', () => {
    assert.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8')
    for (const { name, type } of Object.values(catalogue)) {
      assert.equal(scraped.types.get(name), type, name)
      const sample = type === 'histogram' ? `${name}_count` : name
      assert.ok(
        [...scraped.samples.keys()].some(key => key === sample || key.startsWith(`${sample}{`)),
        `${name} has no value`,
      )
    }
  })

  test('the tables hold what was produced', () => {
    assert.equal(raw.length, report.valid + 1)
    assert.equal(errors.length, report.invalid + 2)
    const sum = raw.reduce((total, row) => total + Number(row.value), 0)
    assert.ok(Math.abs(sum - report.valueSum - own.value) < 1e-6)
  })

  test('counts of samples agree with the tables, by type and by reason', () => {
    assert.equal(value('health_data_valid_records_total'), raw.length)
    assert.equal(value('validation_success_total'), raw.length)
    assert.equal(value('health_data_invalid_records_total'), errors.length)
    assert.equal(value('health_data_throughput_total'), raw.length + errors.length)
    const label = (row: Row) => (Object.hasOwn(dataTypes, String(row.data_type)) ? row.data_type : 'other')
    const both = [...raw, ...errors]
    for (const type of [...Object.keys(dataTypes), 'other'])
      assert.equal(
        value(`health_data_records_by_type_total{data_type="${type}"}`),
        count(both, row => label(row) === type),
        type,
      )
    const failures = [...scraped.samples].filter(([sample]) => sample.startsWith('validation_failures_total{'))
    for (const [sample, found] of failures) {
      const [, reason, type] = /reason="(.*)",data_type="(.*)"/.exec(sample)!
      assert.equal(
        found,
        count(errors, row => row.error_reason === reason && label(row) === type),
        sample,
      )
    }
    assert.equal(
      failures.reduce((sum, [, found]) => sum + found, 0),
      errors.length,
    )
    assert.equal(value('validation_warnings_total{kind="long_duration"}'), 1)
    assert.equal(value('processing_latency_ms_count'), raw.length + errors.length)
  })

  test('counts of records agree with Kafka, by partition, and nothing lags', async () => {
    let records = 0
    for (const { partition, high } of await broker.admin.fetchTopicOffsets(topic)) {
      const labels = `{topic="${topic}",partition="${partition}"}`
      records += Number(high)
      assert.equal(value(`kafka_records_consumed_total${labels}`), Number(high))
      assert.equal(value(`flink_consumer_lag${labels}`), 0)
      assert.equal(
        scraped.samples.get(`kafka_deserialization_errors_total${labels}`),
        count(errors, row => row.error_type === 'DESERIALIZATION_ERROR' && row.kafka_partition === partition),
      )
    }
    assert.equal(value('flink_taskmanager_job_task_numRecordsIn'), records)
    assert.equal(value('kafka_consumption_latency_ms_count'), records)
    assert.equal(value('kafka_tombstones_total'), 2)
    assert.equal(value('kafka_partitions_assigned'), partitions)
    assert.ok(value('kafka_rebalances_total') >= 1)
  })

  test('counts of durable rows agree with the tables, and checkpoints with their commits', async () => {
    for (const [table, rows, label] of [
      ['raw', raw, 'health_data_raw'],
      ['errors', errors, 'health_data_errors'],
    ] as const) {
      const snapshots = await consumer.snapshots(table)
      const filled = count(snapshots, ({ summary }) => summary['added-records'] !== '0')
      assert.equal(value(`iceberg_records_written_total{table="${label}"}`), rows.length)
      assert.equal(value(`iceberg_batch_size_sum{table="${label}"}`), rows.length)
      assert.equal(value(`iceberg_batch_size_count{table="${label}"}`), filled)
      assert.equal(value(`iceberg_write_latency_ms_count{table="${label}"}`), snapshots.length)
      assert.equal(value(`iceberg_write_failures_total{table="${label}"}`), 0)
      assert.equal(status.tables[table].name, `health_db.${label}`)
      assert.equal(status.tables[table].snapshotId, snapshots.at(-1)!.id)
    }
    assert.equal(value('flink_taskmanager_job_task_numRecordsOut'), raw.length + errors.length)
    assert.ok(value('flink_jobmanager_job_lastCheckpointDuration') > 0)
    assert.ok(value('flink_jobmanager_job_lastCheckpointSize') > 1000)
    assert.equal(value('flink_jobmanager_job_numberOfFailedCheckpoints'), 0)
    assert.equal(value('iceberg_pending_error_files'), 0)
    assert.equal(value('healthconsumer_buffered_bytes'), 0)
    const now = Date.now() / 1000
    assert.ok(
      value('iceberg_last_commit_timestamp_seconds') > now - 300 &&
        value('iceberg_last_commit_timestamp_seconds') <= now,
    )
    assert.ok(value('health_data_freshness_seconds') > 0 && value('health_data_freshness_seconds') < 300)
  })

  test('the process is measured', () => {
    const used = value('flink_taskmanager_Status_JVM_Memory_Heap_Used')
    assert.ok(used > 5e6 && used < value('flink_taskmanager_Status_JVM_Memory_Heap_Max'))
    const load = value('flink_taskmanager_Status_JVM_CPU_Load')
    assert.ok(load > 0 && load <= 1)
    for (const name of ['process_network_receive_bytes_total', 'process_network_transmit_bytes_total']) {
      assert.ok(value(name) > 100_000, name)
      assert.ok(scrapedAgain.samples.get(name)! > value(name), `${name} does not count`)
    }
  })

  test('it is live and ready, and its status says where it stands', async () => {
    assert.deepEqual(health, [200, 200])
    const { halt, trouble, caughtUp, group, epoch, invalidRatio, logging } = status
    assert.deepEqual(
      { halt, trouble, caughtUp, group, logging },
      {
        halt: null,
        trouble: null,
        caughtUp: true,
        group: 'test.pipeline-1',
        logging: { level: 'debug', formatter: 'JSONFormatter', file: null },
      },
    )
    assert.ok(epoch >= 1)
    assert.equal(invalidRatio, errors.length / (raw.length + errors.length))
    for (const { partition, high } of await broker.admin.fetchTopicOffsets(topic)) {
      const found = status.partitions.find(each => each.partition === partition)
      const end = Number(high)
      assert.deepEqual(found, { topic, partition, nextOffset: end, highWatermark: end, lag: 0, committed: end })
    }
  })

  test('SIGTERM ends it with a summary', () => {
    assert.equal(ended.code, 0, ended.stderr)
    const { raw: rawSummary, errors: errorsSummary } = summaryOf(ended)
    assert.equal(rawSummary.rowsWritten, raw.length)
    assert.equal(errorsSummary.rowsWritten, errors.length)
  })

  test('every line of the log has the shape of the guide', () => {
    const lines = logLines(ended.stderr)
    for (const line of lines) assertShape(line)
    assert.ok(lines.some(({ message }) => /^PrometheusReporter listening on :\d+$/.test(message)))
    assert.ok(new Set(lines.map(({ level }) => level)).has('DEBUG'))
    assert.deepEqual([...new Set(lines.map(({ process: { id } }) => id))], [pid])
    assert.ok(lines.some(({ message }) => message === 'Checkpoint completed'))
  })

  test('nothing that was consumed is in the log, the metrics or the status', () => {
    const told = [ended.stderr, ended.stdout, ...answers].join('\n')
    for (const secret of [...Object.values(own).map(String), 'own-unit']) assert.ok(!told.includes(secret), secret)
    for (const secret of secretsOf(payloads)) assert.ok(!told.includes(secret), secret)
  })
})

function assertShape(line: LogLine): void {
  const { timestamp, level, logger, message, thread, source, process, context, error, ...others } = line
  assert.deepEqual(others, {})
  assert.equal(new Date(timestamp).toISOString(), timestamp)
  assert.match(level, /^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$/)
  assert.match(logger, /^[a-z.]+$/)
  assert.ok(message.length > 0)
  assert.deepEqual(thread, { id: 0, name: 'main' })
  assert.deepEqual(Object.keys(source), ['file', 'line', 'function'])
  assert.ok(existsSync(source.file), source.file)
  assert.ok(source.line > 0 && source.function.length > 0)
  assert.deepEqual(process, { id: process.id, name: 'MainProcess' })
  assert.equal(typeof context, 'object')
  if (error !== undefined) assert.deepEqual(Object.keys(error), ['type', 'message', 'stack'])
}

/** Every id and text of the payloads that the command produced. */
function secretsOf(count: number): ReadonlySet<string> {
  const secrets = new Set<string>()
  for (let index = 0; index < count; index++) {
    const { key, value } = createPayload(payloadOptions, index)
    secrets.add(key)
    for (const [, name, text] of value.toString().matchAll(/"(\w+)":"([^"\\]{6,})"/g))
      if (name !== 'type' && name !== 'unit') secrets.add(text!)
  }
  return secrets
}

async function produce(manifest: string): Promise<ProduceReport> {
  const { seed, samplesPerPayload, invalidShare } = payloadOptions
  const flags = ['--payloads', payloads, '--seed', seed, '--samples-per-payload', samplesPerPayload]
  const more = ['--invalid', invalidShare, '--partitions', partitions, '-o', 'json', '-f', manifest]
  const main = join(import.meta.dirname, '../../cli/main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'produce', ...[...flags, ...more].map(String)])
  return JSON.parse(stdout) as ProduceReport
}

interface Scrape {
  readonly types: ReadonlyMap<string, string>
  /** By name and labels, as rendered. */
  readonly samples: ReadonlyMap<string, number>
}

function scrape(text: string): Scrape {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (name !== undefined && type !== undefined) types.set(name, type)
    const [, sample, value] = /^([^#].*) (\S+)$/.exec(line) ?? []
    if (sample !== undefined) samples.set(sample, Number(value))
  }
  return { types, samples }
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { haltCodes } from '../../../runtime/contract/halts.ts'
import { metrics as catalogue, closedLabelValues } from '../../../runtime/contract/metrics.ts'
import type { KafkaRecord } from '../../../runtime/kafka.ts'
import { createMetrics, type Metrics } from '../../../runtime/telemetry/metrics.ts'
import { networkOctets, parseNetstat } from '../../../runtime/telemetry/processMetrics.ts'
import fc from '../../properties.ts'

const dataTypes = ['heartRate', 'steps']
const tables = { raw: 'health_data_raw', errors: 'health_data_errors' }

const metricsAt = (now: () => number = () => 1_000_000): Metrics =>
  createMetrics({ version: '1.2.3', tables, dataTypes, now })

/** The exposition as sample line -> value, and name -> type. */
async function scrape(metrics: Metrics) {
  const samples = new Map<string, number>()
  const types = new Map<string, string>()
  for (const line of (await metrics.text()).split('\n')) {
    const [, name, type] = line.match(/^# TYPE (\S+) (\S+)$/) ?? []
    if (name !== undefined && type !== undefined) types.set(name, type)
    else if (line !== '' && !line.startsWith('#')) {
      const space = line.lastIndexOf(' ')
      assert.ok(!samples.has(line.slice(0, space)), `twice in one scrape: ${line}`)
      samples.set(line.slice(0, space), Number(line.slice(space + 1)))
    }
  }
  return { samples, types }
}

const record = (offset: number, timestampMs: number, value: Buffer | null = Buffer.from('{}')): KafkaRecord => ({
  offset,
  timestampMs,
  key: null,
  value,
})

/** The table of the contract, written out once more: a rename in the catalogue must fail here. */
const contract = [
  ['health_data_valid_records_total', 'counter', ''],
  ['health_data_invalid_records_total', 'counter', ''],
  ['health_data_throughput_total', 'counter', ''],
  ['health_data_records_by_type_total', 'counter', 'data_type'],
  ['processing_latency_ms', 'histogram', ''],
  ['validation_success_total', 'counter', ''],
  ['validation_failures_total', 'counter', 'reason,data_type'],
  ['iceberg_records_written_total', 'counter', 'table'],
  ['iceberg_write_failures_total', 'counter', 'table'],
  ['iceberg_write_latency_ms', 'histogram', 'table'],
  ['iceberg_batch_size', 'histogram', 'table'],
  ['kafka_records_consumed_total', 'counter', 'topic,partition'],
  ['kafka_deserialization_errors_total', 'counter', 'topic,partition'],
  ['kafka_consumption_latency_ms', 'histogram', ''],
  ['flink_consumer_lag', 'gauge', 'topic,partition'],
  ['flink_taskmanager_job_task_numRecordsIn', 'counter', ''],
  ['flink_taskmanager_job_task_numRecordsOut', 'counter', ''],
  ['flink_jobmanager_job_lastCheckpointDuration', 'gauge', ''],
  ['flink_jobmanager_job_lastCheckpointSize', 'gauge', ''],
  ['flink_jobmanager_job_numberOfFailedCheckpoints', 'counter', ''],
  ['flink_taskmanager_Status_JVM_Memory_Heap_Used', 'gauge', ''],
  ['flink_taskmanager_Status_JVM_Memory_Heap_Max', 'gauge', ''],
  ['flink_taskmanager_Status_JVM_CPU_Load', 'gauge', ''],
  ['process_network_receive_bytes_total', 'counter', ''],
  ['process_network_transmit_bytes_total', 'counter', ''],
  ['health_data_freshness_seconds', 'gauge', ''],
  ['iceberg_last_commit_timestamp_seconds', 'gauge', ''],
  ['iceberg_commit_retries_total', 'counter', 'table'],
  ['iceberg_commit_conflicts_total', 'counter', 'table'],
  ['iceberg_request_failures_total', 'counter', 'backend'],
  ['iceberg_upkeep_runs_total', 'counter', 'step'],
  ['iceberg_upkeep_failures_total', 'counter', 'step'],
  ['iceberg_pending_error_files', 'gauge', ''],
  ['iceberg_pending_error_age_seconds', 'gauge', ''],
  ['kafka_rebalances_total', 'counter', ''],
  ['kafka_partitions_assigned', 'gauge', ''],
  ['kafka_tombstones_total', 'counter', ''],
  ['validation_warnings_total', 'counter', 'kind'],
  ['healthconsumer_buffered_bytes', 'gauge', ''],
  ['healthconsumer_halted', 'gauge', 'code'],
  ['healthconsumer_build_info', 'gauge', 'version,node_version'],
] as const

describe('the rendered registry', () => {
  it('has every metric of the contract with its type, and only prom-client defaults beside them', async () => {
    const { types } = await scrape(metricsAt())
    for (const [name, type] of contract) assert.equal(types.get(name), type, name)
    const names = new Set<string>(contract.map(([name]) => name))
    const others = [...types.keys()].filter(name => !names.has(name))
    assert.ok(others.includes('process_cpu_seconds_total') && others.includes('nodejs_eventloop_lag_seconds'))
    for (const name of others) assert.match(name, /^(process|nodejs)_/)
  })

  it('has the labels of the contract once everything was recorded', async () => {
    const metrics = metricsAt()
    metrics.kafka.assigned([{ topic: 't', partition: 3 }])
    metrics.kafka.lag('t', 3, 7)
    const { samples } = await scrape(metrics)
    for (const [name, type, labels] of contract) {
      const sample = type === 'histogram' ? `${name}_count` : name
      const line = [...samples.keys()].find(key => key === sample || key.startsWith(`${sample}{`))
      assert.ok(line !== undefined, name)
      const rendered = [...line.matchAll(/(\w+)="/g)].map(([, label]) => label)
      assert.deepEqual(new Set(rendered), new Set(labels === '' ? [] : labels.split(',')), name)
    }
  })

  it('is declared in the catalogue, entry by entry', () => {
    const declared = Object.values(catalogue).map(({ name, type, labels }) => [name, type, labels.join(',')])
    assert.deepEqual(declared.sort(), contract.map(entry => [...entry] as string[]).sort())
  })

  it('measures a P95 above ten seconds', () => {
    const above = catalogue.processingLatency.buckets.filter(bound => bound > 10_000)
    assert.ok(above.length >= 3 && above.at(-1)! >= 60_000)
  })
})

describe('at start', () => {
  it('shows unlabelled metrics at 0 and labelled ones at 0 for every closed value', async () => {
    const { samples } = await scrape(metricsAt())
    const measured = /JVM|network/
    for (const [name, type, labels] of contract) {
      if (labels === '' && !measured.test(name)) {
        assert.equal(samples.get(type === 'histogram' ? `${name}_count` : name), 0, name)
      }
      for (const table of labels === 'table' ? Object.values(tables) : []) {
        const suffix = type === 'histogram' ? '_count' : ''
        assert.equal(samples.get(`${name}${suffix}{table="${table}"}`), 0, name)
      }
    }
    for (const type of [...dataTypes, 'other']) {
      assert.equal(samples.get(`health_data_records_by_type_total{data_type="${type}"}`), 0)
      assert.equal(samples.get(`validation_failures_total{reason="out_of_range",data_type="${type}"}`), 0)
    }
    for (const reason of closedLabelValues.reason) {
      assert.equal(samples.get(`validation_failures_total{reason="${reason}",data_type="other"}`), 0)
    }
    for (const kind of ['unit_unchecked', 'long_duration']) {
      assert.equal(samples.get(`validation_warnings_total{kind="${kind}"}`), 0)
    }
    for (const code of haltCodes) assert.equal(samples.get(`healthconsumer_halted{code="${code}"}`), 0)
  })

  it('knows no partition, and says what runs', async () => {
    const { samples } = await scrape(metricsAt())
    assert.deepEqual(
      [...samples.keys()].filter(key => key.includes('partition="')),
      [],
    )
    assert.equal(samples.get(`healthconsumer_build_info{version="1.2.3",node_version="${process.version}"}`), 1)
  })

  it('reads heap, processor and network of the process', async () => {
    const { samples } = await scrape(metricsAt())
    const used = samples.get('flink_taskmanager_Status_JVM_Memory_Heap_Used')!
    const limit = samples.get('flink_taskmanager_Status_JVM_Memory_Heap_Max')!
    const load = samples.get('flink_taskmanager_Status_JVM_CPU_Load')!
    assert.ok(used > 1_000_000 && used < limit)
    assert.ok(load >= 0 && load <= 1)
    assert.ok(samples.get('process_network_receive_bytes_total')! >= 0)
  })

  it('takes network octets as they are at a scrape, however often it is scraped', async () => {
    const metrics = metricsAt()
    const received = async () => (await scrape(metrics)).samples.get('process_network_receive_bytes_total')!
    const before = networkOctets().received
    await received()
    const second = await received()
    assert.ok(before <= second && second <= networkOctets().received)
  })
})

describe('classification', () => {
  it('counts valid and invalid samples, by type and by reason', async () => {
    const metrics = metricsAt()
    for (const type of ['steps', 'steps', 'steps', 'novelty']) metrics.classification.valid(type)
    metrics.classification.invalid('VALIDATION_ERROR', 'out_of_range', 'steps')
    metrics.classification.invalid('DESERIALIZATION_ERROR', 'invalid_json', null)
    metrics.classification.warning('long_duration', 'steps')
    await scrape(metrics)
    const { samples } = await scrape(metrics)
    assert.equal(samples.get('health_data_valid_records_total'), 4)
    assert.equal(samples.get('validation_success_total'), 4)
    assert.equal(samples.get('health_data_invalid_records_total'), 2)
    assert.equal(samples.get('health_data_throughput_total'), 6)
    assert.equal(samples.get('health_data_records_by_type_total{data_type="steps"}'), 4)
    assert.equal(samples.get('health_data_records_by_type_total{data_type="other"}'), 2)
    assert.equal(samples.get('validation_failures_total{reason="out_of_range",data_type="steps"}'), 1)
    assert.equal(samples.get('validation_failures_total{reason="invalid_json",data_type="other"}'), 1)
    assert.equal(samples.get('validation_warnings_total{kind="long_duration"}'), 1)
  })

  it('stays bounded whatever types and reasons arrive', async () => {
    const metrics = metricsAt()
    const before = (await scrape(metrics)).samples.size
    for (let i = 0; i < 10_000; i++) {
      metrics.classification.valid(`novelty${i}`)
      metrics.classification.invalid('VALIDATION_ERROR', 'out_of_range', `novelty${i}`)
      metrics.classification.invalid('VALIDATION_ERROR', `novelty${i}`, '__proto__')
    }
    const { samples } = await scrape(metrics)
    assert.equal(samples.size, before)
    assert.equal(samples.get('health_data_records_by_type_total{data_type="other"}'), 30_000)
    assert.equal(samples.get('validation_failures_total{reason="out_of_range",data_type="other"}'), 10_000)
    assert.equal(samples.get('validation_failures_total{reason="unknown",data_type="other"}'), 10_000)
  })

  it('weighs latency by samples: buckets cumulate, count and sum agree', async () => {
    const records = fc.array(fc.record({ latency: fc.integer({ min: 0, max: 5_000_000 }), rows: fc.nat(50) }))
    await fc.assert(
      fc.asyncProperty(records, async handed => {
        const metrics = metricsAt()
        for (const { latency, rows } of handed) metrics.classification.handedToWriter(1, 1 + latency, rows)
        const { samples } = await scrape(metrics)
        const rowsWithin = (bound: number) =>
          handed.filter(({ latency }) => latency <= bound).reduce((total, { rows }) => total + rows, 0)
        for (const bound of catalogue.processingLatency.buckets) {
          assert.equal(samples.get(`processing_latency_ms_bucket{le="${bound}"}`), rowsWithin(bound))
        }
        assert.equal(samples.get('processing_latency_ms_bucket{le="+Inf"}'), rowsWithin(Infinity))
        assert.equal(samples.get('processing_latency_ms_count'), rowsWithin(Infinity))
        const sum = handed.reduce((total, { latency, rows }) => total + latency * rows, 0)
        assert.equal(samples.get('processing_latency_ms_sum'), sum)
      }),
      { numRuns: 25 },
    )
  })
})

describe('Kafka', () => {
  it('counts records and tombstones per partition, and latency per record that has a time', async () => {
    const metrics = metricsAt()
    metrics.kafka.assigned([{ topic: 't', partition: 0 }])
    const records = [record(0, 400), record(1, 2_000), record(2, -1, null)]
    metrics.kafka.consumed({ topic: 't', partition: 0, records }, 1_000)
    metrics.kafka.deserializationError('t', 0)
    const { samples } = await scrape(metrics)
    assert.equal(samples.get('kafka_records_consumed_total{topic="t",partition="0"}'), 3)
    assert.equal(samples.get('flink_taskmanager_job_task_numRecordsIn'), 3)
    assert.equal(samples.get('kafka_tombstones_total'), 1)
    assert.equal(samples.get('kafka_deserialization_errors_total{topic="t",partition="0"}'), 1)
    assert.equal(samples.get('kafka_consumption_latency_ms_count'), 2)
    // A producer's clock that runs ahead counts as no latency.
    assert.equal(samples.get('kafka_consumption_latency_ms_sum'), 600)
  })

  it('shows per-partition counters from assignment on, and a lag only while measured and assigned', async () => {
    const metrics = metricsAt()
    const lagOf = async () => {
      const { samples } = await scrape(metrics)
      return [...samples].filter(([key]) => key.startsWith('flink_consumer_lag'))
    }
    metrics.kafka.lag('t', 0, 5)
    assert.deepEqual(await lagOf(), [])
    metrics.kafka.assigned([
      { topic: 't', partition: 0 },
      { topic: 't', partition: 1 },
    ])
    const { samples } = await scrape(metrics)
    assert.equal(samples.get('kafka_records_consumed_total{topic="t",partition="1"}'), 0)
    assert.equal(samples.get('kafka_deserialization_errors_total{topic="t",partition="1"}'), 0)
    assert.equal(samples.get('kafka_partitions_assigned'), 2)
    assert.deepEqual(await lagOf(), [])
    metrics.kafka.lag('t', 1, 5)
    assert.deepEqual(await lagOf(), [['flink_consumer_lag{topic="t",partition="1"}', 5]])
    metrics.kafka.rebalanced()
    metrics.kafka.revoked()
    assert.deepEqual(await lagOf(), [])
    metrics.kafka.lag('t', 1, 9)
    assert.deepEqual(await lagOf(), [])
    const after = (await scrape(metrics)).samples
    assert.equal(after.get('kafka_partitions_assigned'), 0)
    assert.equal(after.get('kafka_rebalances_total'), 1)
  })
})

describe('Iceberg', () => {
  it('counts rows once per durable commit, and keeps empty commits out of the batch sizes', async () => {
    const metrics = metricsAt()
    metrics.iceberg.committed('raw', { rows: 900, latencyMs: 40 })
    metrics.iceberg.committed('raw', { rows: 0, latencyMs: 10 })
    metrics.iceberg.committed('errors', { rows: 100, latencyMs: 20 })
    metrics.iceberg.writeFailed('errors')
    metrics.iceberg.commitRetried('raw')
    metrics.iceberg.commitConflict('raw')
    metrics.iceberg.checkpointCompleted({ durationMs: 1234, sizeBytes: 5678 })
    metrics.iceberg.requestFailed('storage')
    metrics.iceberg.upkeepRan('expiry', true)
    metrics.iceberg.upkeepRan('orphans', false)
    metrics.iceberg.checkpointFailed()
    const { samples } = await scrape(metrics)
    const expected = {
      'iceberg_records_written_total{table="health_data_raw"}': 900,
      'iceberg_records_written_total{table="health_data_errors"}': 100,
      flink_taskmanager_job_task_numRecordsOut: 1000,
      'iceberg_write_latency_ms_count{table="health_data_raw"}': 2,
      'iceberg_write_latency_ms_sum{table="health_data_raw"}': 50,
      'iceberg_batch_size_count{table="health_data_raw"}': 1,
      'iceberg_batch_size_bucket{le="1000",table="health_data_raw"}': 1,
      'iceberg_batch_size_bucket{le="100",table="health_data_raw"}': 0,
      'iceberg_batch_size_sum{table="health_data_errors"}': 100,
      'iceberg_write_failures_total{table="health_data_errors"}': 1,
      'iceberg_commit_retries_total{table="health_data_raw"}': 1,
      'iceberg_commit_conflicts_total{table="health_data_raw"}': 1,
      'iceberg_request_failures_total{backend="storage"}': 1,
      'iceberg_request_failures_total{backend="catalog"}': 0,
      'iceberg_upkeep_runs_total{step="expiry"}': 1,
      'iceberg_upkeep_runs_total{step="orphans"}': 1,
      'iceberg_upkeep_failures_total{step="expiry"}': 0,
      'iceberg_upkeep_failures_total{step="orphans"}': 1,
      flink_jobmanager_job_lastCheckpointDuration: 1234,
      flink_jobmanager_job_lastCheckpointSize: 5678,
      flink_jobmanager_job_numberOfFailedCheckpoints: 1,
      iceberg_last_commit_timestamp_seconds: 1000,
    }
    for (const [sample, value] of Object.entries(expected)) assert.equal(samples.get(sample), value, sample)
  })

  it('ages the newest committed record and the pending error batches', async () => {
    let now = 100_000
    const metrics = metricsAt(() => now)
    metrics.iceberg.newestCommittedRecord(90_000)
    metrics.iceberg.newestCommittedRecord(80_000)
    metrics.iceberg.pendingErrorFiles(2)
    now = 130_000
    metrics.iceberg.pendingErrorFiles(3)
    const { samples } = await scrape(metrics)
    assert.equal(samples.get('health_data_freshness_seconds'), 40)
    assert.equal(samples.get('iceberg_pending_error_files'), 3)
    assert.equal(samples.get('iceberg_pending_error_age_seconds'), 30)
    metrics.iceberg.pendingErrorFiles(0)
    assert.equal((await scrape(metrics)).samples.get('iceberg_pending_error_age_seconds'), 0)
  })
})

describe('the process', () => {
  it('marks one halt at a time', async () => {
    const metrics = metricsAt()
    metrics.bufferedBytes(77)
    metrics.halted('LineageBroken')
    metrics.halted('TopicRecreated')
    const { samples } = await scrape(metrics)
    assert.equal(samples.get('healthconsumer_halted{code="TopicRecreated"}'), 1)
    assert.equal(samples.get('healthconsumer_halted{code="LineageBroken"}'), 0)
    assert.equal(samples.get('healthconsumer_buffered_bytes'), 77)
    metrics.halted(null)
    const after = (await scrape(metrics)).samples
    assert.equal(after.get('healthconsumer_halted{code="TopicRecreated"}'), 0)
  })

  it('reads octets from netstat by name, whatever the order of the columns', () => {
    const text = 'TcpExt: A InOctets\nTcpExt: 1 2\nIpExt: X OutOctets InOctets\nIpExt: 9 7 8\n'
    assert.deepEqual(parseNetstat(text), { received: 8, sent: 7 })
    assert.deepEqual(parseNetstat(''), { received: 0, sent: 0 })
  })
})

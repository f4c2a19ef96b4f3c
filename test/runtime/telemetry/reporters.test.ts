import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { Counter, Registry, register } from 'prom-client'
import { dataTypes } from '../../../runtime/contract/dataTypes.ts'
import { metrics as catalogue, closedLabelValues } from '../../../runtime/contract/metrics.ts'
import { createMetrics } from '../../../runtime/telemetry/metrics.ts'
import { IcebergSinkMetrics } from '../../../runtime/telemetry/reporters/icebergSinkMetrics.ts'
import { KafkaSourceMetrics } from '../../../runtime/telemetry/reporters/kafkaSourceMetrics.ts'
import { MetricsReporter } from '../../../runtime/telemetry/reporters/metricsReporter.ts'
import { ReporterError } from '../../../runtime/telemetry/reporters/reporter.ts'
import { ValidationMetricsReporter } from '../../../runtime/telemetry/reporters/validationMetricsReporter.ts'
import fc from '../../properties.ts'

const classes = { MetricsReporter, ValidationMetricsReporter, IcebergSinkMetrics, KafkaSourceMetrics }

const valid = { user_id: 'u1', data_type: 'heartRate', value: 62, kafka_timestamp: 990_000 }
const invalid = { data_type: 'steps', error_type: 'VALIDATION_ERROR', error_reason: 'out_of_range' }
const at = (registry: Registry) => ({ registry, now: () => 1_000_000 })

/** Sample line -> value. */
async function samples(registry: Registry): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}
/** The samples that are not 0, histogram buckets left out. */
async function moved(registry: Registry): Promise<Record<string, number>> {
  const all = Object.entries(await samples(registry))
  return Object.fromEntries(all.filter(([name, value]) => value !== 0 && !name.includes('_bucket')))
}

describe('a reporter', () => {
  for (const [name, Class] of Object.entries(classes))
    describe(name, () => {
      it('is made with and without new, and is an instance of its class', () => {
        for (const reporter of [new Class({ registry: new Registry() }), Class({ registry: new Registry() })]) {
          assert.ok(reporter instanceof Class)
          assert.equal(typeof reporter, 'function')
        }
        assert.equal(Class.name, name)
      })

      it('answers the very same row, as a function, by map, in an array and in a stream', async () => {
        const reporter = Class({ registry: new Registry() })
        const rows = [valid, invalid]
        const { map } = reporter
        const passed = [
          ...rows.map(reporter),
          ...rows.map(map),
          ...(await Readable.from(rows).map(reporter).toArray()),
          ...(await Readable.from(rows).map(reporter.map).toArray()),
        ]
        assert.equal(passed.length, 8)
        for (const [index, row] of passed.entries()) assert.equal(row, rows[index % 2])
      })

      it('uses the default registry of prom-client unless told otherwise', () => {
        assert.equal(Class().registry, register)
        register.clear()
        const registry = new Registry()
        assert.equal(Class({ registry }).registry, registry)
        assert.deepEqual(register.getMetricsAsArray(), [])
      })

      it('has the names, helps, types and buckets of the runtime', async () => {
        const registry = new Registry()
        Class({ registry })
        const theirs = createMetrics({
          version: '1',
          tables: { raw: 'health_data_raw', errors: 'health_data_errors' },
          dataTypes: Object.keys(dataTypes),
          now: () => 0,
        })
        const described = (text: string) => text.split('\n').filter(line => /^# |_bucket\{le=/.test(line))
        const ours = described(await registry.metrics())
        assert.ok(ours.length > 2)
        const known = new Set(described(await theirs.text()))
        assert.deepEqual(
          ours.filter(line => !known.has(line)),
          [],
        )
      })

      it('shares its series with another of its kind, and takes nothing from it', async () => {
        const once = new Registry()
        const twice = new Registry()
        const feed = (reporter: (row: unknown) => unknown) => [valid, invalid, valid, invalid].forEach(reporter)
        feed(Class(at(once)))
        const first = Class(at(twice))
        ;[valid, invalid].forEach(first)
        const second = Class(at(twice))
        ;[valid, invalid].forEach(second)
        assert.deepEqual(await samples(twice), await samples(once))
      })

      it('lets every value pass, and keeps a bounded number of series', async () => {
        const registry = new Registry()
        const reporter = Class(at(registry))
        const field = fc.oneof(fc.anything(), fc.string(), fc.constantFrom('heartRate', '__proto__', 'constructor'))
        const row = fc.record(
          Object.fromEntries(
            ['data_type', 'error_type', 'error_reason', 'kafka_timestamp', 'partition', 'timestamp', 'error'].map(
              each => [each, field],
            ),
          ),
          { requiredKeys: [] },
        )
        reporter(invalid)
        const before = Object.keys(await samples(registry)).length
        fc.assert(
          fc.property(fc.oneof(row, fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true })), any =>
            assert.ok(Object.is(reporter.map(any), any)),
          ),
          { numRuns: 1000 },
        )
        const { size } = new Set(Object.keys(await samples(registry)))
        const product = (closedLabelValues.reason.length + 1) * (Object.keys(dataTypes).length + 1)
        assert.ok(size <= before + (Class === ValidationMetricsReporter ? product : 0), `${before} -> ${size}`)
        assert.ok(Object.values(await samples(registry)).every(value => Number.isFinite(value)))
      })

      it('lets a row pass that cannot be read', () => {
        const reporter = Class({
          registry: new Registry(),
          now: () => {
            throw new Error('no clock')
          },
        })
        const revoked = Proxy.revocable({}, {})
        revoked.revoke()
        const trap = {
          get error_type() {
            throw new Error('no')
          },
        }
        assert.equal(reporter(trap), trap)
        assert.equal(reporter(revoked.proxy), revoked.proxy)
        assert.equal(reporter(valid), valid)
      })
    })

  it('refuses a registry that has the name for something else', () => {
    const registry = new Registry()
    new Counter({ name: catalogue.validationFailures.name, help: 'h', labelNames: ['reason'], registers: [registry] })
    assert.throws(
      () => new ValidationMetricsReporter({ registry }),
      (error: unknown) =>
        error instanceof ReporterError &&
        error.code === 'NAME_TAKEN' &&
        error.message.includes('validation_failures_total'),
    )
  })
})

describe('MetricsReporter', () => {
  it('counts valid and invalid rows, types and latency', async () => {
    const registry = new Registry()
    ;[valid, invalid, { data_type: 'x'.repeat(99), kafka_timestamp: 999_000 }].map(new MetricsReporter(at(registry)))
    assert.deepEqual(await moved(registry), {
      health_data_valid_records_total: 2,
      health_data_invalid_records_total: 1,
      health_data_throughput_total: 3,
      'health_data_records_by_type_total{data_type="heartRate"}': 1,
      'health_data_records_by_type_total{data_type="steps"}': 1,
      'health_data_records_by_type_total{data_type="other"}': 1,
      processing_latency_ms_sum: 11_000,
      processing_latency_ms_count: 2,
    })
    assert.equal((await samples(registry))['processing_latency_ms_bucket{le="10000"}'], 2)
  })

  it('prefixes every name but that of the latency', async () => {
    const registry = new Registry()
    MetricsReporter({ registry, metricPrefix: 'vitals' })
    assert.deepEqual(
      registry
        .getMetricsAsArray()
        .map(metric => metric.name)
        .sort(),
      [
        'processing_latency_ms',
        'vitals_invalid_records_total',
        'vitals_records_by_type_total',
        'vitals_throughput_total',
        'vitals_valid_records_total',
      ],
    )
    MetricsReporter({ registry })(valid)
    assert.equal((await samples(registry)).vitals_valid_records_total, 0)
  })

  it('refuses a prefix that no metric name can have', () => {
    for (const metricPrefix of ['', '9lives', 'health-data', 'a b'])
      assert.throws(() => MetricsReporter({ registry: new Registry(), metricPrefix }), {
        name: 'ReporterError',
        code: 'INVALID_OPTION',
        message: /metricPrefix is ".*" · use letters/,
      })
  })

  it('reads the record time in every form it comes in, and nothing else', async () => {
    const registry = new Registry()
    const reporter = MetricsReporter(at(registry))
    for (const kafka_timestamp of [999_000, 999_000n, '999000', new Date(999_000), 2_000_000])
      reporter({ kafka_timestamp })
    for (const kafka_timestamp of [-1, '-1', Number.NaN, 'May 2001', '', null, new Date(Number.NaN), {}, true])
      reporter({ kafka_timestamp })
    const { processing_latency_ms_sum, processing_latency_ms_count } = await samples(registry)
    assert.deepEqual([processing_latency_ms_sum, processing_latency_ms_count], [4000, 5])
  })

  it('takes data types of its user', async () => {
    const registry = new Registry()
    const reporter = MetricsReporter({ registry, dataTypes: ['gait'] })
    ;[{ data_type: 'gait' }, valid].map(reporter)
    const { 'health_data_records_by_type_total{data_type="gait"}': gait } = await moved(registry)
    assert.equal(gait, 1)
    assert.equal((await moved(registry))['health_data_records_by_type_total{data_type="other"}'], 1)
  })
})

describe('ValidationMetricsReporter', () => {
  it('counts successes, and failures by reason and type', async () => {
    const registry = new Registry()
    const strange = { error_type: 'X', error_reason: 'user 42 sent nonsense', data_type: null }
    ;[valid, invalid, { ...valid, error_type: null }, strange].map(ValidationMetricsReporter({ registry }))
    assert.deepEqual(await moved(registry), {
      validation_success_total: 2,
      'validation_failures_total{reason="out_of_range",data_type="steps"}': 1,
      'validation_failures_total{reason="unknown",data_type="other"}': 1,
    })
  })

  it('takes reasons of its user', async () => {
    const registry = new Registry()
    ValidationMetricsReporter({ registry, reasons: ['too_old'] })({ ...invalid, error_reason: 'too_old' })
    assert.deepEqual(await moved(registry), {
      'validation_failures_total{reason="too_old",data_type="steps"}': 1,
    })
  })
})

describe('IcebergSinkMetrics', () => {
  it('counts rows by table as they pass', async () => {
    const registry = new Registry()
    ;[valid, invalid, valid].map(IcebergSinkMetrics({ registry, tables: { raw: 'r', errors: 'e' } }))
    assert.deepEqual(await moved(registry), {
      'iceberg_records_written_total{table="r"}': 2,
      'iceberg_records_written_total{table="e"}': 1,
    })
  })

  it('takes what map cannot know, keeps it when another is made, and ignores amounts that are none', async () => {
    const registry = new Registry()
    const sink = new IcebergSinkMetrics({ registry })
    sink.written(500)
    sink.written(20, 'errors')
    sink.writeFailed()
    sink.writeLatency(1250)
    sink.batchSize(20, 'errors')
    IcebergSinkMetrics({ registry })
    for (const none of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      sink.written(none)
      sink.writeLatency(none)
      sink.batchSize(none)
    }
    assert.deepEqual(await moved(registry), {
      'iceberg_records_written_total{table="health_data_raw"}': 500,
      'iceberg_records_written_total{table="health_data_errors"}': 20,
      'iceberg_write_failures_total{table="health_data_raw"}': 1,
      'iceberg_write_latency_ms_sum{table="health_data_raw"}': 1250,
      'iceberg_write_latency_ms_count{table="health_data_raw"}': 1,
      'iceberg_batch_size_sum{table="health_data_errors"}': 20,
      'iceberg_batch_size_count{table="health_data_errors"}': 1,
    })
    assert.equal((await samples(registry))['iceberg_write_latency_ms_count{table="health_data_errors"}'], 0)
  })
})

describe('KafkaSourceMetrics', () => {
  const record = { topic: 'health-data-raw', partition: 0, timestamp: '999500' }
  const labels = '{topic="health-data-raw",partition="0"}'

  it('counts records, errors and latency by partition', async () => {
    const registry = new Registry()
    const source = KafkaSourceMetrics(at(registry))
    ;[record, { ...record, error: new SyntaxError('x') }, { ...record, error_type: 'DESERIALIZATION_ERROR' }].map(
      source,
    )
    source.deserializationError('health-data-raw', 0)
    assert.deepEqual(await moved(registry), {
      [`kafka_records_consumed_total${labels}`]: 3,
      [`kafka_deserialization_errors_total${labels}`]: 3,
      kafka_consumption_latency_ms_sum: 1500,
      kafka_consumption_latency_ms_count: 3,
    })
  })

  it('shows a lag once it is measured, until the partition is revoked', async () => {
    const registry = new Registry()
    const source = KafkaSourceMetrics(at(registry))
    source(record)
    const lag = async () => (await samples(registry))[`flink_consumer_lag${labels}`]
    assert.equal(await lag(), undefined)
    source.lag('health-data-raw', 0, 1200)
    source.lag('health-data-raw', 0, Number.NaN)
    assert.equal(await lag(), 1200)
    source.revoked('health-data-raw', 0)
    assert.equal(await lag(), undefined)
  })

  it('gives a bounded number of partitions series of their own', async () => {
    const registry = new Registry()
    const source = KafkaSourceMetrics(at(registry))
    for (const topic of ['a\nb', '', 'ü', 'x'.repeat(250), 7]) source({ ...record, topic })
    for (const partition of [-1, 1.5, '0', undefined]) source({ ...record, partition })
    const other = 'kafka_records_consumed_total{topic="other",partition="other"}'
    assert.equal((await samples(registry))[other], 9)
    for (let partition = 0; partition < 10_100; partition++) source({ ...record, partition })
    const counted = await samples(registry)
    assert.equal(counted[other], 109)
    assert.equal(Object.keys(counted).filter(name => name.startsWith('kafka_records_consumed_total')).length, 10_001)
  })
})

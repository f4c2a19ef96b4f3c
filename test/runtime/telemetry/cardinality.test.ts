/** How many series there can be: computed from the catalogue's closed lists, reached exactly, never passed. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Registry } from 'prom-client'
import { dataTypes } from '../../../runtime/contract/dataTypes.ts'
import {
  metrics as catalogue,
  closedLabelValues,
  type MetricDefinition,
  type MetricLabel,
  otherDataType,
} from '../../../runtime/contract/metrics.ts'
import { jsonDecoder } from '../../../runtime/decode/jsonDecoder.ts'
import { createMetrics, type Metrics } from '../../../runtime/telemetry/metrics.ts'
import { KafkaSourceMetrics } from '../../../runtime/telemetry/reporters/kafkaSourceMetrics.ts'
import { MetricsReporter } from '../../../runtime/telemetry/reporters/metricsReporter.ts'
import { ValidationMetricsReporter } from '../../../runtime/telemetry/reporters/validationMetricsReporter.ts'
import { createClassifier } from '../../../runtime/validate/classifier.ts'

const tables = { raw: 'health_data_raw', errors: 'health_data_errors' }
const novelties = 10_000
const definitions: readonly MetricDefinition[] = Object.values(catalogue)

/** Values that a label can have; the partition stands for topic and partition together. */
function valuesOf(label: MetricLabel, types: number, partitions: number): number {
  if (label === 'data_type') return types + 1
  if (label === 'partition') return partitions
  if (label === 'table') return Object.keys(tables).length
  if (label === 'topic' || label === 'version' || label === 'node_version') return 1
  return closedLabelValues[label].length
}

/** A histogram has a series for each bound, for +Inf, the sum and the count. */
function bound(of: readonly MetricDefinition[], types: number, partitions: number): number {
  const seriesOf = ({ labels, buckets }: MetricDefinition) =>
    labels.reduce((product, label) => product * valuesOf(label, types, partitions), buckets ? buckets.length + 3 : 1)
  return of.reduce((sum, definition) => sum + seriesOf(definition), 0)
}

/** The series of the catalogue's metrics, without those that prom-client adds for process and Node. */
async function seriesIn(registry: Registry, of: readonly MetricDefinition[] = definitions): Promise<number> {
  const own = new Set(of.flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]))
  const lines = (await registry.metrics()).split('\n')
  return lines.filter(line => own.has(line.match(/^\w+/)?.[0] ?? '')).length
}

const metricsFor = (types: readonly string[]): Metrics =>
  createMetrics({ version: '1.2.3', tables, dataTypes: types, now: () => 0 })

function assign(metrics: Metrics, partitions: number): void {
  const all = Array.from({ length: partitions }, (_, i) => ({ topic: `topic-${i % 2}`, partition: i >> 1 }))
  metrics.kafka.assigned(all)
  for (const { topic, partition } of all) metrics.kafka.lag(topic, partition, 1)
}

/** Every reason of every type, and ever new ones beside them. */
function classifyEverything(metrics: Metrics, types: readonly string[]): void {
  for (const reason of closedLabelValues.reason)
    for (const type of [...types, null]) metrics.classification.invalid('VALIDATION_ERROR', reason, type)
  for (let i = 0; i < novelties; i++) {
    metrics.classification.valid(`novelty-${i}`)
    metrics.classification.invalid('UNKNOWN_ERROR', `novelty-${i}`, `novelty-${i}`)
  }
}

describe('the number of series', () => {
  for (const [partitions, types] of [
    [0, []],
    [7, ['heartRate']],
    [12, Object.keys(dataTypes)],
  ] as const)
    it(`is the formula's for ${partitions} partitions and ${types.length} types, once everything was seen`, async () => {
      const metrics = metricsFor(types)
      const expected = bound(definitions, types.length, partitions)
      assign(metrics, partitions)
      assert.ok((await seriesIn(metrics.registry)) <= expected)
      classifyEverything(metrics, types)
      assert.equal(await seriesIn(metrics.registry), expected)
    })

  it('does not grow with types that nobody knows, in either mode of validation', async () => {
    for (const mode of ['lenient', 'strict'] as const) {
      const metrics = metricsFor(Object.keys(dataTypes))
      const { classification: observer } = metrics
      const classifier = createClassifier({ decoder: jsonDecoder, mode, observer })
      const sink = { raw() {}, error() {} }
      const classify = (types: readonly string[]) => {
        const day = '2024-05-01T09:59:00Z'
        const samples = types.map(type => ({ id: 's', type, value: 1, unit: type, startDate: day, endDate: day }))
        const value = Buffer.from(JSON.stringify({ userId: 'u', timestamp: day, samples }))
        const record = { offset: 0, timestampMs: 0, key: null, value }
        classifier.classify(record, { topic: 't', partition: 0 }, { day: 19_844, micros: 0 }, sink)
      }
      classify(['novelty', '', 'no name'])
      const before = await seriesIn(metrics.registry)
      classify(Array.from({ length: novelties }, (_, i) => `novelty-${i}`))
      assert.equal(await seriesIn(metrics.registry), before)
      const { values } = await metrics.registry.getSingleMetric(catalogue.recordsByType.name)!.get()
      const others = values.find(({ labels }) => labels.data_type === otherDataType)
      assert.equal(others?.value, novelties + 3)
    }
  })

  it('is that of the docs', () => {
    const text = readFileSync(new URL('../../../docs/running.md', import.meta.url), 'utf8')
    const [, fixed, perPartition, reasons] = text.match(/`(\d+) \+ (\d+)·P \+ (\d+)·\(T \+ 1\)`/) ?? []
    for (const [types, partitions] of [
      [0, 0],
      [29, 12],
      [100, 1_000],
    ] as const) {
      const documented = Number(fixed) + Number(perPartition) * partitions + Number(reasons) * (types + 1)
      assert.equal(documented, bound(definitions, types, partitions))
    }
  })
})

describe('the series of reporters', () => {
  it('are those of the formula, whatever the rows hold', async () => {
    const registry = new Registry()
    const own = [
      ...[catalogue.validRecords, catalogue.invalidRecords, catalogue.throughput, catalogue.recordsByType],
      ...[catalogue.processingLatency, catalogue.validationSuccess, catalogue.validationFailures],
    ]
    const reporters = [MetricsReporter({ registry }), ValidationMetricsReporter({ registry })]
    const report = (row: object) => {
      for (const reporter of reporters) reporter(row)
    }
    for (const error_reason of closedLabelValues.reason)
      for (const data_type of [...Object.keys(dataTypes), 'novelty'])
        report({ error_type: 'VALIDATION_ERROR', error_reason, data_type })
    for (let i = 0; i < novelties; i++) {
      report({ data_type: `novelty-${i}` })
      report({ error_type: `novelty-${i}`, error_reason: `novelty-${i}`, data_type: `novelty-${i}` })
    }
    assert.equal(await seriesIn(registry, own), bound(own, Object.keys(dataTypes).length, 0))
  })

  it('of partitions stay bounded, whatever topics are named', async () => {
    const registry = new Registry()
    const own = [catalogue.kafkaRecordsConsumed, catalogue.kafkaDeserializationErrors]
    const reporter = KafkaSourceMetrics({ registry })
    for (let i = 0; i < 2 * novelties; i++) reporter({ topic: `novelty-${i}`, partition: 0, error: true })
    const full = await seriesIn(registry, own)
    for (let i = 0; i < novelties; i++) reporter({ topic: `further-${i}`, partition: i, error: true })
    assert.equal(await seriesIn(registry, own), full)
    assert.equal(full, 2 * (novelties + 1))
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aggregate, buckets, durationMs, durationOf, rate, selection, series } from '../../monitoring/promql.ts'
import { metrics } from '../../runtime/contract/metrics.ts'

test('a selector quotes what Prometheus would misread', () => {
  assert.equal(selection([{ label: 'job', operator: '=~', value: 'a"b\\d' }]), '{job=~"a\\"b\\\\d"}')
  assert.equal(selection([]), '')
})

test('expressions are put together from catalogue entries', () => {
  assert.equal(series(metrics.consumerLag, []), 'flink_consumer_lag')
  const selected = buckets(metrics.processingLatency, [{ label: 'namespace', operator: '=', value: 'health' }])
  assert.equal(
    aggregate('sum', ['le'], rate(selected, '5m')),
    'sum by (le) (rate(processing_latency_ms_bucket{namespace="health"}[5m]))',
  )
  assert.equal(aggregate('max', [], 'up'), 'max(up)')
})

test('durations are read as Prometheus reads them', () => {
  const taken = { '0': 0, '5ms': 5, '30s': 30_000, '1h30m': 5_400_000, '1y2w3d': 33_004_800_000 }
  for (const [text, ms] of Object.entries(taken)) assert.equal(durationMs(text), ms, text)
  for (const text of ['', '5', '5 m', '-5m', '1.5h', '1m1h', '1m1m', '5M', '400y']) {
    assert.equal(durationMs(text), undefined, text)
  }
})

test('durations are written in the largest unit that fits', () => {
  for (const text of ['7ms', '90s', '30m', '6h', '2d']) assert.equal(durationOf(durationMs(text)!), text)
  assert.equal(durationOf(3_600_000), '1h')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aggregate, buckets, rate, selection, series } from '../../monitoring/promql.ts'
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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HealthConsumerSpec } from '../../crds/healthconsumer.ts'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { thresholdsOf } from '../../monitoring/thresholdsOf.ts'
import { minimal } from '../crds/minimal.ts'

function specWith(interval: string): HealthConsumerSpec {
  const manifest = minimal()
  const { resource } = checkHealthConsumer({
    ...manifest,
    spec: { ...manifest.spec, iceberg: { ...manifest.spec.iceberg, commit: { interval } } },
  })
  assert.ok(resource)
  return resource.spec
}

test('thresholds are those of the spec', () => {
  const spec = specWith('60s')
  assert.deepEqual(thresholdsOf(spec), spec.monitoring.prometheusRule.thresholds)
})

test('a consumer that commits once an hour is not late before that', () => {
  const { CommitsStalled, FreshnessTarget, HighKafkaLag } = thresholdsOf(specWith('1h'))
  assert.deepEqual(
    { CommitsStalled, FreshnessTarget, HighKafkaLag },
    { CommitsStalled: 10_800, FreshnessTarget: 7200, HighKafkaLag: 100_000 },
  )
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { closedLabelValues, type MetricDefinition, metrics } from '../../../runtime/contract/metrics.ts'

const definitions: readonly MetricDefinition[] = Object.values(metrics)

describe('the metric catalogue', () => {
  it('has unique names that Prometheus accepts, and a sentence about each', () => {
    assert.equal(new Set(definitions.map(({ name }) => name)).size, definitions.length)
    for (const { name, help } of definitions) {
      assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/)
      assert.match(help, /^\S[^\n]*\.$/, name)
    }
  })

  it('gives ascending buckets to histograms, and to nothing else', () => {
    for (const { name, type, buckets } of definitions) {
      assert.equal(buckets !== undefined, type === 'histogram', name)
      assert.deepEqual(
        buckets?.toSorted((a, b) => a - b),
        buckets,
        name,
      )
      assert.equal(new Set(buckets).size, buckets?.length ?? 0, name)
    }
  })

  it('lists no label value twice, and the reason for what is in no list', () => {
    for (const values of Object.values(closedLabelValues)) assert.equal(new Set<string>(values).size, values.length)
    assert.ok(closedLabelValues.reason.includes('unknown'))
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { undeclaredFields, withoutFields } from '../../operator/olderSchema.ts'

const refusal =
  'failed to create typed patch object (a/b; healthdata.dev/v1alpha1, Kind=HealthConsumer): errors:\n' +
  '  .status.failedHash: field not declared in schema\n  .status.pipeline.lag: field not declared in schema'

test('the fields of a refusal are named', () => {
  assert.deepEqual(undeclaredFields(refusal), [
    ['status', 'failedHash'],
    ['status', 'pipeline', 'lag'],
  ])
  assert.deepEqual(undeclaredFields('.status.conditions: duplicate entries'), [])
})

test('they are left out, and nothing else', () => {
  const object = { status: { failedHash: 'a', phase: 'Running', pipeline: { lag: 1, partitions: 2 } } }
  assert.deepEqual(withoutFields(object, [...undeclaredFields(refusal), ['status', 'gone', 'too']]), {
    status: { phase: 'Running', pipeline: { partitions: 2 } },
  })
  assert.equal(object.status.failedHash, 'a')
})

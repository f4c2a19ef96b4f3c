/** Whether a status that the watches show is our own, and what was written when they do not show it yet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WrittenStatuses } from '../../operator/writtenStatuses.ts'

const object = (resourceVersion: string, phase?: string, uid = 'a') => ({
  apiVersion: 'healthdata.dev/v1alpha1',
  kind: 'HealthConsumer',
  metadata: { name: 'steps', uid, resourceVersion },
  ...(phase !== undefined && { status: { phase } }),
})

test('a status that was written counts until the watches show the object as newer', () => {
  const written = new WrittenStatuses()
  assert.equal(written.after(object('1')), undefined)
  written.record(object('10', 'Running'))
  assert.deepEqual(written.after(object('9', 'Pending')), { phase: 'Running' })
  assert.equal(written.after(object('10', 'Running')), undefined)
  assert.equal(written.after(object('11', 'Pending')), undefined)
  assert.equal(written.after(object('9', 'Pending', 'another')), undefined)
  written.forget('a')
  assert.equal(written.after(object('9', 'Pending')), undefined)
})

test('what is our own is told from what others wrote', () => {
  const written = new WrittenStatuses()
  assert.equal(written.isIn(object('1')), true, 'nothing was written, and there is nothing')
  assert.equal(written.isIn(object('1', 'Running')), false)
  written.record(object('10', 'Running'))
  assert.equal(written.isIn(object('10', 'Running')), true)
  assert.equal(written.isIn(object('12', 'Running')), true, 'something else of the object has changed')
  assert.equal(written.isIn(object('12', 'Pending')), false)
  assert.equal(written.isIn(object('10', 'Running', 'another')), false)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Children, type ObservedChild, observe } from '../../operator/children.ts'
import type { ManagedFields } from '../../operator/kubernetes.ts'

const child = (changes: Partial<ObservedChild> = {}): ObservedChild => ({
  kind: 'Service',
  namespace: 'team',
  name: 'one-consumer',
  uid: 'a',
  resourceVersion: '10',
  ownerUid: 'owner',
  consumer: 'one',
  appliedHash: 'hash',
  ours: 'ours',
  touched: false,
  ownsReplicas: false,
  ...changes,
})

const applied = (fieldsV1: object) =>
  ({ manager: 'healthconsumer-operator', operation: 'Apply', fieldsV1 }) as ManagedFields
const observed = (...managedFields: ManagedFields[]) =>
  observe({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'team', managedFields } })

test('what is ours in a child is what server-side apply says', () => {
  const ours = observed(applied({ 'f:spec': {} })).ours
  assert.notEqual(observed(applied({ 'f:spec': { 'f:x': {} } })).ours, ours)
  const others: ManagedFields[] = [
    { manager: 'kube-controller-manager', operation: 'Update', subresource: 'status' },
    { manager: 'healthconsumer-operator', operation: 'Apply', subresource: 'status' },
    { manager: 'healthconsumer-operator-handover', operation: 'Apply' },
    { manager: 'keda-operator', operation: 'Update' },
    { manager: 'kubectl', operation: 'Update', subresource: 'scale' },
  ]
  const among = observed(applied({ 'f:spec': {} }), ...others)
  assert.deepEqual([among.ours, among.touched], [ours, false])
  assert.equal(observed(applied({}), { manager: 'kubectl-edit', operation: 'Update' }).touched, true)
  assert.equal(observed(applied({ 'f:spec': { 'f:replicas': {} } })).ownsReplicas, true)
  assert.equal(observed({ ...applied({ 'f:replicas': {} }), manager: 'other' }).ownsReplicas, false)
})

test('the owner is whoever controls it, and a HealthConsumer by its kind', () => {
  const owner = (kind: string, controller: boolean) =>
    observe({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's', ownerReferences: [{ apiVersion: 'v', kind, name: 'one', uid: 'u', controller }] },
    })
  assert.deepEqual([owner('HealthConsumer', true).ownerUid, owner('HealthConsumer', true).consumer], ['u', 'one'])
  assert.deepEqual([owner('Other', true).ownerUid, owner('Other', true).consumer], ['u', undefined])
  assert.equal(owner('HealthConsumer', false).ownerUid, undefined)
})

test('the echo of our own write, and whatever is older, is no news', () => {
  const children = new Children()
  assert.equal(children.record(child()), true)
  children.recordWrite(child({ resourceVersion: '12', ours: 'after' }))
  for (const resourceVersion of ['9', '10', '11', '12'])
    assert.equal(children.record(child({ resourceVersion })), false, resourceVersion)
  assert.equal(children.get('Service', 'team', 'one-consumer')?.ours, 'after')
  // Longer numbers are greater, whatever their first digit.
  assert.equal(children.record(child({ resourceVersion: '100' })), true)
})

test('what changes nothing that is kept is no news', () => {
  const children = new Children()
  children.record(child())
  assert.equal(children.record(child({ resourceVersion: '11' })), false)
  assert.equal(children.get('Service', 'team', 'one-consumer')?.resourceVersion, '11')
  assert.equal(children.record(child({ resourceVersion: '12', touched: true })), true)
})

test('one that was made anew is not taken for its predecessor, whatever is told late', () => {
  const children = new Children()
  children.recordWrite(child())
  children.recordWrite(child({ uid: 'b', resourceVersion: '20' }))
  assert.equal(children.record(child({ resourceVersion: '15' })), false)
  children.remove(child({ resourceVersion: '16' }))
  assert.equal(children.get('Service', 'team', 'one-consumer')?.uid, 'b')
  children.remove(child({ uid: 'b' }))
  assert.equal(children.get('Service', 'team', 'one-consumer'), undefined)
  assert.deepEqual(children.ownedBy('owner'), [])
})

test('children are found by their owner, also after it changed', () => {
  const children = new Children()
  children.record(child())
  children.record(child({ name: 'two', uid: 'c' }))
  assert.deepEqual(
    children.ownedBy('owner').map(({ name }) => name),
    ['one-consumer', 'two'],
  )
  children.record(child({ resourceVersion: '11', ownerUid: undefined }))
  assert.deepEqual(
    children.ownedBy('owner').map(({ name }) => name),
    ['two'],
  )
})

test('a change of our fields is one against what we wrote last', () => {
  const children = new Children()
  const known = child()
  children.record(known)
  assert.equal(children.wasChanged(known), false)
  assert.equal(children.wasChanged(child({ ours: 'less' })), true)
  children.recordWrite(child({ resourceVersion: '11', ours: 'less', appliedHash: 'next' }))
  assert.equal(children.wasChanged(child({ ours: 'less' })), false)
  // Whatever the annotation says by now.
  assert.equal(children.settledHash(child({ appliedHash: 'edited' })), 'next')
  assert.equal(new Children().wasChanged(child({ touched: true })), true)
})

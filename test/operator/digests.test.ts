import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Digests, digested } from '../../operator/digests.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'

const service = (port: number): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'one', namespace: 'team' },
  spec: { port },
})

test('the same input is built once, and again only where an object is asked for', () => {
  const digests = new Digests()
  let built = 0
  const children = (input: string, port = 1) =>
    digests.children('team/one', input, () => {
      built++
      return [service(port), service(port + 1)]
    })
  const first = children('a')
  assert.deepEqual([first[1]?.hash, first[1]?.object()], [digested(service(2)).hash, service(2)])
  const second = children('a')
  assert.equal(built, 1)
  assert.deepEqual(
    second.map(({ kind, namespace, name, hash }) => ({ kind, namespace, name, hash })),
    first.map(({ kind, namespace, name, hash }) => ({ kind, namespace, name, hash })),
  )
  assert.deepEqual([second[0]?.object(), second[1]?.object()], [service(1), service(2)])
  assert.equal(built, 2)
  assert.notEqual(children('b', 7)[0]?.hash, first[0]?.hash)
  digests.forget('team/one')
  children('b', 7)
  assert.equal(built, 4)
})

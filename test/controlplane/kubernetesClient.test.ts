import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { KubernetesError, type KubernetesObject } from '../../operator/kubernetes.ts'
import type { KubernetesClient } from '../../operator/kubernetesClient.ts'
import { minimal } from '../crds/minimal.ts'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import { kinds } from '../operator/kinds.ts'
import { kubernetesContract } from '../operator/kubernetesContract.ts'

const namespace = 'contract'
let cluster: TestCluster
let kubernetes: KubernetesClient

before(async () => {
  cluster = await startCluster()
  await cluster.installCrd()
  await cluster.createNamespace(namespace)
  kubernetes = cluster.client()
})
after(() => cluster?.down())

/** An API server that starts knows nothing of before. */
async function restart(): Promise<void> {
  await cluster.stop('kube-apiserver')
  await cluster.start('kube-apiserver')
  await cluster.ready()
}
kubernetesContract(() => ({ kubernetes, namespace, forget: restart }))

const consumer = (spec: object): KubernetesObject => {
  const resource = minimal()
  return { ...resource, metadata: { name: 'strict', namespace }, spec: { ...resource.spec, ...spec } }
}

test('a field that the schema does not have is refused, and so is a value that it does not allow', async () => {
  const refused = (spec: object, message: RegExp) =>
    assert.rejects(kubernetes.apply(consumer(spec), { fieldManager: 'test' }), (error: unknown) => {
      assert.ok(error instanceof KubernetesError, String(error))
      assert.equal(error.code, 'Invalid')
      assert.match(error.message, message)
      return true
    })
  await refused({ notAField: 1 }, /\.spec\.notAField: field not declared in schema/)
  await refused({ scaling: { replicas: -1 } }, /spec\.scaling\.replicas: Invalid value: -1/)
})

test('the API server is told who asks', async () => {
  await kubernetes.list(kinds.Lease, { namespace })
  const entry = (await cluster.audit()).findLast(each => each.objectRef?.resource === 'leases')
  assert.equal(entry?.userAgent, 'healthconsumer-operator/test')
})

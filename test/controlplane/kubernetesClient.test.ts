import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, test } from 'node:test'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import { KubernetesError, type KubernetesObject } from '../../operator/kubernetes.ts'
import type { KubernetesClient } from '../../operator/kubernetesClient.ts'
import { minimal } from '../crds/minimal.ts'
import { proxiedKubeConfig, startProxy } from '../operator/apiServerProxy.ts'
import { kubeConfigOf, startCluster, type TestCluster } from '../operator/cluster.ts'
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

test('200 requests use at most 16 connections, and one after another the same', async t => {
  const proxy = await startProxy(cluster)
  t.after(() => proxy.close())
  const client = cluster.client({ access: new ClusterAccess(proxiedKubeConfig(cluster, proxy), systemClock) })
  await Promise.all(Array.from({ length: 200 }, () => client.list(kinds.ConfigMap, { namespace, limit: 1 })))
  assert.equal(proxy.requests.length, 200)
  const { connections } = proxy
  assert.ok(connections <= 16, `${connections}`)
  for (let i = 0; i < 20; i++) await client.list(kinds.ConfigMap, { namespace, limit: 1 })
  assert.equal(proxy.connections, connections)
})

test('a kubeconfig may name a proxy', async t => {
  const tunnels: string[] = []
  const proxy = createServer().on('connect', (request, client) => {
    tunnels.push(request.url!)
    const [host, port] = request.url!.split(':')
    const server = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      server.pipe(client).pipe(server)
    })
    for (const socket of [client, server]) socket.on('error', () => undefined)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  t.after(() => proxy.close())
  const load = () => {
    const config = kubeConfigOf(cluster.kubeconfig)()
    config.clusters = config.clusters.map(each => ({
      ...each,
      proxyUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    }))
    return config
  }
  const client = cluster.client({ access: new ClusterAccess(load, systemClock) })
  const { items, resourceVersion } = await client.list(kinds.ConfigMap, { namespace })
  assert.ok(items.length > 0)
  const options = { namespace, resourceVersion, timeoutSeconds: 1, signal: AbortSignal.timeout(20_000) }
  for await (const event of client.watch(kinds.ConfigMap, options)) assert.notEqual(event.type, 'DELETED')
  assert.equal(tunnels.length, 2)
})

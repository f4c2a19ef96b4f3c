/** The chart with the image of this tree on a real node: installed, asked by `helm test`, upgraded. Needs root. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { chart, namespace, release, root } from '../chart/helm.ts'
import { buildImage } from '../image/builtImage.ts'
import { until } from '../until.ts'
import { type NodeCluster, startNodeCluster } from './nodeCluster.ts'

const previous = join(root, 'test/golden/healthconsumer-operator-0.0.9.tgz')
const folder = await mkdtemp(join(tmpdir(), 'chart-test-'))
let cluster: NodeCluster
let image: readonly string[]
before(async () => {
  const archive = join(folder, 'image.tar')
  const [started, built] = await Promise.allSettled([startNodeCluster(), buildImage(archive)])
  if (started.status === 'rejected') throw started.reason
  cluster = started.value
  if (built.status === 'rejected') throw built.reason
  await cluster.cluster('load', archive)
  const [repository, tag] = built.value.name.split(/:(?=[^/]*$)/)
  image = ['--set', `image.repository=${repository}`, '--set', `image.tag=${tag}`, '--set', 'image.pullPolicy=Never']
  const enforce = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  for (const name of [namespace, 'health'])
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: enforce } })
})
after(async () => {
  await cluster?.down()
  await rm(folder, { recursive: true })
})

const helm = (...parameters: string[]) => {
  const home = ['CACHE', 'CONFIG', 'DATA'].map(name => `HELM_${name}_HOME=${folder}`)
  return cluster.cluster('run', 'env', ...home, join(root, 'hack/helm'), ...parameters, '--namespace', namespace)
}
const wait = ['--wait', '--timeout', '3m']

const holder = () =>
  cluster.kubectl('get', 'lease', release, '-n', namespace, '-o', 'jsonpath={.spec.holderIdentity}').catch(() => '')
const pods = async () =>
  (await cluster.kubectl('get', 'pods', '-n', namespace, '-o', 'jsonpath={.items[*].metadata.name}')).split(' ')
/** Whether an operator has looked at the resource as it is. */
const looksAfter = async (): Promise<boolean> => {
  const path = 'jsonpath={.metadata.generation} {.status.observedGeneration}'
  const [generation, observed] = (await cluster.kubectl('get', 'hc', 'filesystem', '-n', 'health', '-o', path)).split(
    ' ',
  )
  return generation === observed
}

test('installed, it becomes ready, leads and answers helm test', async () => {
  await helm('install', release, previous, ...image, ...wait)
  await until('one leads', async () => (await pods()).includes(await holder()))
  assert.match(await helm('test', release), /Phase:\s+Succeeded/)
})

test('it looks after a HealthConsumer, before and after an upgrade to two replicas', { timeout: 300_000 }, async () => {
  await cluster.kubectl('apply', '-f', join(root, 'examples/filesystem.yaml'))
  await until('it is looked at', looksAfter)
  await helm('upgrade', release, chart, '--set', 'replicas=2', ...image, ...wait)
  await until('one of the new pods leads', async () => {
    const names = await pods()
    return names.length === 2 && names.includes(await holder())
  })
  assert.match(await helm('test', release), /Phase:\s+Succeeded/)
  const patch = ['patch', 'hc', 'filesystem', '-n', 'health', '--type=merge', '-p', '{"spec":{"paused":true}}']
  await cluster.kubectl(...patch)
  await until('it is looked at again', looksAfter)
})

test('a leader that is evicted is followed', async () => {
  const first = await holder()
  await cluster.kubectl('delete', 'pod', first, '-n', namespace)
  await until('another leads', async () => ![first, ''].includes(await holder()), 60)
  await cluster.kubectl('patch', 'hc', 'filesystem', '-n', 'health', '--type=merge', '-p', '{"spec":{"paused":false}}')
  await until('it goes on', looksAfter)
})

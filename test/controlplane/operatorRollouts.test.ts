/** How a change reaches the pods: rolls, rollbacks, the number of pods and who decides it; on a real API server. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { childKinds } from '../../operator/desired/index.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { consumer, told } from '../operator/consumers.ts'
import { podKind } from '../operator/kubelet.ts'
import { hasLooked, startWorld, type World } from '../operator/operatorWorld.ts'
import { installApi } from '../operator/optionalApis.ts'
import { until } from '../until.ts'

let world: World
before(async () => {
  world = await startWorld()
  await installApi(world.cluster, 'keda')
  await world.operator({ agent: 'operator' })
})
after(() => world?.down())

interface Template {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
  readonly spec: { readonly containers: readonly { readonly image: string }[] }
}
const deploymentOf = async (namespace: string) => {
  const object = (await world.get(childKinds.Deployment, namespace, 'one-consumer'))!
  const spec = object.spec as { readonly replicas: number; readonly template: Template }
  return { ...spec, image: spec.template.spec.containers[0]!.image, metadata: object.metadata }
}

/** Hashes of the revisions whose ConfigMaps are there. */
const revisionsOf = async (namespace: string) =>
  [...(await world.children(namespace)).keys()]
    .filter(child => /^ConfigMap\/one-[0-9a-f]{10}$/.test(child))
    .map(child => child.slice(-10))
    .sort()

/** Pods of that image become ready, the others do not. */
const onlyReady = (image: string) => (pod: KubernetesObject) => {
  const { containers } = pod.spec as Template['spec']
  if (containers[0]?.image === image) return { ready: true, status: () => told() }
  return { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image ${containers[0]?.image}` } }
}

/** Every number of pods that the Deployment of a namespace is asked for, from now on. */
async function watchReplicas(namespace: string, signal: AbortSignal): Promise<readonly number[]> {
  const seen: number[] = []
  const { resourceVersion } = await world.kubernetes.list(childKinds.Deployment, { namespace })
  const watching = async () => {
    const options = { namespace, resourceVersion, timeoutSeconds: 600, signal }
    for await (const event of world.kubernetes.watch(childKinds.Deployment, options)) {
      if (event.type === 'BOOKMARK') continue
      const { replicas } = event.object.spec as { replicas: number }
      if (seen.at(-1) !== replicas) seen.push(replicas)
    }
  }
  watching().catch(() => undefined)
  return seen
}

describe('a change on its way to the pods', { concurrency: 4 }, () => {
  test('a revision is kept until the next one is stable; scaling and alerts are no revision', async () => {
    const namespace = 'rolled'
    await world.namespace(namespace)
    await world.kubelet.decide(namespace, { ready: true, status: () => told() })
    await world.apply(consumer(namespace, 'one'))
    await world.condition(namespace, 'one', 'Ready=True')
    const [first] = await revisionsOf(namespace)
    await world.kubelet.decide(namespace, undefined)
    await world.apply(consumer(namespace, 'one', { restartedAt: '2026-01-01T00:00:00Z' }))
    await world.condition(namespace, 'one', 'Ready=False/Progressing')
    const { template } = await deploymentOf(namespace)
    assert.equal(template.metadata.annotations['healthdata.dev/restarted-at'], '2026-01-01T00:00:00Z')
    const second = (await world.status(namespace, 'one'))!.appliedHash!
    assert.deepEqual(await revisionsOf(namespace), [first, second].sort())
    assert.equal((await world.status(namespace, 'one'))!.lastStableHash, first)
    await world.apply(consumer(namespace, 'one', { restartedAt: '2026-01-01T00:00:00Z', logging: { level: 'DEBUG' } }))
    await until('there are three', async () => (await revisionsOf(namespace)).length === 3)
    await world.kubelet.decide(namespace, { ready: true, status: () => told() })
    await world.condition(namespace, 'one', 'Ready=True')
    const third = (await world.status(namespace, 'one'))!.appliedHash!
    await until('only the stable one is left', async () => (await revisionsOf(namespace)).join() === third)
    assert.equal((await world.status(namespace, 'one'))!.lastStableHash, third)

    const { metadata } = await deploymentOf(namespace)
    const monitoring = { prometheusRule: { thresholds: { HighKafkaLag: 5 } } }
    const spec = { restartedAt: '2026-01-01T00:00:00Z', logging: { level: 'DEBUG' }, monitoring }
    await world.apply(consumer(namespace, 'one', spec))
    await world.condition(namespace, 'one', 'Ready=True')
    assert.equal((await deploymentOf(namespace)).metadata.generation, metadata.generation)
    assert.deepEqual(await revisionsOf(namespace), [third])
  })

  test('a rollout that misses its deadline goes back to the last stable revision, until the spec changes', async () => {
    const namespace = 'failing'
    const of = (image: string, rollout: object) => consumer(namespace, 'one', { image, rollout })
    const rollout = { progressDeadlineSeconds: 30, rollbackOnFailure: true }
    await world.namespace(namespace)
    await world.kubelet.decide(namespace, onlyReady('good'))
    await world.apply(of('good', rollout))
    await world.condition(namespace, 'one', 'Ready=True')
    const stable = (await world.status(namespace, 'one'))!.lastStableHash!
    await world.apply(of('bad', rollout))
    await world.condition(namespace, 'one', 'Stalled=True/ImagePullBackOff')
    await until('it is rolled back', async () => (await deploymentOf(namespace)).image === 'good', 90)
    const message = await world.condition(namespace, 'one', 'Stalled=True/RolledBack')
    assert.match(message, new RegExp(`the pods run the last stable one, ${stable}: correct the spec`))
    await world.condition(namespace, 'one', 'WorkloadAvailable=True')
    const status = (await world.status(namespace, 'one'))!
    assert.equal(status.lastStableHash, stable)
    assert.equal(status.appliedHash, stable)
    assert.notEqual(status.failedHash, stable)
    await until('only what runs is kept', async () => (await revisionsOf(namespace)).join() === stable)
    // Neither another operator nor a change of something else tries it again.
    const { metadata } = await deploymentOf(namespace)
    const other = await world.operator({ agent: 'other', environment: { WATCH_NAMESPACES: namespace } })
    await until('it has looked', () => hasLooked(other))
    await other.stop()
    await world.apply({ ...of('bad', rollout), metadata: { name: 'one', namespace, labels: { a: 'b' } } })
    await world.apply(of('bad', { ...rollout, progressDeadlineSeconds: 31 }))
    await world.condition(namespace, 'one', 'Stalled=True/RolledBack')
    assert.equal((await deploymentOf(namespace)).image, 'good')
    assert.ok((await deploymentOf(namespace)).metadata.generation! <= metadata.generation! + 1)

    await world.kubelet.decide(namespace, onlyReady('better'))
    await world.apply(of('better', rollout))
    await world.condition(namespace, 'one', 'Ready=True')
    assert.equal((await deploymentOf(namespace)).image, 'better')
    assert.equal((await world.status(namespace, 'one'))!.failedHash, undefined)
  })

  test('without rollbackOnFailure it stays, with the reason, and a correction is not taken for the same failure', async () => {
    const namespace = 'stalled'
    const of = (image: string, rollbackOnFailure: boolean) =>
      consumer(namespace, 'one', { image, rollout: { progressDeadlineSeconds: 30, rollbackOnFailure } })
    await world.namespace(namespace)
    await world.kubelet.decide(namespace, onlyReady('good'))
    await world.apply(of('good', false))
    await world.condition(namespace, 'one', 'Ready=True')
    await world.kubelet.decide(namespace, undefined)
    await world.apply(of('slow', false))
    const isLate = async () => {
      const conditions = (await world.status(namespace, 'one'))?.conditions
      return conditions?.find(({ type }) => type === 'Stalled')?.reason === 'ProgressDeadlineExceeded'
    }
    await until('it is late', isLate, 90)
    const message = await world.condition(namespace, 'one', 'Ready=False/ProgressDeadlineExceeded')
    assert.match(message, /^Deployment one-consumer did not become ready in 30 s; pod one-consumer-\S+ is not ready/)
    await world.kubelet.decide(namespace, onlyReady('next'))
    await world.apply(of('next', true))
    await world.condition(namespace, 'one', 'Ready=True')
    assert.equal((await deploymentOf(namespace)).image, 'next')
    assert.deepEqual(await world.events(namespace, 'RolledBack'), [])
  })

  for (const mode of ['External', 'KEDA'] as const)
    test(`the number of pods is handed over to ${mode} and back as it is`, async t => {
      const namespace = `scaled-${mode.toLowerCase()}`
      const scaledBy = (scaling: object, more: object = {}) => consumer(namespace, 'one', { scaling, ...more })
      const autoscaling = { mode, minReplicas: 2, maxReplicas: 9 }
      await world.namespace(namespace)
      await world.kubelet.decide(namespace, { ready: true, status: () => told() })
      await world.apply(scaledBy({ replicas: 3 }))
      await world.condition(namespace, 'one', 'Ready=True')
      const watching = new AbortController()
      t.after(() => watching.abort())
      const seen = await watchReplicas(namespace, watching.signal)
      const hasScaler = async () => (await world.children(namespace)).has('ScaledObject/one-consumer')

      await world.apply(scaledBy({ autoscaling }))
      await world.condition(namespace, 'one', 'Ready=True')
      assert.equal((await deploymentOf(namespace)).replicas, 3)
      assert.equal(await hasScaler(), mode === 'KEDA')
      const kubectl = (...parameters: string[]) => world.cluster.kubectl('-n', namespace, ...parameters)
      await kubectl('scale', 'deployment/one-consumer', '--replicas=5')
      await until('five are ready', async () => (await world.status(namespace, 'one'))?.readyReplicas === 5)
      // Other changes leave the number to the autoscaler.
      await world.apply(scaledBy({ autoscaling }, { restartedAt: '2026-01-01T00:00:00Z' }))
      await world.condition(namespace, 'one', 'Ready=True')
      assert.equal((await deploymentOf(namespace)).replicas, 5)
      await world.apply(scaledBy({ replicas: 4 }))
      await world.condition(namespace, 'one', 'Ready=True')
      await world.apply(scaledBy({ autoscaling }))
      await world.condition(namespace, 'one', 'Ready=True')
      await world.apply(scaledBy({ autoscaling }, { paused: true }))
      await world.condition(namespace, 'one', 'Ready=True/Paused')
      assert.equal(await hasScaler(), false)
      await world.apply(scaledBy({ autoscaling }, { paused: false }))
      await world.condition(namespace, 'one', 'Ready=True/Ready')
      assert.equal(await hasScaler(), mode === 'KEDA')
      await until('all of it was seen', () => seen.at(-1) === 2)
      // What it came from may be told once more.
      assert.deepEqual(
        seen.filter((count, index) => index > 0 || count !== 3),
        [5, 4, 0, 2],
      )
      assert.deepEqual(await world.events(namespace, 'ChildChanged'), [])
    })

  test('a number of pods that somebody scales by hand is put back where the spec decides', async () => {
    const namespace = 'fixed'
    await world.namespace(namespace)
    await world.kubelet.decide(namespace, { ready: true, status: () => told() })
    await world.apply(consumer(namespace, 'one', { scaling: { replicas: 2 } }))
    await world.condition(namespace, 'one', 'Ready=True')
    await world.cluster.kubectl('-n', namespace, 'scale', 'deployment/one-consumer', '--replicas=7')
    await until('two again', async () => (await deploymentOf(namespace)).replicas === 2)
    await until('that is told', async () => (await world.events(namespace, 'ChildChanged')).length === 1)
  })

  test('pods without a partition are told, and a lag that one pod does not tell is not known', async () => {
    const namespace = 'measured'
    await world.namespace(namespace)
    const lags = (index: number) => told({ lags: index < 2 ? [10 + index] : [] })
    await world.kubelet.decide(namespace, { ready: true, status: lags })
    await world.apply(consumer(namespace, 'one', { scaling: { replicas: 3 } }))
    await world.condition(namespace, 'one', 'Ready=True')
    // What is measured is written once a minute; a change of the resource that rolls no pod has it written at once.
    let looks = 0
    const look = async () => {
      const monitoring = { dashboard: { folder: `${looks++}` } }
      await world.apply(consumer(namespace, 'one', { scaling: { replicas: 3 }, monitoring }))
      const conditions = (await world.status(namespace, 'one'))?.conditions
      return conditions?.find(({ type }) => type === 'ConsumerHealthy')?.reason
    }
    await until('pods are idle', async () => (await look()) === 'IdlePods')
    const message = await world.condition(namespace, 'one', 'ConsumerHealthy=True/IdlePods')
    assert.equal(
      message,
      '21 records behind; 1 of 3 pods have no partition: 2 are enough, or the topic needs more partitions',
    )
    assert.deepEqual((await world.status(namespace, 'one'))?.pipeline?.partitions, 2)
    await world.condition(namespace, 'one', 'Ready=True')
    const behind = (index: number) => told({ lags: [index * 100_000] })
    await world.kubelet.decide(namespace, { ready: true, status: behind })
    await until('it lags', async () => (await look()) === 'Lagging')
    await world.condition(namespace, 'one', 'Ready=True')
    const [silent] = (await world.kubernetes.list(podKind, { namespace })).items
    await world.kubelet.decide(namespace, ({ metadata }) =>
      metadata.uid === silent!.metadata.uid ? { ready: true } : { ready: true, status: () => told() },
    )
    await until('one is silent', async () => (await look()) === 'NotMeasured')
    assert.equal((await world.status(namespace, 'one'))?.pipeline?.lag, undefined)
    assert.match(await world.condition(namespace, 'one', 'ConsumerHealthy=Unknown/NotMeasured'), /of 3 pods have told/)
  })
})

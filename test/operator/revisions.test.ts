/** Which revision the pods run, and whose the number of pods is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HealthConsumerStatus } from '../../crds/healthconsumer.ts'
import { Children, observe } from '../../operator/children.ts'
import { childKinds } from '../../operator/desired/index.ts'
import { revisionConfigMap, revisionName, revisionOf } from '../../operator/desired/revision.ts'
import { InMemoryKubernetes } from '../../operator/inMemoryKubernetes.ts'
import { KubernetesError, type KubernetesObject, type ManagedFields } from '../../operator/kubernetes.ts'
import { releaseReplicas } from '../../operator/releaseReplicas.ts'
import { revisionToRun } from '../../operator/rollback.ts'
import type { DeploymentFacts } from '../../operator/workload.ts'
import { deployed, resourceOf } from './observed.ts'

const defaults = { image: 'registry.test/runtime:1' }
const rollback = { rollout: { rollbackOnFailure: true } }
const good = resourceOf({ ...rollback, image: 'good' })
const bad = resourceOf({ ...rollback, image: 'bad' })
const [stable, wanted] = [good, bad].map(resource => revisionOf({ resource, defaults })) as [
  ReturnType<typeof revisionOf>,
  ReturnType<typeof revisionOf>,
]

async function world() {
  const kubernetes = new InMemoryKubernetes([childKinds.ConfigMap])
  const configMap = revisionConfigMap({ resource: good, defaults, replicas: 1 }, stable)
  const { metadata } = await kubernetes.write(configMap)
  kubernetes.requests.length = 0
  const status = (changes: Partial<HealthConsumerStatus>) => ({
    observedGeneration: 1,
    lastStableHash: stable.hash,
    ...changes,
  })
  const late = deployed({ revision: revisionName(bad, wanted), deadlineExceeded: true })
  const run = async (
    resource = bad,
    previous: HealthConsumerStatus | null = status({}),
    deployment: DeploymentFacts | null = late,
  ) =>
    (
      await revisionToRun(
        resource,
        revisionOf({ resource, defaults }),
        previous ?? undefined,
        deployment ?? undefined,
        { kubernetes },
      )
    ).hash
  return { kubernetes, uid: metadata.uid!, status, run }
}

test('a revision that missed its deadline is replaced by the last stable one, where that is asked for', async () => {
  const { kubernetes, run, status } = await world()
  assert.equal(await run(), stable.hash)
  assert.equal(kubernetes.requests.splice(0).length, 1)
  // None of these asks the API server at all.
  assert.equal(await run(bad, null), wanted.hash)
  assert.equal(await run(bad, status({ lastStableHash: undefined })), wanted.hash)
  assert.equal(await run(bad, status({}), deployed({ revision: revisionName(bad, wanted) })), wanted.hash)
  // The one that is late is another.
  assert.equal(await run(bad, status({}), deployed({ revision: 'one-other', deadlineExceeded: true })), wanted.hash)
  const without = resourceOf({ image: 'bad' })
  assert.equal(await run(without), revisionOf({ resource: without, defaults }).hash)
  assert.equal(await run(good), stable.hash)
  assert.deepEqual(kubernetes.requests, [])
})

test('what failed is not tried again until the spec is another', async () => {
  const { run, status } = await world()
  const failed = status({ failedHash: wanted.hash })
  assert.equal(await run(bad, failed, deployed()), stable.hash)
  assert.equal(await run(bad, failed, null), stable.hash)
  const better = resourceOf({ ...rollback, image: 'better' })
  assert.equal(await run(better, failed, deployed()), revisionOf({ resource: better, defaults }).hash)
})

test('a stable revision that is gone, or edited, is none to go back to', async () => {
  const { kubernetes, uid, run } = await world()
  kubernetes.intercept = () => {
    throw new KubernetesError('Unavailable', 503, 'away')
  }
  await assert.rejects(run(), { code: 'Unavailable' })
  kubernetes.intercept = undefined
  await kubernetes.remove({ kind: childKinds.ConfigMap, namespace: 'team', name: revisionName(good, stable) }, uid)
  assert.equal(await run(), wanted.hash)
  const configMap = revisionConfigMap({ resource: good, defaults, replicas: 1 }, stable)
  await kubernetes.write({ ...configMap, data: { 'healthconsumer.json': '{}', 'template.json': '{}' } })
  assert.equal(await run(), wanted.hash)
})

const replicasField = { manager: 'healthconsumer-operator', operation: 'Apply', fieldsV1: { 'f:replicas': {} } }
const scaled = resourceOf({ scaling: { autoscaling: { mode: 'External', minReplicas: 2, maxReplicas: 9 } } })

function handover(deployment: DeploymentFacts | undefined, ownerUid = 'owner', field: object = replicasField) {
  const children = new Children()
  const owner = { apiVersion: 'v', kind: 'HealthConsumer', name: 'one', uid: ownerUid, controller: true }
  const metadata = { name: 'one-consumer', namespace: 'team', uid: 'deployment', resourceVersion: '1' }
  const managedFields = [field as ManagedFields]
  children.record(
    observe({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...metadata, ownerReferences: [owner], managedFields },
    }),
  )
  const applied: (readonly [KubernetesObject, string])[] = []
  const kubernetes = {
    async apply(object: KubernetesObject, { fieldManager }: { readonly fieldManager: string }) {
      applied.push([object, fieldManager])
      return object
    },
  }
  const run = (resource: Parameters<typeof releaseReplicas>[0]) =>
    releaseReplicas(resource, 'owner', { kubernetes, children, deployment: () => deployment })
  return { applied, run }
}

test('the number that is there is held by a second manager before the operator lets go of it', async () => {
  const { applied, run } = handover(deployed({ desired: 5 }))
  await run(scaled)
  const metadata = { name: 'one-consumer', namespace: 'team', uid: 'deployment' }
  assert.deepEqual(applied, [
    [
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 5 } },
      'healthconsumer-operator-handover',
    ],
  ])
})

test('after a pause an autoscaler begins with its least', async () => {
  const { applied, run } = handover(deployed({ desired: 0 }))
  await run(scaled)
  assert.deepEqual(applied[0]?.[0].spec, { replicas: 2 })
})

test('nothing is handed over where the spec decides, or where there is nothing of ours', async () => {
  const none = async (of: ReturnType<typeof handover>, resource = scaled) => {
    await of.run(resource)
    assert.deepEqual(of.applied, [])
  }
  await none(handover(deployed()), resourceOf({ scaling: { replicas: 3 } }))
  await none(handover(deployed()), resourceOf({ ...scaled.spec, paused: true }))
  await none(handover(undefined))
  await none(handover(deployed(), 'somebody'))
  await none(handover(deployed(), 'owner', { ...replicasField, fieldsV1: {} }))
})

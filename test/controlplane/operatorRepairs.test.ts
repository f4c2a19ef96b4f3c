/** Others change, delete or take what the operator makes; on a real API server, with the APIs of Prometheus Operator and KEDA. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type ChildKindName, childKinds } from '../../operator/desired/index.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { consumer, secret, told } from '../operator/consumers.ts'
import {
  consumerKind,
  digestOf,
  hasLooked,
  type RunningOperator,
  startWorld,
  type World,
} from '../operator/operatorWorld.ts'
import { installApi } from '../operator/optionalApis.ts'
import { until } from '../until.ts'

let world: World
let operator: RunningOperator
before(async () => {
  world = await startWorld()
  await installApi(world.cluster, 'monitoring')
  await installApi(world.cluster, 'keda')
  operator = await world.operator({ agent: 'operator' })
})
after(() => world?.down())

/** With every kind of child. */
const everything = (namespace: string, spec: object = {}) => {
  const sasl = { mechanism: 'scram-sha-512', secretRef: { name: 'login' } }
  const kafka = { bootstrapServers: ['kafka.test:9092'], tls: {}, sasl }
  return consumer(namespace, 'one', {
    kafka,
    scaling: { autoscaling: { mode: 'KEDA', minReplicas: 1, maxReplicas: 4 } },
    ...spec,
  })
}

async function started(namespace: string, object: KubernetesObject): Promise<void> {
  await world.namespace(namespace)
  await world.apply(secret(namespace, 'login', { username: 'u', password: 'p' }))
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  await world.apply(object)
  await world.condition(namespace, 'one', 'Ready=True')
  await world.condition(namespace, 'one', 'MonitoringReady=True')
}

/** What an object asks for, and whose it is. */
const meaning = (object: KubernetesObject | undefined) => {
  if (object === undefined) return undefined
  const { status: _, metadata, ...rest } = object
  // That one is the deployment controller's.
  const { 'deployment.kubernetes.io/revision': __, ...annotations } = metadata.annotations ?? {}
  return { ...rest, labels: metadata.labels, annotations, owners: metadata.ownerReferences }
}

/** One edit a kind, of a field that is ours. */
const edits: Readonly<Record<ChildKindName, object>> = {
  ServiceAccount: { automountServiceAccountToken: true },
  ConfigMap: { metadata: { labels: { 'app.kubernetes.io/component': 'mine' } } },
  Service: { spec: { publishNotReadyAddresses: false } },
  NetworkPolicy: { spec: { ingress: null } },
  PodDisruptionBudget: { spec: { maxUnavailable: 7 } },
  Deployment: { spec: { template: { spec: { automountServiceAccountToken: true } } } },
  ServiceMonitor: { spec: { endpoints: [] } },
  PrometheusRule: { spec: { groups: [] } },
  TriggerAuthentication: { spec: { secretTargetRef: [] } },
  ScaledObject: { spec: { maxReplicaCount: 99 } },
}

describe('what others do to children', { concurrency: 4 }, () => {
  test('a child that is edited, stripped of its labels or deleted is as it was, and an event tells', async () => {
    const namespace = 'edited'
    await started(namespace, everything(namespace))
    const children = await world.children(namespace)
    assert.deepEqual(new Set([...children.values()].map(({ kind }) => kind)), new Set(Object.keys(childKinds)))
    for (const [child, object] of children) {
      const kind = object.kind as ChildKindName
      const { name } = object.metadata
      const one = `${childKinds[kind].plural}.${childKinds[kind].group}`.replace(/\.$/, '')
      const kubectl = (verb: string, ...rest: string[]) =>
        world.cluster.kubectl('-n', namespace, verb, one, name, ...rest)
      const isBack = async () => {
        const now = await world.get(childKinds[kind], namespace, name)
        return isDeepStrictEqual(meaning(now), meaning(object))
      }
      await kubectl('patch', '--type=merge', '-p', JSON.stringify(edits[kind]))
      await until(`${child} is repaired after an edit`, isBack)
      const { uid } = (await world.get(childKinds[kind], namespace, name))!.metadata
      await kubectl('delete', '--wait=false')
      const isNew = async () => (await world.get(childKinds[kind], namespace, name))?.metadata.uid !== uid
      await until(`${child} is made anew`, async () => (await isNew()) && (await isBack()))
    }
    await world.cluster.kubectl('-n', namespace, 'label', 'service', 'one-consumer', 'app.kubernetes.io/managed-by-')
    await until('the label is back', async () => {
      const { metadata } = (await world.get(childKinds.Service, namespace, 'one-consumer'))!
      return metadata.labels?.['app.kubernetes.io/managed-by'] === 'healthconsumer-operator'
    })
    const told = async () =>
      new Set((await world.events(namespace, 'ChildChanged')).map(note => note.split(' had ')[0]))
    await until('events tell of each', async () => {
      const notes = await told()
      return [...children.keys()].every(child => notes.has(child.replace('/', ' ')))
    })
    await world.condition(namespace, 'one', 'Ready=True')
  })

  test('a field of somebody else is left alone, also by an operator that begins', async () => {
    const namespace = 'extended'
    await started(namespace, consumer(namespace, 'one'))
    const kubectl = (...parameters: string[]) => world.cluster.kubectl('-n', namespace, ...parameters)
    await kubectl('annotate', 'deployment', 'one-consumer', 'mine=1')
    await kubectl('rollout', 'restart', 'deployment', 'one-consumer')
    await world.condition(namespace, 'one', 'Ready=True')
    const before = (await world.get(childKinds.Deployment, namespace, 'one-consumer'))!
    const other = await world.operator({ agent: 'other', environment: { WATCH_NAMESPACES: namespace } })
    await until('it has looked at all', () => hasLooked(other))
    await other.stop()
    assert.equal(await other.get('/metrics').catch(() => undefined), undefined)
    const now = (await world.get(childKinds.Deployment, namespace, 'one-consumer'))!
    assert.equal(now.metadata.generation, before.metadata.generation)
    assert.equal(now.metadata.annotations?.mine, '1')
    assert.deepEqual(await world.events(namespace, 'ChildChanged'), [])
  })

  test('a fight with another writer costs little, and ends as it should when that one gives up', async () => {
    const namespace = 'fought'
    await started(namespace, consumer(namespace, 'one'))
    const patches = async () =>
      (await world.writes('operator')).filter(
        ({ objectRef }) => objectRef?.namespace === namespace && objectRef.resource === 'serviceaccounts',
      ).length
    const first = await patches()
    const fight = { ...childReference('ServiceAccount', namespace, 'one-consumer'), automountServiceAccountToken: true }
    let edits = 0
    for (; edits < 300 || (await patches()) < first + 2; edits++)
      await world.kubernetes.apply(fight, { fieldManager: 'fighter' })
    assert.ok((await patches()) <= first + 5, `${(await patches()) - first} repairs of ${edits} edits`)
    await until(
      'it is repaired',
      async () =>
        (await world.get(childKinds.ServiceAccount, namespace, 'one-consumer'))?.automountServiceAccountToken === false,
      90,
    )
    assert.equal((await world.events(namespace, 'ChildChanged')).length, 1)
  })

  test('deleted: all children are gone, and nothing else', async () => {
    const namespace = 'deleted'
    await started(namespace, everything(namespace))
    const kafka = { bootstrapServers: ['kafka.test:9092'] }
    const { iceberg } = consumer(namespace, 'two').spec as { iceberg: object }
    await world.apply(consumer(namespace, 'two', { kafka, iceberg: { ...iceberg, rawTable: 'r', errorsTable: 'e' } }))
    await world.condition(namespace, 'two', 'Ready=True')
    const others = [...(await world.children(namespace)).values()].filter(({ metadata }) =>
      metadata.name.startsWith('two-'),
    )
    const rest = await everythingElse(namespace)
    await world.cluster.kubectl('-n', namespace, 'delete', 'hc', 'one')
    await until('its children are gone', async () => (await world.children(namespace)).size === others.length, 60)
    const left = new Set([...(await world.children(namespace)).values()].map(({ metadata }) => metadata.uid))
    assert.deepEqual(left, new Set(others.map(({ metadata }) => metadata.uid)))
    assert.deepEqual(await everythingElse(namespace), rest)
    await until(
      'its conditions are gone',
      async () => !(await operator.get('/metrics')).text.includes(`namespace="${namespace}",name="one"`),
    )
  })

  test('one that is made anew under the same name waits until the children of the one before are gone', async () => {
    const namespace = 'anew'
    await started(namespace, consumer(namespace, 'one'))
    const { uid } = (await world.get(consumerKind, namespace, 'one'))!.metadata
    await world.cluster.kubectl('-n', namespace, 'delete', 'hc', 'one')
    await world.apply(consumer(namespace, 'one'))
    const isNew = async () => (await world.get(consumerKind, namespace, 'one'))!.metadata.uid
    assert.notEqual(await isNew(), uid)
    await until(
      'its children are its own',
      async () => {
        const all = [...(await world.children(namespace)).values()]
        const owner = await isNew()
        return all.length > 7 && all.every(({ metadata }) => metadata.ownerReferences?.[0]?.uid === owner)
      },
      60,
    )
    await world.condition(namespace, 'one', 'Ready=True')
    assert.deepEqual(await world.events(namespace, 'NameTaken'), [])
  })

  for (const kind of ['Service', 'Deployment', 'ConfigMap'] as const)
    test(`a ${kind} of somebody else that has the name is never touched, and waited for`, async () => {
      const namespace = `taken-${kind.toLowerCase()}`
      const name = kind === 'ConfigMap' ? 'one-dashboard' : 'one-consumer'
      await world.namespace(namespace)
      await world.kubelet.decide(namespace, { ready: true, status: () => told() })
      const foreign = await world.kubernetes.write({
        ...childReference(kind, namespace, name),
        ...foreignBodies[kind],
      })
      const digest = async () => {
        const { status: _, ...object } = (await world.get(childKinds[kind], namespace, name))!
        return digestOf(object as KubernetesObject)
      }
      const { status: _, ...written } = foreign
      // Of a Deployment its own controller changes an annotation.
      const before = kind === 'Deployment' ? undefined : digestOf(written as KubernetesObject)
      await world.apply(consumer(namespace, 'one'))
      const message = await world.condition(namespace, 'one', 'Stalled=True/NameTaken')
      assert.match(message, new RegExp(`^${kind} ${name} exists and belongs to somebody else: rename or delete it`))
      await world.apply(consumer(namespace, 'one', { logging: { level: 'DEBUG' } }))
      await world.condition(namespace, 'one', 'Stalled=True/NameTaken')
      if (before !== undefined) assert.equal(await digest(), before)
      const touched = (await world.writes('operator')).filter(
        ({ objectRef }) =>
          objectRef?.namespace === namespace &&
          objectRef.resource === childKinds[kind].plural &&
          objectRef.name === name,
      )
      assert.deepEqual(touched, [])
      await world.kubernetes.remove({ kind: childKinds[kind], namespace, name }, foreign.metadata.uid!)
      await until(
        'it goes on',
        async () => (await world.get(childKinds[kind], namespace, name))?.metadata.ownerReferences !== undefined,
        60,
      )
      await world.condition(namespace, 'one', 'Ready=True')
    })
})

const childReference = (kind: ChildKindName, namespace: string, name: string): KubernetesObject => {
  const { group, version } = childKinds[kind]
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind, metadata: { name, namespace } }
}

const foreignBodies = {
  Service: { spec: { ports: [{ port: 80 }], selector: { app: 'foreign' } } },
  ConfigMap: { data: { mine: 'yes' } },
  Deployment: {
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'foreign' } },
      template: {
        metadata: { labels: { app: 'foreign' } },
        spec: { containers: [{ name: 'foreign', image: 'foreign' }] },
      },
    },
  },
} as const

async function everythingElse(namespace: string): Promise<readonly string[]> {
  const names = await world.cluster.kubectl('-n', namespace, 'get', 'secrets,pvc,sa', '-o', 'name')
  return names.split('\n').filter(name => !name.includes('-consumer'))
}

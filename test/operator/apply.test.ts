/** What it costs to make the children what they should be, and whose objects are left alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ApplyOutcome, type ApplyRequest, applyChildren } from '../../operator/apply.ts'
import { Children, hashAnnotation, observe } from '../../operator/children.ts'
import { type ChildKindName, childKinds } from '../../operator/desired/index.ts'
import { digested } from '../../operator/digests.ts'
import { InMemoryKubernetes } from '../../operator/inMemoryKubernetes.ts'
import {
  KubernetesError,
  type KubernetesErrorCode,
  type KubernetesObject,
  type ManagedFields,
} from '../../operator/kubernetes.ts'
import { OccupiedNames } from '../../operator/occupiedNames.ts'
import { Repairs } from '../../operator/repairs.ts'

const labels = { 'app.kubernetes.io/managed-by': 'healthconsumer-operator' }
const ours = { fieldManager: 'healthconsumer-operator' }
const ownedBy = (uid: string, name = 'one') => [
  { apiVersion: 'healthdata.dev/v1alpha1', kind: 'HealthConsumer', name, uid, controller: true },
]
const service = (spec: object = { clusterIP: 'None' }, uid = 'owner'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'one-consumer', namespace: 'team', labels, ownerReferences: ownedBy(uid) },
  spec,
})
const rule: KubernetesObject = {
  ...service({ groups: [] }),
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
}

function world(available: readonly ChildKindName[] = Object.keys(childKinds) as ChildKindName[]) {
  const kubernetes = new InMemoryKubernetes(available.map(name => childKinds[name]))
  let children = new Children()
  let nowMs = 1_700_000_000_000
  const now = () => nowMs
  const ports = {
    kubernetes,
    get children() {
      return children
    },
    available: () => new Set(available),
    occupied: new OccupiedNames(kubernetes, now),
    repairs: new Repairs(now),
    written: (kind: ChildKindName, stored: KubernetesObject) => children.recordWrite(observe({ ...stored, kind })),
  }
  const apply = (desired: readonly KubernetesObject[], changes: Partial<ApplyRequest> = {}) =>
    applyChildren(
      {
        owner: { name: 'one', uid: 'owner' },
        desired: desired.map(digested),
        waiting: () => false,
        keep: () => false,
        wasApplied: () => false,
        ...changes,
      },
      ports,
    )
  /** Verbs of the requests since the last time. */
  const requests = () => kubernetes.requests.splice(0).map(({ verb, kind }) => `${verb} ${kind}`)
  /** As a watch tells it after somebody's edit: with what is ours in it by server-side apply. */
  const told = async (kind: ChildKindName, ours: object = {}, others: readonly ManagedFields[] = []) => {
    const before = await kubernetes.get({ kind: childKinds[kind], namespace: 'team', name: 'one-consumer' })
    const annotations = { ...before.metadata.annotations, edited: String(nowMs) }
    const { metadata, ...rest } = await kubernetes.write({ ...before, metadata: { ...before.metadata, annotations } })
    requests()
    const own = { manager: 'healthconsumer-operator', operation: 'Apply', fieldsV1: ours } as ManagedFields
    children.record(
      observe({ ...rest, kind, metadata: { ...metadata, managedFields: [own, ...others] } } as KubernetesObject),
    )
  }
  const restart = () => {
    children = new Children()
  }
  const pass = (ms: number) => {
    nowMs += ms
  }
  const get = (kind: ChildKindName) => children.get(kind, 'team', 'one-consumer')!
  return { kubernetes, apply, requests, told, restart, pass, get, children: () => children }
}
const states = ({ children }: ApplyOutcome) => children.map(({ state }) => state).join()

test('what is as it should be costs no request, what is not costs one', async () => {
  const { apply, requests } = world()
  assert.equal(states(await apply([service(), rule])), 'Applied,Applied')
  assert.deepEqual(requests(), ['list Service', 'apply Service', 'list PrometheusRule', 'apply PrometheusRule'])
  assert.equal(states(await apply([service(), rule])), 'Unchanged,Unchanged')
  assert.deepEqual(requests(), [])
  assert.equal(states(await apply([service({ clusterIP: '10.0.0.1' }), rule])), 'Applied,Unchanged')
  assert.deepEqual(requests(), ['apply Service'])
})

test('what another process has applied is known by its digest', async () => {
  const { apply, requests, told, restart, get } = world()
  await apply([service()])
  restart()
  await told('Service')
  assert.match(get('Service').appliedHash ?? '', /^[0-9a-f]{16}$/)
  assert.equal(states(await apply([service()])), 'Unchanged')
  assert.deepEqual(requests(), [])
})

test('a name of somebody else is never written to, and looked at again', async () => {
  for (const stranger of [
    { ...service(), metadata: { name: 'one-consumer', namespace: 'team' } },
    { ...service(), metadata: { ...service().metadata, labels: undefined, ownerReferences: ownedBy('somebody') } },
  ]) {
    const { kubernetes, apply, requests, pass } = world()
    const { metadata } = await kubernetes.write(stranger)
    requests()
    const { children } = await apply([service(), rule])
    assert.deepEqual([children[0]?.state, children[0]?.lookAgainMs], ['NameTaken', 30_000])
    assert.deepEqual(requests(), ['list Service', 'list PrometheusRule', 'apply PrometheusRule'])
    const reference = { kind: childKinds.Service, namespace: 'team', name: 'one-consumer' }
    assert.equal((await kubernetes.get(reference)).metadata.resourceVersion, metadata.resourceVersion)
    await kubernetes.remove(reference, metadata.uid!)
    pass(30_000)
    assert.equal(states(await apply([service(), rule])), 'Applied,Unchanged')
  }
})

test('a child of ours that belongs to another one is left alone; one of a predecessor is waited for', async () => {
  const { kubernetes, children, apply, requests } = world()
  for (const [owner, state] of [
    ['other', 'NameTaken'],
    ['one', 'Waiting'],
  ] as const) {
    const metadata = {
      ...service().metadata,
      uid: owner,
      resourceVersion: '1',
      ownerReferences: ownedBy('before', owner),
    }
    const child = observe({ ...service(), metadata })
    children().record(child)
    assert.equal(states(await apply([service()])), state)
    children().remove(child)
  }
  assert.deepEqual(requests(), [])
  assert.equal(kubernetes.requests.length, 0)
})

test('a label that somebody took away does not make a child of ours a stranger', async () => {
  const { kubernetes, apply, requests } = world()
  await kubernetes.write({ ...service(), metadata: { ...service().metadata, labels: {} } })
  requests()
  assert.equal(states(await apply([service()])), 'Applied')
})

test('a child that somebody changed is applied again, and that is told', async () => {
  const { apply, told, requests, pass } = world()
  await apply([service()])
  await told('Service', { 'f:spec': {} })
  const { children } = await apply([service()])
  assert.deepEqual([children[0]?.state, children[0]?.repaired], ['Applied', true])
  assert.deepEqual(requests(), ['apply Service'])
  // Again and again: more rarely each time.
  let repairs = 0
  for (let second = 0; second < 3600; second++) {
    await told('Service', { 'f:spec': { second } })
    pass(1000)
    const again = await apply([service()])
    if (again.children[0]?.repaired) repairs++
    else assert.ok(again.children[0]!.state === 'Waiting' && again.children[0]!.lookAgainMs! > 0)
  }
  assert.ok(repairs > 5 && repairs < 20, `${repairs}`)
  pass(1_000_000)
  assert.equal((await apply([service()])).children[0]?.repaired, true)
})

test('two operators that want different things put each other right ever more rarely', async () => {
  const { kubernetes, apply, pass, children } = world()
  await apply([service()])
  const other = service({ clusterIP: '10.0.0.1' })
  const annotations = { [hashAnnotation]: 'of the other' }
  let repairs = 0
  for (let second = 0; second < 3600; second++) {
    // It sets the very fields that we set, under the same name.
    const stored = await kubernetes.apply({ ...other, metadata: { ...other.metadata, annotations } }, ours)
    children().record(observe({ ...stored, kind: 'Service' }))
    pass(1000)
    if ((await apply([service()])).children[0]?.repaired) repairs++
  }
  assert.ok(repairs > 5 && repairs < 20, `${repairs}`)
})

test('a change of what is asked for is no repair, and is not held back by one', async () => {
  const { apply, told } = world()
  await apply([service()])
  await told('Service', { 'f:spec': {} })
  assert.equal((await apply([service()])).children[0]?.repaired, true)
  await told('Service', { 'f:spec': { again: {} } })
  const { children } = await apply([service({ clusterIP: '10.0.0.1' })])
  assert.deepEqual([children[0]?.state, children[0]?.repaired], ['Applied', undefined])
})

test('a child that was there and is not any more was deleted; one that never was is new', async () => {
  const { kubernetes, children, apply } = world()
  assert.equal((await apply([service()], { wasApplied: () => false })).children[0]?.repaired, undefined)
  const known = children().get('Service', 'team', 'one-consumer')!
  await kubernetes.remove({ kind: childKinds.Service, namespace: 'team', name: 'one-consumer' }, known.uid)
  children().remove(known)
  const were: unknown[] = []
  const { children: now } = await apply([service()], { wasApplied: child => were.push(child) > 0 })
  assert.equal(now[0]?.repaired, true)
  assert.deepEqual(were, [{ kind: 'Service', name: 'one-consumer' }])
})

test('fields of others are left to them, also where an operator begins', async () => {
  const { apply, told, requests, restart, get } = world()
  await apply([service()])
  const edit = [{ manager: 'kubectl-edit', operation: 'Update' }] as const
  const { ours } = get('Service')
  // A process that begins cannot know whether the other's fields were ours once: it asks, once, and says nothing.
  restart()
  await told('Service', null as never, edit)
  assert.equal(get('Service').ours, ours)
  const { children: now } = await apply([service()])
  assert.deepEqual([now[0]?.state, now[0]?.repaired], ['Applied', undefined])
  assert.deepEqual(requests(), ['apply Service'])
  await told('Service', null as never, edit)
  assert.equal(states(await apply([service()])), 'Unchanged')
  assert.deepEqual(requests(), [])
})

test('what is owned and no longer desired is removed, but for what is kept', async () => {
  const { kubernetes, apply, requests } = world()
  await apply([service(), rule])
  requests()
  assert.deepEqual((await apply([service()], { keep: ({ kind }) => kind === 'PrometheusRule' })).pruned, [])
  assert.deepEqual(requests(), [])
  assert.deepEqual((await apply([service()])).pruned, [{ kind: 'PrometheusRule', name: 'one-consumer' }])
  assert.deepEqual(requests(), ['delete PrometheusRule'])
  assert.deepEqual((await apply([service()])).pruned, [])
  assert.deepEqual(requests(), [])
  assert.equal(kubernetes.requests.length, 0)
})

test('what waits is neither made nor changed, and what has no API is told', async () => {
  const { apply, requests } = world(['Service'])
  assert.equal(states(await apply([service(), rule], { waiting: kind => kind === 'Service' })), 'Waiting,Missing')
  assert.deepEqual(requests(), [])
})

test("a refusal is the child's own; whatever may pass is thrown", async () => {
  const refusing = async (code: KubernetesErrorCode, object: KubernetesObject, message = 'because') => {
    const { kubernetes, apply } = world()
    kubernetes.intercept = ({ verb, kind }) => {
      if (verb === 'apply' && kind === object.kind) throw new KubernetesError(code, 400, message)
    }
    return states(
      await apply([
        object,
        { ...service(), metadata: { ...service().metadata, name: 'other' }, kind: 'ServiceAccount' },
      ]),
    )
  }
  for (const code of ['Invalid', 'Forbidden', 'Refused', 'NotFound'] as const)
    assert.equal(await refusing(code, service()), 'Failed,Applied')
  assert.equal(await refusing('NotFound', rule), 'Missing,Applied')
  for (const code of ['Unavailable', 'TooManyRequests', 'Conflict', 'Unauthorized'] as const)
    await assert.rejects(refusing(code, service()), { code })
  const ending = 'unable to create new content in namespace team because it is being terminated'
  await assert.rejects(refusing('Forbidden', service(), ending), { code: 'Forbidden' })
})

test('a look at the names of a namespace serves all that are made together, and one that failed nobody', async () => {
  const kubernetes = new InMemoryKubernetes([childKinds.Service])
  let nowMs = 0
  const occupied = new OccupiedNames(kubernetes, () => nowMs)
  const ask = (namespace = 'team') => occupied.byOther('Service', namespace, 'x', 'owner')
  await Promise.all([ask(), ask(), ask()])
  assert.equal(kubernetes.requests.length, 1)
  await ask('other')
  nowMs += 15_001
  await ask()
  assert.equal(kubernetes.requests.length, 3)
  nowMs += 15_001
  kubernetes.intercept = () => {
    throw new KubernetesError('Unavailable', 503, 'away')
  }
  await assert.rejects(ask())
  kubernetes.intercept = undefined
  assert.equal(await ask(), false)
})

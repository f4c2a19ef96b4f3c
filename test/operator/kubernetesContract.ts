/** What every implementation of the port to the API server does: run in memory and on a real API server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Kubernetes,
  KubernetesError,
  type KubernetesErrorCode,
  type KubernetesObject,
  type List,
  type ListOptions,
  type WatchEvent,
} from '../../operator/kubernetes.ts'
import { minimal } from '../crds/minimal.ts'
import { succeeds, until } from '../until.ts'
import { kinds } from './kinds.ts'

export interface ContractWorld {
  readonly kubernetes: Kubernetes
  /** Exists; nobody else writes there. */
  readonly namespace: string
  /** Makes resource version 1 too old to go on from. */
  forget(): void | Promise<void>
}

const rejects = (promise: Promise<unknown>, code: KubernetesErrorCode) =>
  assert.rejects(promise, (error: unknown) => error instanceof KubernetesError && error.code === code)

export function kubernetesContract(world: () => ContractWorld): void {
  let names = 0
  const newName = () => `object-${++names}`
  const mine = { fieldManager: 'mine' }
  const theirs = { fieldManager: 'theirs' }

  const configMap = (name: string, data: object, metadata: object = {}): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: world().namespace, ...metadata },
    data,
  })
  const consumer = (name: string, topic = 'health'): KubernetesObject => {
    const resource = minimal()
    const spec = { ...resource.spec, kafka: { ...resource.spec.kafka, topics: [topic] } }
    return { ...resource, spec, metadata: { name, namespace: world().namespace } }
  }
  const referenceTo = (name: string, kind = kinds.ConfigMap) => ({ kind, namespace: world().namespace, name })
  const found = (name: string, kind = kinds.ConfigMap) => world().kubernetes.get(referenceTo(name, kind))
  const list = (options: ListOptions = {}): Promise<List> =>
    world().kubernetes.list(kinds.ConfigMap, { namespace: world().namespace, ...options })

  test('what does not exist is not found, and neither is an API that is not there', async () => {
    const { kubernetes } = world()
    await rejects(found('nothing'), 'NotFound')
    const kind = { group: 'absent.example', version: 'v1', kind: 'Absent', plural: 'absents', namespaced: true }
    await rejects(kubernetes.list(kind, {}), 'NotFound')
  })

  test('an apply creates, changes what differs, and writes nothing where nothing does', async () => {
    const { kubernetes } = world()
    const name = newName()
    const created = await kubernetes.apply(configMap(name, { a: '1', b: '1' }, { labels: { app: 'x' } }), mine)
    assert.deepEqual(created.data, { a: '1', b: '1' })
    assert.ok(created.metadata.uid)
    const again = await kubernetes.apply(configMap(name, { a: '1', b: '1' }, { labels: { app: 'x' } }), mine)
    assert.equal(again.metadata.resourceVersion, created.metadata.resourceVersion)
    const changed = await kubernetes.apply(configMap(name, { a: '2', b: '1' }), mine)
    assert.deepEqual(changed.data, { a: '2', b: '1' })
    assert.equal(changed.metadata.labels, undefined, 'a field that is no longer applied vanishes')
    assert.notEqual(changed.metadata.resourceVersion, created.metadata.resourceVersion)
    assert.equal(changed.metadata.uid, created.metadata.uid)
    assert.deepEqual(await found(name), changed)
  })

  test('managers keep what is theirs, and an apply takes what it names', async () => {
    const { kubernetes } = world()
    const name = newName()
    await kubernetes.apply(configMap(name, { a: '1', both: '1', mine: '1' }), mine)
    const both = await kubernetes.apply(configMap(name, { a: '2', both: '1', theirs: '1' }), theirs)
    assert.deepEqual(both.data, { a: '2', both: '1', mine: '1', theirs: '1' })
    const left = await kubernetes.apply(configMap(name, { mine: '1' }), mine)
    assert.deepEqual(left.data, { a: '2', both: '1', mine: '1', theirs: '1' }, 'what the other has as well stays')
    const taken = await kubernetes.apply(configMap(name, { a: '3', mine: '1' }), mine)
    assert.deepEqual(taken.data, { a: '3', both: '1', mine: '1', theirs: '1' })
    const last = await kubernetes.apply(configMap(name, {}), theirs)
    assert.deepEqual(last.data, { a: '3', mine: '1' })
  })

  test('a dry run stores nothing and says what would be', async () => {
    const { kubernetes } = world()
    const name = newName()
    const would = await kubernetes.apply(configMap(name, { a: '1' }), { ...mine, dryRun: true })
    assert.deepEqual(would.data, { a: '1' })
    await rejects(found(name), 'NotFound')
  })

  test('the status is applied by itself, and only the spec moves the generation', async () => {
    const { kubernetes } = world()
    const name = newName()
    const created = await kubernetes.apply(consumer(name), mine)
    assert.equal(created.metadata.generation, 1)
    const { spec: _, ...rest } = consumer(name)
    const status = { observedGeneration: 1, replicas: 2 }
    const reported = await kubernetes.apply({ ...rest, status }, { ...mine, subresource: 'status' })
    assert.equal((reported.status as { replicas: number }).replicas, 2)
    assert.deepEqual(reported.spec, created.spec)
    assert.equal(reported.metadata.generation, 1)
    const same = await kubernetes.apply({ ...rest, status }, { ...mine, subresource: 'status' })
    assert.equal(same.metadata.resourceVersion, reported.metadata.resourceVersion)
    const changed = await kubernetes.apply({ ...consumer(name, 'other'), status: { replicas: 9 } }, mine)
    assert.equal(changed.metadata.generation, 2)
    assert.equal((changed.status as { replicas: number }).replicas, 2, 'the object itself does not take a status')
    await rejects(
      kubernetes.apply(
        { ...rest, metadata: { ...rest.metadata, name: 'nothing' }, status },
        { ...mine, subresource: 'status' },
      ),
      'NotFound',
    )
  })

  test('a write creates once and replaces one version', async () => {
    const { kubernetes } = world()
    const name = newName()
    const created = await kubernetes.write(configMap(name, { a: '1' }))
    await rejects(kubernetes.write(configMap(name, { a: '2' })), 'AlreadyExists')
    const replaced = await kubernetes.write({ ...created, data: { b: '1' } })
    assert.deepEqual(replaced.data, { b: '1' })
    await rejects(kubernetes.write({ ...created, data: { c: '1' } }), 'Conflict')
    assert.deepEqual(await found(name), replaced)
  })

  test('the object with that uid is removed and no other', async () => {
    const { kubernetes } = world()
    const name = newName()
    const { metadata } = await kubernetes.write(configMap(name, { a: '1' }))
    await kubernetes.remove(referenceTo(name), 'another-uid')
    assert.equal((await found(name)).metadata.uid, metadata.uid)
    await kubernetes.remove(referenceTo(name), metadata.uid!)
    await rejects(found(name), 'NotFound')
    await kubernetes.remove(referenceTo(name), metadata.uid!)
  })

  test('a finalizer holds what is removed', async () => {
    const { kubernetes } = world()
    const name = newName()
    const created = await kubernetes.write(configMap(name, {}, { finalizers: ['example.com/hold'] }))
    await kubernetes.remove(referenceTo(name), created.metadata.uid!)
    const held = await found(name)
    assert.ok(held.metadata.deletionTimestamp)
    await kubernetes.write({ ...held, metadata: { ...held.metadata, finalizers: [] } })
    await rejects(found(name), 'NotFound')
  })

  test('children go with their owner', async () => {
    const { kubernetes } = world()
    const name = newName()
    const owner = await kubernetes.write(configMap(name, {}))
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name, uid: owner.metadata.uid }
    const child = newName()
    await kubernetes.apply(configMap(child, {}, { ownerReferences: [reference] }), mine)
    await kubernetes.remove(referenceTo(name), owner.metadata.uid!)
    await until('the child is gone', async () => !(await succeeds(found(child))), 60)
  })

  test('a list comes in pages, by label, and as metadata alone', async () => {
    const { kubernetes } = world()
    const labels = { page: 'yes' }
    const created = Array.from({ length: 5 }, newName)
    for (const name of created) await kubernetes.write(configMap(name, { a: '1' }, { labels }))
    const seen: string[] = []
    let pages = 0
    let page: List | undefined
    do {
      page = await list({ labelSelector: 'page=yes', limit: 2, continue: page?.continue })
      for (const { apiVersion, kind, metadata, data } of page.items) {
        assert.deepEqual([apiVersion, kind, data], ['v1', 'ConfigMap', { a: '1' }])
        seen.push(metadata.name)
      }
      pages++
    } while (page.continue !== undefined)
    assert.deepEqual([pages, seen.sort()], [3, created.sort()])
    const bare = await list({ labelSelector: 'page in (yes,no)', metadataOnly: true })
    assert.equal(bare.items.length, 5)
    for (const { apiVersion, kind, metadata, data } of bare.items)
      assert.deepEqual([apiVersion, kind, data, metadata.labels], ['v1', 'ConfigMap', undefined, labels])
    assert.deepEqual((await list({ labelSelector: '!page,other' })).items, [])
    const [one] = created
    assert.equal((await list({ fieldSelector: `metadata.name=${one}` })).items.length, 1)
  })

  async function watched(options: Partial<ListOptions>, from: string, count: number): Promise<readonly string[]> {
    const events: string[] = []
    const signal = AbortSignal.timeout(20_000)
    const selection = { namespace: world().namespace, ...options }
    const stream = world().kubernetes.watch(kinds.ConfigMap, {
      ...selection,
      resourceVersion: from,
      timeoutSeconds: 60,
      signal,
    })
    for await (const event of stream) {
      if (event.type === 'BOOKMARK') continue
      const { kind, metadata, data } = event.object
      assert.equal(kind, 'ConfigMap')
      events.push(`${event.type} ${metadata.name} ${JSON.stringify(data)}`)
      if (events.length === count) break
    }
    return events
  }

  test('a watch tells what happened since its version', async () => {
    const { kubernetes } = world()
    const { resourceVersion } = await list()
    const labels = { watch: 'yes' }
    const name = newName()
    const { metadata } = await kubernetes.apply(configMap(name, { a: '1' }, { labels }), mine)
    await kubernetes.apply(configMap(name, { a: '2' }, { labels }), mine)
    const passing = newName()
    await kubernetes.apply(configMap(passing, {}), mine)
    await kubernetes.apply(configMap(passing, { b: '1' }, { labels }), mine)
    await kubernetes.apply(configMap(passing, { b: '2' }), mine)
    await kubernetes.remove(referenceTo(name), metadata.uid!)
    const expected = [
      `ADDED ${name} {"a":"1"}`,
      `MODIFIED ${name} {"a":"2"}`,
      `ADDED ${passing} {"b":"1"}`,
      `DELETED ${passing} {"b":"1"}`,
      `DELETED ${name} {"a":"2"}`,
    ]
    assert.deepEqual(await watched({ labelSelector: 'watch=yes' }, resourceVersion, 5), expected)
    const bare = await watched({ labelSelector: 'watch=yes', metadataOnly: true }, resourceVersion, 5)
    assert.deepEqual(
      bare,
      expected.map(each => each.replace(/\{.*/, 'undefined')),
    )
  })

  test('a watch ends by itself after its time, and when it is aborted', async () => {
    const { kubernetes, namespace } = world()
    const { resourceVersion } = await list()
    const stopping = new AbortController()
    // The namespace's own certificates may still arrive.
    const labelSelector = 'nobody=has'
    const options = { namespace, labelSelector, resourceVersion, timeoutSeconds: 1, signal: stopping.signal }
    const seen: WatchEvent[] = []
    for await (const event of kubernetes.watch(kinds.ConfigMap, options))
      if (event.type !== 'BOOKMARK') seen.push(event)
    assert.deepEqual(seen, [])
    const endless = kubernetes.watch(kinds.ConfigMap, { ...options, timeoutSeconds: 300 })[Symbol.asyncIterator]()
    const next = endless.next()
    stopping.abort()
    await rejects(next, 'Unavailable')
  })

  test('a watch from a version that is forgotten is Expired', async () => {
    await world().forget()
    await rejects(watched({}, '1', 1), 'Expired')
  })
}

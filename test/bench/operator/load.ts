/** HealthConsumers for a benchmark: makes and changes them, and sees when the operator has applied them. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { apiVersion, type HealthConsumerStatus, kind } from '../../../crds/healthconsumer.ts'
import type { Kind, KubernetesObject } from '../../../operator/kubernetes.ts'
import type { KubernetesClient } from '../../../operator/kubernetesClient.ts'
import type { TestCluster } from '../../operator/cluster.ts'
import { kinds } from '../../operator/kinds.ts'

const namespaces = 10
/** Requests of a user who applies a folder of manifests from several terminals. */
const inFlight = 16

const claimKind: Kind = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  namespaced: true,
}
const namespaceKind: Kind = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }

const metadataOf = (index: number) => ({ name: `consumer-${index}`, namespace: `bench-${index % namespaces}` })
const keyOf = ({ namespace, name }: { readonly namespace?: string; readonly name: string }) => `${namespace}/${name}`

/** Resolves once the claim that the consumers name is in every namespace. */
export async function prepareNamespaces(client: KubernetesClient): Promise<void> {
  for (let index = 0; index < namespaces; index++) {
    const { namespace } = metadataOf(index)
    await client.write({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const resources = { requests: { storage: '1Gi' } }
    const spec = { accessModes: ['ReadWriteMany'], resources }
    await client.write({ apiVersion: 'v1', kind: claimKind.kind, metadata: { name: 'tables', namespace }, spec })
  }
}

export const loadClient = (cluster: TestCluster): KubernetesClient =>
  cluster.client({
    kinds: [...Object.values(kinds), claimKind, namespaceKind],
    requestsPerSecond: 10_000,
    burst: 10_000,
    writesInFlight: inFlight,
  })

/** What `kubectl apply` of so many different manifests asks of the API server. */
export async function createConsumers(client: KubernetesClient, count: number): Promise<void> {
  const indices = Array.from({ length: count }, (_, index) => index).values()
  const worker = async () => {
    for (const index of indices) await client.write(consumer(index))
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}

const consumer = (index: number): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: metadataOf(index),
  spec: {
    kafka: { bootstrapServers: ['kafka-bootstrap:9092'], topics: [`health-data-${index}`] },
    iceberg: {
      catalog: { type: 'filesystem', warehouse: 'file:///data/warehouse' },
      storage: { persistentVolumeClaim: { claimName: 'tables', mountPath: '/data' } },
      rawTable: `raw_${index}`,
      errorsTable: `errors_${index}`,
    },
  },
})

/** Tells of all objects of a kind, and of their changes until it is stopped. Resolves once it has told of all. */
function watchFrom(
  client: KubernetesClient,
  of: Kind,
  signal: AbortSignal,
  seen: (object: KubernetesObject) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const watching = async () => {
    // An API server that has much to do ends watches.
    while (!signal.aborted) {
      const { items, resourceVersion } = await client.list(of, {})
      items.forEach(seen)
      resolve()
      for await (const event of client.watch(of, { resourceVersion, timeoutSeconds: 3600, signal }))
        if (event.type !== 'BOOKMARK') seen(event.object)
    }
  }
  watching().catch((error: unknown) => {
    if (!signal.aborted) reject(error)
  })
  return promise
}

export interface AppliedConsumers {
  /** Resolves with the time of the last, in milliseconds, once so many are as their spec says. */
  all(count: number, seconds: number): Promise<number>
}

export async function watchApplied(client: KubernetesClient, signal: AbortSignal): Promise<AppliedConsumers> {
  const applied = new Set<string>()
  let lastMs = 0
  await watchFrom(client, kinds.HealthConsumer, signal, object => {
    const key = keyOf(object.metadata)
    if (!isApplied(object) || applied.has(key)) return
    applied.add(key)
    lastMs = performance.now()
  })
  return {
    async all(count, seconds) {
      const deadlineMs = performance.now() + seconds * 1000
      while (applied.size < count) {
        if (performance.now() > deadlineMs) throw new Error(`${applied.size} of ${count} applied after ${seconds} s`)
        await delay(50)
      }
      return lastMs
    },
  }
}

function isApplied({ metadata, status }: KubernetesObject): boolean {
  const { observedGeneration, resources } = (status ?? {}) as HealthConsumerStatus
  const isWhole = resources?.every(({ state }) => state === 'Applied') ?? false
  return observedGeneration === metadata.generation && isWhole
}

/** One quiet change after another: milliseconds each from its being sent to the Deployment being as it says. */
export async function measureChanges(
  client: KubernetesClient,
  count: number,
  changes: number,
): Promise<readonly number[]> {
  const stop = new AbortController()
  const generations = new Map<string, number>()
  let isChanged = (_: string) => {}
  await watchFrom(client, kinds.Deployment, stop.signal, ({ metadata }) => {
    const { generation = 0 } = metadata
    const before = generations.get(keyOf(metadata)) ?? 0
    generations.set(keyOf(metadata), generation)
    if (generation > before) isChanged(keyOf(metadata))
  })
  const times: number[] = []
  for (let index = 0; index < changes; index++) {
    const metadata = metadataOf(index % count)
    const seen = Promise.withResolvers<void>()
    isChanged = key => {
      if (key === `${metadata.namespace}/${metadata.name}-consumer`) seen.resolve()
    }
    const beganMs = performance.now()
    // A new revision: another ConfigMap, and the Deployment that names it.
    const spec = { iceberg: { commit: { interval: `${61 + Math.floor(index / count)}s` } } }
    await client.apply({ apiVersion, kind, metadata, spec }, { fieldManager: randomUUID() })
    await seen.promise
    times.push(performance.now() - beganMs)
    await delay(100)
  }
  stop.abort()
  return times.sort((a, b) => a - b)
}

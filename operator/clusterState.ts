/**
 * What is known of the cluster: the HealthConsumers, their children and pods, what they name, and which of them is
 * concerned when one of these changes. It keeps facts instead of objects, ignores the events of our own writes, and
 * does nothing about what it learns.
 */
import { apiVersion, group, type HealthConsumerStatus, kind, plural, version } from '../crds/healthconsumer.ts'
import type { Logger } from '../runtime/contract/logger.ts'
import { type AvailableKinds, Children, isNewer, type ObservedChild, observe } from './children.ts'
import type { Clock } from './clock.ts'
import { type DependencyKind, dependencyKinds } from './dependencies.ts'
import { managedBy, podsSelector } from './desired/child.ts'
import { type ChildKindName, childKinds } from './desired/index.ts'
import type { Dependency } from './desired/references.ts'
import type { Kind, Kubernetes, KubernetesObject } from './kubernetes.ts'
import type { ListWatchLimits, ListWatchOptions } from './listWatch.ts'
import { Watched } from './watches.ts'
import { type DeploymentFacts, deploymentFacts, type PodFacts, podFacts } from './workload.ts'

export const healthConsumerKind: Kind = { group, version, kind, plural, namespaced: true }
const podKind: Kind = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }

export interface ClusterStateOptions {
  readonly kubernetes: Kubernetes
  /** Empty: all. */
  readonly namespaces: readonly string[]
  readonly logger: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly limits?: Partial<ListWatchLimits>
  /** Something about that HealthConsumer (`namespace/name`) has changed. Not called before everything was listed once. */
  concerned(key: string): void
  /** Its conditions, as stored; undefined once it is gone. */
  conditions(key: string, conditions: HealthConsumerStatus['conditions']): void
}

export const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? 'default'}/${name}`

const selector = (labels: Readonly<Record<string, string>>, operator = '=') =>
  Object.entries(labels)
    .map(([label, value]) => `${label}${operator}${value}`)
    .join(',')

/** What the watches of all kinds have in common. */
type AnyWatch = Pick<Watched<never>, 'isThere' | 'lastEventMs' | 'synced' | 'run'>

export class ClusterState {
  readonly children = new Children()
  readonly #options: ClusterStateOptions
  readonly #consumers: Watched<KubernetesObject>
  readonly #childWatches: ReadonlyMap<ChildKindName, AnyWatch>
  readonly #pods: Watched<PodFacts>
  readonly #provided: ReadonlyMap<DependencyKind, Watched<Provided>>
  readonly #keyByUid = new Map<string, string>()
  readonly #deployments = new Map<string, { readonly resourceVersion: string; readonly facts: DeploymentFacts }>()
  readonly #podsByKey = new Map<string, Map<string, PodFacts>>()
  /** Who names an object: the object -> keys of HealthConsumers. */
  readonly #dependents = new Map<string, Set<string>>()
  /** Status as this process wrote it last, by uid. */
  readonly #written = new Map<string, { readonly resourceVersion: string; readonly status: HealthConsumerStatus }>()
  /** Kinds that were there at some time. */
  readonly #known = new Set<ChildKindName>()
  #isSynced = false

  constructor(options: ClusterStateOptions) {
    this.#options = options
    this.#consumers = this.#watch<KubernetesObject>(healthConsumerKind, {
      project: withoutManagedFields,
      changed: (now, before) => this.#consumerChanged(now, before),
      gone: last => this.#consumerGone(last),
    })
    this.#childWatches = new Map(
      (Object.keys(childKinds) as ChildKindName[]).map(name => [name, this.#watchChildren(name)]),
    )
    this.#pods = this.#watch<PodFacts>(podKind, {
      labelSelector: selector(podsSelector),
      project: podFacts,
      changed: now => this.#podChanged(now),
      gone: last => this.#podGone(last),
    })
    this.#provided = new Map(
      (Object.keys(dependencyKinds) as DependencyKind[]).map(name => [name, this.#watchProvided(name)]),
    )
  }

  /** Milliseconds since the epoch: when the least lively watch last heard anything. */
  get lastEventMs(): number {
    return Math.min(...this.#watches.map(({ lastEventMs }) => lastEventMs))
  }

  /** Whether everything was listed once. */
  get isSynced(): boolean {
    return this.#isSynced
  }

  /** Watches until the signal aborts. Every HealthConsumer is concerned once, when everything has been listed. */
  async run(signal: AbortSignal): Promise<void> {
    const watching = this.#watches.map(watch => watch.run(signal))
    const synced = Promise.all(this.#watches.map(watch => watch.synced)).then(() => {
      this.#isSynced = true
      this.#everybody()
    })
    await Promise.race([synced, Promise.all(watching)])
    await Promise.all(watching)
  }

  consumer(key: string): KubernetesObject | undefined {
    const [namespace = '', name = ''] = key.split('/')
    return this.#consumers.get(namespace, name)
  }

  /** Kinds of children that the API server has now. */
  available(): AvailableKinds {
    return new Set([...this.#childWatches].filter(([, watched]) => watched.isThere).map(([name]) => name))
  }

  deployment(namespace: string, name: string): DeploymentFacts | undefined {
    return this.#deployments.get(keyOf(namespace, name))?.facts
  }

  /** HealthConsumers that have pods. */
  keysWithPods(): Iterable<string> {
    return this.#podsByKey.keys()
  }

  pods(key: string): readonly PodFacts[] {
    return [...(this.#podsByKey.get(key)?.values() ?? [])]
  }

  /** Resource version of an object that a HealthConsumer may name; undefined where it is not there. */
  versionOf(of: DependencyKind, namespace: string, name: string): string | undefined {
    return this.#provided.get(of)!.get(namespace, name)?.version
  }

  /** From now on the HealthConsumer is concerned by what it names. */
  depends(key: string, namespace: string, dependencies: readonly Dependency[]): void {
    for (const { kind: of, name } of dependencies) {
      const object = `${of}/${namespace}/${name}`
      this.#dependents.set(object, (this.#dependents.get(object) ?? new Set()).add(key))
    }
  }

  /** The answer to a write of a child. */
  childWritten(name: ChildKindName, stored: KubernetesObject): void {
    const child = observe({ ...stored, kind: name })
    this.children.recordWrite(child)
    if (name === 'Deployment') this.#deploymentSeen(child, deploymentFacts(stored))
  }

  /** The answer to a write of a status. */
  statusWritten({ metadata, status }: KubernetesObject): void {
    const { uid = '', resourceVersion = '0' } = metadata
    this.#written.set(uid, { resourceVersion, status: status as HealthConsumerStatus })
  }

  /** Status that this process wrote after that object was stored; undefined where there is none. */
  writtenStatus({ metadata }: KubernetesObject): HealthConsumerStatus | undefined {
    const written = this.#written.get(metadata.uid ?? '')
    return written && isNewer(written.resourceVersion, metadata.resourceVersion ?? '0') ? written.status : undefined
  }

  get #watches(): readonly AnyWatch[] {
    return [this.#consumers, ...this.#childWatches.values(), this.#pods, ...this.#provided.values()]
  }

  #tell(key: string): void {
    if (this.#isSynced) this.#options.concerned(key)
  }

  #everybody(): void {
    for (const { metadata } of this.#consumers.values()) this.#tell(keyOf(metadata.namespace, metadata.name))
  }

  #watch<Value>(
    of: Kind,
    options: Pick<ListWatchOptions<Value>, 'project' | 'changed' | 'gone' | 'metadataOnly' | 'observer'> & {
      readonly labelSelector?: string
    },
  ): Watched<Value> {
    const { concerned: _, conditions: __, ...common } = this.#options
    return new Watched({ ...common, kind: of, ...options })
  }

  #watchChildren(name: ChildKindName): AnyWatch {
    const labelSelector = selector(managedBy)
    const observer = { listed: () => this.#kindListed(name) }
    if (name === 'Deployment')
      return this.#watch<ObservedDeployment>(childKinds[name], {
        labelSelector,
        observer,
        project: object => ({ child: observe(object), facts: deploymentFacts(object) }),
        changed: ({ child, facts }) => {
          this.#deploymentSeen(child, facts)
          this.#childSeen(child)
        },
        gone: ({ child }) => {
          this.#deployments.delete(keyOf(child.namespace, child.name))
          this.#childGone(child)
        },
      })
    return this.#watch<ObservedChild>(childKinds[name], {
      labelSelector,
      observer,
      metadataOnly: true,
      project: observe,
      changed: child => this.#childSeen(child),
      gone: child => this.#childGone(child),
    })
  }

  #watchProvided(name: DependencyKind): Watched<Provided> {
    const concerned = ({ namespace, name: object }: Provided) => {
      for (const key of this.#dependents.get(`${name}/${namespace}/${object}`) ?? []) this.#tell(key)
    }
    return this.#watch<Provided>(dependencyKinds[name], {
      // Our own ConfigMaps are watched as children.
      ...(name === 'ConfigMap' && { labelSelector: selector(managedBy, '!=') }),
      metadataOnly: true,
      project: ({ metadata }) => ({
        namespace: metadata.namespace ?? '',
        name: metadata.name,
        version: metadata.resourceVersion ?? '',
      }),
      changed: concerned,
      gone: concerned,
    })
  }

  /** An optional API that was installed later concerns everybody. */
  #kindListed(name: ChildKindName): void {
    if (this.#known.has(name)) return
    this.#known.add(name)
    this.#everybody()
  }

  #consumerChanged(now: KubernetesObject, before: KubernetesObject | undefined): void {
    const { namespace, name, uid, generation, deletionTimestamp } = now.metadata
    const key = keyOf(namespace, name)
    this.#keyByUid.set(uid ?? '', key)
    const status = now.status as HealthConsumerStatus | undefined
    this.#options.conditions(key, status?.conditions ?? [])
    const isSame = before?.metadata.generation === generation && !deletionTimestamp
    if (isSame && JSON.stringify(this.#written.get(uid ?? '')?.status) === JSON.stringify(status)) return
    this.#tell(key)
  }

  #consumerGone({ metadata: { namespace, name, uid = '' } }: KubernetesObject): void {
    const key = keyOf(namespace, name)
    this.#keyByUid.delete(uid)
    this.#written.delete(uid)
    for (const keys of this.#dependents.values()) keys.delete(key)
    this.#options.conditions(key, undefined)
    this.#tell(key)
  }

  #childSeen(child: ObservedChild): void {
    if (this.children.record(child)) this.#ownerOf(child)
  }

  #childGone(child: ObservedChild): void {
    this.children.remove(child)
    this.#ownerOf(child)
  }

  #ownerOf({ ownerUid }: ObservedChild): void {
    const key = ownerUid === undefined ? undefined : this.#keyByUid.get(ownerUid)
    if (key !== undefined) this.#tell(key)
  }

  #deploymentSeen({ namespace, name, resourceVersion }: ObservedChild, facts: DeploymentFacts): void {
    const key = keyOf(namespace, name)
    const known = this.#deployments.get(key)
    if (known?.facts.uid === facts.uid && !isNewer(resourceVersion, known.resourceVersion)) return
    this.#deployments.set(key, { resourceVersion, facts })
  }

  #podChanged(pod: PodFacts): void {
    const key = keyOf(pod.namespace, pod.consumer)
    const pods = this.#podsByKey.get(key) ?? new Map<string, PodFacts>()
    this.#podsByKey.set(key, pods)
    const before = pods.get(pod.name)
    pods.set(pod.name, pod)
    if (JSON.stringify(before) !== JSON.stringify(pod)) this.#tell(key)
  }

  #podGone(pod: PodFacts): void {
    const key = keyOf(pod.namespace, pod.consumer)
    const pods = this.#podsByKey.get(key)
    pods?.delete(pod.name)
    if (pods?.size === 0) this.#podsByKey.delete(key)
    this.#tell(key)
  }
}

interface ObservedDeployment {
  readonly child: ObservedChild
  readonly facts: DeploymentFacts
}

/** An object that a HealthConsumer may name. */
interface Provided {
  readonly namespace: string
  readonly name: string
  readonly version: string
}

const withoutManagedFields = (object: KubernetesObject): KubernetesObject => ({
  ...object,
  apiVersion,
  kind,
  metadata: { ...object.metadata, managedFields: undefined },
})

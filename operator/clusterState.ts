/**
 * What is known of the cluster: the HealthConsumers, their children and pods, what they name, and which of them is
 * concerned when one of these changes. It keeps facts instead of objects, ignores the events of our own writes, and
 * does nothing about what it learns.
 */
import { apiVersion, group, type HealthConsumerStatus, kind, plural, version } from '../crds/healthconsumer.ts'
import type { Logger } from '../runtime/contract/logger.ts'
import { Children, type ObservedChild, observe } from './children.ts'
import type { Clock } from './clock.ts'
import { managedBy, podsSelector } from './desired/child.ts'
import { type ChildKindName, childKinds } from './desired/index.ts'
import type { Kind, Kubernetes, KubernetesObject } from './kubernetes.ts'
import type { ListWatchLimits, ListWatchObserver, ListWatchOptions } from './listWatch.ts'
import { Namespaces } from './namespaces.ts'
import { ProvidedObjects } from './providedObjects.ts'
import { type AnyWatch, selector, Watched } from './watches.ts'
import { type DeploymentFacts, deploymentFacts, type PodFacts, podFacts } from './workload.ts'
import { Workloads } from './workloads.ts'
import { statusOf, WrittenStatuses } from './writtenStatuses.ts'

export const healthConsumerKind: Kind = { group, version, kind, plural, namespaced: true }
const definition = `${plural}.${group}`
const noDefinition = 'The definition of HealthConsumers is not installed. It is looked for again and again'
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
  /** Something around it has changed, such as a child or a pod, and more may follow at once. */
  touched(key: string): void
  /** Its conditions, as stored; undefined once it is gone. */
  conditions(key: string, conditions: HealthConsumerStatus['conditions']): void
}

export const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? 'default'}/${name}`

export class ClusterState {
  readonly children = new Children()
  readonly workloads = new Workloads()
  readonly provided: ProvidedObjects
  readonly namespaces: Namespaces
  readonly #options: ClusterStateOptions
  readonly #consumers: Watched<KubernetesObject>
  readonly #childWatches: ReadonlyMap<ChildKindName, AnyWatch>
  readonly #pods: Watched<PodFacts>
  readonly #written = new WrittenStatuses()
  readonly #observer: ListWatchObserver = { changed: namespace => this.namespaces.look(namespace) }

  constructor(options: ClusterStateOptions) {
    this.#options = options
    this.#consumers = this.#watch<KubernetesObject>(healthConsumerKind, {
      project: withoutManagedFields,
      changed: (now, before) => this.#consumerChanged(now, before),
      gone: last => this.#consumerGone(last),
      observer: { changed: namespace => this.#consumersChanged(namespace) },
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
    // Our own ConfigMaps are watched as children.
    const othersOnly = selector(managedBy, '!=')
    const concerned = (key: string) => this.#tell(key)
    this.provided = new ProvidedObjects({ ...options, observer: this.#observer, othersOnly, concerned })
    this.namespaces = new Namespaces({
      ...options,
      changed: within => this.#everybody(within),
      standings: within => this.#watches.map(watch => ({ kind: watch.kind.kind, state: watch.stateIn(within) })),
    })
  }

  /** When the least lively watch of each kind last heard anything, in milliseconds since the epoch. */
  lastEventMs(): ReadonlyMap<string, number> {
    const times = new Map<string, number>()
    for (const { kind, lastEventMs } of this.#watches)
      times.set(kind.kind, Math.min(lastEventMs, times.get(kind.kind) ?? lastEventMs))
    return times
  }

  /**
   * Watches until the signal aborts. Every HealthConsumer is concerned once, when everything has been listed, and again
   * when its namespace is no longer set aside.
   */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#watches.map(watch => watch.run(signal)))
  }

  /** As far as is known. Then nothing can be done, nor be said in a status. */
  get lacksDefinition(): boolean {
    return this.#consumers.isAbsent
  }

  /** Undefined as well where its namespace is set aside: what is known of it may be old. */
  consumer(key: string): KubernetesObject | undefined {
    const [namespace = '', name = ''] = key.split('/')
    return this.namespaces.setAside.includes(namespace) ? undefined : this.#consumers.get(namespace, name)
  }

  /** Kinds of children that the API server has now. */
  available(): ReadonlySet<ChildKindName> {
    return new Set([...this.#childWatches].filter(([, watched]) => watched.isThere).map(([name]) => name))
  }

  /** The answer to a write of a child. */
  childWritten(name: ChildKindName, stored: KubernetesObject): void {
    const child = observe({ ...stored, kind: name })
    this.children.recordWrite(child)
    if (name === 'Deployment') this.#deploymentSeen(child, deploymentFacts(stored))
  }

  /** The answer to a write of a status. */
  statusWritten(stored: KubernetesObject): void {
    const { namespace = '', name, uid } = stored.metadata
    if (this.#consumers.get(namespace, name)?.metadata.uid === uid) this.#written.record(stored)
  }

  /** Status that this process wrote after that object was stored; undefined where there is none. */
  writtenStatus(object: KubernetesObject): HealthConsumerStatus | undefined {
    return this.#written.after(object)
  }

  get #watches(): readonly AnyWatch[] {
    return [this.#consumers, ...this.#childWatches.values(), this.#pods, ...this.provided.watches]
  }

  #tell(key: string): void {
    if (this.namespaces.isSynced) this.#options.concerned(key)
  }

  #touch(key: string): void {
    if (this.namespaces.isSynced) this.#options.touched(key)
  }

  /** Of those in a namespace that is set aside nothing is said any more: they may be gone. */
  #everybody(within?: string): void {
    for (const consumer of this.#consumers.values()) {
      const { namespace, name } = consumer.metadata
      if (within !== undefined && namespace !== within) continue
      const key = keyOf(namespace, name)
      this.#options.conditions(key, this.consumer(key) && (statusOf(consumer)?.conditions ?? []))
      this.#tell(key)
    }
  }

  #watch<Value>(
    of: Kind,
    options: Pick<ListWatchOptions<Value>, 'project' | 'changed' | 'gone' | 'metadataOnly' | 'observer'> & {
      readonly labelSelector?: string
    },
  ): Watched<Value> {
    const { concerned: _, touched: __, conditions: ___, ...common } = this.#options
    return new Watched({ ...common, kind: of, ...options, observer: { ...this.#observer, ...options.observer } })
  }

  #watchChildren(name: ChildKindName): AnyWatch {
    const labelSelector = selector(managedBy)
    if (name === 'Deployment')
      return this.#watch(childKinds[name], {
        labelSelector,
        project: object => ({ child: observe(object), facts: deploymentFacts(object) }),
        changed: ({ child, facts }) => {
          if (this.#deploymentSeen(child, facts)) this.#tellOwner(child)
          this.#childSeen(child)
        },
        gone: ({ child, facts }) => {
          this.workloads.deploymentGone(keyOf(child.namespace, child.name), facts)
          this.#childGone(child)
        },
      })
    return this.#watch<ObservedChild>(childKinds[name], {
      labelSelector,
      metadataOnly: true,
      // An API that was installed later, or again, concerns everybody.
      observer: childKinds[name].optional ? { listed: () => this.#everybody() } : undefined,
      project: observe,
      changed: child => this.#childSeen(child),
      gone: child => this.#childGone(child),
    })
  }

  #consumersChanged(namespace: string | undefined): void {
    if (this.lacksDefinition) this.#options.logger.warning(noDefinition, { context: { definition } })
    this.namespaces.look(namespace)
  }

  #consumerChanged(now: KubernetesObject, before: KubernetesObject | undefined): void {
    const { namespace, name, generation, deletionTimestamp } = now.metadata
    const key = keyOf(namespace, name)
    this.#options.conditions(key, statusOf(now)?.conditions ?? [])
    const isSame = before?.metadata.generation === generation && !deletionTimestamp
    if (!isSame || !this.#written.isIn(now)) this.#tell(key)
  }

  #consumerGone({ metadata: { namespace, name, uid } }: KubernetesObject): void {
    const key = keyOf(namespace, name)
    this.#written.forget(uid)
    this.provided.forget(key)
    this.#options.conditions(key, undefined)
    this.#tell(key)
  }

  #childSeen(child: ObservedChild): void {
    if (this.children.record(child)) this.#tellOwner(child)
  }

  #childGone(child: ObservedChild): void {
    this.children.remove(child)
    this.#tellOwner(child)
  }

  /** By name: a HealthConsumer that was made anew waits for the children of the one before to be gone. */
  #tellOwner({ namespace, consumer }: ObservedChild): void {
    if (consumer !== undefined) this.#touch(keyOf(namespace, consumer))
  }

  #deploymentSeen({ namespace, name, resourceVersion }: ObservedChild, facts: DeploymentFacts): boolean {
    return this.workloads.deploymentSeen(keyOf(namespace, name), resourceVersion, facts)
  }

  #podChanged(pod: PodFacts): void {
    const key = keyOf(pod.namespace, pod.consumer)
    if (this.workloads.podSeen(key, pod)) this.#touch(key)
  }

  #podGone(pod: PodFacts): void {
    const key = keyOf(pod.namespace, pod.consumer)
    this.workloads.podGone(key, pod)
    this.#touch(key)
  }
}

const withoutManagedFields = (object: KubernetesObject): KubernetesObject => ({
  ...object,
  apiVersion,
  kind,
  metadata: { ...object.metadata, managedFields: undefined },
})

/**
 * The Secrets, ConfigMaps and volume claims of others: which are there, in which version, and which HealthConsumers name
 * them. Metadata alone; it never sees what they hold.
 */
import { Dependents } from './dependents.ts'
import type { Dependency } from './desired/references.ts'
import type { Kind, KubernetesObject } from './kubernetes.ts'
import { Watched, type WatchedOptions } from './watches.ts'

const kind = (name: string, plural: string): Kind => ({
  group: '',
  version: 'v1',
  kind: name,
  plural,
  namespaced: true,
})
export const dependencyKinds = {
  Secret: kind('Secret', 'secrets'),
  ConfigMap: kind('ConfigMap', 'configmaps'),
  PersistentVolumeClaim: kind('PersistentVolumeClaim', 'persistentvolumeclaims'),
} as const
export type DependencyKind = keyof typeof dependencyKinds

interface Provided {
  readonly namespace: string
  readonly name: string
  readonly version: string
}

type WatchDefaults = Omit<WatchedOptions<Provided>, 'kind' | 'labelSelector' | 'project' | 'changed' | 'gone'>

export interface ProvidedObjectsOptions extends WatchDefaults {
  /** Selector of ConfigMaps that are not our own. */
  readonly othersOnly: string
  /** Something that this HealthConsumer (`namespace/name`) names has changed. */
  concerned(key: string): void
}

export class ProvidedObjects {
  readonly #watches: ReadonlyMap<DependencyKind, Watched<Provided>>
  readonly #dependents = new Dependents()

  constructor({ othersOnly, concerned, ...defaults }: ProvidedObjectsOptions) {
    const watch = (kind: DependencyKind) => {
      const tell = ({ namespace, name }: Provided) => {
        for (const key of this.#dependents.of(objectKey(kind, namespace, name))) concerned(key)
      }
      return new Watched<Provided>({
        ...defaults,
        kind: dependencyKinds[kind],
        ...(kind === 'ConfigMap' && { labelSelector: othersOnly }),
        metadataOnly: true,
        project: provided,
        changed: tell,
        gone: tell,
      })
    }
    const kinds = Object.keys(dependencyKinds) as DependencyKind[]
    this.#watches = new Map(kinds.map(kind => [kind, watch(kind)]))
  }

  get watches(): Iterable<Watched<Provided>> {
    return this.#watches.values()
  }

  /** Resource version of an object; undefined where it is not there. */
  versionOf(kind: DependencyKind, namespace: string, name: string): string | undefined {
    return this.#watches.get(kind)!.get(namespace, name)?.version
  }

  /** From now on the HealthConsumer is concerned by these. */
  depends(key: string, namespace: string, dependencies: readonly Dependency[]): void {
    this.#dependents.set(key, new Set(dependencies.map(({ kind, name }) => objectKey(kind, namespace, name))))
  }

  /** The HealthConsumer is gone. */
  forget(key: string): void {
    this.#dependents.set(key, new Set())
  }
}

const objectKey = (kind: string, namespace: string, name: string) => `${kind}/${namespace}/${name}`

const provided = ({ metadata: { namespace = '', name, resourceVersion = '' } }: KubernetesObject): Provided => ({
  namespace,
  name,
  version: resourceVersion,
})

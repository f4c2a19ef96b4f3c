/**
 * What a HealthConsumer names and somebody else provides: are the Secrets, ConfigMaps and volume claims there, and what
 * do those that are the pods' configuration hold? Contents are hashed and forgotten; they get into no message.
 */
import { createHash } from 'node:crypto'
import type { HealthConsumer } from '../crds/healthconsumer.ts'
import type { ContentProblem } from '../runtime/contract/secretContents.ts'
import { namespaceOf } from './desired/child.ts'
import { type Dependency, dependenciesOf } from './desired/references.ts'
import type { Kubernetes } from './kubernetes.ts'
import type { MissingDependency } from './observation.ts'
import { dependencyKinds, type ProvidedObjects } from './providedObjects.ts'

export interface DependencyReport {
  readonly missing: readonly MissingDependency[]
  /** Digest of all contents that the pods read; undefined where they read none. */
  readonly secretsHash: string | undefined
}

interface DependencyPorts {
  readonly kubernetes: Pick<Kubernetes, 'get'>
  readonly provided: Pick<ProvidedObjects, 'versionOf' | 'depends'>
}

interface Content {
  readonly version: string
  readonly keys: ReadonlySet<string>
  readonly hash: string
  readonly problem: ContentProblem | undefined
}

const keyOf = ({ kind, name, field, keys }: Dependency, namespace: string): string =>
  [kind, namespace, name, field, ...keys].join('/')

export function createDependencies({ kubernetes, provided }: DependencyPorts) {
  const contents = new Map<string, Content>()

  /** Read again only when its version changed; once for each field that names it, which asks for other contents. */
  async function content(dependency: Dependency, namespace: string, version: string): Promise<Content> {
    const { kind, name, check } = dependency
    const key = keyOf(dependency, namespace)
    const known = contents.get(key)
    if (known?.version === version) return known
    const object = await kubernetes.get({ kind: dependencyKinds[kind], namespace, name })
    const data = { ...(object.data as Record<string, string>), ...(object.binaryData as Record<string, string>) }
    const sorted = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))
    const hash = createHash('sha256').update(JSON.stringify(sorted)).digest('hex')
    const bytes = Object.fromEntries(sorted.map(([each, value]) => [each, Buffer.from(value, 'base64')]))
    const keys = new Set(Object.keys(data))
    const read = { version: object.metadata.resourceVersion ?? version, keys, hash, problem: check?.(bytes) }
    contents.set(key, read)
    return read
  }

  return async (resource: HealthConsumer): Promise<DependencyReport> => {
    const namespace = namespaceOf(resource)
    const missing: MissingDependency[] = []
    const hashes: string[] = []
    const dependencies = dependenciesOf(resource)
    provided.depends(`${namespace}/${resource.metadata.name}`, namespace, dependencies)
    for (const dependency of dependencies) {
      const { kind, name, optional, rolls, keys } = dependency
      const version = provided.versionOf(kind, namespace, name)
      if (version === undefined) {
        contents.delete(keyOf(dependency, namespace))
        if (!optional) missing.push(dependency)
        continue
      }
      if (!rolls) continue
      const held = await content(dependency, namespace, version)
      hashes.push(held.hash)
      for (const missingKey of keys) if (!held.keys.has(missingKey)) missing.push({ ...dependency, missingKey })
      if (held.problem) missing.push({ ...dependency, wrong: held.problem })
    }
    const secretsHash =
      hashes.length === 0 ? undefined : createHash('sha256').update(hashes.join()).digest('hex').slice(0, 16)
    return { missing, secretsHash }
  }
}

/**
 * What a generation of pods runs: the part of the spec that makes their template and their manifest. Each revision is a
 * ConfigMap of its own, named by its digest, so that an old pod that restarts during a rollout reads what it was made
 * for, and a rollback finds the last stable state. Scaling, rollout, alerts and dashboard are no part of it: changing
 * them restarts nothing. Nor are defaults: an operator that knows a field more neither restarts pods of an older image nor
 * gives them a manifest that they refuse. Pure.
 */
import { createHash } from 'node:crypto'
import { apiVersion, type HealthConsumer, type HealthConsumerSpec, kind } from '../../crds/healthconsumer.ts'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { type SpecWithoutDefaults, withoutDefaults } from '../../crds/withoutDefaults.ts'
import type { KubernetesObject } from '../kubernetes.ts'
import { type ChildInput, child, namespaceOf } from './child.ts'

/** What the runtime reads. */
type ManifestField = 'kafka' | 'format' | 'schemaRegistry' | 'validation' | 'iceberg' | 'logging'
type ManifestSpec = Pick<SpecWithoutDefaults, ManifestField>
/** What makes the pods' template beside it. */
type TemplateSpec = Pick<HealthConsumerSpec, 'imagePullPolicy' | 'imagePullSecrets' | 'restartedAt' | 'pod'> & {
  readonly image: string
}

export interface Revision {
  /** 10 hexadecimal digits, of both parts. */
  readonly hash: string
  readonly manifest: ManifestSpec
  readonly template: TemplateSpec
}

/** Key of the ConfigMap, hence file name in the pod. `healthconsumer run -f` reads it as it reads any manifest. */
export const manifestFile = 'healthconsumer.json'
const templateFile = 'template.json'

/** The revision that the resource asks for. */
export function revisionOf({ resource, defaults }: Pick<ChildInput, 'resource' | 'defaults'>): Revision {
  const { manifest, template } = partsOf(resource.spec)
  const { image = defaults.image, imagePullPolicy = defaults.imagePullPolicy } = template
  return withHash(withoutDefaults(manifest), { ...template, image, imagePullPolicy })
}

function partsOf(spec: HealthConsumerSpec) {
  const { kafka, format, schemaRegistry, validation, iceberg, logging, ...withTemplate } = spec
  const { image, imagePullPolicy, imagePullSecrets, restartedAt, pod, ...outside } = withTemplate
  return {
    manifest: { kafka, format, schemaRegistry, validation, iceberg, logging },
    template: { image, imagePullPolicy, imagePullSecrets, restartedAt, pod },
    outside,
  }
}

function withHash(...parts: readonly [ManifestSpec, TemplateSpec]): Revision {
  const [manifest, template] = ordered(parts) as typeof parts
  const hash = createHash('sha256')
    .update(JSON.stringify([manifest, template]))
    .digest('hex')
    .slice(0, 10)
  return { hash, manifest, template }
}

/** With the keys of all maps in order, as an API server stores them: a file in another order asks for the same pods. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, ordered(inner)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The resource as its pods know it: of this revision, whatever it asks for now, also by a field that was not there. */
export function atRevision(resource: HealthConsumer, { manifest, template }: Revision): HealthConsumer {
  const completed = withDefaults(manifest)
  if (completed === undefined) throw new TypeError(`revision of ${resource.metadata.name}: the manifest is not valid`)
  return { ...resource, spec: { ...partsOf(resource.spec).outside, ...completed, ...template } }
}

/** Undefined where it is no manifest. */
function withDefaults(manifest: ManifestSpec): Pick<HealthConsumerSpec, ManifestField> | undefined {
  const { resource } = checkHealthConsumer({ apiVersion, kind, metadata: { name: 'any' }, spec: manifest })
  return resource && partsOf(resource.spec).manifest
}

export const revisionName = (resource: Pick<HealthConsumer, 'metadata'>, { hash }: Pick<Revision, 'hash'>): string =>
  `${resource.metadata.name}-${hash}`

/** Never changed once it is there. */
export function revisionConfigMap(input: ChildInput, revision: Revision): KubernetesObject {
  const { name } = input.resource.metadata
  const metadata = { name, namespace: namespaceOf(input.resource) }
  const manifest = { apiVersion, kind, metadata, spec: revision.manifest }
  const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
  return child(
    input,
    { apiVersion: 'v1', kind: 'ConfigMap' },
    { name: revisionName(input.resource, revision) },
    { immutable: true, data: { [manifestFile]: text(manifest), [templateFile]: text(revision.template) } },
  )
}

/** The revision that such a ConfigMap holds; undefined where it is none, one of another hash, or cannot be run now. */
export function readRevision(configMap: KubernetesObject, hash: string): Revision | undefined {
  const data = configMap.data as Readonly<Record<string, string>> | undefined
  try {
    const { spec } = JSON.parse(data?.[manifestFile] ?? '')
    const read = withHash(spec, JSON.parse(data?.[templateFile] ?? ''))
    return read.hash === hash && withDefaults(read.manifest) !== undefined ? read : undefined
  } catch {
    return undefined
  }
}

/** The children of HealthConsumers as tests look at them. */
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import type { HealthConsumer } from '../../../crds/healthconsumer.ts'
import { checkHealthConsumer } from '../../../crds/problems.ts'
import type { ChildInput } from '../../../operator/desired/child.ts'
import { type ChildKindName, desiredChildren } from '../../../operator/desired/index.ts'
import { replicasOf } from '../../../operator/desired/scaling.ts'
import type { KubernetesObject } from '../../../operator/kubernetes.ts'
import { minimalWith } from '../../crds/minimal.ts'

export const defaults = { image: 'healthconsumer:test' }

/** With its defaults; fails where it is not valid. */
export function parsed(manifest: unknown): HealthConsumer {
  const { resource, problems } = checkHealthConsumer(manifest)
  if (!resource) throw new Error(JSON.stringify(problems, null, 2))
  return resource
}

/** The minimal HealthConsumer with values at dotted paths. */
export const consumer = (changes: Readonly<Record<string, unknown>> = {}): HealthConsumer =>
  parsed(minimalWith(changes))

/** Names of the examples for clusters. */
export const examples = [
  ...(['minimal', 'everything', 'keda', 'sasl-tls', 'filesystem', 'paused'] as const),
  ...(['rest-s3', 'glue', 's3-tables', 'polaris', 'nessie', 'lakekeeper'] as const),
] as const

export const example = (name: string): HealthConsumer =>
  parsed(load(readFileSync(new URL(`../../../examples/${name}.yaml`, import.meta.url), 'utf8')))

export const inputOf = (resource: HealthConsumer): ChildInput => ({
  resource,
  defaults,
  replicas: replicasOf(resource),
})

export const childrenOf = (resource: HealthConsumer, input: Partial<ChildInput> = {}): readonly KubernetesObject[] =>
  desiredChildren({ ...inputOf(resource), ...input })

/** The child of that kind; of ConfigMaps the first, which is the revision's. */
export const childOf = (children: readonly KubernetesObject[], kind: ChildKindName): KubernetesObject | undefined =>
  children.find(child => child.kind === kind)

/** The parts of a Deployment that tests ask for. */
export interface Deployment extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly strategy: object
    readonly template: PodTemplate
  }
}
export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly serviceAccountName: string
    readonly securityContext: object
    readonly topologySpreadConstraints: readonly { readonly labelSelector: object }[]
    readonly containers: readonly [Container]
    readonly volumes: readonly Volume[]
  }
}
interface Container {
  readonly image: string
  readonly args: readonly string[]
  readonly resources: object
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
}
interface Volume {
  readonly name: string
  readonly secret?: { readonly secretName: string; readonly defaultMode: number }
  readonly configMap?: { readonly name: string }
}

export const deploymentOf = (children: readonly KubernetesObject[]): Deployment =>
  childOf(children, 'Deployment') as Deployment
export const templateOf = (children: readonly KubernetesObject[]): PodTemplate => deploymentOf(children).spec.template

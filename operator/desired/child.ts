/**
 * What all children of a HealthConsumer have in common: names, labels, owner. Children never copy the resource's own
 * labels (Argo CD would take them for its own and prune them). Pure.
 */
import { apiVersion, type HealthConsumer, kind } from '../../crds/healthconsumer.ts'
import type { ChildDefaults } from '../config.ts'
import type { KubernetesObject } from '../kubernetes.ts'

/** What the children are made from. The same input gives the same bytes. */
export interface ChildInput {
  /** With its defaults. */
  readonly resource: HealthConsumer
  /** Of the resource as it is stored; without it (no cluster) the children have no owner. */
  readonly uid?: string
  readonly defaults: ChildDefaults
  /** Number of pods; undefined leaves it to an autoscaler. */
  readonly replicas: number | undefined
  /** Digest of the Secrets that the resource refers to; a change rolls the pods. */
  readonly secretsHash?: string
}

/** A child, or undefined where this resource has none of the kind. */
export type Build = (input: ChildInput) => KubernetesObject | undefined

export const operatorName = 'healthconsumer-operator'
/** In the pods of consumers, among those that others may add. */
export const containerName = 'consumer'
export const metricsPort = 9249
export const metricsPortName = 'metrics'

type Named = Pick<HealthConsumer, 'metadata'>

/** Of every child but the dashboard. */
export const childName = (resource: Named): string => `${resource.metadata.name}-consumer`
export const dashboardName = (resource: HealthConsumer): string => `${resource.metadata.name}-dashboard`

export const namespaceOf = (resource: HealthConsumer): string => resource.metadata.namespace ?? 'default'

/** Immutable in a Deployment, therefore never to be changed. */
export const podSelector = (resource: Named) => ({
  'app.kubernetes.io/name': 'healthconsumer',
  'app.kubernetes.io/instance': resource.metadata.name,
})

/** The pods of all HealthConsumers. */
export const podsSelector = {
  'app.kubernetes.io/name': 'healthconsumer',
  'app.kubernetes.io/component': 'consumer',
} as const

/** By which the operator knows its own. */
export const managedBy = { 'app.kubernetes.io/managed-by': operatorName } as const

const labelsOf = (resource: HealthConsumer) => ({
  ...podSelector(resource),
  'app.kubernetes.io/component': 'consumer',
  ...managedBy,
})

interface ChildMetadata {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** An object of the resource's namespace that goes when the resource goes. */
export function child(
  { resource, uid }: ChildInput,
  type: { readonly apiVersion: string; readonly kind: string },
  { name = childName(resource), labels = {}, annotations }: ChildMetadata,
  body: Readonly<Record<string, unknown>>,
): KubernetesObject {
  const owner = { apiVersion, kind, name: resource.metadata.name, controller: true, blockOwnerDeletion: true }
  return {
    ...type,
    metadata: {
      name,
      namespace: namespaceOf(resource),
      // What makes a child ours is not the user's to change.
      labels: { ...labels, ...labelsOf(resource) },
      ...(annotations && Object.keys(annotations).length > 0 && { annotations }),
      ...(uid !== undefined && { ownerReferences: [{ ...owner, uid }] }),
    },
    ...body,
  }
}

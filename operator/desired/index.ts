/** The ordered list of children: what others refer to comes first. Pure. */
import type { Kind, KubernetesObject } from '../kubernetes.ts'
import { scaledObject, triggerAuthentication } from './autoscaling.ts'
import type { Build, ChildInput } from './child.ts'
import { dashboard } from './dashboard.ts'
import { deployment } from './deployment.ts'
import { networkPolicy } from './networkPolicy.ts'
import { podDisruptionBudget } from './podDisruptionBudget.ts'
import { prometheusRule } from './prometheusRule.ts'
import { atRevision, revisionConfigMap, revisionOf } from './revision.ts'
import { service } from './service.ts'
import { serviceAccount } from './serviceAccount.ts'
import { serviceMonitor } from './serviceMonitor.ts'

export interface ChildKind extends Kind {
  /** The API may be missing, and may be installed later. */
  readonly optional: boolean
}

const kind = (group: string, version: string, name: string, plural: string, optional = false): ChildKind => ({
  group,
  version,
  kind: name,
  plural,
  namespaced: true,
  optional,
})

/** Every kind that a child can be of. */
export const childKinds = {
  ServiceAccount: kind('', 'v1', 'ServiceAccount', 'serviceaccounts'),
  ConfigMap: kind('', 'v1', 'ConfigMap', 'configmaps'),
  Service: kind('', 'v1', 'Service', 'services'),
  NetworkPolicy: kind('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies'),
  PodDisruptionBudget: kind('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  Deployment: kind('apps', 'v1', 'Deployment', 'deployments'),
  ServiceMonitor: kind('monitoring.coreos.com', 'v1', 'ServiceMonitor', 'servicemonitors', true),
  PrometheusRule: kind('monitoring.coreos.com', 'v1', 'PrometheusRule', 'prometheusrules', true),
  TriggerAuthentication: kind('keda.sh', 'v1alpha1', 'TriggerAuthentication', 'triggerauthentications', true),
  ScaledObject: kind('keda.sh', 'v1alpha1', 'ScaledObject', 'scaledobjects', true),
} as const satisfies Record<string, ChildKind>
export type ChildKindName = keyof typeof childKinds

/** What pods need comes before them. */
const before: readonly Build[] = [serviceAccount, service, networkPolicy, podDisruptionBudget]
const after: readonly Build[] = [serviceMonitor, prometheusRule, dashboard, triggerAuthentication, scaledObject]

/**
 * Every child that the resource should have, in the order in which they are applied. `revision` is what the pods are to
 * run, and the children around them are made for: by default what the resource asks for, after a failed rollout the last
 * stable one.
 */
export function desiredChildren(input: ChildInput, revision = revisionOf(input)): readonly KubernetesObject[] {
  const running = { ...input, resource: atRevision(input.resource, revision) }
  const built = (builders: readonly Build[]) => builders.flatMap(build => build(running) ?? [])
  return [...built(before), revisionConfigMap(running, revision), deployment(running, revision), ...built(after)]
}

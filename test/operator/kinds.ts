/** The kinds that tests of the operator write. */
import { group, kind, plural, version } from '../../crds/healthconsumer.ts'
import type { Kind } from '../../operator/kubernetes.ts'

const namespaced = (apiGroup: string, apiVersion: string, name: string, names: string): Kind => ({
  group: apiGroup,
  version: apiVersion,
  kind: name,
  plural: names,
  namespaced: true,
})

export const kinds = {
  HealthConsumer: namespaced(group, version, kind, plural),
  ConfigMap: namespaced('', 'v1', 'ConfigMap', 'configmaps'),
  Lease: namespaced('coordination.k8s.io', 'v1', 'Lease', 'leases'),
  Deployment: namespaced('apps', 'v1', 'Deployment', 'deployments'),
  CustomResourceDefinition: {
    ...namespaced('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', 'customresourcedefinitions'),
    namespaced: false,
  },
} as const satisfies Record<string, Kind>

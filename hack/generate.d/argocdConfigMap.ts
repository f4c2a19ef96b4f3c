/** What Argo CD's own ConfigMap gets for HealthConsumers, as a patch: the Lua of charts/argocd, and its types. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import { group, kind } from '../../crds/healthconsumer.ts'

export const customizations = `charts/argocd/resource_customizations/${group}/${kind}`
const actions = ['pause', 'resume', 'restart'] as const

export function argocdConfigMap(root: string): string {
  const text = (file: string) => readFileSync(join(root, customizations, file), 'utf8')
  const definitions = actions.map(name => ({ name, 'action.lua': text(`actions/${name}/action.lua`) }))
  const yaml = (value: unknown) => dump(value, { lineWidth: -1 })
  const name = `${group}_${kind}`
  const patch = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'argocd-cm', namespace: 'argocd' },
    data: {
      [`resource.customizations.health.${name}`]: text('health.lua'),
      [`resource.customizations.actions.${name}`]: yaml({
        'discovery.lua': text('actions/discovery.lua'),
        definitions,
      }),
      // Quantities that mean the same are the same: 1000m and 1.
      [`resource.customizations.knownTypeFields.${name}`]: yaml([
        { field: 'spec.pod.resources', type: 'core/v1/ResourceRequirements' },
      ]),
    },
  }
  return `# Written by hack/generate from the Lua beside it: change it there. A patch for Argo CD's ConfigMap, docs/gitops.md.\n${yaml(patch)}`
}

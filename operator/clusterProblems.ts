/** What a resource may say on a machine of its own and not in a cluster, where pods share nothing but volumes. Pure. */
import type { HealthConsumer } from '../crds/healthconsumer.ts'
import type { Problem } from '../crds/problems.ts'
import { type FieldPath, fieldName } from '../crds/schemaPath.ts'
import { runtimeConfiguration } from '../runtime/contract/configuration.ts'

export function clusterProblems(resource: HealthConsumer): readonly Problem[] {
  const { catalog, storage } = resource.spec.iceberg
  const claim = storage?.persistentVolumeClaim
  const { warehouse } = runtimeConfiguration(resource).catalog
  if (catalog.type !== 'filesystem' || !warehouse?.startsWith('file://')) return []
  const path = warehouse.slice('file://'.length)
  if (claim === undefined)
    return [
      problem(
        ['spec', 'iceberg', 'storage', 'persistentVolumeClaim'],
        'is missing for a warehouse on a file system',
        'name the claim that the tables lie on, for a pod keeps nothing by itself',
      ),
    ]
  if (path === claim.mountPath || path.startsWith(`${claim.mountPath.replace(/\/+$/, '')}/`)) return []
  return [
    problem(
      ['spec', 'iceberg', 'catalog', 'warehouse'],
      `lies outside the volume, which is mounted at ${claim.mountPath}`,
      `choose a folder of it, such as file://${claim.mountPath}/tables, or another mountPath`,
    ),
  ]
}

const problem = (path: FieldPath, what: string, fix: string): Problem => ({
  code: 'BROKEN_RULE',
  path,
  field: fieldName(path),
  what,
  fix,
})

/** What a resource may say on a machine of its own and not in a cluster, where pods share nothing but volumes. Pure. */
import type { HealthConsumer } from '../crds/healthconsumer.ts'
import type { Problem } from '../crds/problems.ts'
import { type FieldPath, fieldName } from '../crds/schemaPath.ts'
import { runtimeConfiguration } from '../runtime/contract/configuration.ts'
import { manifestFolder, ownFolders } from './desired/deployment.ts'

const iceberg = ['spec', 'iceberg'] as const
const claimField: FieldPath = [...iceberg, 'storage', 'persistentVolumeClaim']

export function clusterProblems(resource: HealthConsumer): readonly Problem[] {
  const { catalog, pendingLocation } = runtimeConfiguration(resource, manifestFolder)
  const mountPath = resource.spec.iceberg.storage?.persistentVolumeClaim?.mountPath
  const warehouse = catalog.type === 'filesystem' ? catalog.warehouse : undefined
  const local = [
    { field: [...iceberg, 'catalog', 'warehouse'], location: warehouse },
    { field: [...iceberg, 'storage', 'pendingLocation'], location: pendingLocation },
  ].flatMap(({ field, location }) => (location?.startsWith('file://') ? { field, path: location.slice(7) } : []))
  if (mountPath === undefined) return local.length > 0 ? [withoutClaim] : []
  const taken = ownFolders.find(folder => isWithin(folder, mountPath) || isWithin(mountPath, folder))
  return [
    ...(taken === undefined ? [] : [takenBy(taken)]),
    ...local.filter(({ path }) => !isWithin(path, mountPath)).map(({ field }) => outside(field, mountPath)),
  ]
}

const isWithin = (path: string, folder: string): boolean => `${path}/`.startsWith(`${folder.replace(/\/+$/, '')}/`)

const problem = (path: FieldPath, what: string, fix: string): Problem => ({
  code: 'BROKEN_RULE',
  path,
  field: fieldName(path),
  what,
  fix,
})

const withoutClaim = problem(
  claimField,
  'is missing for files on a file system',
  'name the claim that the tables lie on, for a pod keeps nothing by itself',
)

const takenBy = (folder: string): Problem =>
  problem(
    [...claimField, 'mountPath'],
    `overlaps ${folder}, which the pods use themselves`,
    'choose another, such as /warehouse',
  )

const outside = (field: FieldPath, mountPath: string): Problem =>
  problem(
    field,
    `lies outside the volume, which is mounted at ${mountPath}`,
    `choose a folder of it, such as file://${mountPath}/tables, or another mountPath`,
  )

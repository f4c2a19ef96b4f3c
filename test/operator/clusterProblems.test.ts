import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { clusterProblems } from '../../operator/clusterProblems.ts'
import { minimalWith } from '../crds/minimal.ts'

function problemsOf(warehouse: string, storage: unknown): string[] {
  const changes = { 'spec.iceberg.catalog.warehouse': warehouse, 'spec.iceberg.storage': storage }
  const { resource } = checkHealthConsumer(minimalWith(changes))
  assert.ok(resource)
  return clusterProblems(resource).map(({ field, what }) => `${field} ${what}`)
}
const claim = (mountPath: string, rest = {}) => ({ persistentVolumeClaim: { claimName: 'tables', mountPath }, ...rest })

test('tables on a volume of the pods are sound', () => {
  assert.deepEqual(problemsOf('file:///warehouse', claim('/warehouse')), [])
  assert.deepEqual(problemsOf('file:///warehouse/a', claim('/warehouse', { pendingLocation: '/warehouse/p' })), [])
  assert.deepEqual(problemsOf('file:///warehouse/a', claim('/warehouse/')), [])
})

for (const [name, warehouse, storage, problem] of [
  [
    'no claim',
    'file:///data',
    undefined,
    'spec.iceberg.storage.persistentVolumeClaim is missing for files on a file system',
  ],
  [
    'a warehouse beside the volume',
    'file:///warehouse2',
    claim('/warehouse'),
    'spec.iceberg.catalog.warehouse lies outside the volume, which is mounted at /warehouse',
  ],
  [
    'pending files that go with the pod',
    'file:///warehouse',
    claim('/warehouse', { pendingLocation: '/srv/pending' }),
    'spec.iceberg.storage.pendingLocation lies outside the volume, which is mounted at /warehouse',
  ],
  [
    'a relative warehouse, which would count from the folder of the manifest,',
    'warehouse',
    claim('/warehouse'),
    'spec.iceberg.catalog.warehouse lies outside the volume, which is mounted at /warehouse',
  ],
  [
    'a volume over a folder of the pod',
    'file:///tmp/tables',
    claim('/tmp'),
    'spec.iceberg.storage.persistentVolumeClaim.mountPath overlaps /tmp, which the pods use themselves',
  ],
  [
    'a volume around a folder of the pod',
    'file:///etc/tables',
    claim('/etc'),
    'spec.iceberg.storage.persistentVolumeClaim.mountPath overlaps /etc/healthconsumer, which the pods use themselves',
  ],
] as const)
  test(`${name} is refused`, () => assert.deepEqual(problemsOf(warehouse, storage), [problem]))

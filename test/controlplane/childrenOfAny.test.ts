/** Whatever spec is valid: its children can be built, and a real API server with the APIs of others takes them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { childKinds, desiredChildren } from '../../operator/desired/index.ts'
import { replicasOf } from '../../operator/desired/scaling.ts'
import type { KubernetesClient } from '../../operator/kubernetesClient.ts'
import { minimalWith } from '../crds/minimal.ts'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import { installApi } from '../operator/optionalApis.ts'
import fc from '../properties.ts'
import { changes } from './arbitrarySpec.ts'

let cluster: TestCluster
let client: KubernetesClient
before(async () => {
  cluster = await startCluster({ controllers: false })
  await installApi(cluster, 'monitoring')
  await installApi(cluster, 'keda')
  client = cluster.client({ kinds: Object.values(childKinds), requestsPerSecond: 1000, burst: 1000 })
})
after(() => cluster?.down())

const passedOn: Readonly<Record<string, string>> = { Deployment: 'spec.pod', NetworkPolicy: 'spec.networkPolicy' }

test('the children of any valid spec are built and taken', async t => {
  const numRuns = process.env.HC_TEST_LONG ? 2_000 : 150
  let built = 0
  const property = fc.asyncProperty(changes, async values => {
    const { resource } = checkHealthConsumer(JSON.parse(JSON.stringify(minimalWith(values))))
    if (resource === undefined) return
    const defaults = { image: 'healthconsumer:test' }
    const children = desiredChildren({ resource, defaults, replicas: replicasOf(resource) })
    built++
    // What is passed on is checked by the API server alone, with rules of its own between fields.
    const isPassedOn = ({ kind }: { kind: string }) =>
      Object.keys(values).some(path => path.startsWith(passedOn[kind] ?? 'nothing'))
    for (const child of children.filter(child => !isPassedOn(child)))
      await client.apply(child, { fieldManager: 'test', dryRun: true })
  })
  await fc.assert(property, { numRuns })
  t.diagnostic(`children of ${built} specs were taken`)
  assert.ok(built > numRuns / 5, `${built}`)
})

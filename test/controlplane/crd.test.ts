/** The CRD on a real API server: what it refuses, with which words, and that the TypeScript twin says the same. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { customResourceDefinition } from '../../crds/customResourceDefinition.ts'
import { checkHealthConsumer } from '../../crds/problems.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { fieldCases } from '../crds/fieldCases.ts'
import { minimalWith } from '../crds/minimal.ts'
import { rootSchema, walk } from '../crds/schema.ts'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import { kinds } from '../operator/kinds.ts'
import fc from '../properties.ts'
import { until } from '../until.ts'
import { changes } from './arbitrarySpec.ts'
import { type Server, serverOf } from './dryRun.ts'
import { ruleSamples } from './ruleSamples.ts'

let cluster: TestCluster
let server: Server
before(async () => {
  cluster = await startCluster({ controllers: false })
  await cluster.installCrd()
  server = serverOf(cluster)
})
after(() => cluster?.down())

const definition = customResourceDefinition() as unknown as KubernetesObject
const { name: definitionName } = definition.metadata

interface Condition {
  readonly type: string
  readonly status: string
  readonly message: string
}

test('the definition is accepted, established and structural', async () => {
  const stored = await cluster.client().get({ kind: kinds.CustomResourceDefinition, name: definitionName })
  const { conditions } = stored.status as { readonly conditions: readonly Condition[] }
  const byType = Object.fromEntries(conditions.map(({ type, status }) => [type, status]))
  // Present, and True, only where the schema is not structural.
  assert.deepEqual(byType, { NamesAccepted: 'True', Established: 'True' })
})

const rules = [...walk(rootSchema())].flatMap(([path, schema]) =>
  (schema['x-kubernetes-validations'] ?? []).map(rule => ({ path: path.join('.'), ...rule })),
)
const samplesOf = ({ path, message }: { readonly path: string; readonly message: string }) =>
  Object.entries(ruleSamples).filter(([key]) => `${path}: ${message}`.startsWith(key))

test('there is a sample for every rule, and no other', () => {
  const missing = rules.filter(rule => samplesOf(rule).length !== 1).map(({ path, message }) => `${path}: ${message}`)
  assert.deepEqual(missing, [])
  assert.equal(Object.keys(ruleSamples).length, rules.length)
})

let names = 0
for (const rule of rules)
  test(`refused: ${`${rule.path} ${rule.message}`.trim()}`, async () => {
    for (const { breaks, stored, field } of samplesOf(rule).flatMap(([, samples]) => samples)) {
      const before = stored && (await server.store(minimalWith({ ...stored, 'metadata.name': `rule-${++names}` })))
      assert.ok(before?.accepted ?? true, before?.message)
      const broken = minimalWith({ ...stored, ...breaks })
      const answer = before ? await server.change(before, broken) : await server.create(broken)
      assert.equal(answer.status, 422, answer.message)
      assert.ok(answer.message.includes(rule.message), answer.message)
      const named = field ?? `${rule.path}${rule.fieldPath ?? ''}`
      assert.ok(answer.message.includes(`${named}: Invalid value`) || named === '', answer.message)
      // One resource alone cannot tell what has changed.
      if (before) assert.equal(checkHealthConsumer(broken).problems, undefined)
      else assert.ok(toldBy(broken).includes(rule.message.replace('metadata.name ', '')), toldBy(broken).join('\n'))
    }
  })

const toldBy = (resource: unknown): readonly string[] =>
  (checkHealthConsumer(resource).problems ?? []).map(({ what, fix }) => `${what}: ${fix}`)

test('what does not change may stay, and what is not immutable may change', async () => {
  const stored = await server.store(minimalWith({ 'metadata.name': 'steady', 'spec.kafka.groupId': 'a' }))
  const changed = minimalWith({
    'spec.kafka.groupId': 'a',
    'spec.kafka.topics': ['b'],
    'spec.iceberg.commit': { interval: '5s' },
    'spec.scaling': { replicas: 3 },
    'spec.paused': true,
  })
  const answer = await server.change(stored, changed)
  assert.ok(answer.accepted, answer.message)
})

/** What cannot be said in JSON, and null, which an API server drops and a manifest is told about. */
const isSayable = (value: unknown) => value !== undefined && value !== null && !/null/.test(JSON.stringify(value))

for (const [field, taken, refused] of fieldCases)
  test(`${field}: the server takes and refuses what the twin does`, async () => {
    for (const [values, expected] of [[taken, true] as const, [refused, false] as const])
      for (const value of values.filter(isSayable)) {
        // The namespace of the request is not that of the resource.
        if (field === 'metadata.namespace' || field === 'metadata.uid') continue
        const { accepted, message } = await server.create(minimalWith({ [field]: value }))
        assert.equal(accepted, expected, `${JSON.stringify(value)}: ${message}`)
      }
  })

test('any spec is taken by both or by none, and gets the same defaults', async t => {
  let taken = 0
  const numRuns = process.env.HC_TEST_LONG ? 5_000 : 400
  const property = fc.asyncProperty(changes, async values => {
    const resource: unknown = JSON.parse(JSON.stringify(minimalWith(values)))
    const [answer, checked] = [await server.create(resource), checkHealthConsumer(resource)]
    assert.equal(answer.accepted, checked.problems === undefined, answer.message || JSON.stringify(checked.problems))
    if (checked.resource === undefined) return
    taken++
    assert.deepEqual(answer.body.spec, JSON.parse(JSON.stringify(checked.resource.spec)))
  })
  await fc.assert(property, { numRuns })
  t.diagnostic(`${taken} of ${numRuns} were taken`)
  assert.ok(taken > numRuns / 5 && taken < (numRuns * 4) / 5, `${taken}`)
})

test('a fresh resource counts as never reconciled', async () => {
  const { body } = await server.create(minimalWith({}))
  assert.deepEqual(body.status, { observedGeneration: -1 })
})

test('an unknown field is refused by its name', async () => {
  const { status, message } = await server.create(minimalWith({ 'spec.kafka.startForm': 'latest' }))
  assert.equal(status, 400)
  assert.match(message, /unknown field "spec\.kafka\.startForm"/)
})

test('null counts as nothing, so that a patch can remove a field', async () => {
  const { accepted, body } = await server.create(minimalWith({ 'spec.paused': null, 'spec.kafka.startFrom': null }))
  assert.ok(accepted)
  const { paused, kafka } = body.spec as { paused?: boolean; kafka: { startFrom: string } }
  assert.deepEqual([paused, kafka.startFrom], [undefined, 'earliest'])
})

test('quantities stay as they are written', async () => {
  const limits = { cpu: 2, memory: '1.5Gi', 'example.com/gpu': '1' }
  const { body, message } = await server.create(minimalWith({ 'spec.pod.resources': { limits } }))
  assert.deepEqual((body.spec as { pod?: object } | undefined)?.pod, { resources: { limits } }, message)
})

test('what was stored before a rule was made still gets a status, and can be corrected', async () => {
  const client = cluster.client()
  const loose = structuredClone(definition) as unknown as { metadata: object }
  for (const [, schema] of walk(rootSchema(loose))) {
    const open = schema as { pattern?: string; 'x-kubernetes-validations'?: unknown }
    delete open.pattern
    delete open['x-kubernetes-validations']
  }
  await client.apply(loose as unknown as KubernetesObject, { fieldManager: 'test' })
  const bad = { 'metadata.name': 'bad', 'spec.scaling': { replicas: 1, autoscaling: { mode: 'KEDA', maxReplicas: 1 } } }
  const worse = { ...bad, 'spec.kafka.groupId': 'a b' }
  await until('the rules are gone', async () => (await server.create(minimalWith(worse))).accepted)
  const stored = await server.store(minimalWith(worse))
  await client.apply(definition, { fieldManager: 'test' })
  await until('the rules are back', async () => !(await server.create(minimalWith(worse))).accepted)

  const { apiVersion, kind } = stored.body as unknown as KubernetesObject
  const status = { observedGeneration: 1, phase: 'Stalled' }
  const metadata = { name: 'bad', namespace: 'default' }
  await client.apply({ apiVersion, kind, metadata, status }, { fieldManager: 'test', subresource: 'status' })
  const read = { body: await client.get({ kind: kinds.HealthConsumer, namespace: 'default', name: 'bad' }) }
  assert.equal((read.body.status as typeof status).phase, 'Stalled')
  assert.ok(checkHealthConsumer(read.body).problems)
  const answer = { ...stored, ...read }
  const labelled = await server.change(answer, minimalWith({ ...worse, 'spec.paused': true }))
  assert.ok(labelled.accepted, labelled.message)
  const corrected = await server.change(answer, minimalWith({ ...worse, 'spec.scaling': { replicas: 1 } }))
  assert.ok(corrected.accepted, corrected.message)
})

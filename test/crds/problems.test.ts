import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHealthConsumer } from '../../crds/problems.ts'
import fc from '../properties.ts'
import { minimalWith } from './minimal.ts'

const only = (input: unknown) => {
  const { problems } = checkHealthConsumer(input)
  assert.equal(problems?.length, 1, JSON.stringify(problems))
  return problems![0]!
}

test('an unknown field is named with the near one beside it, or with where it belongs', () => {
  const near = only(minimalWith({ 'spec.kafka.startForm': 'latest' }))
  assert.deepEqual(
    [near.code, near.field, near.fix],
    ['UNKNOWN_FIELD', 'spec.kafka.startForm', 'did you mean startFrom?'],
  )
  assert.equal(only(minimalWith({ 'spec.replicas': 2 })).fix, 'did you mean spec.scaling.replicas?')
  assert.match(only(minimalWith({ 'spec.kafka.sasll1234567': 2 })).fix, /^remove it, or use one of bootstrapServers, /)
})

test('a wrong choice lists the choices and the near one', () => {
  const problem = only(minimalWith({ 'spec.kafka.startFrom': 'earlist' }))
  assert.equal(problem.value, '"earlist"')
  assert.equal(problem.fix, 'write one of earliest, latest; did you mean earliest?')
})

test('a missing field, an empty field and a wrong type are told apart', () => {
  const missing = only(minimalWith({ 'spec.kafka.bootstrapServers': undefined }))
  assert.deepEqual(
    [missing.code, missing.what, missing.fix],
    ['MISSING_FIELD', 'is missing', 'add bootstrapServers: a list'],
  )
  assert.equal(only(minimalWith({ 'spec.iceberg.catalog.type': undefined })).fix, 'add type: one of rest, filesystem')
  assert.equal(only(minimalWith({ 'spec.kafka.topics': null })).what, 'is empty')
  assert.equal(only(minimalWith({ 'spec.paused': 'yes' })).fix, 'write true or false')
})

test('another kind of resource is told as that alone', () => {
  const { problems } = checkHealthConsumer({ apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 1 } })
  assert.deepEqual(
    problems?.map(problem => [problem.code, problem.field]),
    [
      ['WRONG_KIND', 'apiVersion'],
      ['WRONG_KIND', 'kind'],
    ],
  )
  assert.equal(only(null).field, 'the document')
})

test('a long value is cut, and so is a long list of problems', () => {
  assert.ok(only(minimalWith({ 'spec.kafka.groupId': 'x'.repeat(100_000) })).value!.length < 70)
  const fields = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`spec.field${index}`, index]))
  const { problems } = checkHealthConsumer(minimalWith(fields))
  assert.equal(problems?.length, 101)
  assert.equal(problems?.at(-1)?.what, 'has 4900 more problems')
})

const secret = 'hunter2hunter2 '
const secretPlaces = [
  'spec.kafka.sasl',
  'spec.kafka.sasl.password',
  'spec.kafka.sasl.secretRef',
  'spec.kafka.sasl.secretRef.name',
  'spec.kafka.tls.caSecretRef.key',
  'spec.iceberg.catalog.secretRef',
  'spec.iceberg.catalog.token',
  'spec.iceberg.catalog.properties',
  'spec.iceberg.storage.s3',
  'spec.iceberg.storage.s3.secretKey',
  'spec.password',
  'metadata.labels',
]

test('a secret is never shown, wherever it was put by mistake', () => {
  for (const place of secretPlaces) {
    for (const value of [secret, [secret], { key: [secret] }]) {
      const { problems } = checkHealthConsumer(minimalWith({ [place]: value }))
      assert.ok(problems, place)
      assert.doesNotMatch(JSON.stringify(problems), /hunter2/, place)
    }
  }
  const property = only(minimalWith({ 'spec.iceberg.catalog.properties': { header: 'hunter2'.repeat(1000) } }))
  assert.deepEqual([property.code, property.value], ['OUT_OF_BOUNDS', undefined])
  const uri = only(minimalWith({ 'spec.iceberg.catalog': { type: 'rest', uri: 'http://me:hunter2@catalog' } }))
  assert.doesNotMatch(JSON.stringify(uri), /hunter2/)
  const server = only(minimalWith({ 'spec.kafka.bootstrapServers': ['me:hunter2@kafka:9092'] }))
  assert.doesNotMatch(JSON.stringify(server), /hunter2/)
})

test('any input is answered with a resource or with problems that say what and how', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('metadata', 'spec', 'spec.kafka', 'spec.iceberg', 'spec.validation.ranges', 'status'),
      fc.jsonValue(),
      (place, value) => {
        const { resource, problems } = checkHealthConsumer(minimalWith({ [place]: value }))
        assert.equal(resource === undefined, problems !== undefined)
        for (const problem of problems ?? [])
          assert.ok(problem.what && problem.fix && problem.field, JSON.stringify(problem))
      },
    ),
  )
})

test('a rule about what may not stand together is asked even while its fields are wrong by themselves', () => {
  const autoscaling = { mode: 'KEDA', minReplicas: 3, maxReplicas: 2 }
  const { problems } = checkHealthConsumer(minimalWith({ 'spec.scaling': { replicas: -1, autoscaling } }))
  assert.deepEqual(
    problems?.map(({ field, what }) => `${field} ${what}`),
    [
      'spec.scaling.replicas is too small',
      'spec.scaling.autoscaling.minReplicas is above maxReplicas',
      'spec.scaling has both replicas and autoscaling',
    ],
  )
})

/** What is refused before anything runs, by field and with the fix, and that the rest is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHealthConsumer } from '../../../crds/problems.ts'
import { type RuntimeConfiguration, runtimeConfiguration } from '../../../runtime/contract/configuration.ts'
import { unsupportedHere } from '../../../runtime/contract/unsupported.ts'
import { minimalWith } from '../../crds/minimal.ts'

function configured(changes: Readonly<Record<string, unknown>> = {}): RuntimeConfiguration {
  const { resource, problems } = checkHealthConsumer(minimalWith(changes))
  assert.ok(resource, JSON.stringify(problems))
  return runtimeConfiguration(resource)
}

test('the minimal configuration is supported', () => assert.deepEqual(unsupportedHere(configured()), []))

for (const [field, changes] of [
  ['spec.kafka.bootstrapServers', { 'spec.kafka.bootstrapServers': ['kafka:9092', '[::1]:9092'] }],
  ['spec.format', { 'spec.format': 'avro', 'spec.schemaRegistry': { url: 'http://a' } }],
  ['spec.iceberg.catalog.properties', { 'spec.iceberg.catalog.properties': { a: 'b' } }],
  ['spec.iceberg.maintenance.compaction.enabled', { 'spec.iceberg.maintenance': { compaction: { enabled: true } } }],
] as const)
  test(`${field} is refused by name while the runtime cannot do it`, () => {
    const problems = unsupportedHere(configured(changes))
    assert.deepEqual(
      problems.map(problem => [problem.code, problem.field]),
      [['NOT_SUPPORTED', field]],
    )
    assert.ok(problems[0]!.fix)
  })

const rest = (properties: Readonly<Record<string, string>>) =>
  unsupportedHere(configured({ 'spec.iceberg.catalog': { type: 'rest', uri: 'https://a', properties } }))

test('a REST catalog, S3 and their settings are supported', () => {
  assert.deepEqual(
    rest({
      scope: 'catalog',
      'oauth2-server-uri': 'https://login.example.com/token',
      'token-refresh-enabled': 'true',
      'rest.sigv4-enabled': 'true',
      'rest.signing-region': 'eu-central-1',
      'header.X-Iceberg-Access-Delegation': 'vended-credentials',
      audience: 'keyboard',
    }),
    [],
  )
  const s3 = { endpoint: 'http://s3', serverSideEncryption: { mode: 'aws:kms', kmsKeyId: 'alias/health' } }
  const configuration = configured({
    'spec.iceberg.catalog.warehouse': 's3://bucket/w',
    'spec.iceberg.storage': { s3, pendingLocation: 's3://bucket/p' },
  })
  assert.deepEqual(unsupportedHere(configuration), [])
  assert.deepEqual(configuration.storage.s3, { pathStyle: false, ...s3 })
})

for (const name of [
  'credential',
  'token',
  'clientSecret',
  'client_secret',
  'password',
  's3.secret-access-key',
  's3.access-key-id',
  's3.session-token',
  'rest.access-key',
  'header.Authorization',
  'header.X-Api-Key',
  'header.Cookie',
  'HEADER.X_API_KEY',
])
  test(`the property ${name} is refused, for its place is a Secret, and its value is not repeated`, () => {
    const problems = rest({ [name]: 'canary-value', scope: 'a' })
    assert.equal(problems.length, 1)
    assert.match(problems[0]!.field, /^spec\.iceberg\.catalog\.properties/)
    assert.match(problems[0]!.fix, /spec\.iceberg\.catalog\.secretRef/)
    assert.doesNotMatch(JSON.stringify(problems), /canary/)
  })

test('an address with a login in it is refused', () => {
  const [problem] = rest({ 'oauth2-server-uri': 'https://me:canary@login.example.com/' })
  assert.equal(problem?.what, 'holds a login, which a manifest must not hold')
  assert.doesNotMatch(JSON.stringify(problem), /canary/)
})

test('a pending location inside a table is refused, one beside it is not', () => {
  const pending = (location: string) =>
    unsupportedHere(configured({ 'spec.iceberg.storage.pendingLocation': location })).map(problem => problem.code)
  assert.deepEqual(pending('/data/warehouse/health_db/health_data_errors/pending'), ['BROKEN_RULE'])
  assert.deepEqual(pending('/data/warehouse/health_db/x/../health_data_raw'), ['BROKEN_RULE'])
  assert.deepEqual(pending('/data/warehouse/health_db/health_data_raw_pending'), [])
  assert.deepEqual(pending('/data/pending'), [])
  const remote = (location: string) =>
    unsupportedHere(
      configured({
        'spec.iceberg.catalog.warehouse': 's3://b/w',
        'spec.iceberg.storage.pendingLocation': location,
      }),
    ).map(problem => problem.code)
  assert.deepEqual(remote('s3://b/w/health_db/health_data_raw/pending'), ['BROKEN_RULE'])
  assert.deepEqual(remote('s3://b/pending'), [])
})

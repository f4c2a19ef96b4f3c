import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHealthConsumer } from '../../../crds/problems.ts'
import {
  type RuntimeConfiguration,
  runtimeConfiguration,
  unsupportedHere,
} from '../../../runtime/contract/configuration.ts'
import { minimalWith } from '../../crds/minimal.ts'

function configured(changes: Readonly<Record<string, unknown>> = {}, folder?: string): RuntimeConfiguration {
  const { resource, problems } = checkHealthConsumer(minimalWith(changes))
  assert.ok(resource, JSON.stringify(problems))
  return runtimeConfiguration(resource, folder)
}

test('the minimal resource becomes a complete configuration in milliseconds and bytes', () => {
  assert.deepEqual(configured(), {
    name: 'minimal',
    namespace: 'default',
    groupId: 'default.minimal',
    bootstrapServers: ['127.0.0.1:9092'],
    topics: ['health-data-raw'],
    startFrom: 'earliest',
    onGap: 'Halt',
    sessionTimeoutMs: 6_000,
    format: 'json',
    validation: { mode: 'lenient', onInvalid: 'ErrorsTable', ranges: {} },
    catalog: { type: 'filesystem', warehouse: 'file:///data/warehouse', properties: {} },
    tables: { namespace: ['health_db'], raw: 'health_data_raw', errors: 'health_data_errors' },
    storage: {},
    commit: { intervalMs: 60_000, maxRows: 1_000_000, targetFileSizeBytes: 134_217_728, compression: 'zstd' },
    maintenance: {
      snapshotRetention: { maxAgeMs: 604_800_000, maxCount: 2000 },
      compaction: { enabled: false },
      orphanRemoval: { enabled: true, minAgeMs: 604_800_000 },
    },
    logging: { level: 'INFO', format: 'json' },
  })
})

test('everything optional is carried over, secrets by name only', () => {
  const configuration = configured({
    'metadata.namespace': 'prod',
    'spec.kafka.groupId': 'g',
    'spec.kafka.tls': { caSecretRef: { name: 'ca' }, clientCertificateSecretRef: { name: 'client' } },
    'spec.kafka.sasl': { mechanism: 'plain', secretRef: { name: 'login' } },
    'spec.format': 'avro',
    'spec.schemaRegistry': { url: 'http://registry', secretRef: { name: 'reg' } },
    'spec.validation.ranges': { a: { min: 1, max: 2, unit: 'm' } },
    'spec.iceberg.namespace': 'lake.health',
    'spec.iceberg.catalog': {
      type: 'rest',
      uri: 'http://c',
      warehouse: 'lake',
      secretRef: { name: 's' },
      properties: { a: 'b' },
    },
    'spec.iceberg.storage': {
      s3: { endpoint: 'http://s3', region: 'eu', secretRef: { name: 'k' } },
      pendingLocation: 's3://b/p/',
    },
  })
  assert.equal(configuration.namespace, 'prod')
  assert.equal(configuration.groupId, 'g')
  assert.deepEqual(configuration.kafkaTls, {
    caSecret: { name: 'ca', key: 'ca.crt' },
    clientCertificateSecret: 'client',
  })
  assert.deepEqual(configuration.sasl, { mechanism: 'plain', secret: 'login' })
  assert.deepEqual(configuration.schemaRegistry, { url: 'http://registry', secret: 'reg' })
  assert.deepEqual(configuration.validation.ranges, { a: { min: 1, max: 2, unit: 'm' } })
  assert.deepEqual(configuration.tables.namespace, ['lake', 'health'])
  assert.deepEqual(configuration.catalog, {
    type: 'rest',
    uri: 'http://c',
    warehouse: 'lake',
    secret: 's',
    properties: { a: 'b' },
  })
  assert.deepEqual(configuration.storage.s3, { endpoint: 'http://s3', region: 'eu', pathStyle: false, secret: 'k' })
  assert.equal(configuration.pendingLocation, 's3://b/p')
})

for (const [written, folder, expected] of [
  ['/data//w/', '/here', 'file:///data/w'],
  ['file:/data/w', '/here', 'file:///data/w'],
  ['file:///data/../w', '/here', 'file:///w'],
  ['w', '/here', 'file:///here/w'],
  ['./w', '/my folder', 'file:///my folder/w'],
  ['../.quickstart/w', '/here/examples', 'file:///here/.quickstart/w'],
  ['s3://bucket/w/', '/here', 's3://bucket/w'],
] as const)
  test(`warehouse ${written} seen from ${folder} is ${expected}`, () => {
    assert.equal(configured({ 'spec.iceberg.catalog.warehouse': written }, folder).catalog.warehouse, expected)
  })

test('a configuration is plain data that nobody can change, and shares nothing with the resource', () => {
  const configuration = configured({ 'spec.validation.ranges': { a: { min: 1, max: 2, unit: 'm' } } })
  assert.deepEqual(JSON.parse(JSON.stringify(configuration)), configuration)
  assert.throws(() => Object.assign(configuration.commit, { intervalMs: 1 }), TypeError)
  assert.throws(() => Object.assign(configuration.validation.ranges.a!, { min: 0 }), TypeError)
  assert.throws(() => Object.assign(configuration.topics, { 0: 'x' }), TypeError)
})

test('deriving a configuration leaves the resource as it was', () => {
  const { resource } = checkHealthConsumer(
    minimalWith({ 'spec.validation.ranges': { a: { min: 1, max: 2, unit: 'm' } } }),
  )
  runtimeConfiguration(resource!)
  assert.equal(Object.isFrozen(resource!.spec.validation.ranges!.a), false)
})

test('the minimal configuration is supported', () => assert.deepEqual(unsupportedHere(configured()), []))

for (const [field, changes] of [
  ['spec.kafka.sasl.mechanism', { 'spec.kafka.sasl': { mechanism: 'oauthbearer', secretRef: { name: 'a' } } }],
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

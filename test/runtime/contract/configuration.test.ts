import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkHealthConsumer } from '../../../crds/problems.ts'
import { type RuntimeConfiguration, runtimeConfiguration } from '../../../runtime/contract/configuration.ts'
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
      caSecretRef: { name: 'authorities', key: 'catalog.pem' },
      properties: { a: 'b' },
    },
    'spec.iceberg.storage': {
      s3: { endpoint: 'https://s3', region: 'eu', secretRef: { name: 'k' }, caSecretRef: { name: 'authorities' } },
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
    caSecret: { name: 'authorities', key: 'catalog.pem' },
    properties: { a: 'b' },
  })
  assert.deepEqual(configuration.storage.s3, {
    endpoint: 'https://s3',
    region: 'eu',
    pathStyle: false,
    secret: 'k',
    caSecret: { name: 'authorities', key: 'ca.crt' },
  })
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

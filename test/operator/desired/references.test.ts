import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dependenciesOf, referencedSecrets } from '../../../operator/desired/references.ts'
import { consumer, example, examples } from './children.ts'

const listed = (resource: ReturnType<typeof consumer>) =>
  dependenciesOf(resource).map(({ kind, name, field, optional, rolls, keys }) =>
    [kind, name, field, optional ? 'optional' : 'needed', rolls ? 'rolls' : 'stays', ...keys].join(' '),
  )

test('everything that the pods need is named with its field and its keys', () => {
  assert.deepEqual(listed(example('everything')), [
    'Secret kafka-ca spec.kafka.tls.caSecretRef needed rolls ca.crt',
    'Secret kafka-client spec.kafka.tls.clientCertificateSecretRef needed rolls tls.crt tls.key',
    'Secret kafka-login spec.kafka.sasl.secretRef needed rolls username password',
    'Secret registry-user spec.schemaRegistry.secretRef needed rolls username password',
    'Secret catalog-login spec.iceberg.catalog.secretRef needed rolls',
    'Secret catalog-ca spec.iceberg.catalog.caSecretRef needed rolls ca.crt',
    'Secret storage-login spec.iceberg.storage.s3.secretRef needed rolls accessKeyId secretAccessKey',
    'Secret storage-ca spec.iceberg.storage.s3.caSecretRef needed rolls authorities.pem',
    'ConfigMap proxy spec.pod.extraEnvFrom[0] optional rolls',
    'Secret log-user-id spec.pod.extraEnvFrom[1] needed rolls',
  ])
  assert.deepEqual(listed(example('minimal')), [
    'PersistentVolumeClaim health-data spec.iceberg.storage.persistentVolumeClaim needed stays',
  ])
  assert.deepEqual(listed(consumer()), [])
})

test('every Secret that a field names is mounted; environment variables are not files', () => {
  assert.deepEqual(referencedSecrets(example('everything')), [
    ...['catalog-ca', 'catalog-login', 'kafka-ca', 'kafka-client', 'kafka-login', 'registry-user'],
    ...['storage-ca', 'storage-login'],
  ])
})

test('OAuth has keys of its own', () => {
  const sasl = { mechanism: 'oauthbearer', secretRef: { name: 'login' } }
  assert.deepEqual(listed(consumer({ 'spec.kafka.sasl': sasl })), [
    'Secret login spec.kafka.sasl.secretRef needed rolls tokenEndpoint clientId clientSecret',
  ])
})

for (const name of examples)
  test(`no Secret that ${name} mounts goes unwatched`, () => {
    const rolling = dependenciesOf(example(name)).filter(({ kind, rolls }) => kind === 'Secret' && rolls)
    const names = new Set(rolling.map(dependency => dependency.name))
    for (const secret of referencedSecrets(example(name))) assert.ok(names.has(secret), secret)
  })

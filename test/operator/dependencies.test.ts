import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { createDependencies } from '../../operator/dependencies.ts'
import { Dependents } from '../../operator/dependents.ts'
import { InMemoryKubernetes } from '../../operator/inMemoryKubernetes.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { type DependencyKind, dependencyKinds } from '../../operator/providedObjects.ts'
import fc from '../properties.ts'
import { claim, secret } from './consumers.ts'
import { resourceOf } from './observed.ts'

const sasl = { mechanism: 'plain', secretRef: { name: 'login' } }
const spec = (more: object = {}) => ({ kafka: { bootstrapServers: ['k:9092'], tls: {}, sasl }, ...more })

/** Of its own authority. Needs openssl. */
function certificateAndKey() {
  const files = ['-keyout', '-', '-out', '-', '-subj', '/CN=consumer']
  const pem = execFileSync('openssl', ['req', '-x509', '-newkey', 'ed25519', '-nodes', ...files], { stdio: 'pipe' })
  const [key, certificate] = String(pem).split(/(?=-----BEGIN CERTIFICATE)/)
  return { key: key!, certificate: certificate! }
}

async function world() {
  const kubernetes = new InMemoryKubernetes(Object.values(dependencyKinds))
  const versions = new Map<string, string>()
  const named = new Map<string, readonly string[]>()
  const report = createDependencies({
    kubernetes,
    provided: {
      versionOf: (kind, _, name) => versions.get(`${kind}/${name}`),
      depends: (key, _, dependencies) =>
        void named.set(
          key,
          dependencies.map(({ kind, name }) => `${kind}/${name}`),
        ),
    },
  })
  /** Stored, and told by the watch. */
  async function put(object: KubernetesObject): Promise<void> {
    const kind = object.kind as DependencyKind
    const { name, namespace } = object.metadata
    const before = await kubernetes.get({ kind: dependencyKinds[kind], namespace, name }).catch(() => undefined)
    const resourceVersion = before?.metadata.resourceVersion
    const { metadata } = await kubernetes.write({ ...object, metadata: { ...object.metadata, resourceVersion } })
    versions.set(`${kind}/${name}`, metadata.resourceVersion!)
    kubernetes.requests.length = 0
  }
  await put(claim('team'))
  return { kubernetes, versions, named, report, put }
}

test('what is missing is told with its field, keys one by one', async () => {
  const { report, put, named } = await world()
  const missing = async (resource = resourceOf(spec())) =>
    (await report(resource)).missing.map(({ kind, name, field, missingKey }) => [kind, name, field, missingKey])
  assert.deepEqual(await missing(), [['Secret', 'login', 'spec.kafka.sasl.secretRef', undefined]])
  assert.deepEqual(named.get('team/one'), ['Secret/login', 'PersistentVolumeClaim/tables'])
  await put(secret('team', 'login', {}))
  assert.deepEqual(
    (await missing()).map(each => each[3]),
    ['username', 'password'],
  )
  await put(secret('team', 'login', { username: 'u', password: 'p' }))
  assert.deepEqual(await missing(), [])
  const configMapRef = { configMapRef: { name: 'extra', optional: true } }
  assert.deepEqual(await missing(resourceOf(spec({ pod: { extraEnvFrom: [configMapRef] } }))), [])
  const needed = { configMapRef: { name: 'extra' } }
  assert.deepEqual(await missing(resourceOf(spec({ pod: { extraEnvFrom: [needed] } }))), [
    ['ConfigMap', 'extra', 'spec.pod.extraEnvFrom[0]', undefined],
  ])
})

test('what a Secret holds is told where the pods cannot use it, by key and fix, and never shown', async () => {
  const { report, put } = await world()
  const tls = { caSecretRef: { name: 'ca' }, clientCertificateSecretRef: { name: 'pair' } }
  const own = { name: 'own', key: 'pem' }
  const catalog = { type: 'rest', uri: 'https://catalog', secretRef: { name: 'catalog' }, caSecretRef: own }
  const iceberg = { catalog, storage: { s3: { caSecretRef: own } } }
  const resource = resourceOf(spec({ kafka: { bootstrapServers: ['k:9092'], tls, sasl }, iceberg }))
  const wrong = async () =>
    (await report(resource)).missing.map(({ name, missingKey, wrong }) => `${name}: ${missingKey ?? wrong?.what}`)
  const { certificate: pem, key } = certificateAndKey()
  const { key: otherKey } = certificateAndKey()
  await put(secret('team', 'login', { username: 'u', password: '\n' }))
  await put(secret('team', 'ca', { 'ca.crt': 'canary' }))
  await put(secret('team', 'pair', { 'tls.crt': pem, 'tls.key': otherKey }))
  await put(secret('team', 'catalog', { clientId: 'canary', password: 'canary' }))
  await put(secret('team', 'own', { pem: 'canary' }))
  assert.deepEqual(await wrong(), [
    'ca: key ca.crt cannot be used (no certificate)',
    'pair: tls.crt with tls.key cannot be used (the key is not that of the certificate)',
    'login: key password is no text',
    'catalog: has one of clientId and clientSecret alone',
    'own: key pem cannot be used (no certificate)',
    'own: key pem cannot be used (no certificate)',
  ])
  await put(secret('team', 'login', { username: 'u', password: 'p' }))
  await put(secret('team', 'ca', { 'ca.crt': pem }))
  await put(secret('team', 'pair', { 'tls.crt': pem, 'tls.key': key }))
  await put(secret('team', 'own', { pem }))
  await put(secret('team', 'catalog', { user: 'canary' }))
  assert.deepEqual(await wrong(), ['catalog: has no key that a catalog takes'])
  await put(secret('team', 'catalog', { token: 'canary' }))
  assert.deepEqual(await wrong(), [])
})

test('a login with OAuth is looked into', async () => {
  const { report, put } = await world()
  const oauth = { mechanism: 'oauthbearer', secretRef: { name: 'login' } }
  const resource = resourceOf(spec({ kafka: { bootstrapServers: ['k:9092'], sasl: oauth } }))
  const login = { tokenEndpoint: 'https://login/token\n', clientId: 'c', clientSecret: 'canary' }
  const wrong = async (changes: Readonly<Record<string, string>>) => {
    await put(secret('team', 'login', { ...login, ...changes }))
    return (await report(resource)).missing.map(each => each.wrong?.what)
  }
  assert.deepEqual(await wrong({ scope: 's', 'ca.crt': certificateAndKey().certificate, logicalCluster: 'l' }), [])
  for (const [changes, what] of [
    [{ tokenEndpoint: 'canary/token' }, 'key tokenEndpoint is no address'],
    [{ tokenEndpoint: 'ftp://canary' }, 'key tokenEndpoint is no address'],
    [{ tokenEndpoint: 'https://me:canary@login' }, 'key tokenEndpoint holds a login'],
    [{ scope: '\n' }, 'key scope is no text'],
    [{ 'ca.crt': 'canary' }, 'key ca.crt cannot be used (no certificate)'],
    [{ identityPoolId: 'canary\x01auth=x' }, 'key identityPoolId holds what is no printable ASCII'],
  ] as const)
    assert.deepEqual(await wrong(changes), [what])
})

test('one Secret for two fields is asked for each what it needs', async () => {
  const { report, put } = await world()
  await put(secret('team', 'login', { username: 'u', password: 'p' }))
  const catalog = { type: 'rest', uri: 'http://catalog', secretRef: { name: 'login' } }
  const { missing } = await report(resourceOf(spec({ iceberg: { catalog } })))
  assert.deepEqual(
    missing.map(({ field, wrong }) => [field, wrong?.what]),
    [['spec.iceberg.catalog.secretRef', 'has no key that a catalog takes']],
  )
})

test('the digest changes with what the pods read, and with nothing else', async () => {
  const { report, put, kubernetes } = await world()
  const login = secret('team', 'login', { username: 'u', password: 'p' })
  const digest = async () => (await report(resourceOf(spec()))).secretsHash
  await put(login)
  const first = await digest()
  assert.match(first!, /^[0-9a-f]{16}$/)
  assert.equal(kubernetes.requests.splice(0).length, 1)
  assert.equal(await digest(), first)
  assert.deepEqual(kubernetes.requests, [])
  await put({ ...login, metadata: { ...login.metadata, annotations: { note: '1' } } })
  assert.equal(await digest(), first)
  await put({ ...login, data: { password: btoa('p'), username: btoa('u') } })
  assert.equal(await digest(), first)
  await put(secret('team', 'login', { username: 'u', password: 'q' }))
  assert.notEqual(await digest(), first)
  await put(login)
  assert.equal(await digest(), first)
  // Of a claim nothing is read.
  assert.equal((await report(resourceOf())).secretsHash, undefined)
})

test('an object that comes back is read anew', async () => {
  const { report, put, versions, kubernetes } = await world()
  await put(secret('team', 'login', { username: 'u', password: 'p' }))
  await report(resourceOf(spec()))
  const version = versions.get('Secret/login')!
  versions.delete('Secret/login')
  assert.equal((await report(resourceOf(spec()))).missing.length, 1)
  versions.set('Secret/login', version)
  kubernetes.requests.length = 0
  await report(resourceOf(spec()))
  assert.equal(kubernetes.requests.length, 1)
})

test('who names an object is found, and one that no longer does is not', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'))
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('one', 'two', 'three'), names)), steps => {
      const dependents = new Dependents()
      const model = new Map<string, readonly string[]>()
      for (const [key, objects] of steps) {
        dependents.set(key, new Set(objects))
        model.set(key, objects)
      }
      for (const object of ['a', 'b', 'c', 'd'])
        assert.deepEqual(
          [...dependents.of(object)].sort(),
          [...model].flatMap(([key, objects]) => (objects.includes(object) ? [key] : [])).sort(),
        )
    }),
  )
})

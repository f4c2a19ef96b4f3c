/** A spec that the operator calls valid is never refused by the pods: they read what they are given, and make their clients. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { S3Client } from '@aws-sdk/client-s3'
import { parseManifest } from '../../cli/manifest.ts'
import { revisionConfigMap, revisionOf } from '../../operator/desired/revision.ts'
import { readStored } from '../../operator/storedSpec.ts'
import { runtimeConfiguration } from '../../runtime/contract/configuration.ts'
import { dataTypes } from '../../runtime/contract/dataTypes.ts'
import { unsupportedHere } from '../../runtime/contract/unsupported.ts'
import { jsonDecoder } from '../../runtime/decode/jsonDecoder.ts'
import { restCatalog } from '../../runtime/iceberg/restCatalog.ts'
import { openLake } from '../../runtime/lake.ts'
import { createMetrics } from '../../runtime/telemetry/metrics.ts'
import { createClassifier } from '../../runtime/validate/classifier.ts'
import { changes as anyChanges } from '../controlplane/arbitrarySpec.ts'
import { minimalWith } from '../crds/minimal.ts'
import fc from '../properties.ts'
import { consumer } from './consumers.ts'

type Changes = Readonly<Record<string, unknown>>

/** What the minimal resource lies on in a cluster. */
const volume = { 'spec.iceberg.storage': { persistentVolumeClaim: { claimName: 'tables', mountPath: '/data' } } }

const stored = (changes: Changes) =>
  readStored({
    ...consumer('team', 'one'),
    spec: (JSON.parse(JSON.stringify(minimalWith(structuredClone({ ...volume, ...changes })))) as { spec: object })
      .spec,
  })

/** All that a pod does with its configuration before it asks anybody: rejects with what ends it. */
async function start(changes: Changes): Promise<void> {
  const { resource } = stored(changes)
  const revision = revisionOf({ resource: resource!, defaults: { image: 'healthconsumer:test' } })
  const { data } = revisionConfigMap({ resource: resource!, uid: 'u', replicas: 1, defaults: { image: 'a' } }, revision)
  const [text] = Object.values(data as Readonly<Record<string, string>>)
  const { manifest, failures } = parseManifest('manifest', text!)
  assert.equal(failures, undefined)
  const configuration = runtimeConfiguration(manifest!.resource, '/etc')
  assert.deepEqual(unsupportedHere(configuration), [])
  const { tables, validation, storage } = configuration
  const types = new Set([...Object.keys(dataTypes), ...Object.keys(validation.ranges)])
  createMetrics({ version: '1', tables, dataTypes: types, now: Date.now })
  createClassifier({
    decoder: jsonDecoder,
    ...validation,
    observer: { valid() {}, invalid() {}, warning() {} },
  })
  const lake = await openLake(configuration, '/secrets')
  lake.close()
  if (storage.s3 === undefined) return
  const { endpoint, region = 'us-east-1' } = storage.s3
  const client = new S3Client({ region, ...(endpoint !== undefined && { endpoint }) })
  await client.config.region()
  await client.config.endpoint?.()
  client.destroy()
}

const rest = (properties: Readonly<Record<string, string>>, uri = 'http://catalog:8181'): Changes => ({
  'spec.iceberg.catalog': { type: 'rest', uri, properties },
})
const s3 = (settings: object): Changes => ({
  'spec.iceberg.catalog.warehouse': 's3://bucket/tables',
  'spec.iceberg.storage': { s3: settings },
})
const property = (name: string) => `spec.iceberg.catalog.properties${/^\w+$/.test(name) ? `.${name}` : `["${name}"]`}`

const malformed: readonly (readonly [Changes, field: string, told: RegExp])[] = [
  [rest({ 'rest.sigv4-enabled': 'yes' }), property('rest.sigv4-enabled'), /"yes" is neither .* write true or false/],
  [
    rest({ 'rest.auth.type': 'basic' }),
    property('rest.auth.type'),
    /"basic" is not supported .* none, oauth2 or sigv4/,
  ],
  [rest({ 'rest.auth.type': 'canary-too-long-to-be-a-type' }), property('rest.auth.type'), /^ is not supported/],
  [
    rest({ 'rest.client.socket-timeout-ms': '30s' }),
    property('rest.client.socket-timeout-ms'),
    /"30s" .* whole number/,
  ],
  [rest({ 'oauth2-server-uri': 'ftp://login' }), 'spec.iceberg.catalog.properties.oauth2-server-uri', /https:/],
  [rest({ 'header.X A': 'canary' }), property('header.X A'), /^ names no HTTP header/],
  [rest({ 'header.Host': 'canary' }), property('header.Host'), /^ is a header that the client sets itself leave it/],
  [rest({ 'header.X-A': 'canary\n' }), property('header.X-A'), /printable ASCII/],
  [rest({ 'namespace-separator': '' }), 'spec.iceberg.catalog.properties.namespace-separator', /%1F/],
  [rest({}, 'http://catalog:99999'), 'spec.iceberg.catalog.uri', /^ is no address/],
  [rest({}, 'http://catalog/?key=canary'), 'spec.iceberg.catalog.uri', /^ has a query/],
  [s3({ endpoint: 'http://s3:99999' }), 'spec.iceberg.storage.s3.endpoint', /"http:\/\/s3:99999" is no address/],
  [s3({ region: 'eu-' }), 'spec.iceberg.storage.s3.region', /"eu-" is no region/],
]

suite('accepted specs', () => {
  for (const [changes, field, told] of malformed)
    test(`${JSON.stringify(changes).slice(0, 110)} is refused by its field, before there is a pod`, () => {
      const [problem, ...more] = stored(changes).problems
      assert.deepEqual([problem?.field, more], [field, []])
      const { value, what, fix } = problem!
      assert.match([...(value === undefined ? [''] : [value]), what, fix].join(' '), told)
      assert.doesNotMatch(JSON.stringify(problem), /canary/)
    })

  test('two problems of a catalog are told at once', () => {
    const { problems } = stored(rest({ 'rest.auth.type': 'basic', 'header.Host': 'a' }))
    assert.equal(problems.length, 2)
  })

  const names = fc.constantFrom(
    ...['rest.sigv4-enabled', 'rest.auth.type', 'rest.signing-region', 'rest.signing-name', 'prefix', 'other'],
    ...[
      'rest.client.connection-timeout-ms',
      'rest.client.socket-timeout-ms',
      'oauth2-server-uri',
      'namespace-separator',
    ],
    ...['header.X-A', 'header.', 'header.a b', 'header.Host', 'header.é', 'scope', 'audience', 'resource'],
  )
  const texts = fc.oneof(
    fc.constantFrom(
      '',
      'true',
      'TRUE',
      'none',
      'sigv4',
      '1',
      '0',
      '5000',
      '1e3',
      'https://a/b',
      'v1/tokens',
      '//',
      ' ',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
  )
  const addresses = fc.oneof(
    { arbitrary: fc.constant('http://catalog:8181'), weight: 4 },
    fc.webUrl({ withQueryParameters: true }),
    fc.constantFrom(
      'http://a:99999',
      'http://[::1]:80',
      'http://[::z]',
      'http://a%zz',
      'http://a:b',
      'https://a?b',
      'http://a#b',
    ),
    fc.string({ maxLength: 6 }).map(text => `http://${text}`),
  )
  const lakes = fc.oneof(
    fc.tuple(fc.dictionary(names, texts, { maxKeys: 4 }), addresses).map(([properties, uri]) => rest(properties, uri)),
    fc
      .record(
        { endpoint: addresses, region: fc.stringMatching(/^[a-z0-9-]{1,6}$/), pathStyle: fc.boolean() },
        { requiredKeys: [] },
      )
      .map(s3),
  )

  for (const [what, changes, share] of [
    ['catalog or storage', lakes, 5],
    ['field of the spec', anyChanges, 20],
  ] as const)
    test(`whatever ${what} is changed: what the operator accepts, the pods start with`, async t => {
      const numRuns = process.env.HC_TEST_LONG ? 3_000 : 150
      let accepted = 0
      const starts = fc.asyncProperty(changes, async values => {
        const { resource, problems } = stored(values)
        if (resource === undefined || problems.length > 0) return
        accepted++
        await start(values)
      })
      await fc.assert(starts, { numRuns })
      t.diagnostic(`${accepted} specs were accepted`)
      assert.ok(accepted > numRuns / share, `${accepted}`)
    })

  test('what is refused would have ended the pod', () => {
    for (const [changes] of malformed.filter(([changes]) => 'spec.iceberg.catalog' in changes)) {
      const { uri, properties } = changes['spec.iceberg.catalog'] as { uri: string; properties: Record<string, string> }
      const options = { now: Date.now, sleep: async () => undefined, random: () => 0, newId: () => '' }
      assert.throws(() => restCatalog({ uri, properties, ...options }))
    }
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifest } from '../../../cli/manifest.ts'
import type { HealthConsumer } from '../../../crds/healthconsumer.ts'
import { desiredChildren } from '../../../operator/desired/index.ts'
import {
  manifestFile,
  readRevision,
  revisionConfigMap,
  revisionName,
  revisionOf,
} from '../../../operator/desired/revision.ts'
import { runtimeConfiguration } from '../../../runtime/contract/configuration.ts'
import { minimal } from '../../crds/minimal.ts'
import fc from '../../properties.ts'
import { childOf, childrenOf, consumer, example, examples, inputOf, templateOf } from './children.ts'

const hashOf = (resource: HealthConsumer) => revisionOf(inputOf(resource)).hash

for (const name of examples)
  test(`the pods of ${name} read what it asks for, by the command's own reader`, () => {
    const resource = example(name)
    const children = childrenOf(resource)
    const { data, immutable } = childOf(children, 'ConfigMap') as unknown as { data: object; immutable: boolean }
    const text = (data as Record<string, string>)[manifestFile]!
    const { manifest, failures } = parseManifest(manifestFile, text)
    assert.equal(failures, undefined)
    assert.deepEqual(runtimeConfiguration(manifest!.resource), runtimeConfiguration(resource))
    assert.equal(immutable, true)
    const { containers, volumes } = templateOf(children).spec
    const volume = volumes.find(
      ({ configMap }) => configMap?.name === revisionName(resource, { hash: hashOf(resource) }),
    )
    const folder = containers[0].volumeMounts.find(mount => mount.name === volume?.name)?.mountPath
    assert.ok(containers[0].args.includes(`${folder}/${manifestFile}`))
  })

/** Values that change what pods run, each of the one before. */
const rolling: readonly (readonly [path: string, value: unknown])[] = [
  ['spec.kafka.topics', ['other']],
  ['spec.validation.mode', 'strict'],
  ['spec.iceberg.commit.interval', '30s'],
  ['spec.logging.level', 'DEBUG'],
  ['spec.image', 'healthconsumer:other'],
  ['spec.imagePullPolicy', 'Always'],
  ['spec.restartedAt', '2026-01-01T00:00:00Z'],
  ['spec.pod.nodeSelector', { disk: 'fast' }],
  ['spec.pod.extraEnvFrom', [{ configMapRef: { name: 'more' } }]],
]
const outside: readonly (readonly [path: string, value: unknown])[] = [
  ['spec.scaling.replicas', 7],
  ['spec.scaling.autoscaling', { mode: 'KEDA', maxReplicas: 3 }],
  ['spec.paused', true],
  ['spec.rollout.progressDeadlineSeconds', 60],
  ['spec.rollout.rollbackOnFailure', true],
  ['spec.monitoring.prometheusRule.thresholds.HighKafkaLag', 5],
  ['spec.monitoring.dashboard.enabled', false],
  ['metadata.labels', { team: 'a' }],
]

test('what pods run is part of the revision and of their template, by whichever field it changes', () => {
  const hashes = [consumer(), ...rolling.map(([path, value]) => consumer({ [path]: value }))].map(hashOf)
  assert.equal(new Set(hashes).size, rolling.length + 1)
})

test('a change of anything else restarts nothing', () => {
  const template = JSON.stringify(templateOf(childrenOf(consumer())))
  for (const [path, value] of outside)
    assert.equal(JSON.stringify(templateOf(childrenOf(consumer({ [path]: value })))), template, path)
})

test('what is so by default is in no manifest, which a consumer of another version would read otherwise', () => {
  const { data } = childOf(childrenOf(consumer()), 'ConfigMap') as unknown as { data: Record<string, string> }
  assert.deepEqual(JSON.parse(data[manifestFile]!).spec, minimal().spec)
  assert.equal(hashOf(consumer({ 'spec.kafka.sessionTimeout': '6s' })), hashOf(consumer()))
})

test('another content of the Secrets is another template', () => {
  const template = (secretsHash?: string) => templateOf(childrenOf(consumer(), { secretsHash }))
  assert.notDeepEqual(template('a'), template('b'))
  assert.deepEqual(template('a'), template('a'))
})

test('the order of keys in a file is no part of the revision: an API server keeps its own', () => {
  const given: Record<string, unknown> = { heartRate: 1, steps: 2, bodyMass: 3, height: 4 }
  const range = { min: 0, max: 9, unit: 'x' }
  const ordered = (keys: readonly string[]) =>
    hashOf(
      consumer({
        'spec.validation.ranges': Object.fromEntries(keys.map(key => [key, range])),
        'spec.pod.labels': Object.fromEntries(keys.map(key => [key, String(given[key])])),
      }),
    )
  const keys = Object.keys(given)
  fc.assert(fc.property(fc.shuffledSubarray(keys, { minLength: 4 }), order => ordered(order) === ordered(keys)))
})

test('a stored revision is read back; another one, or what is none, is not', () => {
  for (const name of examples) {
    const input = inputOf(example(name))
    const revision = revisionOf(input)
    const stored = JSON.parse(JSON.stringify(revisionConfigMap(input, revision)))
    assert.deepEqual(JSON.stringify(readRevision(stored, revision.hash)), JSON.stringify(revision))
    assert.equal(readRevision(stored, '0123456789'), undefined)
    stored.data[manifestFile] = stored.data[manifestFile].replace('kafka', 'Kafka')
    assert.equal(readRevision(stored, revision.hash), undefined)
    assert.equal(readRevision({ ...stored, data: undefined }, revision.hash), undefined)
  }
})

test('a stored revision that this version cannot run is none', () => {
  const input = inputOf(consumer())
  const strange = { ...input.resource.spec.kafka, isolation: 'committed' }
  const resource = { ...input.resource, spec: { ...input.resource.spec, kafka: strange } }
  const revision = revisionOf({ ...input, resource })
  assert.equal(readRevision(revisionConfigMap(input, revision), revision.hash), undefined)
})

test('a rollback is back to all of it: fields that came later are gone with their children', () => {
  const later = consumer({
    'spec.kafka.tls': { caSecretRef: { name: 'ca' } },
    'spec.kafka.sasl': { mechanism: 'plain', secretRef: { name: 'login' } },
    'spec.restartedAt': '2026-01-01T00:00:00Z',
    'spec.imagePullSecrets': [{ name: 'registry' }],
    'spec.pod': { serviceAccountName: 'nosuch', nodeSelector: { disk: 'none' } },
    'spec.scaling.autoscaling': { mode: 'KEDA', maxReplicas: 3 },
  })
  const earlier = consumer({ 'spec.scaling.autoscaling': { mode: 'KEDA', maxReplicas: 3 } })
  const revision = revisionOf(inputOf(earlier))
  const stored = JSON.parse(JSON.stringify(revisionConfigMap(inputOf(earlier), revision)))
  const back = desiredChildren(inputOf(later), readRevision(stored, revision.hash)!)
  assert.equal(JSON.stringify(back), JSON.stringify(childrenOf(earlier)))
})

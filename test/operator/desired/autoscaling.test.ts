import assert from 'node:assert/strict'
import { test } from 'node:test'
import { childOf, childrenOf, consumer, example } from './children.ts'

interface ScaledObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly name: string }
    readonly minReplicaCount: number
    readonly maxReplicaCount: number
    readonly triggers: readonly {
      readonly type: string
      readonly metadata: Readonly<Record<string, string>>
      readonly authenticationRef?: { readonly name: string }
    }[]
  }
}
interface TriggerAuthentication {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly secretTargetRef: readonly { readonly parameter: string; readonly name: string; readonly key: string }[]
  }
}

const keda = (changes: Readonly<Record<string, unknown>> = {}) =>
  childrenOf(consumer({ 'spec.scaling.autoscaling': { mode: 'KEDA', maxReplicas: 6 }, ...changes }))
const scaled = (children: ReturnType<typeof keda>) => childOf(children, 'ScaledObject') as unknown as ScaledObject
const authentication = (children: ReturnType<typeof keda>) =>
  childOf(children, 'TriggerAuthentication') as unknown as TriggerAuthentication | undefined

test('each topic is a trigger on the group that the pods read with', () => {
  const children = childrenOf(example('keda'))
  const { scaleTargetRef, minReplicaCount, maxReplicaCount, triggers } = scaled(children).spec
  assert.equal(scaleTargetRef.name, childOf(children, 'Deployment')!.metadata.name)
  assert.deepEqual([minReplicaCount, maxReplicaCount], [1, 12])
  const common = {
    bootstrapServers: 'kafka-bootstrap:9092',
    consumerGroup: 'health.keda',
    lagThreshold: '5000',
    offsetResetPolicy: 'earliest',
  }
  assert.deepEqual(triggers, [
    { type: 'kafka', metadata: { ...common, topic: 'health-data-raw' } },
    { type: 'kafka', metadata: { ...common, topic: 'health-data-import' } },
  ])
  assert.equal(scaled(keda({ 'spec.kafka.groupId': 'mine' })).spec.triggers[0]!.metadata.consumerGroup, 'mine')
})

test('public certificates need no authentication, only TLS', () => {
  const children = keda({ 'spec.kafka.tls': {} })
  const [trigger] = scaled(children).spec.triggers
  assert.equal(trigger!.metadata.tls, 'enable')
  assert.equal(trigger!.authenticationRef, undefined)
  assert.equal(authentication(children), undefined)
})

test('credentials are those of the pods, by reference, in the words of KEDA', () => {
  const children = keda({
    'spec.kafka.tls': { caSecretRef: { name: 'ca', key: 'root.pem' }, clientCertificateSecretRef: { name: 'client' } },
    'spec.kafka.sasl': { mechanism: 'scram-sha-512', secretRef: { name: 'login' } },
  })
  const [trigger] = scaled(children).spec.triggers
  assert.equal(trigger!.metadata.sasl, 'scram_sha512')
  assert.equal(trigger!.authenticationRef?.name, authentication(children)!.metadata.name)
  assert.deepEqual(authentication(children)!.spec.secretTargetRef, [
    { parameter: 'username', name: 'login', key: 'username' },
    { parameter: 'password', name: 'login', key: 'password' },
    { parameter: 'ca', name: 'ca', key: 'root.pem' },
    { parameter: 'cert', name: 'client', key: 'tls.crt' },
    { parameter: 'key', name: 'client', key: 'tls.key' },
  ])
})

for (const [mechanism, word] of [
  ['plain', 'plaintext'],
  ['scram-sha-256', 'scram_sha256'],
  ['oauthbearer', 'oauthbearer'],
])
  test(`${mechanism} is KEDA's ${word}`, () => {
    const children = keda({ 'spec.kafka.sasl': { mechanism, secretRef: { name: 'login' } } })
    assert.equal(scaled(children).spec.triggers[0]!.metadata.sasl, word)
    const parameters = authentication(children)!.spec.secretTargetRef.map(({ parameter }) => parameter)
    const token = mechanism === 'oauthbearer' ? ['oauthTokenEndpointUri'] : []
    assert.deepEqual(parameters, [...token, 'username', 'password'])
  })

test('where the last pod may go, its absence is no alert', () => {
  const alerts = (minReplicas: number) =>
    JSON.stringify(
      childOf(keda({ 'spec.scaling.autoscaling': { mode: 'KEDA', minReplicas, maxReplicas: 6 } }), 'PrometheusRule'),
    )
  for (const alert of ['TaskManagerDown', 'MetricsAbsent']) {
    assert.match(alerts(1), new RegExp(`"alert":"${alert}"`))
    assert.doesNotMatch(alerts(0), new RegExp(`"alert":"${alert}"`))
  }
  assert.match(alerts(0), /"alert":"HighKafkaLag"/)
})

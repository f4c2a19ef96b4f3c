/** From `kubectl apply` to a consumer that runs, and what its status says on the way; on a real API server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { childKinds } from '../../operator/desired/index.ts'
import { dependencyKinds } from '../../operator/providedObjects.ts'
import { consumer, secret, told } from '../operator/consumers.ts'
import { consumerKind, type RunningOperator, startWorld, type World } from '../operator/operatorWorld.ts'
import { installApi } from '../operator/optionalApis.ts'
import { succeeds, until } from '../until.ts'

let world: World
let operator: RunningOperator
/** Lists again every second, as an operator does in hours. */
const restless = { relistMs: 800, watchSeconds: [1, 1], healthyMs: 500, absentMs: 1000 } as const

before(async () => {
  world = await startWorld()
  operator = await world.operator({ agent: 'first', limits: restless })
})
after(() => world?.down())

const lists = async (agent: string) =>
  (await world.requests(agent)).filter(({ verb, objectRef }) => verb === 'list' && objectRef?.resource === 'pods')
    .length

/** Through lists of everything. */
async function idle(agent: string): Promise<void> {
  const before = await lists(agent)
  await until(`${agent} lists again`, async () => (await lists(agent)) >= before + 2)
}

test('a HealthConsumer becomes children, pods, and Ready; then nothing is written any more', async () => {
  const namespace = 'plain'
  await world.namespace(namespace)
  await world.apply(consumer(namespace, 'one', { scaling: { replicas: 2 } }))
  await world.condition(namespace, 'one', 'Reconciling=True/Progressing')
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  assert.match(await world.condition(namespace, 'one', 'Ready=True/Ready'), /^2 of 2 pods are ready$/)
  await world.condition(namespace, 'one', 'ConsumerHealthy=True/KeepingUp')

  const { uid } = (await world.get(consumerKind, namespace, 'one'))!.metadata
  const children = await world.children(namespace)
  const status = (await world.status(namespace, 'one'))!
  assert.deepEqual([...children.keys()].map(child => child.replace(status.appliedHash!, 'HASH')).sort(), [
    'ConfigMap/one-HASH',
    'ConfigMap/one-dashboard',
    'Deployment/one-consumer',
    'NetworkPolicy/one-consumer',
    'PodDisruptionBudget/one-consumer',
    'Service/one-consumer',
    'ServiceAccount/one-consumer',
  ])
  for (const [name, { metadata }] of children) {
    const owner = { apiVersion: 'healthdata.dev/v1alpha1', kind: 'HealthConsumer', name: 'one', uid }
    assert.deepEqual(metadata.ownerReferences, [{ ...owner, controller: true, blockOwnerDeletion: true }], name)
    assert.equal(metadata.labels?.['app.kubernetes.io/instance'], 'one', name)
  }
  assert.deepEqual(
    status.resources?.map(({ kind, state }) => `${kind} ${state}`),
    [
      ...['ServiceAccount', 'Service', 'NetworkPolicy', 'PodDisruptionBudget', 'ConfigMap', 'Deployment'].map(
        kind => `${kind} Applied`,
      ),
      ...['ServiceMonitor Missing', 'PrometheusRule Missing', 'ConfigMap Applied'],
    ],
  )
  assert.equal(status.phase, 'Running')
  assert.deepEqual([status.replicas, status.readyReplicas, status.updatedReplicas], [2, 2, 2])
  assert.equal(status.lastStableHash, status.appliedHash)

  // Lists of everything again, and another operator that begins: no write.
  await idle('first')
  const before = (await world.writes('first')).length
  await idle('first')
  assert.equal((await world.writes('first')).length, before)
  await operator.stop()
  operator = await world.operator({ agent: 'second', limits: restless })
  await idle('second')
  assert.deepEqual(await world.writes('second'), [])
  // None of what was written was a surprise to the API server.
  const failed = (await world.requests('second')).filter(({ responseStatus }) => responseStatus!.code! >= 400)
  assert.deepEqual([...new Set(failed.map(({ objectRef }) => objectRef!.resource))].sort(), [
    ...['prometheusrules', 'scaledobjects', 'servicemonitors', 'triggerauthentications'],
  ])
  assert.deepEqual(await world.events(namespace, 'ChildChanged'), [])
})

test('kubectl get, describe, wait and scale tell and do what they should', async () => {
  const namespace = 'kubectl'
  const kubectl = (...parameters: string[]) => world.cluster.kubectl('-n', namespace, ...parameters)
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true, status: () => told({ lags: [30, 12] }) })
  await world.apply(consumer(namespace, 'one', { kafka: { bootstrapServers: ['kafka.test:9092'], topics: ['a'] } }))
  await kubectl('wait', '--for=condition=Ready', '--timeout=30s', 'hc/one')
  await world.condition(namespace, 'one', 'ConsumerHealthy=True')
  assert.match(
    await kubectl('get', 'hc'),
    /^NAME\s+READY\s+REASON\s+DESIRED\s+REPLICAS\s+LAG\s+AGE\none\s+True\s+Ready\s+1\s+42\s/,
  )
  assert.match(await kubectl('get', 'hc', '-o', 'wide'), /\["a"\]\s+107\s+1 of 1 pods are ready/)
  assert.match(await kubectl('get', 'healthdata'), /^NAME .*\none /)
  await kubectl('scale', 'hc/one', '--replicas=3')
  await kubectl('wait', '--for=jsonpath={.status.readyReplicas}=3', '--timeout=30s', 'hc/one')
  await world.condition(namespace, 'one', 'Ready=True')
  assert.match(await kubectl('get', 'hc'), /one\s+True\s+Ready\s+3\s+3\s/)

  await world.kubelet.decide(namespace, {
    ready: true,
    status: () => told({ halt: { code: 'OffsetGap', message: 'topic a, partition 0', fix: 'set onGap' } }),
  })
  await world.condition(namespace, 'one', 'Stalled=True/Halted')
  const described = await kubectl('describe', 'hc', 'one')
  for (const text of ['OffsetGap: topic a, partition 0; set onGap', 'Warning  Halted'])
    assert.ok(described.includes(text), described)
  assert.equal((await world.status(namespace, 'one'))?.phase, 'Halted')
  // The pods run; that is all that these two say.
  await world.condition(namespace, 'one', 'WorkloadAvailable=True')
  await world.condition(namespace, 'one', 'ConsumerHealthy=False/OffsetGap')
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  await world.condition(namespace, 'one', 'Ready=True')
  await until('that is told', async () => (await world.events(namespace, 'Recovered')).length === 1)
})

test("why pods do not run is told in Kubernetes' own words", async () => {
  const namespace = 'stuck'
  await world.namespace(namespace)
  await world.apply(consumer(namespace, 'one'))
  await world.kubelet.decide(namespace, {
    waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"' },
  })
  assert.match(
    await world.condition(namespace, 'one', 'Ready=False/ImagePullBackOff'),
    /^pod one-consumer-\S+: Back-off/,
  )
  await world.condition(namespace, 'one', 'Stalled=True/ImagePullBackOff')
  await world.kubelet.decide(namespace, { waiting: { reason: 'CreateContainerConfigError', message: 'no key' } })
  await world.condition(namespace, 'one', 'Stalled=True/CreateContainerConfigError')
  const message = 'line\n{"level":"INFO","message":"x"}\nerror[KAFKA_UNREACHABLE]: kafka.test:9092: no answer\n'
  const crashed = { exitCode: 1, message, count: 4 }
  await world.kubelet.decide(namespace, { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' }, crashed })
  const words = /: exit code 1: error\[KAFKA_UNREACHABLE\]: kafka\.test:9092: no answer$/
  assert.match(await world.condition(namespace, 'one', 'Stalled=True/CrashLoopBackOff'), words)
  const transitions = async () =>
    (await world.status(namespace, 'one'))?.conditions?.map(({ type, lastTransitionTime }) => type + lastTransitionTime)
  const before = await transitions()
  // It is tried again, and has not started yet: nothing has become better.
  await world.kubelet.decide(namespace, { crashed })
  await world.kubelet.decide(namespace, { waiting: { reason: 'CrashLoopBackOff' }, crashed: { ...crashed, count: 5 } })
  assert.deepEqual(await transitions(), before)
  await world.kubelet.decide(namespace, { unschedulable: '0/3 nodes are available: insufficient memory' })
  assert.match(await world.condition(namespace, 'one', 'WorkloadAvailable=False/Unschedulable'), /insufficient memory/)
  await world.condition(namespace, 'one', 'Stalled=False')
  // They run, and Kafka has no such topic: that is what stands in the way.
  const trouble = { code: 'TopicMissing', message: 'topic a: not there', since: '2026-01-01T00:00:00.000Z' } as const
  await world.kubelet.decide(namespace, { status: () => told({ trouble, epoch: 0, lags: [] }) })
  assert.match(await world.condition(namespace, 'one', 'Stalled=True/TopicMissing'), /^topic a: not there; it is tried/)
  await world.kubelet.decide(namespace, { ready: true })
  await world.condition(namespace, 'one', 'Ready=True')
})

test('pods that the API server refuses stall, with its reason', async () => {
  const namespace = 'quota'
  await world.namespace(namespace)
  await world.cluster.kubectl('-n', namespace, 'create', 'quota', 'none', '--hard=pods=0')
  await world.kubelet.decide(namespace, { ready: true })
  await world.apply(consumer(namespace, 'one'))
  assert.match(await world.condition(namespace, 'one', 'Stalled=True/FailedCreate'), /exceeded quota: none/)
})

test('what pods would refuse is told before there are any: object, key or field, and what to do', async () => {
  const namespace = 'refused'
  const lake = (catalog: object, s3: object = {}) => ({
    iceberg: { catalog: { type: 'rest', uri: 'http://catalog.test:8181', ...catalog }, storage: { s3 } },
  })
  await world.namespace(namespace)
  await world.apply(consumer(namespace, 'catalog', lake({ properties: { 'rest.auth.type': 'basic' } })))
  await world.apply(consumer(namespace, 'storage', lake({}, { endpoint: 'http://s3.test:90000' })))
  await world.apply(consumer(namespace, 'secret', lake({ secretRef: { name: 'catalog-login' } })))
  await world.apply(secret(namespace, 'catalog-login', { user: 'marker-user' }))
  const kafka = { bootstrapServers: ['kafka.test:9092'], tls: { caSecretRef: { name: 'kafka-ca' } } }
  await world.apply(consumer(namespace, 'authority', { kafka }))
  await world.apply(secret(namespace, 'kafka-ca', { 'ca.crt': 'marker-no-certificate' }))
  const relative = { catalog: { type: 'filesystem', warehouse: 'tables' } }
  await world.apply(consumer(namespace, 'warehouse', { iceberg: relative }))
  for (const [name, condition, told] of [
    [
      'catalog',
      'ConfigValid=False/InvalidSpec',
      'spec.iceberg.catalog.properties["rest.auth.type"]: "basic" is not supported: write none, oauth2 or sigv4',
    ],
    [
      'storage',
      'ConfigValid=False/InvalidSpec',
      'spec.iceberg.storage.s3.endpoint: "http://s3.test:90000" is no address: write https://host:port',
    ],
    [
      'secret',
      'DependenciesReady=False/SecretInvalid',
      'Secret catalog-login (spec.iceberg.catalog.secretRef): has no key that a catalog takes: ' +
        'give it a key token, or clientId and clientSecret, or accessKeyId and secretAccessKey',
    ],
    [
      'authority',
      'DependenciesReady=False/SecretInvalid',
      'Secret kafka-ca (spec.kafka.tls.caSecretRef): key ca.crt cannot be used (no certificate): ' +
        'write certificates and key in PEM form, the key without a passphrase',
    ],
    [
      'warehouse',
      'ConfigValid=False/InvalidSpec',
      'spec.iceberg.storage.persistentVolumeClaim is missing for files on a file system: ' +
        'name the claim that the tables lie on, for a pod keeps nothing by itself',
    ],
  ] as const) {
    assert.equal(await world.condition(namespace, name, condition), told)
    assert.equal(await world.get(childKinds.Deployment, namespace, `${name}-consumer`), undefined)
    const described = await world.cluster.kubectl('-n', namespace, 'describe', 'hc', name)
    assert.ok(described.replace(/\s+/g, ' ').includes(told), described)
    assert.doesNotMatch(described, /marker/)
  }
  // Once it is right, it goes on by itself.
  await world.apply(secret(namespace, 'catalog-login', { token: 'marker-token' }))
  await world.condition(namespace, 'secret', 'DependenciesReady=True')
})

test('a Secret that is missing, or lacks a key, is waited for; what it holds is told to nobody', async () => {
  const namespace = 'secrets'
  const kafka = {
    bootstrapServers: ['kafka.test:9092'],
    tls: {},
    sasl: { mechanism: 'plain', secretRef: { name: 'login' } },
  }
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  await world.apply(consumer(namespace, 'one', { kafka }))
  assert.equal(
    await world.condition(namespace, 'one', 'Stalled=True/SecretMissing'),
    'Secret login (spec.kafka.sasl.secretRef) is not there: create it with the keys username, password',
  )
  assert.equal(await world.get(childKinds.Deployment, namespace, 'one-consumer'), undefined)
  await world.apply(secret(namespace, 'login', { username: 'marker-user' }))
  assert.match(await world.condition(namespace, 'one', 'DependenciesReady=False/KeyMissing'), /no key password: add it/)
  await world.apply(secret(namespace, 'login', { username: 'marker-user', password: 'marker-password' }))
  await world.condition(namespace, 'one', 'Ready=True')
  const templateOf = async () => {
    const { spec } = (await world.get(childKinds.Deployment, namespace, 'one-consumer'))!
    return JSON.stringify((spec as { template: unknown }).template)
  }
  // A new password rolls the pods; an annotation of the Secret does not.
  const before = await templateOf()
  await world.cluster.kubectl('-n', namespace, 'annotate', 'secret', 'login', 'note=1')
  await idle(operator.agent)
  assert.equal(await templateOf(), before)
  await world.apply(secret(namespace, 'login', { username: 'marker-user', password: 'marker-other' }))
  await until('the pods are rolled', async () => (await templateOf()) !== before)
  await world.condition(namespace, 'one', 'Ready=True')
  // One that goes away leaves the pods alone.
  const rolled = await templateOf()
  await world.cluster.kubectl('-n', namespace, 'delete', 'secret', 'login')
  await world.condition(namespace, 'one', 'Stalled=True/SecretMissing')
  assert.equal(await templateOf(), rolled)
  assert.equal((await world.status(namespace, 'one'))?.readyReplicas, 1)
  // Pausing needs no Secret.
  await world.apply(consumer(namespace, 'one', { kafka, paused: true }))
  await world.condition(namespace, 'one', 'Ready=True/Paused')

  const seen = [
    operator.logger.text(),
    (await operator.get('/metrics')).text,
    await world.cluster.kubectl('-n', namespace, 'get', 'hc,deploy,cm,events,sa,svc', '-o', 'yaml'),
  ].join('\n')
  for (const value of ['marker-user', 'marker-password', 'marker-other'])
    for (const text of [value, btoa(value)]) assert.ok(!seen.includes(text), text)
})

test('a unicode name of a Secret is refused by the API server, and a field that it does not know', async () => {
  const sasl = { mechanism: 'plain', secretRef: { name: 'größe' } }
  await assert.rejects(
    world.apply(consumer('default', 'bad', { kafka: { bootstrapServers: ['kafka.test:9092'], sasl } })),
    /spec\.kafka\.sasl\.secretRef\.name/,
  )
  await assert.rejects(world.apply(consumer('default', 'bad', { replicas: 2 })), /spec\.replicas/)
})

test('paused: no pods and no alerts, and back again', async () => {
  const namespace = 'paused'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true, status: () => told({ lags: [5] }) })
  await world.apply(consumer(namespace, 'one', { scaling: { replicas: 2 } }))
  await world.condition(namespace, 'one', 'ConsumerHealthy=True')
  const paused = consumer(namespace, 'one', { scaling: { replicas: 2 }, paused: true })
  await world.apply(paused)
  await world.condition(namespace, 'one', 'Ready=True/Paused')
  await world.condition(namespace, 'one', 'Paused=True')
  await world.condition(namespace, 'one', 'ConsumerHealthy=Unknown/NoPods')
  const status = (await world.status(namespace, 'one'))!
  assert.deepEqual([status.phase, status.replicas, status.readyReplicas], ['Paused', 0, 0])
  // What is in the tables stays; a lag that nobody measures is none.
  assert.equal(status.pipeline?.rawSnapshotId, '107')
  assert.equal(status.pipeline?.lag, undefined)
  await world.apply(consumer(namespace, 'one', { scaling: { replicas: 2 }, paused: false }))
  assert.equal(await world.condition(namespace, 'one', 'Ready=True/Ready'), '2 of 2 pods are ready')
})

test('a spec that the schema no longer allows is told, and what runs goes on', async () => {
  const namespace = 'outdated'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  await world.apply(consumer(namespace, 'one'))
  await world.condition(namespace, 'one', 'Ready=True')
  const children = await world.children(namespace)
  await withoutSchema(async () => {
    const wrong = { bootstrapServers: ['no port'], topics: ['a'], startFrom: 'latests' }
    await world.apply(consumer(namespace, 'one', { kafka: wrong }))
    await world.apply(consumer(namespace, 'two', { kafka: 'text', pod: 7 }))
    await world.kubernetes.apply(
      { apiVersion: 'healthdata.dev/v1alpha1', kind: 'HealthConsumer', metadata: { name: 'three', namespace } },
      { fieldManager: 'user' },
    )
  })
  const message = await world.condition(namespace, 'one', 'ConfigValid=False/InvalidSpec')
  assert.match(message, /spec\.kafka\.bootstrapServers\[0\]: "no port" has the wrong form: write host:port/)
  assert.match(
    message,
    /spec\.kafka\.startFrom: "latests" is not one of the choices: write one of earliest, latest; did you mean latest\?/,
  )
  await world.condition(namespace, 'one', 'Stalled=True/InvalidSpec')
  await world.condition(namespace, 'two', 'Ready=False/InvalidSpec')
  await world.condition(namespace, 'three', 'Stalled=True/InvalidSpec')
  assert.deepEqual(
    [...(await world.children(namespace)).values()].map(({ metadata }) => `${metadata.uid} ${metadata.generation}`),
    [...children.values()].map(({ metadata }) => `${metadata.uid} ${metadata.generation}`),
  )
  const right = consumer(namespace, 'one')
  // The operator may write a status between the two.
  await until('the correction is stored', async () => {
    const { resourceVersion } = (await world.get(consumerKind, namespace, 'one'))!.metadata
    const corrected = { ...right, metadata: { ...right.metadata, resourceVersion } }
    return world.kubernetes.write(corrected).then(
      () => true,
      error => {
        assert.equal(error.code, 'Conflict')
        return false
      },
    )
  })
  await world.condition(namespace, 'one', 'Ready=True')
  // Stored as they are, they can be deleted all the same.
  await world.cluster.kubectl('-n', namespace, 'delete', 'hc', 'two', 'three', '--timeout=20s')
})

test('a definition that is older than the operator costs its newest fields of the status, nothing else', async () => {
  const namespace = 'older'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  const fields = '/spec/versions/0/schema/openAPIV3Schema/properties/status/properties'
  const without = ['lastStableHash', 'pipeline/properties/rawSnapshotId'].map(field => `${fields}/${field}`)
  const crd = 'crd/healthconsumers.healthdata.dev'
  const patch = JSON.stringify(without.map(path => ({ op: 'remove', path })))
  await world.cluster.kubectl('patch', crd, '--type=json', '-p', patch)
  try {
    await world.apply(consumer(namespace, 'one'))
    await world.condition(namespace, 'one', 'Ready=True')
    await world.condition(namespace, 'one', 'ConsumerHealthy=True/KeepingUp')
    const status = (await world.status(namespace, 'one'))!
    assert.equal(status.lastStableHash, undefined)
    assert.equal(status.pipeline?.rawSnapshotId, undefined)
    assert.equal(status.readyReplicas, 1)
  } finally {
    await world.cluster.installCrd()
  }
})

test('a field of a definition that is newer than the operator is left out and named, and everything goes on', async () => {
  const namespace = 'newer'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  const path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/kafka/properties/isolation'
  const patch = JSON.stringify([{ op: 'add', path, value: { type: 'string', default: 'committed' } }])
  await world.cluster.kubectl('patch', 'crd/healthconsumers.healthdata.dev', '--type=json', '-p', patch)
  try {
    await until('the newer definition is served', async () => {
      const { spec } = await world.kubernetes.apply(consumer(namespace, 'one'), { fieldManager: 'user', dryRun: true })
      return (spec as { kafka: { isolation?: string } }).kafka.isolation === 'committed'
    })
    // A watch that began under the former definition still shows resources without the field.
    let restarts = 0
    await until('the field is named', async () => {
      await world.apply(consumer(namespace, 'one', { restartedAt: new Date(restarts++ * 1000).toISOString() }))
      const message = await world.condition(namespace, 'one', 'ConfigValid=True')
      return message === 'the spec can be run without spec.kafka.isolation: the operator is older, upgrade it'
    })
    await world.condition(namespace, 'one', 'Ready=True')
  } finally {
    await world.cluster.installCrd()
  }
})

/** With a definition that takes anything, as an older one may have. */
async function withoutSchema(act: () => Promise<void>): Promise<void> {
  const any = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  const properties = { spec: { 'x-kubernetes-preserve-unknown-fields': true }, status: any }
  const value = { openAPIV3Schema: { type: 'object', properties } }
  const patch = JSON.stringify([{ op: 'replace', path: '/spec/versions/0/schema', value }])
  await world.cluster.kubectl('patch', 'crd', 'healthconsumers.healthdata.dev', '--type=json', '-p', patch)
  const bare = consumer('default', 'probe', { kafka: 'text' })
  const isTaken = () => succeeds(world.kubernetes.apply(bare, { fieldManager: 'user', dryRun: true }))
  await until('the API server takes anything', isTaken)
  await act()
  await world.cluster.installCrd()
  await until('the API server checks again', async () => !(await isTaken()))
}

test('one of a megabyte and with 300 labels is looked after like any other', async () => {
  const namespace = 'large'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true })
  const values = Array.from({ length: 9000 }, (_, index) => `${'z'.repeat(58)}${index}`)
  const preference = { matchExpressions: [{ key: 'zone', operator: 'In', values }] }
  const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }] }
  const object = consumer(namespace, 'one', { pod: { affinity: { nodeAffinity } } })
  const labels = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`label-${index}`, 'x'.repeat(60)]))
  const annotations = Object.fromEntries(
    Array.from({ length: 25 }, (_, index) => [`note-${index}`, 'y'.repeat(10_000)]),
  )
  const large = { ...object, metadata: { ...object.metadata, labels, annotations } }
  assert.ok(JSON.stringify(large).length > 800_000)
  await world.kubernetes.write(large)
  await world.condition(namespace, 'one', 'Ready=True')
  for (const [name, { metadata }] of await world.children(namespace))
    assert.ok(Object.keys(metadata.labels!).length < 10, `${name} has the labels of its owner`)
})

test('monitoring whose API is installed later is made then, without a restart', async () => {
  const namespace = 'monitored'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true })
  await world.apply(consumer(namespace, 'one'))
  await world.condition(namespace, 'one', 'Ready=True')
  assert.match(
    await world.condition(namespace, 'one', 'MonitoringReady=False/CRDNotInstalled'),
    /install the Prometheus Operator, or switch it off in spec\.monitoring/,
  )
  await installApi(world.cluster, 'monitoring')
  await world.condition(namespace, 'one', 'MonitoringReady=True/Applied')
  const children = await world.children(namespace)
  assert.ok(children.has('ServiceMonitor/one-consumer') && children.has('PrometheusRule/one-consumer'))
  await world.apply(consumer(namespace, 'one', { paused: true }))
  await world.condition(namespace, 'one', 'Ready=True/Paused')
  await until('the alerts are gone', async () => !(await world.children(namespace)).has('PrometheusRule/one-consumer'))
  await world.apply(consumer(namespace, 'one', { paused: false }))
  await until('the alerts are back', async () => (await world.children(namespace)).has('PrometheusRule/one-consumer'))

  // Removed and installed once more.
  await world.cluster.kubectl('delete', 'crd', 'prometheusrules.monitoring.coreos.com', '--timeout=20s')
  await world.condition(namespace, 'one', 'MonitoringReady=False/CRDNotInstalled')
  await installApi(world.cluster, 'monitoring')
  await world.condition(namespace, 'one', 'MonitoringReady=True/Applied')
  assert.deepEqual(await world.events(namespace, 'ChildChanged'), [])
})

test('an autoscaler that is not installed is told', async () => {
  const namespace = 'unscaled'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true })
  await world.apply(consumer(namespace, 'one', { scaling: { autoscaling: { mode: 'KEDA', maxReplicas: 3 } } }))
  assert.match(await world.condition(namespace, 'one', 'Stalled=True/KEDANotInstalled'), /install KEDA/)
})

test('a namespace that is deleted takes everything along, quietly', async () => {
  const namespace = 'ending'
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true })
  await world.apply(consumer(namespace, 'one'))
  await world.condition(namespace, 'one', 'Ready=True')
  const before = operator.logger.lines.length
  await world.cluster.kubectl('delete', 'namespace', namespace, '--timeout=60s')
  await idle(operator.agent)
  const loud = operator.logger.lines.slice(before).filter(({ level }) => !['debug', 'info'].includes(level))
  assert.deepEqual(loud, [])
  assert.ok(!(await operator.get('/metrics')).text.includes('namespace="ending"'))
  assert.equal(await world.get(dependencyKinds.PersistentVolumeClaim, namespace, 'tables'), undefined)
})

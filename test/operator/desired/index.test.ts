import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { childKinds, desiredChildren } from '../../../operator/desired/index.ts'
import { childrenOf, consumer, example, examples, inputOf } from './children.ts'

const kindsOf = (changes: Readonly<Record<string, unknown>>) =>
  childrenOf(consumer(changes)).map(({ kind, metadata }) => (/dashboard$/.test(metadata.name) ? 'dashboard' : kind))

const standard = [
  ...['ServiceAccount', 'Service', 'NetworkPolicy', 'PodDisruptionBudget', 'ConfigMap', 'Deployment'],
  ...['ServiceMonitor', 'PrometheusRule', 'dashboard'],
]
const without = (...kinds: readonly string[]) => standard.filter(kind => !kinds.includes(kind))
const keda = { mode: 'KEDA', maxReplicas: 3 }
const sasl = { mechanism: 'plain', secretRef: { name: 'login' } }

suite('which children there are', () => {
  for (const [what, changes, kinds] of [
    ['the least', {}, standard],
    ['an account of its own', { 'spec.pod.serviceAccountName': 'mine' }, without('ServiceAccount')],
    ['no scraping', { 'spec.monitoring.serviceMonitor.enabled': false }, without('ServiceMonitor')],
    ['no alerts', { 'spec.monitoring.prometheusRule.enabled': false }, without('PrometheusRule')],
    ['no dashboard', { 'spec.monitoring.dashboard.enabled': false }, without('dashboard')],
    ['paused: no alerts about missing pods', { 'spec.paused': true }, without('PrometheusRule')],
    ['scaled to nothing: the same', { 'spec.scaling.replicas': 0 }, without('PrometheusRule')],
    ['KEDA', { 'spec.scaling.autoscaling': keda }, [...standard, 'ScaledObject']],
    [
      'KEDA with credentials',
      { 'spec.scaling.autoscaling': keda, 'spec.kafka.sasl': sasl },
      [...standard, 'TriggerAuthentication', 'ScaledObject'],
    ],
    [
      'KEDA, paused: it would scale up again',
      { 'spec.scaling.autoscaling': keda, 'spec.kafka.sasl': sasl, 'spec.paused': true },
      without('PrometheusRule'),
    ],
    ['another autoscaler', { 'spec.scaling.autoscaling': { ...keda, mode: 'External' } }, standard],
  ] as const)
    test(what, () => assert.deepEqual(kindsOf(changes), kinds))
})

const ours = {
  'app.kubernetes.io/name': 'healthconsumer',
  'app.kubernetes.io/component': 'consumer',
  'app.kubernetes.io/managed-by': 'healthconsumer-operator',
}

for (const name of examples)
  test(`every child of ${name} is the resource's own, in its namespace, of a known kind, and made again the same`, () => {
    const resource = example(name)
    const before = JSON.stringify(resource)
    const children = childrenOf(resource, { uid: 'u-1' })
    for (const child of children) {
      const { labels, namespace, ownerReferences } = child.metadata
      assert.equal(namespace, resource.metadata.namespace ?? 'default')
      assert.deepEqual({ ...labels, ...ours, 'app.kubernetes.io/instance': name }, labels)
      const owner = { apiVersion: 'healthdata.dev/v1alpha1', kind: 'HealthConsumer', name, uid: 'u-1' }
      assert.deepEqual(ownerReferences, [{ ...owner, controller: true, blockOwnerDeletion: true }])
      const kind = childKinds[child.kind as keyof typeof childKinds]
      assert.equal(child.apiVersion, kind.group === '' ? kind.version : `${kind.group}/${kind.version}`)
    }
    assert.deepEqual(childrenOf(resource, { uid: 'u-1' }), children)
    assert.equal(JSON.stringify(resource), before)
    assert.equal(JSON.stringify(children), JSON.stringify(JSON.parse(JSON.stringify(children))))
  })

test('without a cluster there is no owner', () => {
  for (const { metadata } of childrenOf(consumer())) assert.equal(metadata.ownerReferences, undefined)
})

test('children inherit no label and no annotation of the resource: Argo CD would take them for its own', () => {
  const marked = consumer({
    'metadata.labels': { 'argocd.argoproj.io/instance': 'shop' },
    'metadata.annotations': { 'argocd.argoproj.io/tracking-id': 'shop:1' },
  })
  assert.doesNotMatch(JSON.stringify(childrenOf(marked)), /argocd/)
})

test('labels that a child is given are there, and do not take away by which it is known', () => {
  const labels = { release: 'prometheus', 'app.kubernetes.io/managed-by': 'somebody', grafana_dashboard: '0' }
  const children = childrenOf(
    consumer({
      'spec.monitoring.serviceMonitor.labels': labels,
      'spec.monitoring.prometheusRule.labels': labels,
      'spec.monitoring.dashboard.labels': labels,
    }),
  )
  const labelled = children.filter(({ metadata }) => metadata.labels?.release === 'prometheus')
  assert.deepEqual(
    labelled.map(({ kind }) => kind),
    ['ServiceMonitor', 'PrometheusRule', 'ConfigMap'],
  )
  for (const { metadata } of labelled)
    assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'healthconsumer-operator')
  assert.equal(labelled[2]!.metadata.labels?.grafana_dashboard, '1')
})

test('the longest names fit everywhere', () => {
  const longest = example('everything')
  const metadata = { name: `n${'a'.repeat(50)}z`, namespace: 'b'.repeat(63) }
  const children = desiredChildren(inputOf({ ...longest, metadata }))
  const label = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/
  for (const child of children) {
    assert.match(child.metadata.name, label, child.kind)
    for (const value of Object.values(child.metadata.labels!)) assert.ok(value.length <= 63)
    for (const key of Object.keys((child.data as object | undefined) ?? {}))
      assert.match(key, /^[-._a-zA-Z0-9]{1,253}$/)
  }
  assert.equal(new Set(children.map(({ kind, metadata: { name } }) => `${kind}/${name}`)).size, children.length)
})

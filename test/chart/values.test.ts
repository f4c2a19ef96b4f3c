/** What values do: each has an effect and a description, what the process is told is what it understands, mistakes are told. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { documentedValues } from '../../hack/generate.d/chartReadme.ts'
import { operatorConfig } from '../../operator/config.ts'
import { loggingFromEnvironment } from '../../runtime/telemetry/logOptions.ts'
import { chart, helm, manifests, namespace, only, podOf, type Rendered, render } from './helm.ts'

const valuesText = readFileSync(join(chart, 'values.yaml'), 'utf8')
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

/** Another value for each, and what else has to be so that it shows. */
const others: Readonly<Record<string, readonly [value: unknown, besides?: Readonly<Record<string, unknown>>]>> = {
  replicas: [3],
  'image.repository': ['registry.example.com/other'],
  'image.tag': ['9.9.9'],
  'image.digest': [digest],
  'image.pullPolicy': ['Always'],
  imagePullSecrets: [[{ name: 'registry' }]],
  runtimeImage: ['registry.example.com/other:1'],
  runtimeImagePullPolicy: ['Never'],
  runbookBaseUrl: ['https://runbooks.example.com'],
  watchNamespaces: [['health']],
  'crds.enabled': [false],
  'crds.keep': [false],
  'crds.annotations': [{ a: 'b' }],
  'leaderElection.enabled': [false],
  workers: [9],
  statusIntervalSeconds: [31],
  'logging.level': ['DEBUG'],
  'logging.format': ['text'],
  extraEnv: [[{ name: 'HTTPS_PROXY', value: 'http://proxy' }]],
  'serviceAccount.create': [false],
  'serviceAccount.name': ['other'],
  'serviceAccount.annotations': [{ a: 'b' }],
  'rbac.create': [false],
  'rbac.aggregate': [false],
  commonLabels: [{ team: 'data' }],
  podLabels: [{ team: 'data' }],
  podAnnotations: [{ team: 'data' }],
  resources: [{ limits: { cpu: 1 } }],
  nodeSelector: [{ a: 'b' }],
  tolerations: [[{ operator: 'Exists' }]],
  affinity: [{ podAffinity: {} }],
  topologySpreadConstraints: [[]],
  priorityClassName: ['system-cluster-critical'],
  'podDisruptionBudget.enabled': [false, { replicas: 2 }],
  'networkPolicy.enabled': [false],
  'networkPolicy.from': [[{ podSelector: {} }]],
  'networkPolicy.egress': [[]],
  'serviceMonitor.enabled': [true],
  'serviceMonitor.labels': [{ release: 'prometheus' }, { serviceMonitor: { enabled: true } }],
  'serviceMonitor.interval': ['1m', { serviceMonitor: { enabled: true } }],
  'prometheusRule.enabled': [true],
  'prometheusRule.labels': [{ release: 'prometheus' }, { prometheusRule: { enabled: true } }],
  'prometheusRule.disabledAlerts': [['HealthConsumerStalled'], { prometheusRule: { enabled: true } }],
  'dashboard.enabled': [true],
  'dashboard.labels': [{ other: 'label' }, { dashboard: { enabled: true } }],
  'dashboard.annotations': [{ a: 'b' }, { dashboard: { enabled: true } }],
}

type Values = Readonly<Record<string, unknown>>

/** All that watches the operator. */
const monitored: Values = {
  serviceMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  dashboard: { enabled: true },
}

function withValue(besides: Values, path: string, value: unknown): Values {
  const [key = '', ...rest] = path.split('.')
  if (rest.length === 0) return { ...besides, [key]: value }
  return { ...besides, [key]: withValue((besides[key] ?? {}) as Values, rest.join('.'), value) }
}

test('every value is documented, and has a case here', () => {
  assert.deepEqual(
    documentedValues(valuesText).map(({ path }) => path),
    Object.keys(others),
  )
})

for (const [path, [value, besides = {}]] of Object.entries(others))
  test(`${path} has an effect`, async () => {
    assert.notEqual(await manifests(withValue(besides, path, value)), await manifests(besides))
  })

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

test('the schema knows the values of values.yaml, all and no other', () => {
  const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as Schema
  const { global: _, enabled: __, ...properties } = schema.properties!
  const defaults = load(valuesText) as Readonly<Record<string, unknown>>
  assert.deepEqual(Object.keys(properties), Object.keys(defaults))
  for (const [name, inner] of Object.entries(properties)) {
    const value = defaults[name]
    const isMap = inner.properties !== undefined && !['resources', 'affinity'].includes(name)
    if (isMap) assert.deepEqual(Object.keys(inner.properties!).sort(), Object.keys(value as object).sort(), name)
  }
})

const environmentOf = async (values: object) => {
  const env = podOf(await render(values)).containers[0].env
  // As the kubelet resolves references to the pod itself.
  const ofPod: Readonly<Record<string, string>> = { POD_NAME: 'pod-1', POD_NAMESPACE: namespace }
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? ofPod[name]]))
}

test('by default the operator is told this', async () => {
  const environment = await environmentOf({})
  const image = 'ghcr.io/healthdata/healthconsumer:0.1.0'
  assert.deepEqual(operatorConfig(environment, 'elsewhere'), {
    children: { image, imagePullPolicy: undefined, runbookBaseUrl: undefined },
    namespaces: [],
    leaderElection: { enabled: true, name: 'healthconsumer-operator', namespace },
    identity: 'pod-1',
    metricsHost: '0.0.0.0',
    metricsPort: 8080,
    workers: 8,
    statusIntervalMs: 30_000,
  })
  const { logLevel, jsonFormat } = loggingFromEnvironment(environment)
  assert.deepEqual([logLevel, jsonFormat], ['info', true])
})

test('every setting of the operator can be given', async () => {
  const values = {
    ...{ runtimeImage: `registry.example.com/consumer@${digest}`, runtimeImagePullPolicy: 'Always' },
    ...{ runbookBaseUrl: 'https://runbooks.example.com/health', watchNamespaces: ['health', 'vitals'] },
    ...{ leaderElection: { enabled: false }, workers: 16, statusIntervalSeconds: 60 },
    logging: { level: 'DEBUG', format: 'text' },
    extraEnv: [{ name: 'METRICS_HOST', value: '::' }],
  }
  const environment = await environmentOf(values)
  assert.deepEqual(operatorConfig(environment, 'elsewhere'), {
    children: {
      image: values.runtimeImage,
      imagePullPolicy: 'Always',
      runbookBaseUrl: values.runbookBaseUrl,
    },
    namespaces: ['health', 'vitals'],
    leaderElection: { enabled: false, name: 'healthconsumer-operator', namespace },
    identity: 'pod-1',
    metricsHost: '::',
    metricsPort: 8080,
    workers: 16,
    statusIntervalMs: 60_000,
  })
  const { logLevel, jsonFormat } = loggingFromEnvironment(environment)
  assert.deepEqual([logLevel, jsonFormat], ['debug', false])
})

test('consumers run the image of the operator, by digest where it has one', async () => {
  const image = { repository: 'registry.example.com/healthconsumer', tag: '1', digest, pullPolicy: 'Always' }
  const environment = await environmentOf({ image })
  assert.equal(podOf(await render({ image })).containers[0].image, `${image.repository}@${digest}`)
  assert.equal(environment.RUNTIME_IMAGE, `${image.repository}@${digest}`)
  assert.equal(environment.RUNTIME_IMAGE_PULL_POLICY, 'Always')
})

test('labels of the user never replace those that the chart selects by', async () => {
  const label = 'app.kubernetes.io/name'
  const objects = await render({
    commonLabels: { [label]: 'mine', team: 'data' },
    podLabels: { [label]: 'mine' },
    serviceMonitor: { enabled: true, labels: { [label]: 'mine', release: 'prometheus' } },
  })
  for (const { kind, metadata } of objects) {
    assert.equal(metadata.labels?.[label], 'healthconsumer-operator', kind)
    assert.equal(metadata.labels?.team, 'data', kind)
  }
  assert.equal(only(objects, 'ServiceMonitor').metadata.labels?.release, 'prometheus')
})

test('more particular labels of the user count before those for everything', async () => {
  const labels = { release: 'prometheus' }
  const objects = await render({
    ...{ commonLabels: { release: 'team' }, podLabels: labels },
    ...{ serviceMonitor: { enabled: true, labels }, prometheusRule: { enabled: true, labels } },
    dashboard: { enabled: true, labels },
  })
  const particular = ['ServiceMonitor', 'PrometheusRule', 'ConfigMap']
  for (const { kind, metadata } of objects)
    assert.equal(metadata.labels?.release, particular.includes(kind) ? 'prometheus' : 'team', kind)
  const { template } = only(objects, 'Deployment').spec as { template: Pick<Rendered, 'metadata'> }
  assert.equal(template.metadata.labels?.release, 'prometheus')
})

test('the pod of helm test runs where the operator may', async () => {
  const where = { nodeSelector: { pool: 'infrastructure' }, tolerations: [{ key: 'pool', operator: 'Exists' }] }
  const { nodeSelector, tolerations } = only(await render(where), 'Pod').spec as typeof where
  assert.deepEqual({ nodeSelector, tolerations }, where)
})

test('a value that is taken away by null leaves nothing, or is refused as missing', async () => {
  const everything = await render({ replicas: 2, ...monitored })
  for (const path of [
    ...documentedValues(valuesText).map(value => value.path),
    ...Object.keys(load(valuesText) as object),
  ]) {
    const rendered = await render(withValue({ replicas: 2, ...monitored }, path, null)).catch((error: Error) => {
      assert.match(error.message, new RegExp(`missing property '${path.split('.').at(-1)}'`), path)
    })
    for (const { kind, metadata } of rendered ?? [])
      assert.ok(
        everything.some(other => other.kind === kind && other.metadata.name === metadata.name),
        `${path} ${kind}`,
      )
  }
})

test('a repository is taken with the port of its registry', async () => {
  const repository = 'registry.example.com:5000/health_data/consumer'
  const { containers } = podOf(await render({ image: { repository } }))
  assert.equal(containers[0].image, `${repository}:0.1.0`)
})

/** What is wrong with values, as Helm says it. */
const refused: readonly (readonly [what: string, values: object, message: RegExp])[] = [
  ['a value that is not there', { replica: 2 }, /additional properties 'replica' not allowed/],
  ['one within another', { image: { version: '1' } }, /'\/image'.*'version' not allowed/],
  ['a text for a number', { replicas: 'two' }, /'\/replicas': got string, want integer/],
  ['a number out of bounds', { workers: 65 }, /'\/workers': maximum: got 65, want 64/],
  ['a digest that is none', { image: { digest: 'sha256:12' } }, /'\/image\/digest': 'sha256:12' does not match/],
  ['a level that is none', { logging: { level: 'LOUD' } }, /'\/logging\/level': value must be one of 'DEBUG'/],
  ['a namespace that is none', { watchNamespaces: ['Health'] }, /'\/watchNamespaces\/0': 'Health' does not match/],
  ['a variable that the chart sets', { extraEnv: [{ name: 'LOG_LEVEL', value: 'x' }] }, /'\/extraEnv\/0\/name'/],
  ['replicas without an election', { replicas: 2, leaderElection: { enabled: false } }, /'\/replicas': maximum/],
  ['a label that is none', { commonLabels: { team: 'a b' } }, /'\/commonLabels\/team': 'a b' does not match/],
  ['a repository with a tag', { image: { repository: 'a/b:1' } }, /'\/image\/repository': 'a\/b:1' does not match/],
  ['a repository with a scheme', { image: { repository: 'https://a/b' } }, /'\/image\/repository'/],
  ['a quantity that is none', { resources: { requests: { cpu: 'lots' } } }, /'\/resources\/requests\/cpu': 'lots'/],
  ['a toleration with a typing error', { tolerations: [{ kye: 'a' }] }, /'\/tolerations\/0': .*'kye' not allowed/],
  [
    'a peer with a typing error',
    { networkPolicy: { from: [{ ipBlok: {} }] } },
    /'\/networkPolicy\/from\/0': .*'ipBlok'/,
  ],
  ['half a constraint', { topologySpreadConstraints: [{ maxSkew: 1 }] }, /missing properties 'topologyKey', 'when/],
  ['a name of a label that is none', { podLabels: { 'a b': 'c' } }, /invalid propertyName 'a b'/],
  ['a priority class that is none', { priorityClassName: 'High One' }, /'\/priorityClassName': 'High One'/],
  ['an alert that is none', { prometheusRule: { disabledAlerts: ['None'] } }, /disabledAlerts\/0': value must be one/],
]
for (const [what, values, message] of refused)
  test(`${what} is refused`, () => assert.rejects(manifests(values), { message }))

test('the variables that the schema keeps from the user are those that the chart sets', async () => {
  const schema = readFileSync(join(chart, 'values.schema.json'), 'utf8')
  const [, list] = /"not": \{\s*"enum": \[([^\]]*)\]/.exec(schema)!
  const environment = await environmentOf({
    watchNamespaces: ['a'],
    runbookBaseUrl: 'https://a',
    runtimeImagePullPolicy: 'Never',
  })
  // Its rights are for a Lease of that name.
  assert.deepEqual(
    (JSON.parse(`[${list}]`) as string[]).sort(),
    [...Object.keys(environment), 'LEADER_ELECTION_NAME'].sort(),
  )
})

test('as part of another chart it is there where a condition says so', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'umbrella-'))
  try {
    const dependency = { name: 'healthconsumer-operator', version: '*', condition: 'healthconsumer-operator.enabled' }
    const parent = { apiVersion: 'v2', name: 'platform', version: '1.0.0', dependencies: [dependency] }
    await writeFile(join(folder, 'Chart.yaml'), JSON.stringify(parent))
    await cp(chart, join(folder, 'charts/healthconsumer-operator'), { recursive: true })
    const rendered = (enabled: boolean) =>
      helm({}, 'template', 'platform', folder, '--set', `healthconsumer-operator.enabled=${enabled},global.team=data`)
    assert.match(await rendered(true), /^kind: Deployment$/m)
    assert.doesNotMatch(await rendered(false), /^kind: /m)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('helm lint finds nothing, with any of the golden values', async () => {
  for (const name of ['defaults', 'production', 'namespaced', 'least', 'settings'])
    await helm({}, 'lint', '--strict', chart, '--values', join(chart, `../../test/golden/chart/${name}.values.yaml`))
})

test('a namespaced operator has nothing of the whole cluster', async () => {
  const kinds = (await render({ watchNamespaces: ['health'], crds: { enabled: false } })).map(({ kind }) => kind)
  assert.deepEqual(
    kinds.filter(kind => /Cluster|CustomResource/.test(kind)),
    [],
  )
})

test('what the operator may reach: all, what is named, or nothing', async () => {
  const egressOf = async (egress: unknown) =>
    (only(await render({ networkPolicy: { egress } }), 'NetworkPolicy').spec as { egress: unknown }).egress
  // As with --reuse-values from a chart that did not have it.
  assert.deepEqual(await egressOf(null), [{}])
  assert.deepEqual(await egressOf([]), [])
  const named = [{ ports: [{ port: 6443 }] }]
  assert.deepEqual(await egressOf(named), named)
})

test('the chart renders nothing that belongs to a HealthConsumer', async () => {
  for (const { kind, metadata } of await render(monitored))
    if (kind !== 'CustomResourceDefinition') assert.match(metadata.name, /healthconsumer-operator/, kind)
})

test('the chart has the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(chart, '../../package.json'), 'utf8')) as { version: string }
  const told = load(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as { version: string; appVersion: string }
  assert.deepEqual([told.version, told.appVersion], [version, version])
})

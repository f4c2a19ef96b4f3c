/**
 * The chart on a real API server: from a version before, and back; what stays of it; that nothing of it is refused or
 * drifts. No node: that the pods run is for the suites that have one.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import { installApi } from '../operator/optionalApis.ts'
import { until } from '../until.ts'
import { chart, helm as helmOf, namespace, only, release, render, root } from './helm.ts'

const previous = join(root, 'test/golden/healthconsumer-operator-0.0.9.tgz')
const production = join(root, 'test/golden/chart/production.values.yaml')
const definition = 'crd/healthconsumers.healthdata.dev'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
  await installApi(cluster, 'monitoring')
  for (const name of [namespace, 'health', 'vitals']) await cluster.createNamespace(name)
  await cluster.kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted')
})
after(() => cluster?.down())

const helm = (...parameters: string[]) => {
  const home = Object.fromEntries(['CACHE', 'CONFIG', 'DATA'].map(name => [`HELM_${name}_HOME`, cluster.directory]))
  return helmOf({ ...home, KUBECONFIG: cluster.kubeconfig }, ...parameters, '--namespace', namespace)
}

interface Stored {
  readonly metadata: {
    readonly uid: string
    readonly generation: number
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: Readonly<Record<string, unknown>>
  readonly status: Readonly<Record<string, unknown>>
}
const get = async (...parameters: string[]) =>
  JSON.parse(await cluster.kubectl('get', ...parameters, '-o', 'json')) as Stored
const isThere = (...parameters: string[]) =>
  cluster.kubectl('get', ...parameters).then(
    () => true,
    () => false,
  )
const example = async () => {
  const { uid, generation } = (await get('hc', 'filesystem', '-n', 'health')).metadata
  return { uid, generation }
}
/** The definition as the API server would store that of the tree: without what is empty or a default. */
async function isCurrent(): Promise<void> {
  const file = join(root, 'crds/healthconsumers.yaml')
  const options = ['--server-side', '--force-conflicts', '--dry-run=server', '-o', 'json', '-f', file]
  const { spec } = JSON.parse(await cluster.kubectl('apply', ...options)) as Stored
  assert.deepEqual((await get(definition)).spec, spec)
}

let first: Awaited<ReturnType<typeof example>>

test('a version before is installed, in a namespace of restricted Pod Security', async () => {
  await helm('install', release, previous)
  await cluster.kubectl('wait', '--for=condition=Established', definition)
  await cluster.kubectl('apply', '-f', join(root, 'examples/filesystem.yaml'))
  first = await example()
  await assert.rejects(isCurrent(), /sessionTimeout/)
})

test('an upgrade brings the newer definition and keeps every HealthConsumer', async () => {
  await helm('upgrade', release, chart, '--values', production)
  await isCurrent()
  assert.equal((await get(definition)).metadata.annotations['helm.sh/resource-policy'], 'keep')
  assert.deepEqual(await example(), first)
  const kinds = ['deployment', 'service', 'networkpolicy', 'poddisruptionbudget', 'servicemonitor', 'prometheusrule']
  for (const kind of kinds) assert.ok(await isThere(kind, 'healthconsumer-operator', '-n', namespace), kind)
  // Not ready without a node: what counts is that the API server takes the pods of the namespace.
  await until('a new pod is made', async () => {
    const { status } = await get('deployment', 'healthconsumer-operator', '-n', namespace)
    return Number(status.updatedReplicas) > 0
  })
})

test('whoever may edit in a namespace may edit its HealthConsumers, and who may view only sees them', async () => {
  for (const role of ['edit', 'view'])
    await cluster.kubectl('create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}or`, '-n', 'health')
  const may = (user: string, verb: string, ...more: string[]) =>
    cluster
      .kubectl('auth', 'can-i', verb, 'healthconsumers.healthdata.dev', `--as=${user}`, '-n', 'health', ...more)
      .then(
        answer => answer.trim() === 'yes',
        () => false,
      )
  await until('the roles are aggregated', () => may('editor', 'create'))
  await until('the roles are aggregated', () => may('viewor', 'list'))
  assert.deepEqual(await Promise.all(['create', 'patch', 'delete'].map(verb => may('viewor', verb))), [
    false,
    false,
    false,
  ])
  assert.ok(!(await may('editor', 'patch', '--subresource=status')))
})

test('a rollback brings back the older definition, and keeps every HealthConsumer', async () => {
  await helm('rollback', release, '1')
  await assert.rejects(isCurrent(), /sessionTimeout/)
  assert.deepEqual(await example(), first)
})

test('a definition that leaves the release stays', async () => {
  await helm('upgrade', release, chart)
  await helm('upgrade', release, chart, '--set', 'crds.enabled=false')
  await isCurrent()
  assert.deepEqual(await example(), first)
})

test('uninstalled, the definition and every HealthConsumer stay, and can be taken over again', async () => {
  await helm('upgrade', release, chart, '--values', production, '--take-ownership')
  await helm('uninstall', release)
  assert.ok(!(await isThere('deployment', 'healthconsumer-operator', '-n', namespace)))
  assert.ok(!(await isThere('clusterrole', `${namespace}-healthconsumer-operator`)))
  assert.deepEqual(await example(), first)
  await helm('install', release, chart)
  assert.deepEqual(await example(), first)
  await helm('uninstall', release)
})

for (const file of globSync('test/golden/chart/*.values.yaml', { cwd: root }).sort())
  test(`the API server takes what ${file} renders, the pod of helm test included`, async () => {
    const values = join(root, file)
    await cluster.kubectl('apply', '--server-side', '--dry-run=server', '-f', values.replace('.values', ''))
    const pod = only(await render({}, '--values', values, '--show-only', 'templates/tests/answers.yaml'), 'Pod')
    const manifest = join(cluster.directory, 'test-pod.json')
    await writeFile(manifest, JSON.stringify(pod))
    await cluster.kubectl('create', '--dry-run=server', '-f', manifest)
  })

/** As Argo CD compares with server-side apply: what would change if it were applied once more. */
const applied = async (...parameters: string[]) => {
  await cluster.kubectl('apply', '--server-side', '--force-conflicts', '--field-manager=gitops', ...parameters)
  // Exit code 1 for a difference.
  await cluster.kubectl('diff', '--server-side', '--force-conflicts', '--field-manager=gitops', ...parameters)
}

test('the kustomize base is the chart, and does not drift', async () => {
  await applied('-k', join(root, 'charts/kustomize/base'))
  const rendered = await render({}, '--skip-tests')
  const text = readFileSync(join(root, 'charts/kustomize/base/operator.yaml'), 'utf8')
  for (const { kind, metadata } of rendered) {
    assert.ok(await isThere(kind, metadata.name, ...(metadata.namespace ? ['-n', metadata.namespace] : [])), kind)
    if (kind !== 'CustomResourceDefinition') assert.ok(text.includes(`kind: ${kind}\n`), kind)
  }
  await cluster.kubectl('delete', '-k', join(root, 'charts/kustomize/base'), '--ignore-not-found')
})

test('examples that a repository holds do not drift, defaults or not', async () => {
  await cluster.installCrd()
  const examples = globSync('examples/*.yaml', { cwd: root }).map(name => join(root, name))
  for (const file of examples) await applied('-n', namespaceOf(file), '-f', file)
})
const namespaceOf = (file: string) => /^ {2}namespace: (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 'health'

test('with crds.keep false, the definition goes with the release', async () => {
  await cluster.kubectl('delete', definition)
  await helm('install', release, chart, '--create-namespace', '--set', 'crds.keep=false')
  await helm('uninstall', release)
  await until('the definition is gone', async () => !(await isThere(definition)))
})

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
import { succeeds, until } from '../until.ts'
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

const helm = (...parameters: string[]) => helmIn(namespace, ...parameters)
const helmIn = (where: string, ...parameters: string[]) => {
  const home = Object.fromEntries(['CACHE', 'CONFIG', 'DATA'].map(name => [`HELM_${name}_HOME`, cluster.directory]))
  return helmOf({ ...home, KUBECONFIG: cluster.kubeconfig }, ...parameters, '--namespace', where)
}

interface Stored {
  readonly metadata: {
    readonly uid: string
    readonly generation: number
    readonly annotations: Readonly<Record<string, string>>
    readonly labels: Readonly<Record<string, string>>
  }
  readonly spec: Readonly<Record<string, unknown>>
  readonly status: Readonly<Record<string, unknown>>
}
const get = async (...parameters: string[]) =>
  JSON.parse(await cluster.kubectl('get', ...parameters, '-o', 'json')) as Stored
const isThere = (...parameters: string[]) => succeeds(cluster.kubectl('get', ...parameters))
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

test('values that are kept from the version before lack what is new, and do without', async () => {
  await helm('upgrade', release, chart, '--reuse-values')
  assert.ok(!(await isThere('configmap', 'healthconsumer-operator-dashboard', '-n', namespace)))
  await helm('upgrade', release, chart, '--reset-then-reuse-values', '--set', 'dashboard.enabled=true')
  const { labels } = (await get('configmap', 'healthconsumer-operator-dashboard', '-n', namespace)).metadata
  assert.equal(labels.grafana_dashboard, '1')
  await helm('rollback', release, '1')
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

test('a definition that kubectl brought is taken over as the page says, over a failed release too', async () => {
  const file = join(root, 'crds/healthconsumers.yaml')
  await cluster.kubectl('apply', '--server-side', '--force-conflicts', '--field-manager=by-hand', '-f', file)
  await cluster.kubectl('annotate', definition, 'meta.helm.sh/release-name-', 'meta.helm.sh/release-namespace-')
  await assert.rejects(helm('install', release, chart), /invalid ownership metadata/)
  await assert.rejects(helm('install', release, chart, '--take-ownership'), /conflict with "by-hand"/)
  const [command] = /^helm upgrade --install [^`]*?(?=```)/m.exec(readFileSync(join(root, 'docs/install.md'), 'utf8'))!
  const words = command.split(/[\s\\]+/).filter(word => word !== '')
  assert.deepEqual(words.slice(4, 6), ['charts/healthconsumer-operator', '--namespace'])
  await helm('upgrade', '--install', release, chart, ...words.slice(7))
  assert.deepEqual(await example(), first)
  await helm('uninstall', release)
})

/** In a namespace of its own, with a definition that somebody else installed. */
const tenant = (where: string, command: 'install' | 'upgrade', ...parameters: string[]) =>
  helmIn(where, command, release, chart, '--set', 'crds.enabled=false', ...parameters)

test('an operator of all namespaces is refused beside any other, and tells where that is', async () => {
  await helm('install', release, chart)
  for (const more of [[], ['--dry-run=server']])
    await assert.rejects(tenant('health', 'install', ...more), {
      message: /the operator in the namespace healthconsumer-system already looks after .*\(ClusterRoleBinding health/,
    })
  await tenant('health', 'install', '--set', 'watchNamespaces={health}')
  await assert.rejects(tenant('health', 'upgrade'), /already looks after HealthConsumers/)
  // Its upgrades do not wait for what others installed.
  await helm('upgrade', release, chart, '--set', 'replicas=2')
  await helm('uninstall', release)
  await assert.rejects(helm('install', release, chart), /in the namespace health already .*\(RoleBinding health/)
})

test("two operators of different namespaces do not meet, and one of the other's is refused", async () => {
  const others = ['--set', 'watchNamespaces={vitals,health}']
  await assert.rejects(tenant('vitals', 'install', ...others), /Role "healthconsumer-operator" in namespace "health"/)
  await tenant('vitals', 'install', '--set', 'watchNamespaces={vitals}')
  for (const name of ['health', 'vitals']) {
    assert.ok(await isThere('role', 'healthconsumer-operator', '-n', name))
    await helmIn(name, 'uninstall', release)
  }
})

test("what is left over from an operator that is gone is in nobody's way", async () => {
  const rights = ['rolebinding', 'healthconsumer-operator', '-n', 'vitals']
  await cluster.kubectl(
    'create',
    ...rights,
    '--role=healthconsumer-operator',
    '--serviceaccount=vitals:healthconsumer-operator',
  )
  await cluster.kubectl('label', ...rights, 'app.kubernetes.io/name=healthconsumer-operator')
  await helm('install', release, chart)
  await helm('uninstall', release)
  await cluster.kubectl('delete', ...rights)
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

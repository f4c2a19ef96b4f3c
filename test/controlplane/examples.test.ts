/** The examples and what they become, on a real API server with the APIs of the Prometheus Operator and KEDA. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../../cli/program.ts'
import { type HealthConsumer, kind } from '../../crds/healthconsumer.ts'
import { operatorName } from '../../operator/desired/child.ts'
import { childKinds } from '../../operator/desired/index.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import {
  childrenOf,
  defaults,
  example,
  examples,
  type PodTemplate,
  parsed,
  templateOf,
} from '../operator/desired/children.ts'
import { installApi } from '../operator/optionalApis.ts'

const fileOf = (name: string) => fileURLToPath(new URL(`../../examples/${name}.yaml`, import.meta.url))
/** The longest there may be. */
const longest = { name: `n${'a'.repeat(50)}z`, namespace: 'b'.repeat(63) }
const namespaces = ['default', 'health', longest.namespace]
const restricted = 'pod-security.kubernetes.io/enforce=restricted'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster({ controllers: false })
  await cluster.installCrd()
  await installApi(cluster, 'monitoring')
  await installApi(cluster, 'keda')
  for (const namespace of namespaces) {
    if (namespace !== 'default') await cluster.createNamespace(namespace)
    await cluster.kubectl('label', 'namespace', namespace, restricted)
    await cluster.kubectl('create', 'serviceaccount', 'health-consumers', '-n', namespace)
  }
  await cluster.kubectl('create', 'priorityclass', 'health-critical', '--value=1000')
})
after(() => cluster?.down())

let files = 0
async function fileWith(objects: readonly object[]): Promise<string> {
  const file = join(cluster.directory, `objects-${files++}.json`)
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  return file
}

const strict = ['--validate=strict', '-o', 'json'] as const
const dryRun = ['--dry-run=server', ...strict] as const

/** What the API server would store. */
async function acceptedOf(...objects: readonly object[]): Promise<readonly KubernetesObject[]> {
  const stored = JSON.parse(await cluster.kubectl('apply', ...dryRun, '-f', await fileWith(objects)))
  return stored.kind === 'List' ? stored.items : [stored]
}

/** A pod as the Deployment's controller would make it; it would not say what is refused. */
const podOf = (children: readonly KubernetesObject[]) => {
  const { metadata, spec } = templateOf(children)
  const [{ metadata: child }] = children as [KubernetesObject]
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'pod', namespace: child.namespace }, spec }
}

const summary = (objects: readonly KubernetesObject[]) =>
  objects.map(each => `${each.apiVersion} ${each.kind} ${each.metadata.namespace}/${each.metadata.name}`)

suite('examples', () => {
  for (const name of [...examples, 'quickstart', 'rest-s3-local'])
    test(`${name}.yaml is stored with the defaults that the command knows`, async () => {
      const stored = JSON.parse(await cluster.kubectl('apply', ...dryRun, '-f', fileOf(name))) as KubernetesObject
      assert.equal(stored.kind, kind)
      assert.deepEqual(stored.spec, JSON.parse(JSON.stringify(example(name).spec)))
    })
})

suite('children', () => {
  const longestNames: HealthConsumer = { ...example('everything'), metadata: longest }
  for (const [name, resource] of [
    ...examples.map(each => [each, example(each)] as const),
    ['the longest names', longestNames] as const,
  ]) {
    test(`those of ${name} are accepted, field by field`, async () => {
      const children = childrenOf(resource)
      assert.deepEqual(summary(await acceptedOf(...children)), summary(children))
    })

    test(`the pods of ${name} are allowed where Pod Security is restricted`, async () => {
      const children = childrenOf(resource)
      const accounts = children.filter(child => child.kind === 'ServiceAccount')
      if (accounts.length > 0) await cluster.kubectl('apply', '-f', await fileWith(accounts))
      const [pod] = (await acceptedOf(podOf(children))) as unknown as readonly [PodTemplate]
      // No token of the ServiceAccount beside ours.
      assert.deepEqual(
        pod.spec.volumes.map(volume => volume.name),
        templateOf(children).spec.volumes.map(volume => volume.name),
      )
    })
  }

  test('Pod Security is in force: a pod that asks for more is refused', async () => {
    const pod = podOf(childrenOf(example('minimal')))
    const root = { ...pod, spec: { ...pod.spec, securityContext: { runAsUser: 0 } } }
    await assert.rejects(acceptedOf(root), /violates PodSecurity "restricted:latest"/)
  })

  test('a misspelt field of a child would be refused, also in the APIs of others', async () => {
    const children = childrenOf(example('keda'))
    for (const child of children.filter(({ spec }) => spec !== undefined)) {
      const misspelt = { ...child, spec: { ...(child.spec as object), mispelt: 1 } }
      await assert.rejects(acceptedOf(misspelt), /unknown field "(spec\.)?mispelt"/, child.kind)
    }
  })
})

/** What `kubectl diff` prints, as a reader of the objects who owns none of their fields. */
const diff = (file: string): Promise<string> =>
  cluster
    .kubectl('diff', '--server-side', '--force-conflicts', '--field-manager=reader', '-f', file)
    // Exit code 1 is how it says that there is a difference.
    .catch((error: { code: number; stdout: string }) => (error.code === 1 ? error.stdout : Promise.reject(error)))

/** A file with what the command prints for the manifest. */
async function rendered(manifest: string): Promise<string> {
  const out: string[] = []
  const io = { out: (line: string) => out.push(line), err: () => {}, exitCode: 0 as const }
  assert.equal(await runProgram(['render', '-f', manifest, '--image', defaults.image], io), 0)
  const file = join(cluster.directory, 'rendered.yaml')
  await writeFile(file, out.join(''))
  return file
}

test('kubectl diff of what is rendered shows a change of the manifest, and nothing where there is none', async () => {
  await cluster.kubectl('apply', '-f', fileOf('keda'))
  const stored = JSON.parse(
    await cluster.kubectl('get', 'hc', 'keda', '-n', 'health', '-o', 'json'),
  ) as KubernetesObject
  // As the operator does: of the resource as it is stored, and with an owner.
  const { uid } = stored.metadata
  const operator = cluster.client({ kinds: Object.values(childKinds) })
  for (const child of childrenOf(parsed({ ...stored, status: undefined }), { uid }))
    await operator.apply(child, { fieldManager: operatorName })
  assert.equal(await diff(await rendered(fileOf('keda'))), '')

  const changed = join(cluster.directory, 'changed.yaml')
  await writeFile(changed, `${await readFile(fileOf('keda'), 'utf8')}  logging: {level: DEBUG}\n`)
  const difference = await diff(await rendered(changed))
  assert.match(difference, /^\+ +"level": "DEBUG",?$/m)
  assert.match(difference, /^- +name: keda-[0-9a-f]{10}$/m)
})

/**
 * charts/argocd on a real Argo CD and a real API server, with this tree's operator: the example Application from an empty
 * cluster on, and that neither undoes what the other writes. Pods are stand-ins.
 */
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { dump, load } from 'js-yaml'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { blocksOf } from '../docs/pages.ts'
import { consumer, told } from '../operator/consumers.ts'
import { consumerKind, type RunningOperator, startWorld, type World } from '../operator/operatorWorld.ts'
import { until } from '../until.ts'
import {
  type ApplicationStatus,
  type ArgoCd,
  createRepository,
  type Repository,
  root,
  startArgoCd,
  type TreeNode,
} from './argocd.ts'

const application = 'healthconsumers'
const namespace = 'health'
const system = 'healthconsumer-system'
/** Seconds. Two cores run a control plane, Argo CD and the operator, and whatever else is tested meanwhile. */
const limit = 180
/** Each look is work for Argo CD's API server, where a look every few milliseconds leaves nothing for the rest. */
const pauseMs = 250

let world: World
let argo: ArgoCd
let operator: RunningOperator
let consumers: Repository
let repositories: string

/** As the page shows one, on the claim that `world.namespace` makes; `spec` is merged over its own. */
function manifest(name: string, spec: object = {}): string {
  const [shown] = blocksOf('docs/gitops.md').filter(({ language }) => language === 'yaml')
  const { annotations } = (load(shown!.text) as KubernetesObject).metadata
  const object = consumer(namespace, name, spec)
  return dump({ ...object, metadata: { ...object.metadata, annotations } })
}

const kafkaOf = (topic: string) => ({ bootstrapServers: ['kafka.test:9092'], topics: [topic] })
const file = (name: string) => `production/${name}.yaml`

before(async () => {
  repositories = await mkdtemp(join(tmpdir(), 'repositories-'))
  world = await startWorld()
  // That Argo CD brings the definition is a part of what is tried.
  await world.cluster.kubectl('delete', 'crd', 'healthconsumers.healthdata.dev')
  argo = await startArgoCd(world.cluster.kubeconfig)
  await world.namespace(namespace)
})
after(async () => {
  await argo?.down()
  await world?.down()
  await rm(repositories, { recursive: true, force: true })
})

async function sourceRepositories(): Promise<readonly [Repository, Repository]> {
  const chart = 'charts/healthconsumer-operator'
  const [tree, deployed] = ['tree', 'consumers'].map(name => join(repositories, name)) as [string, string]
  await cp(join(root, chart), join(tree, chart), { recursive: true })
  const source = await createRepository(tree)
  await mkdir(deployed)
  return [source, await createRepository(deployed)]
}

/** The example, but for where the repositories are. */
async function example(urls: readonly string[]): Promise<string> {
  const object = load(await readFile(join(root, 'charts/argocd/application.yaml'), 'utf8')) as {
    readonly spec: { readonly sources: { repoURL: string }[] }
  }
  for (const [index, source] of object.spec.sources.entries()) source.repoURL = urls[index]!
  return dump(object)
}

/** What of an answer is in an error. */
const shown = ['sync', 'health', 'status', 'revisions', 'conditions', 'type', 'message', 'operationState', 'phase']

async function becomes<Seen>(what: string, look: () => Promise<Seen>, isSo: (seen: Seen) => boolean): Promise<void> {
  let last: Seen | undefined
  const isThere = async () => {
    last = await look()
    return isSo(last) || delay(pauseMs, false)
  }
  await until(what, isThere, limit).catch(error => {
    throw new Error(`${error.message}; it is ${JSON.stringify(last, shown)}`)
  })
}

const says = (what: string, is: (status: ApplicationStatus) => boolean) =>
  becomes(what, () => argo.status(application), is)

const healthOf = async (name: string) =>
  (await argo.tree(application)).find(node => node.kind === 'HealthConsumer' && node.name === name)?.health

/** Argo CD sees by itself that a health has changed; of a message alone it learns when it looks, so it is asked to. */
async function isJudged(name: string, status: string, message: RegExp): Promise<void> {
  const look = async () => {
    await argo.status(application, 'normal')
    return healthOf(name)
  }
  const isStatus = (health: TreeNode['health']) => health?.status === status
  await becomes(`${name} is ${status}`, () => healthOf(name), isStatus)
  await becomes(`${name} tells ${message}`, look, health => isStatus(health) && message.test(health?.message ?? ''))
}

/** Commits, and waits until that commit is what the cluster has. */
async function rollOut(files: Readonly<Record<string, string | undefined>>): Promise<void> {
  const revision = await consumers.commit(files)
  await argo.status(application, 'normal')
  await says(`${revision} is there`, ({ sync, operationState }) => {
    const isApplied = operationState?.phase === 'Succeeded' && operationState.syncResult?.revisions?.includes(revision)
    return sync.status === 'Synced' && sync.revisions!.includes(revision) && Boolean(isApplied)
  })
}

/** Writes of Argo CD to what belongs to HealthConsumers, its trials apart. */
const written = async () =>
  (await world.cluster.audit()).filter(
    ({ verb, userAgent, requestURI, objectRef }) =>
      userAgent?.startsWith('argocd-') &&
      ['create', 'update', 'patch', 'delete'].includes(verb) &&
      objectRef?.namespace === namespace &&
      objectRef.resource !== 'events' &&
      !requestURI.includes('dryRun=All'),
  )

const stored = async (name: string) => (await world.get(consumerKind, namespace, name))!
const specOf = async (name: string) => (await stored(name)).spec as Readonly<Record<string, unknown>>
const action = (name: string, of: string) =>
  argo.command(
    ...['app', 'actions', 'run', application, name],
    ...['--kind', 'HealthConsumer', '--namespace', namespace, '--resource-name', of],
  )

test('definition, operator, HealthConsumers: each once the one before is healthy', async () => {
  const [source, deployed] = await sourceRepositories()
  consumers = deployed
  await source.commit({})
  await source.tag('v0.1.0')
  await consumers.commit({ [file('steps')]: manifest('steps', { kafka: { bootstrapServers: ['kafka.test:9092'] } }) })
  const path = join(repositories, 'application.yaml')
  await writeFile(path, await example([source.url, consumers.url]))
  await world.cluster.kubectl('apply', '-f', path)

  await says('it waits for the operator', ({ operationState }) =>
    /waiting for healthy state of .*Deployment/.test(operationState?.message ?? ''),
  )
  const established = ['--for=condition=Established', `--timeout=${limit}s`, 'crd/healthconsumers.healthdata.dev']
  await world.cluster.kubectl('wait', ...established)
  assert.equal(await world.get(consumerKind, namespace, 'steps'), undefined)

  operator = await world.operator({ agent: 'gitops' })
  await world.kubelet.decide(system, { ready: true })
  await world.kubelet.decide(namespace, { waiting: { reason: 'ContainerCreating' } })
  await says(
    'all is synced',
    ({ sync, operationState }) => sync.status === 'Synced' && operationState?.phase === 'Succeeded',
  )
  const labels = await world.cluster.kubectl('get', 'namespace', system, '-o', 'jsonpath={.metadata.labels}')
  assert.equal(JSON.parse(labels)['pod-security.kubernetes.io/enforce'], 'restricted')
})

test('its health is what the HealthConsumer says; what the operator makes is shown below it', async () => {
  await isJudged('steps', 'Progressing', /pods are ready$/)
  await says('it progresses', ({ health }) => health.status === 'Progressing')
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  await isJudged('steps', 'Healthy', /^1 of 1 pods are ready$/)
  await says('it is healthy', ({ health }) => health.status === 'Healthy')
  const below = (await argo.tree(application))
    .filter(({ parentRefs }) => parentRefs?.some(({ kind, name }) => kind === 'HealthConsumer' && name === 'steps'))
    .map(({ kind }) => kind)
  for (const kind of ['Deployment', 'ConfigMap', 'Service', 'ServiceAccount', 'NetworkPolicy', 'PodDisruptionBudget'])
    assert.ok(below.includes(kind), `${kind} is not among ${below}`)

  const halt = { code: 'OffsetGap', message: 'topic a, partition 0', fix: 'set onGap' } as const
  await world.kubelet.decide(namespace, { ready: true, status: () => told({ halt }) })
  await isJudged('steps', 'Degraded', /^Halted: OffsetGap: topic a, partition 0; set onGap/)
  await says('it is degraded', ({ health }) => health.status === 'Degraded')
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  await isJudged('steps', 'Healthy', /pods are ready$/)
})

test('nothing drifts: not the chart, not a HealthConsumer, not what the operator made', async () => {
  const before = { argo: (await written()).length, operator: (await world.writes('gitops')).length }
  for (let look = 0; look < 4; look++) {
    const { sync, conditions, resources } = await argo.status(application, 'hard')
    assert.equal(sync.status, 'Synced', JSON.stringify(resources?.filter(({ status }) => status !== 'Synced')))
    assert.equal(conditions, undefined)
  }
  assert.deepEqual((await written()).slice(before.argo), [])
  assert.deepEqual((await world.writes('gitops')).slice(before.operator), [])
  // Of a HealthConsumer only itself was ever written, and only as it is in the repository.
  const resources = new Set((await written()).map(({ objectRef }) => `${objectRef!.resource}/${objectRef!.name}`))
  assert.deepEqual([...resources], ['healthconsumers/steps'])
})

test('what scales it may: nothing takes that back', async () => {
  await world.cluster.kubectl('-n', namespace, 'scale', 'hc/steps', '--replicas=3')
  await isJudged('steps', 'Healthy', /^3 of 3 pods are ready$/)
  assert.equal((await argo.status(application, 'hard')).sync.status, 'Synced')
  assert.deepEqual((await specOf('steps')).scaling, { ...((await specOf('steps')).scaling as object), replicas: 3 })
})

test('a commit rolls out, and leaves the number of pods as it was', async () => {
  const { appliedHash } = (await world.status(namespace, 'steps'))!
  // The same quantities in another spelling than the API server's.
  const pod = { resources: { requests: { cpu: '1000m', memory: '1024Mi' }, limits: { memory: '2048Mi' } } }
  await rollOut({ [file('steps')]: manifest('steps', { kafka: kafkaOf('steps.v2'), pod }) })
  await isJudged('steps', 'Healthy', /^3 of 3 pods are ready$/)
  const status = (await world.status(namespace, 'steps'))!
  assert.notEqual(status.appliedHash, appliedHash)
  // What came by default went when the repository named another.
  assert.deepEqual(((await specOf('steps')).kafka as { topics: unknown }).topics, ['steps.v2'])
  assert.equal((await argo.status(application, 'hard')).sync.status, 'Synced')
})

test('pause, resume and restart through Argo CD: selfHeal takes none of them back, nor does a sync', async () => {
  const offered = () =>
    argo.command('app', 'actions', 'list', application, '--kind', 'HealthConsumer', '--resource-name', 'steps')
  assert.match(await offered(), /\bpause\s+false\b/)
  await action('pause', 'steps')
  await isJudged('steps', 'Healthy', /^Paused: /)
  assert.match(await offered(), /\bpause\s+true\b/)
  assert.equal((await argo.status(application, 'hard')).sync.status, 'Synced')
  await rollOut({ [file('steps')]: manifest('steps', { kafka: kafkaOf('steps.v3') }) })
  await isJudged('steps', 'Healthy', /^Paused: /)

  await action('resume', 'steps')
  await isJudged('steps', 'Healthy', /^3 of 3 pods are ready$/)
  assert.equal((await specOf('steps')).paused, undefined)

  await action('restart', 'steps')
  const restarted = (await specOf('steps')).restartedAt
  assert.match(String(restarted), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  await isJudged('steps', 'Healthy', /^3 of 3 pods are ready$/)
  await rollOut({ [file('steps')]: manifest('steps', { kafka: kafkaOf('steps.v4') }) })
  const spec = await specOf('steps')
  assert.equal(spec.restartedAt, restarted)
  assert.equal(spec.paused, undefined)
  assert.equal((spec.scaling as { replicas: number }).replicas, 3)
})

test('what somebody changes by hand is put back', async () => {
  const level = async () => ((await specOf('steps')) as { readonly logging: { readonly level: string } }).logging.level
  await rollOut({ [file('steps')]: manifest('steps', { kafka: kafkaOf('steps.v4'), logging: { level: 'WARNING' } }) })
  assert.equal(await level(), 'WARNING')
  const patch = '{"spec":{"logging":{"level":"DEBUG"}}}'
  await world.cluster.kubectl('-n', namespace, 'patch', 'hc/steps', '--type=merge', '-p', patch)
  await becomes('it is put back', level, now => now === 'WARNING')
})

test('what the API server refuses of a commit is told, and changes nothing until it is mended', async () => {
  const before = await specOf('steps')
  await consumers.commit({ [file('steps')]: manifest('steps', { logging: { level: 'LOUD' } }) })
  await argo.status(application, 'normal')
  await says('it is told', ({ conditions }) =>
    (conditions ?? []).some(({ message }) => /Unsupported value: "LOUD"/.test(message)),
  )
  assert.deepEqual(await specOf('steps'), before)
  await rollOut({ [file('steps')]: manifest('steps', { kafka: kafkaOf('steps.v5') }) })
})

test('a field of the actions that the repository has: selfHeal leaves it, the next commit does not', async () => {
  await rollOut({ [file('sleep')]: manifest('sleep', { paused: false }) })
  await isJudged('sleep', 'Healthy', /pods are ready$/)
  await action('pause', 'sleep')
  await isJudged('sleep', 'Healthy', /^Paused: /)
  assert.equal((await argo.status(application, 'hard')).sync.status, 'Synced')
  assert.equal((await specOf('sleep')).paused, true)
  await rollOut({ [file('steps')]: manifest('steps', { kafka: kafkaOf('steps.v6') }) })
  await isJudged('sleep', 'Healthy', /pods are ready$/)
})

test('one that is removed from the repository goes, with all that the operator made for it', async () => {
  await rollOut({ [file('sleep')]: undefined })
  const children = async () => {
    const all = [...(await world.children(namespace)).values()]
    return all.flatMap(({ metadata }) => metadata.labels?.['app.kubernetes.io/instance'] ?? [])
  }
  await becomes('its children are gone', children, instances => !instances.includes('sleep'))
  assert.equal(await world.get(consumerKind, namespace, 'sleep'), undefined)
  await isJudged('steps', 'Healthy', /pods are ready$/)
})

test('deleted with its finalizer, the Application takes HealthConsumers with it but not the definition', async () => {
  await argo.command('app', 'delete', application, '--cascade', '--yes')
  const steps = () => world.get(consumerKind, namespace, 'steps')
  await becomes('it is gone', steps, object => object === undefined)
  assert.match(
    await world.cluster.kubectl('get', 'crd', 'healthconsumers.healthdata.dev', '-o', 'name'),
    /healthconsumers/,
  )
  await operator.stop()
})

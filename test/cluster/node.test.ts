/** Pods on the node of `hack/cluster up --node`, beside a second one; what stays of them. Needs root and a minute. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../until.ts'
import { controlGroups, machineState, namespaceOf, processesIn } from './machine.ts'
import { type NodeCluster, script, startNodeCluster } from './nodeCluster.ts'
import { writePodImage } from './podImage.ts'

const run = promisify(execFile)
const image = 'localhost/pod:test'
const namespace = 'restricted'
const resources = { requests: { cpu: '50m' }, limits: { cpu: '1', memory: '256Mi' } }

const machine = machineState()
const folder = await mkdtemp(join(tmpdir(), 'node-test-'))
let cluster: NodeCluster
let other: NodeCluster
before(async () => {
  // What was started is known even where the other one fails.
  const started = await Promise.allSettled([
    startNodeCluster().then(each => (cluster = each)),
    startNodeCluster().then(each => (other = each)),
    writePodImage(join(folder, 'pod.tar'), image),
  ])
  for (const result of started) if (result.status === 'rejected') throw result.reason
  for (const each of [cluster, other]) await each.cluster('load', join(folder, 'pod.tar'))
  await cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'quota', namespace },
      spec: { hard: { 'limits.memory': '1Gi' } },
    },
    deployment(namespace, 2),
    service(namespace),
  )
  await cluster.kubectl('rollout', 'status', '--namespace', namespace, 'deploy/pod', '--timeout=60s')
})
after(async () => {
  await Promise.all([cluster?.down(), other?.down()])
  await rm(folder, { recursive: true })
})

const container = (...command: string[]) => ({
  name: 'pod',
  image,
  ...(command.length > 0 && { command }),
  resources,
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true },
})
const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }

function deployment(namespace: string, replicas: number) {
  // A busy machine is no illness: only an answer ends a pod that started.
  const probe = { httpGet: { path: '/health', port: 8080 }, periodSeconds: 1, timeoutSeconds: 60 }
  const probes = {
    startupProbe: { ...probe, failureThreshold: 60 },
    readinessProbe: probe,
    livenessProbe: { ...probe, failureThreshold: 1 },
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'pod', namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'pod' } },
      template: {
        metadata: { labels: { app: 'pod' } },
        spec: { securityContext, terminationGracePeriodSeconds: 1, containers: [{ ...container(), ...probes }] },
      },
    },
  }
}
const service = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'pod', namespace },
  spec: { selector: { app: 'pod' }, ports: [{ port: 80, targetPort: 8080 }] },
})
const pod = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec })
const fetched = (url: string) =>
  `fetch('${url}').then(r => r.text()).then(console.log, e => console.log(String(e.cause)))`
/** Of one that may get no answer at all. */
const fetchedSoon = (url: string) =>
  `fetch('${url}', { signal: AbortSignal.timeout(2000) }).then(r => r.text()).then(console.log, e => console.log(e.name))`
const podNames = async () =>
  (
    await cluster.kubectl('get', 'pod', '-n', namespace, '-l', 'app=pod', '-o', 'jsonpath={.items[*].metadata.name}')
  ).split(' ')

test('pods of a loaded image run in a namespace of restricted Pod Security; logs and exec work', async () => {
  assert.equal(await cluster.kubectl('logs', '-n', namespace, 'deploy/pod'), 'listening as user 65532\n')
  assert.equal(await cluster.evaluate(namespace, 'pod', 'console.log(process.getuid())'), '65532')
})

test('a service answers by its name with each of its pods, the one that asks included', async () => {
  const names = await podNames()
  assert.equal(names.length, 2)
  const answered = new Set<string>()
  const ask = async () =>
    answered.add(await cluster.evaluate(namespace, 'pod', fetched(`http://pod.${namespace}.svc/`)))
  await until('both pods answered', async () => {
    await ask()
    return names.every(name => answered.has(name))
  })
  assert.match(await cluster.evaluate(namespace, 'pod', fetched('http://absent.example/')), /ENOTFOUND/)
})

test('a pod reaches what `run` starts, at the address of the node', async () => {
  const code =
    "require('http').createServer((_, r) => r.end('beside')).listen(18080, '10.250.0.1', () => console.log())"
  const server = spawn(script, ['run', '--dir', cluster.directory, process.execPath, '-e', code])
  await new Promise(resolve => server.stdout.once('data', resolve))
  assert.equal(await cluster.evaluate(namespace, 'pod', fetched('http://10.250.0.1:18080/')), 'beside')
  server.kill()
  await new Promise(resolve => server.once('exit', resolve))
})

test('network policies are enforced: what none allows does not pass', async () => {
  const policy = (name: string, spec: object) => ({
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
    ...{ metadata: { name, namespace }, spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ...spec } },
  })
  const ask = (of: string) => cluster.evaluate(of, 'pod', fetchedSoon(`http://pod.${namespace}.svc/`))
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'beside' } },
    deployment('beside', 1),
    policy('deny-all', {}),
  )
  await cluster.kubectl('rollout', 'status', '--namespace', 'beside', 'deploy/pod', '--timeout=60s')
  const passes = async (of: string) => (await podNames()).includes(await ask(of))
  await until('nothing comes in', async () => !(await passes('beside')))
  assert.equal(await passes(namespace), false)
  await cluster.apply(policy('main', { egress: [{}], ingress: [{ ports: [{ port: 8080 }] }] }))
  await until('what is allowed passes', async () => (await passes('beside')) && (await passes(namespace)))
  await cluster.kubectl('delete', '--namespace', namespace, 'networkpolicy', '--all')
  await cluster.kubectl('delete', 'namespace', 'beside')
})

test('a pod that fails its liveness probe is started again', async () => {
  const [name] = await podNames()
  const restarts = () =>
    cluster.kubectl('get', 'pod', '-n', namespace, name!, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}')
  assert.equal(await restarts(), '0')
  // The container may end before the command in it does.
  const breaking = fetched('http://localhost:8080/break')
  await cluster.kubectl('exec', '-n', namespace, name!, '--', '/bin/node', '-e', breaking).catch(() => undefined)
  await until('the pod is started again', async () => (await restarts()) === '1', 60)
})

test('what the namespace forbids is refused, and memory is limited', async () => {
  await assert.rejects(cluster.apply(pod('root', { containers: [{ name: 'pod', image }] })), /violates PodSecurity/)
  const huge = { ...container(), resources: { limits: { memory: '2Gi' } } }
  await assert.rejects(cluster.apply(pod('huge', { securityContext, containers: [huge] })), /exceeded quota/)
  const eat = container('/bin/node', '-e', 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))')
  await cluster.apply(pod('eater', { securityContext, restartPolicy: 'Never', containers: [eat] }))
  const reason = 'jsonpath={.status.containerStatuses[0].state.terminated.reason}'
  await until(
    'it is killed for its memory',
    async () => (await cluster.kubectl('get', 'pod', '-n', namespace, 'eater', '-o', reason)).startsWith('OOMKilled'),
    60,
  )
})

test('a program is stopped and started again', async () => {
  const status = async () =>
    (await cluster.cluster('status')).split('\n').filter(line => !line.includes(' running, process '))
  assert.deepEqual(await status(), [''])
  await cluster.cluster('stop', 'kube-scheduler')
  assert.deepEqual(await status(), ['kube-scheduler stopped', ''])
  await cluster.cluster('start', 'kube-scheduler')
  assert.deepEqual(await status(), [''])
})

test('what cannot work is refused with the way out', async () => {
  const refused = (message: RegExp, ...command: string[]) =>
    assert.rejects(run(command[0]!, command.slice(1)), { stderr: message })
  // In a user namespace of its own a process is nobody, whoever started it.
  await refused(
    /needs root: sudo .*hack\/cluster up --node/,
    'unshare',
    '--user',
    script,
    'up',
    '--node',
    '--dir',
    folder,
  )
  await refused(/add --node/, script, 'up', '--dir', cluster.directory)
  await refused(/name an archive/, script, 'load', '--dir', cluster.directory, join(folder, 'absent.tar'))
  await refused(/choose a --dir outside/, script, 'up', '--node', '--dir', '/run/healthconsumer-test')
  assert.ok(!existsSync('/run/healthconsumer-test'))
})

test('two clusters end one by one, and nothing of them stays', { timeout: 60_000 }, async () => {
  const firstProcess = (each: NodeCluster) => readFileSync(join(each.directory, 'pids/namespaces'), 'utf8').trim()
  const controlGroupOf = (each: NodeCluster) =>
    readFileSync(join(each.directory, 'kubelet.yaml'), 'utf8').match(/^cgroupRoot: \/(.+)$/m)![1]!
  const [mine, others] = [cluster, other].map(each => namespaceOf(firstProcess(each)))
  assert.ok(processesIn(others).length > 8)
  const groupNames = [cluster, other].map(controlGroupOf)
  assert.ok(groupNames.every(name => controlGroups(name).length > 0))
  await other.down()
  assert.deepEqual(processesIn(others), [])
  assert.ok(!existsSync(other.directory))
  assert.equal(await cluster.evaluate(namespace, 'pod', 'console.log(1)'), '1')
  await cluster.down()
  assert.deepEqual(processesIn(mine), [])
  assert.deepEqual(groupNames.flatMap(controlGroups), [])
  assert.deepEqual(machineState(), machine)
})

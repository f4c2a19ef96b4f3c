/**
 * The pages' own commands on a real node, from `helm install` to rows that outside readers find; what pods may and do; and
 * Prometheus, which finds them as the Prometheus Operator would tell it. Needs root.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { dump } from 'js-yaml'
import { release, root, namespace as system } from '../chart/helm.ts'
import { exact, verdict } from '../faults/exactness.ts'
import { createFeed, type Feed } from '../faults/feed.ts'
import type { AuditEntry } from '../operator/cluster.ts'
import { installApi } from '../operator/optionalApis.ts'
import { startPrometheus, type TestPrometheus } from '../prometheus/prometheus.ts'
import { read } from '../readers/readers.ts'
import { until } from '../until.ts'
import { type EndpointSlice, type ServiceMonitor, scrapeConfigOf } from './discovery.ts'
import { follow } from './followed.ts'
import { type Ground, namespace, startGround } from './ground.ts'
import { assertAsShown, type Shown, shownIn } from './shown.ts'

const name = 'rest-s3'
const topic = 'health-data-raw'
const payloads = { seed: 7, samplesPerPayload: 5, invalidShare: 0.03 }
let ground: Ground
let feed: Feed
let prometheus: TestPrometheus | undefined
before(async () => {
  ground = await startGround()
  await installApi(ground.cluster, 'monitoring')
  await ground.broker.createTopic(topic, 6)
  await ground.cluster.apply(denyAll(system), denyAll(namespace))
  await prepareCheckout()
  feed = await createFeed(ground.broker, topic, payloads)
  feed.grow()
})
after(async () => {
  await prometheus?.stop()
  await feed?.stop()
  await ground?.down()
})

const denyAll = (where: string) => ({
  ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' },
  ...{
    metadata: { name: 'deny-all', namespace: where },
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  },
})

/** What commands of the pages name: the chart, and the example with the addresses of here. */
async function prepareCheckout(): Promise<void> {
  await mkdir(join(ground.folder, 'examples'))
  await symlink(join(root, 'charts'), join(ground.folder, 'charts'))
  await writeFile(join(ground.folder, 'examples/rest-s3.yaml'), dump(await ground.consumer(name, { networkPolicy })))
}

/** All that its pods need, as they reach it: behind the Services lie these ports. */
const networkPolicy = {
  egress: [
    { ports: [9092, 8181, 9000].map(port => ({ port })) },
    { ports: ['UDP', 'TCP'].map(protocol => ({ port: 53, protocol })) },
  ],
}
/** The same of the operator, as `docs/security.md` has it. */
const operatorsEgress = [6443, 9249].map(
  (port, index) => `--set 'networkPolicy.egress[0].ports[${index}].port=${port}'`,
)

/** As its reader runs it; both streams. */
async function printed({ command }: Shown): Promise<string> {
  const values = [
    ...ground.imageValues,
    ...operatorsEgress,
    '--set runbookBaseUrl=https://runbooks.example.com --set statusIntervalSeconds=5',
  ]
  const adapted = command.replace(/^helm install .*charts\/\S+/, `$& ${values.join(' ')}`)
  const [program, ...through] = ground.place.through
  const { accessKeyId, secretAccessKey } = ground.s3
  const env = {
    ...process.env,
    ...{ ACCESS_KEY_ID: accessKeyId, SECRET_ACCESS_KEY: secretAccessKey, CLIENT_SECRET: 'canary-of-the-catalog' },
    ...{ HELM_CACHE_HOME: ground.folder, HELM_CONFIG_HOME: ground.folder, HELM_DATA_HOME: ground.folder },
    PATH: `${join(root, 'hack')}:${process.env.PATH}`,
  }
  const options = { cwd: ground.folder, env, maxBuffer: 64 << 20 }
  // Some of them fail, and the pages show how.
  const { stdout } = await promisify(execFile)(
    program!,
    [...through, 'bash', '-c', `(${adapted}\n) 2>&1 || true`],
    options,
  )
  return stdout
}

for (const shown of shownIn('docs/quickstart-kubernetes.md'))
  test(`${shown.page}: ${shown.command.split('\n')[0]}`, { timeout: 360_000 }, async () => {
    assertAsShown(shown, await printed(shown))
  })

const get = async <T>(...parameters: string[]): Promise<T> =>
  JSON.parse(await ground.kubectl('get', ...parameters, '--output', 'json')) as T
const podsOf = async (where = namespace) =>
  (await get<{ items: readonly Pod[] }>('pods', '--namespace', where)).items.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  )

interface Pod {
  readonly metadata: {
    readonly name: string
    readonly deletionTimestamp?: string
  }
  readonly status: { readonly podIP: string }
}

/** What `code` prints in a pod. */
const inPod = (where: string, pod: string, code: string) =>
  ground.cluster.kubectl('exec', '--namespace', where, pod, '--', '/usr/local/bin/node', '-e', code)

test('rows are in both tables, as pyiceberg reads them', async () => {
  for (const table of ['health_data_raw', 'health_data_errors']) {
    const { pyiceberg } = await read(ground.tableAt('health_db', table), [{ op: 'count' }], ['pyiceberg'])
    assert.ok(pyiceberg[0].rows > 0, table)
  }
})

for (const shown of shownIn('docs/kubectl.md'))
  test(`${shown.page}: ${shown.command.split('\n')[0]}`, { timeout: 360_000 }, async () => {
    assertAsShown(shown, await printed(shown))
  })

test('the plugin is in the image as well', async () => {
  const [pod] = await podsOf()
  const plugin = ['/usr/local/bin/node', '/app/dist/cli/kubectl/main.js', '--help']
  assert.match(await ground.kubectl('exec', pod!.metadata.name, '--', ...plugin), /^Usage: kubectl healthconsumer /)
})

test('its namespace takes no pod that is less restricted', async () => {
  const careless = ['run', 'careless', `--image=${ground.image}`, '--privileged']
  await assert.rejects(ground.kubectl(...careless), /violates PodSecurity "restricted:latest"/)
})

test('a pod has no token for the API server', async () => {
  const [pod] = await podsOf()
  const found = await inPod(
    namespace,
    pod!.metadata.name,
    `console.log(fs.existsSync('/var/run/secrets/kubernetes.io'))`,
  )
  assert.equal(found, 'false\n')
})

test('nothing was refused to the operator, and pods asked for nothing', async () => {
  const lines = (await readFile(join(ground.cluster.directory, 'audit.log'), 'utf8')).split('\n').filter(Boolean)
  const requests = lines.map(line => JSON.parse(line) as AuditEntry)
  const by = (account: string) =>
    requests.filter(({ user }) => user.username.startsWith(`system:serviceaccount:${account}`))
  const operators = by(`${system}:${release}`)
  assert.ok(operators.length > 20)
  const refused = operators.filter(
    ({ responseStatus: { code, message } = {} }) =>
      // A server that has only just got the definition refuses its owner references, too.
      [401, 403].includes(code ?? 0) && !/cannot find RESTMapping/.test(message ?? ''),
  )
  assert.deepEqual(refused, [])
  assert.deepEqual(by(`${namespace}:`), [])
})

/** What becomes of a connection from a pod: `connected`, an error's code such as ECONNREFUSED, or `dropped` after a while. */
const connecting = async (from: string, pod: string, host: string, port: number) =>
  (
    await inPod(
      from,
      pod,
      `const socket = require('net').connect(${port}, '${host}')
       const end = (said) => (console.log(said), process.exit())
       socket.setTimeout(3000, () => end('dropped')).on('connect', () => end('connected')).on('error', ({ code }) => end(code))`,
    )
  ).trim()

test('where all is denied, the policies of chart and operator let pass what pods need, and no more', async () => {
  const [[consumer], [operator]] = await Promise.all([podsOf(), podsOf(system)])
  const [inside, outside] = [consumer!.status.podIP, operator!.status.podIP]
  await ground.cluster.apply(strayPod(namespace), {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'elsewhere' },
  })
  await ground.cluster.apply(strayPod('elsewhere'))
  for (const where of [namespace, 'elsewhere'])
    await ground.kubectl('wait', '--for=condition=Ready', 'pod/stray', '--namespace', where, '--timeout=120s')
  const between = (from: string, pod: string, host: string, ports: readonly number[]) =>
    Promise.all(ports.map(port => connecting(from, pod, host, port)))
  assert.deepEqual(await between(namespace, 'stray', '10.250.0.1', [8181, 9000, 9092, 6443]), Array(4).fill('dropped'))
  assert.deepEqual(await between('elsewhere', 'stray', inside, [9249, 22]), ['connected', 'dropped'])
  assert.deepEqual(await between('elsewhere', 'stray', outside, [8080, 22]), ['connected', 'dropped'])
  // What the example names as reachable, and nothing else.
  assert.deepEqual(await between(namespace, consumer!.metadata.name, '10.250.0.1', [8181, 9000, 9092, 6443]), [
    ...Array(3).fill('connected'),
    'dropped',
  ])
  assert.deepEqual(await between(system, operator!.metadata.name, '10.250.0.1', [6443, 9092]), ['connected', 'dropped'])
  await ground.kubectl('delete', 'pod', 'stray', '--now', '--wait=false')
})

/** That no policy but a denying default knows. */
const strayPod = (where: string) => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'stray', namespace: where } },
  spec: {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        ...{ name: 'stray', image: ground.image, imagePullPolicy: 'Never' },
        command: [
          '/usr/local/bin/node',
          '-e',
          "process.on('SIGTERM', () => process.exit()); setInterval(() => {}, 1e6)",
        ],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
})

test('Prometheus finds the pods by the ServiceMonitor, and loads every rule', { timeout: 300_000 }, async () => {
  const before = (await podsOf()).map(({ metadata }) => metadata.name).sort()
  // No part of what pods run: see that none is replaced.
  const monitoring = {
    serviceMonitor: { interval: '5s' },
    prometheusRule: { interval: '5s', thresholds: { CommitsStalled: 15 } },
  }
  await ground.kubectl('patch', 'hc', name, '--type=merge', '--patch', JSON.stringify({ spec: { monitoring } }))
  const rule = () =>
    get<{ spec: { groups: { interval: string; rules: object[] }[] } }>('prometheusrule', `${name}-consumer`)
  await until('the rules follow', async () => (await rule()).spec.groups[0]?.interval === '5s')
  const monitor = await get<ServiceMonitor>('servicemonitor', `${name}-consumer`)
  const { groups } = (await rule()).spec
  const { items: services } = await get<{ items: readonly EndpointSlice[] }>('services')
  const { items: slices } = await get<{ items: readonly EndpointSlice[] }>('endpointslices')
  prometheus = await startPrometheus(scrapeConfigOf(monitor, services, slices), dump({ groups }), ground.place)
  const up = () => prometheus!.query(`up{healthconsumer="${name}",namespace="${namespace}"} == 1`)
  await until('each pod is scraped', async () => (await up()).length === 3, 90)
  assert.deepEqual((await up()).map(({ labels }) => labels.pod).sort(), before)
  assert.deepEqual((await podsOf()).map(({ metadata }) => metadata.name).sort(), before)
  const isEvaluated = async () => (await prometheus!.rules()).every(({ health }) => health !== 'unknown')
  await until('every rule is evaluated', isEvaluated, 60)
  const loaded = await prometheus.rules()
  assert.deepEqual(
    loaded.filter(({ health }) => health !== 'ok'),
    [],
  )
  assert.equal(loaded.length, groups.flatMap(({ rules }) => rules).length)
})

test('an alert of a consumer that cannot commit has its runbook, and goes when it can', {
  timeout: 300_000,
}, async () => {
  const alert = async () => (await prometheus!.alerts()).find(({ labels }) => labels.alertname === 'CommitsStalled')
  await ground.s3.kill()
  await until('CommitsStalled', async () => (await alert()) !== undefined, 150)
  const { labels, annotations } = (await alert())!
  assert.deepEqual([labels.namespace, labels.healthconsumer, labels.severity], [namespace, name, 'critical'])
  assert.equal(annotations.runbook_url, 'https://runbooks.example.com/CommitsStalled.md')
  await ground.s3.start()
  await until('it is over', async () => (await alert()) === undefined, 150)
})

test('through all of it no sample was lost or doubled', { timeout: 300_000 }, async () => {
  await feed.stop()
  const filled = {
    ...{ topic, folder: ground.folder },
    rawTable: ground.tableAt('health_db', 'health_data_raw'),
    errorsTable: ground.tableAt('health_db', 'health_data_errors'),
  }
  await follow(ground, name)
    .durable(feed.records, 240)
    .catch(async error => {
      throw new Error(`${error.message}\n${(await ground.plugin('doctor', name, '-n', namespace)).out}`)
    })
  const { payloads: sent, samples, ...found } = await verdict(ground.broker, filled, payloads)
  assert.deepEqual(found, exact)
  assert.equal(sent, feed.payloads)
  assert.ok(samples > 0)
})

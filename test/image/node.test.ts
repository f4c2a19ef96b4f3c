/** The image on a real node, in a namespace of restricted Pod Security: as the command, a consumer and the operator. Needs root. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { loadAll } from 'js-yaml'
import { parseManifest } from '../../cli/manifest.ts'
import { desiredChildren } from '../../operator/desired/index.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { type NodeCluster, startNodeCluster } from '../cluster/nodeCluster.ts'
import { until } from '../until.ts'
import { type BuiltImage, buildImage } from './builtImage.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const namespace = 'health'
const node = '/usr/local/bin/node'
const folder = await mkdtemp(join(tmpdir(), 'image-node-test-'))
let image: BuiltImage
let cluster: NodeCluster
before(async () => {
  const started = await Promise.allSettled([
    startNodeCluster().then(each => (cluster = each)),
    buildImage(join(folder, 'image.tar')).then(each => (image = each)),
  ])
  for (const result of started) if (result.status === 'rejected') throw result.reason
  await cluster.cluster('load', image.archive)
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } })
})
after(async () => {
  await cluster?.down()
  await rm(folder, { recursive: true })
})

const kubectl = (...parameters: string[]) => cluster.kubectl('--namespace', namespace, ...parameters)
const inPod = (pod: string, code: string) => kubectl('exec', pod, '--', node, '-e', code)

interface ContainerStatus {
  readonly ready: boolean
  readonly state: { readonly running?: object; readonly terminated?: { readonly exitCode: number } }
  readonly lastState: { readonly terminated?: { readonly exitCode: number; readonly reason: string } }
}

async function containerOf(pod: string): Promise<ContainerStatus | undefined> {
  const { status } = JSON.parse(await kubectl('get', 'pod', pod, '--output', 'json'))
  return status.containerStatuses?.[0]
}

const exitCodeOf = async (pod: string) => (await containerOf(pod))?.state.terminated?.exitCode

/** A pod as strict as a pod can be, which is not started again. */
const strictPod = (name: string, args: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    volumes: [{ name: 'manifest', configMap: { name: 'manifest', optional: true } }],
    containers: [
      {
        name: 'healthconsumer',
        image: image.name,
        args,
        volumeMounts: [{ name: 'manifest', mountPath: '/manifest' }],
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  },
})

/** Kafka is nowhere. */
const manifest = `
apiVersion: healthdata.dev/v1alpha1
kind: HealthConsumer
metadata: {name: unreachable, namespace: ${namespace}}
spec:
  kafka: {bootstrapServers: ["absent.example:9092"]}
  iceberg: {catalog: {type: filesystem, warehouse: "file:///tmp/warehouse"}}
`

/** As OpenShift runs pods: as a user whom no image knows, in the group 0. */
const anybody = { runAsUser: 1_234_567, runAsGroup: 0, fsGroup: 1_234_567 }

function asAnybody(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Deployment') return object
  const copy = structuredClone(object) as KubernetesObject & {
    spec: { template: { spec: { securityContext?: object } } }
  }
  const pod = copy.spec.template.spec
  pod.securityContext = { ...pod.securityContext, ...anybody }
  return copy
}

/** What the operator makes for it, as far as pods need it. */
function consumer(): readonly KubernetesObject[] {
  const { resource } = parseManifest('manifest', manifest).manifest!
  const children = desiredChildren({ resource, defaults: { image: image.name }, replicas: 1 })
  return children.filter(({ kind }) => ['ServiceAccount', 'ConfigMap', 'Deployment'].includes(kind))
}

async function podOf(selector: string): Promise<string> {
  const names = (await kubectl('get', 'pod', '--selector', selector, '--output', 'name')).trim().split('\n')
  assert.equal(names.length, 1)
  return names[0]!.replace('pod/', '')
}

/** A copy of a process' file, what is between its zero bytes parted by spaces. */
const procFile = (file: string) =>
  `console.log(require('fs').readFileSync('/proc/${file}','utf8').replaceAll('\\0',' '))`

test('without arguments it prints its help', async () => {
  await cluster.apply(strictPod('help', []))
  await until('the pod has ended', async () => (await exitCodeOf('help')) !== undefined, 60)
  assert.equal(await exitCodeOf('help'), 0)
  assert.match(await kubectl('logs', 'help'), /^Usage: healthconsumer /)
})

test('a command that listens to no signal ends at the first one, though it is process 1', async () => {
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'manifest', namespace }, data: { 'hc.yaml': manifest } },
    strictPod('produce', ['produce', '-f', '/manifest/hc.yaml', '--payloads', '1', '--timeout', '600']),
  )
  await kubectl('wait', '--for=condition=Ready', 'pod/produce', '--timeout=60s')
  // One that comes before it listens to any is lost, as it would be for every process 1.
  await until('the pod has ended', async () => {
    await inPod('produce', "process.kill(1, 'SIGTERM')").catch(() => undefined)
    return (await exitCodeOf('produce')) !== undefined
  })
  assert.equal(await exitCodeOf('produce'), 143)
})

test('a consumer whose brokers are away lives, is not ready, and ends in time when it is told to', async t => {
  await cluster.apply(...consumer().map(asAnybody))
  const selector = 'app.kubernetes.io/component=consumer'
  await until('there is a pod', async () => (await kubectl('get', 'pod', '-l', selector, '-o', 'name')) !== '', 60)
  const pod = await podOf(selector)
  const statusOf = `path => fetch('http://127.0.0.1:9249' + path).then(async r => r.status + ' ' + await r.text(), () => '')`
  const ask = (path: string) => inPod(pod, `(${statusOf})('${path}').then(console.log)`).catch(() => '')
  await until('it says what it waits for', async () => /^503 .*absent\.example:9092/.test(await ask('/readyz')), 60)
  assert.match(await ask('/livez'), /^200 /)
  const { ready, state } = (await containerOf(pod))!
  assert.ok(!ready && state.running)

  await t.test('as a user whom nobody knows, on a file system that it cannot change', async () => {
    const code = `const fs = require('fs')
      let refused = 0
      for (const path of ['/app/x', '/etc/x', '/x']) try { fs.writeFileSync(path, '') } catch { refused++ }
      console.log(process.getuid(), process.getgid(), refused, fs.existsSync('/var/run/secrets'))`
    assert.equal(await inPod(pod, code), '1234567 0 3 false\n')
  })
  await t.test('with half of its memory for the heap', async () => {
    const code = `console.log(require('v8').getHeapStatistics().heap_size_limit, process.constrainedMemory())`
    const [heap, limit] = (await inPod(pod, code)).split(' ').map(Number)
    assert.equal(limit, 1024 ** 3)
    assert.ok(heap! > 0.45 * limit! && heap! < 0.6 * limit!, `${heap} of ${limit}`)
  })
  await t.test('as process 1, which leaves no dead children behind', async () => {
    assert.match(await inPod(pod, procFile('1/cmdline')), /^\/usr\/local\/bin\/node \/app\/dist\/cli\/main\.js run /)
    const code = `const fs = require('fs')
      const states = fs.readdirSync('/proc').filter(name => /^\\d+$/.test(name))
        .map(pid => fs.readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1][0])
      console.log(states.includes('Z'))`
    assert.equal(await inPod(pod, code), 'false\n')
  })
  await t.test('with exit code 0', async () => {
    await inPod(pod, "process.kill(1, 'SIGTERM')")
    await until('it has ended', async () => (await containerOf(pod))?.lastState.terminated !== undefined, 55)
    const { exitCode, reason } = (await containerOf(pod))!.lastState.terminated!
    assert.deepEqual([exitCode, reason], [0, 'Completed'])
  })
})

test('the operator of the chart starts with its rights alone, as anybody, leads, and gives the lease back when it ends', async () => {
  const chart = join(root, 'charts/healthconsumer-operator')
  // As the chart is: the image of its version, no value given.
  const rendered = await run(join(root, 'hack/helm'), [
    'template',
    'test',
    chart,
    '--namespace',
    namespace,
    '--no-hooks',
  ])
  await cluster.apply(
    ...(loadAll(rendered.stdout) as (KubernetesObject | null)[]).filter(each => each !== null).map(asAnybody),
  )
  await kubectl('wait', '--for=condition=Available', 'deployment/healthconsumer-operator', '--timeout=60s')
  const names = (await kubectl('get', 'pod', '--output', 'name')).trim().split('\n')
  const pod = names.find(name => name.includes('operator'))!.replace('pod/', '')
  const holder = () => kubectl('get', 'lease', 'healthconsumer-operator', '--output', 'jsonpath={.spec.holderIdentity}')
  await until('it leads', async () => (await holder().catch(() => '')) === pod, 60)
  assert.match(await inPod(pod, procFile('1/cmdline')), /--max-semi-space-size=16 \/app\/dist\/operator\/main\.js/)
  assert.doesNotMatch(await kubectl('logs', pod), /forbidden|"level":"(ERROR|CRITICAL)"/)

  await kubectl('scale', 'deployment/healthconsumer-operator', '--replicas=0')
  await until('the lease is free', async () => (await holder()) === '', 60)
  await kubectl('wait', '--for=delete', `pod/${pod}`, '--timeout=60s')
})

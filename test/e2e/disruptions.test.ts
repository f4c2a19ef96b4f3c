/**
 * One HealthConsumer on a real node, with Kafka, a REST catalog and S3, through all that a cluster does to it: restarts,
 * evictions, memory that runs out, keys that change, scaling, a drained node, an operator that is upgraded, absent and rolled
 * back. Its topic grows all the time; at the end every sample must be in the tables once. Needs root.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { chart, release, root, namespace as system } from '../chart/helm.ts'
import { exact, verdict } from '../faults/exactness.ts'
import { createFeed, type Feed } from '../faults/feed.ts'
import { buildImage } from '../image/builtImage.ts'
import { succeeds, until } from '../until.ts'
import { type Followed, follow } from './followed.ts'
import { type Ground, namespace, startGround } from './ground.ts'

const previousChart = join(root, 'test/golden/healthconsumer-operator-0.0.9.tgz')
/** The chart of that name runs this tree's program as well: there is no other. */
const previousImage = ['ghcr.io/healthdata/healthconsumer', '0.0.9'] as const
const topic = 'steady'
const payloads = { seed: 7, samplesPerPayload: 3, invalidShare: 0.03 }
const node = '/usr/local/bin/node'
const waiting = ['--wait', '--timeout', '4m']
/** A machine that has other work brings up pods slowly. */
const eventually = (what: string, condition: () => boolean | Promise<boolean>) => until(what, condition, 180)

let ground: Ground
let feed: Feed
let steady: Followed
before(async () => {
  ground = await startGround()
  const archive = join(ground.folder, 'previous.tar')
  await buildImage(archive, '--tag', previousImage.join(':'))
  await ground.cluster.cluster('load', archive)
  await ground.broker.createTopic(topic, 6)
  feed = await createFeed(ground.broker, topic, payloads)
  steady = follow(ground, topic)
})
after(async () => {
  await feed?.stop()
  await ground?.down()
})

const kubectl = (...parameters: string[]) => ground.kubectl(...parameters)
const patch = (spec: object) => kubectl('patch', 'hc', topic, '--type=merge', '--patch', JSON.stringify({ spec }))
const names = async () => (await steady.pods()).map(({ name }) => name)
const operator = (...parameters: string[]) => kubectl(...parameters, '--namespace', system)

/** Does it; then a process that began since must commit, all that was sent meanwhile become durable, and no pod crash. */
async function disrupt(t: TestContext, act: () => Promise<unknown>, restarts = 0): Promise<void> {
  const sinceMs = Date.now()
  await act()
  const { records } = feed
  const { afterDisruption, afterStart } = await steady.firstCommit(sinceMs)
  t.diagnostic(
    `${t.name}: first commit ${afterDisruption.toFixed(1)} s after it, ${afterStart.toFixed(1)} s after a start`,
  )
  await steady.durable(records)
  const living = (await steady.pods()).filter(({ terminating }) => !terminating)
  assert.ok(
    living.every(each => each.restarts === restarts),
    JSON.stringify(living),
  )
}

/** As `kubectl drain` does, once. Rejects where a budget forbids it. */
async function evict(name: string): Promise<void> {
  const file = join(ground.folder, 'eviction.json')
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
  await writeFile(file, JSON.stringify(eviction))
  await kubectl('create', '--raw', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, '--filename', file)
}

test('an operator of the version before makes a consumer that commits', async t => {
  const [repository, tag] = previousImage
  const image = Object.entries({ repository, tag, pullPolicy: 'Never' }).flatMap(([name, value]) => [
    '--set',
    `image.${name}=${value}`,
  ])
  await ground.helm('install', release, previousChart, ...image, ...waiting)
  const resource = (await ground.consumer(topic, {
    kafka: { bootstrapServers: ['kafka-bootstrap:9092'], topics: [topic] },
    scaling: { replicas: 1 },
    pod: { resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } } },
  })) as object
  await ground.cluster.apply(...ground.secrets, resource)
  feed.grow()
  await disrupt(t, () => steady.running(1))
})

test('rolled by restartedAt', async t => {
  const [before] = await names()
  await disrupt(t, () => patch({ restartedAt: new Date().toISOString() }))
  const [pod] = await steady.running(1)
  assert.notEqual(pod!.name, before)
})

test('evicted', async t => {
  const [before] = await names()
  await disrupt(t, () => evict(before!))
  const [pod] = await steady.running(1)
  assert.notEqual(pod!.name, before)
})

test('killed in its work for want of memory', async t => {
  const [before] = await steady.pods()
  // Processes that are each smaller than the consumer, which is offered to the kernel first.
  const grow = `const held = []; setInterval(() => held.length < 24 && held.push(Buffer.alloc(1 << 20, 1)), 5)`
  const code = `require('fs').writeFileSync('/proc/1/oom_score_adj', '1000')
    setInterval(() => require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(grow)}]), 300)`
  await disrupt(
    t,
    async () => {
      await assert.rejects(kubectl('exec', before!.name, '--', node, '-e', code))
    },
    1,
  )
  const [pod] = await steady.running(1)
  assert.deepEqual([pod!.name, pod!.lastEnd], [before!.name, 'OOMKilled'])
})

test('with too little memory to begin, which the status says, and with enough again', async t => {
  const limit = (memory: string) => patch({ pod: { resources: { requests: { memory }, limits: { memory } } } })
  await disrupt(t, async () => {
    await limit('64Mi')
    await eventually('the status says why', async () => {
      const { status, reason, message } = await steady.condition('Stalled')
      return status === 'True' && reason === 'CrashLoopBackOff' && /it needed more memory than its limit/.test(message)
    })
    await limit('512Mi')
  })
  await steady.running(1)
})

test('with another key to its storage, after which the former one is refused', async t => {
  const rotate = async (accessKeyId: string) => {
    const key = await ground.s3.addKey(accessKeyId)
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'storage-login', namespace }, stringData: key }
    await ground.cluster.apply(secret)
  }
  await disrupt(t, () => rotate('first'))
  const [before] = await names()
  await disrupt(t, () => rotate('second'))
  await ground.s3.removeKey('first')
  await steady.durable(feed.records)
  const [pod] = await steady.running(1)
  assert.notEqual(pod!.name, before)
})

test('under an operator that is upgraded, with its definition, to another image', async t => {
  const field = (path: string) => succeeds(kubectl('explain', `hc.${path}`))
  const newer = 'spec.kafka.sessionTimeout'
  assert.equal(await field(newer), false)
  await disrupt(t, () => ground.helm('upgrade', release, chart, ...ground.imageValues, ...waiting))
  await eventually('the pod runs the image of the operator', async () =>
    (await steady.pods()).every(({ image, ready }) => image === ground.image && ready),
  )
  await steady.running(1)
  await eventually('the newer field is explained', () => field(newer))
  // What the former definition stored is run all the same.
  assert.equal((await steady.condition('ConfigValid')).status, 'True')
})

test('three instead of one, which share the partitions', async t => {
  await disrupt(t, () => kubectl('scale', 'hc', topic, '--replicas=3'))
  await steady.running(3)
  const { status } = await steady.resource()
  assert.equal(status?.replicas, 3)
})

test('on a node that is drained, one pod at a time', async t => {
  const before = await names()
  const [program, ...rest] = [...ground.place.through, 'kubectl', 'drain', 'node-1', '--delete-emptydir-data']
  await disrupt(t, async () => {
    const selector = `app.kubernetes.io/instance=${topic}`
    const drain = spawn(program!, [...rest, '--pod-selector', selector], { stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(drain, 'close')
    let said = ''
    drain.stderr.on('data', chunk => {
      said += chunk
    })
    await eventually('the budget holds up the second pod', () => /violate the pod's disruption budget/.test(said))
    const pods = await steady.pods()
    assert.equal(pods.filter(({ ready, terminating }) => ready && !terminating).length, 2)
    await eventually('the first one has no place to go', async () =>
      (await steady.pods()).some(({ pending }) => pending),
    )
    await kubectl('uncordon', 'node-1')
    assert.deepEqual(await ended, [0, null])
  })
  const pods = await steady.running(3)
  assert.ok(pods.every(({ name }) => !before.includes(name)))
})

test('without an operator, and killed', async t => {
  await operator('scale', 'deployment', release, '--replicas=0')
  await operator('wait', '--for=delete', 'pod', '--selector', 'app.kubernetes.io/component=operator', '--timeout=180s')
  const [before] = await names()
  await disrupt(t, () => kubectl('delete', 'pod', before!, '--force', '--grace-period=0'))
  const pods = await names()
  await operator('scale', 'deployment', release, '--replicas=1')
  await operator('rollout', 'status', 'deployment', release, '--timeout=180s')
  await steady.running(3)
  assert.deepEqual((await names()).sort(), pods.sort())
})

test('one instead of three', async () => {
  await kubectl('scale', 'hc', topic, '--replicas=1')
  await steady.running(1)
  await steady.durable(feed.records)
})

test('under an operator that is rolled back, with its definition', async t => {
  await disrupt(t, () => ground.helm('rollback', release, '1', ...waiting))
  await eventually('the pod runs the former image', async () =>
    (await steady.pods()).every(({ image, ready }) => image === previousImage.join(':') && ready),
  )
  await steady.running(1)
})

test('and every sample is in the tables once', async t => {
  await feed.stop()
  await steady.durable(feed.records)
  const tables = { rawTable: 'health_data_raw', errorsTable: 'health_data_errors' }
  const found = await verdict(
    ground.broker,
    {
      topic,
      folder: ground.folder,
      rawTable: ground.tableAt('health_db', tables.rawTable),
      errorsTable: ground.tableAt('health_db', tables.errorsTable),
    },
    payloads,
  )
  t.diagnostic(`${found.payloads} payloads, ${found.samples} samples: ${found.lost} lost, ${found.doubled} doubled`)
  assert.deepEqual(found, { ...exact, payloads: feed.payloads, samples: found.samples })
})

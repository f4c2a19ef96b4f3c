/** `kubectl healthconsumer` as its user runs it, found by kubectl in PATH, against a real API server and an operator. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { consumer, told } from '../operator/consumers.ts'
import { consumerKind, startWorld, type World } from '../operator/operatorWorld.ts'

const namespace = 'plugin'
const hack = join(import.meta.dirname, '../../hack')
let world: World
before(async () => {
  world = await startWorld()
  await world.operator({ agent: 'operator' })
  await world.namespace(namespace)
  await world.kubelet.decide(namespace, { ready: true, status: () => told() })
  await world.apply(consumer(namespace, 'one'))
  await world.condition(namespace, 'one', 'ConsumerHealthy=True')
})
after(() => world?.down())

async function plugin(...args: readonly string[]) {
  const child = spawn(
    join(hack, 'cluster'),
    ['run', '--dir', world.cluster.directory, 'kubectl', 'healthconsumer', ...args],
    { env: { ...process.env, PATH: `${hack}:${process.env.PATH}` }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { out, err, code: code as number }
}

const specOf = async () => (await world.get(consumerKind, namespace, 'one'))!.spec as Record<string, unknown>

test('status lists them with phase, pods and lag, and tells all about one', async () => {
  const list = await plugin('status', '-A')
  assert.equal(list.code, 0, list.err)
  assert.match(list.out, /^NAMESPACE +NAME +PHASE +PODS +LAG +LAST COMMIT +WHY\nplugin +one +Running +1\/1 +\d+ /)
  const one = await plugin('status', 'one', '-n', namespace)
  assert.match(one.out, /^consumer +plugin\/one\nphase +Running\nlag +\d+ records behind, /)
  assert.match(one.out, /\nCONDITION +STATUS +REASON +MESSAGE\nReady +True +Ready +1 of 1 pods are ready\n/)
  assert.match(one.out, /\nPOD +READY +RESTARTS +AGE +STATE\none-consumer-\S+ +yes +0 +\d+ s +Running\n/)
})

test('as JSON it is the status as stored', async () => {
  const { out } = await plugin('status', '-n', namespace, '-o', 'json')
  const { items } = JSON.parse(out) as { items: { name: string; status: unknown }[] }
  assert.deepEqual(
    items.map(({ name }) => name),
    ['one'],
  )
  assert.deepEqual(items[0]?.status, JSON.parse(JSON.stringify(await world.status(namespace, 'one'))))
})

test('pause and resume wait until pods are gone and back; the field is there only while it is paused', async () => {
  const tried = await plugin('pause', 'one', '-n', namespace, '--dry-run')
  assert.match(tried.out, /nothing was changed/)
  assert.equal((await specOf()).paused, undefined)
  const paused = await plugin('pause', 'one', '-n', namespace, '--wait')
  assert.equal(paused.code, 0, paused.err)
  assert.equal((await world.status(namespace, 'one'))?.phase, 'Paused')
  assert.equal((await specOf()).paused, true)
  const resumed = await plugin('resume', 'one', '-n', namespace, '--wait', '--timeout', '90s')
  assert.equal(resumed.code, 0, resumed.err)
  assert.equal((await world.status(namespace, 'one'))?.phase, 'Running')
  assert.equal('paused' in (await specOf()), false)
})

test('restart rolls the pods', async () => {
  const before = (await world.status(namespace, 'one'))?.appliedHash
  const { code, err } = await plugin('restart', 'one', '-n', namespace, '--wait')
  assert.equal(code, 0, err)
  assert.match(String((await specOf()).restartedAt), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.notEqual((await world.status(namespace, 'one'))?.appliedHash, before)
})

test('what is not there is said, with what to do', async () => {
  for (const args of [['status'], ['doctor'], ['pause'], ['logs']]) {
    const { code, err } = await plugin(...args, 'nobody', '-n', namespace)
    assert.equal(code, 1)
    assert.match(
      err,
      /^error\[NOT_FOUND\]: .*"nobody" not found · kubectl healthconsumer \w+ · kubectl healthconsumer status -A/,
    )
  }
  const { code, err } = await plugin('status', '-n', 'empty')
  assert.deepEqual({ code, err }, { code: 0, err: 'There are none here; -A looks everywhere.\n' })
  const elsewhere = await plugin('status', '--context', 'nowhere')
  assert.match(elsewhere.err, /^error\[KUBECTL_FAILED\]: .*nowhere/)
})

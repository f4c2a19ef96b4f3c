/**
 * `healthconsumer run` where its surroundings are wrong or it is told to stop: brokers and topics that are not there
 * (yet), one signal that drains, a second one that does not wait.
 */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { startBroker } from '../kafka/broker.ts'
import { until } from '../until.ts'
import { exact, verdict } from './exactness.ts'
import { createFeed } from './feed.ts'
import { createMounts } from './mounts.ts'
import { createGround, type GroundOptions, type LogLine, type Runtime } from './runtimes.ts'

const payloads = { seed: 9, samplesPerPayload: 4, invalidShare: 0.03 }
/** Nothing listens there: port 1 is tcpmux. */
const nowhere = '127.0.0.1:1'
/** Longer than any of these tests: nothing here happens because a session ended. */
const sessionTimeout = '2m'

const about = (line: LogLine, text: string) => line.level === 'WARNING' && (line.error?.message ?? '').includes(text)
const warnings = ({ logged }: Runtime, text: string) => logged.filter(line => about(line, text))

suite('the run command', async () => {
  const broker = await startBroker({ rebalanceDelayMs: 0 })
  const { bootstrapServers } = broker
  const cleanup: (() => Promise<unknown>)[] = [() => broker.stop()]
  after(async () => {
    for (const undo of cleanup.reverse()) await undo()
  })

  async function groundFor(options: Omit<GroundOptions, 'bootstrapServers'> & { bootstrapServers?: string }) {
    const ground = await createGround({ bootstrapServers, sessionTimeout, ...options })
    cleanup.push(() => ground.clear())
    return ground
  }

  async function prepare(topic: string, options: Partial<GroundOptions> = {}) {
    await broker.createTopic(topic, 6)
    const ground = await groundFor({ topic, ...options })
    const feed = await createFeed(broker, topic, payloads)
    cleanup.push(() => feed.stop())
    return { ground, feed }
  }

  /** Over all its partitions; tombstones count too. */
  async function offsets(runtime: Runtime): Promise<{ next: number; committed: number }> {
    const partitions = (await runtime.status())?.partitions ?? []
    const sum = (of: 'nextOffset' | 'committed') => partitions.reduce((total, partition) => total + partition[of], 0)
    return { next: sum('nextOffset'), committed: sum('committed') }
  }
  const partitionsOf = async (runtime: Runtime) => (await runtime.status())?.partitions.length ?? 0

  test('waits for brokers that are not there, names them, and gives up where it was told when', async () => {
    const ground = await groundFor({ topic: 'unreachable', bootstrapServers: nowhere })
    const waiting = ground.start('waiting')
    const bounded = ground.start('bounded', { flags: ['--until-caught-up', '--timeout', '3'] })
    await until('two warnings that name the broker', () => warnings(waiting, nowhere).length > 1)
    assert.equal((await waiting.get('/livez'))!.code, 200)
    assert.equal((await waiting.get('/readyz'))!.code, 503)
    assert.deepEqual(await bounded.end(), { code: 1, signal: null })
    assert.match(bounded.complaints.join('\n'), /^error\[FAILED\]: not caught up after 3 s · .*manifest\.json · /m)
    assert.ok(warnings(bounded, nowhere).length > 0)
    waiting.signal('SIGTERM')
    assert.deepEqual(await waiting.end(), { code: 0, signal: null })
  })

  test('waits for a topic that is not there, and consumes it once it is', async () => {
    const ground = await groundFor({ topic: 'late' })
    const runtime = ground.start('early')
    await until('a warning that names the topic', () => warnings(runtime, '[late]').length > 0)
    await broker.createTopic('late', 2)
    const feed = await createFeed(broker, 'late', payloads)
    cleanup.push(() => feed.stop())
    await feed.send(30)
    await until('all of it', async () => (await offsets(runtime)).committed === feed.records, 60)
    const { payloads: read, samples, ...rest } = await verdict(broker, ground, payloads)
    assert.deepEqual([read, rest], [30, exact])
  })

  test('commits what it holds on SIGTERM', async () => {
    const { ground, feed } = await prepare('drained', { interval: '10m' })
    const runtime = ground.start('drained')
    await feed.send(20)
    await until('the first commit', async () => (await offsets(runtime)).committed === feed.records)
    await feed.send(200)
    await until('the rest in memory', async () => (await offsets(runtime)).next === feed.records)
    assert.ok((await offsets(runtime)).committed < feed.records)
    runtime.signal('SIGTERM')
    assert.deepEqual(await runtime.end(), { code: 0, signal: null })
    const { payloads: read, samples, ...rest } = await verdict(broker, ground, payloads)
    assert.deepEqual([read, rest], [220, exact])
    const { groups } = await broker.admin.describeGroups(['drained'])
    assert.deepEqual([groups[0]!.state, groups[0]!.members], ['Empty', []])
  })

  test('hands its partitions over on SIGTERM', async () => {
    const { ground, feed } = await prepare('handed-over')
    await feed.send(100)
    const [first, second] = ['first', 'second'].map(name => ground.start(name)) as [Runtime, Runtime]
    await until('two members', async () => (await partitionsOf(first)) === 3 && (await partitionsOf(second)) === 3)
    first.signal('SIGTERM')
    assert.deepEqual(await first.end(), { code: 0, signal: null })
    await until('the other one to have every partition', async () => (await partitionsOf(second)) === 6)
    await feed.send(100)
    await until('all of it', async () => (await offsets(second)).committed === feed.records)
    const { payloads: read, samples, ...rest } = await verdict(broker, ground, payloads)
    assert.deepEqual([read, rest], [200, exact])
  })

  test('ends at once on a second signal, whatever it waits for', async () => {
    const mounts = await createMounts()
    cleanup.push(() => mounts.end())
    const { ground, feed } = await prepare('impatient', { interval: '10m' })
    await mounts.mount('--bind', ground.warehouse, ground.warehouse)
    const runtime = ground.start('impatient', { through: mounts.through })
    await feed.send(20)
    await until('the first commit', async () => (await offsets(runtime)).committed === feed.records)
    await mounts.mount('-o', 'remount,bind,ro', ground.warehouse)
    await feed.send(20)
    await until('rows in memory', async () => (await runtime.status())!.bufferedBytes > 0)
    runtime.signal('SIGTERM')
    const from = runtime.logged.length
    await until('its last flush', () => runtime.logged.slice(from).some(line => line.message === 'Checkpoint started'))
    assert.equal(runtime.ended, undefined)
    runtime.signal('SIGTERM')
    assert.deepEqual(await runtime.end(5), { code: 143, signal: null })
    const last = await ground.catchUp({ place: 'impatient' })
    assert.equal(last.ended!.code, 0)
    const { payloads: read, samples, ...rest } = await verdict(broker, ground, payloads)
    assert.deepEqual([read, rest], [40, exact])
  })
})

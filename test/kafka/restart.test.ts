/**
 * A process killed with SIGKILL and started again in place: the group must not wait for the session timeout of the dead
 * member, nor for the brokers' initial rebalance delay (3 s here, as brokers have it by default).
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, suite, test } from 'node:test'
import { createKafkaSource } from '../../runtime/source/kafkaSource.ts'
import { createRecorder } from '../runtime/source/recorder.ts'
import { until } from '../until.ts'
import { silentLogger, startBroker } from './broker.ts'

/** Far longer than a test waits for anything. */
const sessionTimeoutMs = 120_000

suite('a restart in place', async () => {
  const broker = await startBroker({ rebalanceDelayMs: 3_000 })
  const folder = await mkdtemp(join(tmpdir(), 'members-'))
  const children = new Set<ChildProcess>()
  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await broker.stop()
    await rm(folder, { recursive: true })
  })

  /** A process of its own, and what it printed. */
  function consumer(topic: string) {
    const program = join(import.meta.dirname, 'consumerProcess.ts')
    const parameters = [program, broker.bootstrapServers, topic, folder, String(sessionTimeoutMs)]
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.add(child)
    const lines: string[] = []
    createInterface(child.stdout).on('line', line => lines.push(line))
    const has = (word: string) => lines.some(line => line.startsWith(word))
    return {
      prints: (word: string) => until(`a process that prints ${word}`, () => has(word)),
      printed: has,
      async kill() {
        child.kill('SIGKILL')
        await once(child, 'exit')
      },
    }
  }

  const groupOf = async (topic: string) => (await broker.admin.describeGroups([`group-of-${topic}`])).groups[0]!

  test('takes the dead member out of the group, so that nobody waits for it', async () => {
    await broker.createTopic('alone')
    await broker.produce('alone', 0, [{ value: 'a' }])
    const first = consumer('alone')
    await first.prints('batch')
    await first.kill()
    const second = consumer('alone')
    await second.prints('batch')
    const { members, state } = await groupOf('alone')
    assert.deepEqual([state, members.length], ['Stable', 1])
    assert.equal((await readdir(folder)).filter(name => name.includes('group-of-alone')).length, 1)
  })

  test('does so beside a live member, which keeps its membership', async () => {
    await broker.createTopic('beside', 2)
    const source = createKafkaSource({
      connection: { bootstrapServers: [broker.bootstrapServers], clientId: 'test' },
      groupId: 'group-of-beside',
      topics: ['beside'],
      logger: silentLogger,
    })
    const recorder = createRecorder(source)
    await source.start(recorder)
    await until('an assignment', () => recorder.assignments.length > 0)
    const { memberId } = source.generation()
    const first = consumer('beside')
    await first.prints('assigned 1')
    await first.kill()
    const second = consumer('beside')
    await second.prints('assigned 1')
    await until('half', () => recorder.assignments.at(-1)!.partitions.length === 1)
    assert.equal(source.generation().memberId, memberId)
    assert.equal((await groupOf('beside')).members.length, 2)
    await second.kill()
    await source.stop()
  })

  test('does so for a member that was killed while it joined', async () => {
    await broker.createTopic('joining')
    const first = consumer('joining')
    await until('a member that waits', async () => (await groupOf('joining')).members.length === 1)
    assert.equal(first.printed('assigned'), false)
    await first.kill()
    const second = consumer('joining')
    await second.prints('assigned')
    assert.equal((await groupOf('joining')).members.length, 1)
  })
})

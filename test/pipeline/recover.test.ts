/**
 * `healthconsumer recover` on real tables, a real broker and running consumers: what it shows, that a consumer which halted
 * goes on by itself, and that pyiceberg finds every sample once.
 */
import assert from 'node:assert/strict'
import { type ExecFileException, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { filesystemCatalog } from '../../runtime/iceberg/filesystemCatalog.ts'
import { localStorage, locationOf } from '../../runtime/iceberg/localStorage.ts'
import type { Update } from '../../runtime/iceberg/tableMetadata.ts'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import { until } from '../until.ts'
import { type Consumer, createConsumer, type Running, summaryOf } from './consumer.ts'
import { assertExactly, Written } from './samples.ts'

let broker: TestBroker
const consumers: Consumer[] = []
before(async () => {
  broker = await startBroker()
})
after(async () => {
  for (const consumer of consumers) await consumer.remove()
  await broker.stop()
})

async function consumerOf(topic: string): Promise<Consumer> {
  await broker.createTopic(topic, 2)
  const consumer = await createConsumer({ kafka: { bootstrapServers: [broker.bootstrapServers], topics: [topic] } })
  consumers.push(consumer)
  return consumer
}

interface Answer {
  readonly halts: readonly { readonly code: string }[]
  readonly ways: readonly { readonly flag: string; readonly loses?: readonly string[]; readonly refused?: string }[]
  readonly commits: readonly { readonly table: string }[]
}

const program = join(import.meta.dirname, '../../cli/main.ts')

async function recover(consumer: Consumer, ...args: string[]): Promise<{ code: number; answer: Answer; out: string }> {
  const { code, out } = await new Promise<{ code: number; out: string }>(resolve => {
    execFile(process.execPath, [program, 'recover', '-f', consumer.manifest, ...args], (error, stdout, stderr) => {
      const code = error === null ? 0 : Number((error as ExecFileException).code)
      resolve({ code, out: stdout + stderr })
    })
  })
  // The payloads' values and ids of persons: nothing of them is shown.
  assert.doesNotMatch(out, /somebody|watch|70\.5/)
  return { code, out, answer: args.includes('json') ? JSON.parse(out) : { halts: [], ways: [], commits: [] } }
}

/** At a terminal, where a person types `answer`. */
async function typed(answer: string, consumer: Consumer, ...args: string[]): Promise<{ code: number; out: string }> {
  const command = [process.execPath, program, 'recover', '-f', consumer.manifest, ...args].join(' ')
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'])
  let out = ''
  child.stdout.on('data', chunk => {
    out += chunk
    if (String(chunk).includes('Type yes')) child.stdin.write(answer)
  })
  const [code] = await once(child, 'close')
  return { code, out }
}

function tableOf(consumer: Consumer, table: 'raw' | 'errors') {
  const storage = localStorage(randomUUID)
  const warehouse = locationOf(join(dirname(consumer.manifest), 'warehouse'))
  const catalog = filesystemCatalog({ warehouse, storage, now: Date.now, newUuid: randomUUID })
  const id = { namespace: ['health_db'], name: `health_data_${table}` }
  const load = async () => (await catalog.loadTable(id))!
  return { load, change: async (...updates: Update[]) => void (await catalog.commitTable(id, [], updates)) }
}

/** A person sets main back by `steps` snapshots; with the tag where a backup is restored. */
async function rollBack(consumer: Consumer, table: 'raw' | 'errors', steps: number, withTag = false): Promise<void> {
  const { load, change } = tableOf(consumer, table)
  const metadata = await load()
  const byId = new Map(metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  let at = metadata.refs.main!['snapshot-id']
  for (let i = 0; i < steps; i++) at = byId.get(at)!['parent-snapshot-id']!
  const set = (ref: string, type: 'branch' | 'tag'): Update => ({
    action: 'set-snapshot-ref',
    'ref-name': ref,
    type,
    'snapshot-id': at,
  })
  const tag = Object.keys(metadata.refs).find(name => name.startsWith('hc-'))!
  await change(set('main', 'branch'), ...(withTag ? [set(tag, 'tag')] : []))
}

const haltOf = async (running: Running) => (await running.status()).halt?.code
const isCaughtUp = async (running: Running) => {
  const { halt, partitions } = await running.status()
  return halt === null && partitions.length === 2 && partitions.every(({ lag }) => lag === 0)
}

test('raw rolled back beside a running consumer: shown, rehearsed, accepted; the consumer goes on', async () => {
  const consumer = await consumerOf('rolled-back')
  const written = new Written(broker)
  for (let round = 0; round < 3; round++) {
    for (const partition of [0, 1]) await written.write('rolled-back', partition)
    assert.equal((await consumer.run()).code, 0)
  }
  const running = consumer.start()
  await until('it has caught up', () => isCaughtUp(running))
  await rollBack(consumer, 'raw', 2)
  await written.write('rolled-back', 0)
  await until('the halt', async () => (await haltOf(running)) === 'LineageBroken', 60)

  const shown = await recover(consumer, '-o', 'json')
  assert.equal(shown.code, 3)
  assert.deepEqual(
    shown.answer.ways.map(({ flag }) => flag),
    ['--undo raw', '--accept-rollback raw'],
  )
  const rehearsed = await recover(consumer, '--accept-rollback', 'raw', '--dry-run')
  assert.equal(rehearsed.code, 0)
  assert.match(rehearsed.out, /if main is \d+[\s\S]*hc\.applied-seq = 1\d+[\s\S]*Nothing was changed\.\n$/)
  assert.equal(await haltOf(running), 'LineageBroken')

  const gone = await recover(consumer, '--accept-rollback', 'raw', '--yes', '-o', 'json')
  assert.deepEqual([gone.code, gone.answer.halts], [0, []])
  await until('it goes on', () => isCaughtUp(running), 60)
  assert.equal((await running.stop()).code, 0)
  await assertExactly(consumer, written.ids)
  const none = await recover(consumer)
  assert.equal(none.code, 0)
  assert.match(none.out, /halt +none that the tables and Kafka show/)
})

test('errors rolled back, then restored from a backup: undone, and appended again', async () => {
  const consumer = await consumerOf('errors-back')
  const written = new Written(broker)
  for (let round = 0; round < 4; round++) {
    await written.write('errors-back', round % 2)
    assert.equal((await consumer.run()).code, 0)
  }
  await rollBack(consumer, 'errors', 2)
  assert.equal(summaryOf(await consumer.run()).halt?.code, 'LineageBroken')
  const [interrupt, endOfInput] = ['\x03', '\x04']
  for (const answer of ['no\n', '\n', interrupt, endOfInput]) {
    const { code, out } = await typed(answer, consumer, '--undo', 'errors')
    assert.equal(code, 1, out)
    assert.match(out, /Type yes to go this way: [\s\S]*error\[REFUSED\]: nothing was done/)
  }
  assert.equal((await typed('yes\n', consumer, '--undo', 'errors')).code, 0)
  await assertExactly(consumer, written.ids)

  await rollBack(consumer, 'errors', 2, true)
  assert.equal(summaryOf(await consumer.run()).halt?.code, 'ErrorsRolledBack')
  assert.equal((await recover(consumer, '--accept-rollback', 'errors', '--yes')).code, 0)
  assert.equal((await consumer.run()).code, 0)
  await assertExactly(consumer, written.ids)
})

test('a topic that was created anew and is as long: known by the record that was read last', async () => {
  const topic = 'created-anew'
  const consumer = await consumerOf(topic)
  const written = new Written(broker)
  await written.write(topic, 0)
  assert.equal((await consumer.run()).code, 0)
  assert.equal((await recover(consumer)).code, 0, 'the same topic is no other')
  await broker.deleteTopic(topic)
  await until('the topic is anew', async () => {
    await broker.createTopic(topic, 2).catch(() => undefined)
    const offsets = await broker.admin.fetchTopicOffsets(topic).catch(() => [])
    return offsets.length === 2 && offsets.every(({ high }) => high === '0')
  })
  await written.write(topic, 0, 8)
  assert.equal(summaryOf(await consumer.run()).halt?.code, 'TopicRecreated')
  const { answer } = await recover(consumer, '-o', 'json')
  assert.deepEqual(
    answer.ways.map(({ flag }) => flag),
    [`--accept-new-topic ${topic}`],
  )
  assert.equal((await recover(consumer, '--accept-new-topic', topic, '--yes')).code, 0)
  assert.equal((await consumer.run()).code, 0)
  await assertExactly(consumer, written.ids)
})

test('deleted records: the gap is accepted once', async () => {
  const topic = 'with-a-gap'
  const consumer = await consumerOf(topic)
  const written = new Written(broker)
  await written.write(topic, 0)
  assert.equal((await consumer.run()).code, 0)
  await broker.produce(topic, 0, [{ value: 'gone' }, { value: 'gone' }])
  await written.write(topic, 0)
  await broker.deleteRecords(topic, 0, 7)
  assert.equal(summaryOf(await consumer.run()).halt?.code, 'OffsetGap')
  const shown = await recover(consumer)
  assert.match(shown.out, /--accept-gap\n[\s\S]*loses +with-a-gap:0 offsets 5 to 6: at most 2 records/)
  assert.equal((await recover(consumer, '--accept-gap', '--yes')).code, 0)
  assert.equal((await consumer.run()).code, 0)
  await assertExactly(consumer, written.ids)
})

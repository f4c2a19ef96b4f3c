/** `healthconsumer produce` against a real broker: what it reports is what lies in the topic, a broken broker included. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { type ProduceOptions, producePayloads } from '../../cli/producePayloads.ts'
import { jsonDecoder } from '../../runtime/decode/jsonDecoder.ts'
import { createClassifier } from '../../runtime/validate/classifier.ts'
import { startBroker, type TestBroker } from './broker.ts'

let broker: TestBroker
before(async () => {
  broker = await startBroker()
})
after(() => broker.stop())

const options = (topic: string, changes: Partial<ProduceOptions> = {}): ProduceOptions => ({
  bootstrapServers: [broker.bootstrapServers],
  topic,
  partitions: 6,
  payloads: 300,
  samplesPerPayload: 20,
  invalidShare: 0.05,
  seed: 1,
  timeoutMs: 60_000,
  ...changes,
})

/** Everything in the topic, as the real rules see it. */
async function found(topic: string) {
  const offsets = await broker.admin.fetchTopicOffsets(topic)
  const expected = offsets.reduce((sum, { high }) => sum + Number(high), 0)
  const invalidByReason: Record<string, number> = {}
  const tally = { payloads: 0, valid: 0, invalid: 0, invalidByReason, valueSum: 0 }
  const ids = new Set<string>()
  const partitionsByKey = new Map<string, Set<number>>()
  const classifier = createClassifier({
    decoder: jsonDecoder,
    mode: 'strict',
    observer: { valid() {}, invalid() {}, warning() {} },
  })
  const sink = {
    raw(row: { sampleId: string; value: number }) {
      ids.add(row.sampleId)
      tally.valid++
      tally.valueSum += row.value
    },
    error({ errorReason }: { errorReason: string }) {
      tally.invalid++
      invalidByReason[errorReason] = (invalidByReason[errorReason] ?? 0) + 1
    },
  }
  const consumer = broker.kafka.consumer({ groupId: `${topic}-reader` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((done, failed) => {
    const eachMessage = async ({
      partition,
      message,
    }: {
      partition: number
      message: { key: Buffer | null; value: Buffer | null }
    }) => {
      const key = String(message.key)
      partitionsByKey.set(key, (partitionsByKey.get(key) ?? new Set()).add(partition))
      const record = { offset: 0, timestampMs: 0, key: message.key, value: message.value }
      classifier.classify(record, { topic, partition }, { day: 0, micros: 0 }, sink)
      if (++tally.payloads === expected) done()
    }
    consumer.run({ eachMessage }).catch(failed)
  })
  await consumer.disconnect()
  return { tally, ids, partitions: offsets.length, partitionsByKey }
}

test('the topic is created, and holds exactly what the report says', async () => {
  const { samples, seconds, topic, seed, ...report } = await producePayloads(options('fresh'))
  const { tally, ids, partitions, partitionsByKey } = await found('fresh')
  assert.deepEqual(tally, report)
  assert.equal(samples, report.valid + report.invalid)
  assert.equal(ids.size, report.valid)
  assert.equal(partitions, 6)
  assert.deepEqual([topic, seed], ['fresh', 1])
  assert.ok(seconds > 0)
  assert.ok(
    [...partitionsByKey.values()].every(({ size }) => size === 1),
    'a device is in several partitions',
  )
  assert.ok(new Set([...partitionsByKey.values()].flatMap(set => [...set])).size > 1)
})

test('a topic that is there keeps its partitions, another seed adds other samples', async () => {
  await broker.createTopic('existing', 2)
  const first = await producePayloads(options('existing', { payloads: 50 }))
  const second = await producePayloads(options('existing', { payloads: 50, seed: 2 }))
  const { tally, ids, partitions } = await found('existing')
  assert.equal(partitions, 2)
  assert.equal(tally.valueSum, first.valueSum + second.valueSum)
  assert.equal(ids.size, first.valid + second.valid)
})

test('a broker that goes away and comes back costs a warning, no payload and no double', async () => {
  const warnings: string[] = []
  let restarted: Promise<void> | undefined
  const progress = (payloads: number) => {
    if (payloads > 0) restarted ??= broker.halt().then(() => broker.resume())
  }
  const { samples, seconds, topic, seed, ...report } = await producePayloads(
    options('interrupted', { payloads: 2_000, rate: 1_000 }),
    { progress, warning: message => warnings.push(message) },
  )
  await restarted
  assert.ok(
    warnings.some(warning => warning.includes(broker.bootstrapServers)),
    `${warnings}`,
  )
  const { tally, ids } = await found('interrupted')
  assert.deepEqual(tally, report)
  assert.equal(ids.size, report.valid)
})

test('the command prints one report: JSON for programs, lines for people', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'produce-')), 'manifest.yaml')
  await writeFile(
    file,
    `apiVersion: healthdata.dev/v1alpha1
kind: HealthConsumer
metadata: { name: test }
spec:
  kafka: { bootstrapServers: ["${broker.bootstrapServers}"], topics: [by-command] }
  iceberg: { catalog: { type: filesystem, warehouse: ./warehouse } }
`,
  )
  const main = join(import.meta.dirname, '../../cli/main.ts')
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [main, 'produce', '-f', file, '--payloads', '20', ...args])
  const { stdout } = await run('-o', 'json')
  const { topic, samples, valid, invalid } = JSON.parse(stdout)
  assert.deepEqual([topic, samples], ['by-command', valid + invalid])
  const people = (await run('--seed', '2', '--invalid', '0')).stdout
  assert.match(
    people,
    /^topic +by-command\nseed +2\npayloads +20\nsamples +400\nvalid +400\ninvalid +0\nvalue sum +[0-9.]+\nseconds/,
  )
})

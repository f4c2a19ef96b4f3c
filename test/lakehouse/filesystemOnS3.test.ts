/**
 * The filesystem catalog on S3, where a commit is a conditional PUT: two consumers that race for each version, while the
 * answers of their commits are lost, late, doubled or wrong. Nothing is lost or doubled, and no file is missing.
 */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { exact, verdict } from '../faults/exactness.ts'
import { createFeed } from '../faults/feed.ts'
import { createRandom } from '../faults/random.ts'
import type { TableOfCatalog } from '../readers/readers.ts'
import { until } from '../until.ts'
import { type Fault, printFault } from './faultProxy.ts'
import { startLakehouse } from './lakehouse.ts'
import { lostAndOrphaned } from './storedFiles.ts'

const lesser: readonly Fault[] = [
  { fault: 'loseAnswer', instead: { status: 503 } },
  { fault: 'refuse', status: 503 },
  { fault: 'reset' },
  { fault: 'resend', answer: 'first' },
  { fault: 'late', heldMs: 200, afterMs: 0 },
]
const faults: readonly Fault[] = [
  { fault: 'loseAnswer' },
  { fault: 'loseAnswer', instead: { status: 412 } },
  { fault: 'refuse', status: 409 },
  { fault: 'resend', answer: 'second' },
  { fault: 'late', heldMs: 200, afterMs: 1_000 },
  ...(process.env.HC_TEST_LONG === '1' ? lesser : []),
]

suite('two consumers on a filesystem catalog on S3', async () => {
  const house = await startLakehouse({ random: createRandom(5) })
  after(() => house.stop())
  const topic = 'on-s3'
  const payloads = { seed: 41, samplesPerPayload: 4, invalidShare: 0.1 }
  await house.broker.createTopic(topic, 4)
  const warehouse = `${house.s3.bucket}/warehouse`
  const catalog = { type: 'filesystem', warehouse: `s3://${warehouse}` }
  const ground = await house.createGround({ topic, interval: '1s' }, { catalog })
  const feed = await createFeed(house.broker, topic, payloads)
  after(() => feed.stop())
  const runtimes = ['one', 'two'].map(name => ground.start(name))

  /** The newest metadata file, which readers take for the table. */
  async function newest({ name, properties }: TableOfCatalog): Promise<TableOfCatalog> {
    const below = `${warehouse}/${name.replace('.', '/')}/metadata`
    const versions = (await readdir(join(house.s3.dir, 'data', below)))
      .map(file => Number(/^v(\d+)\.metadata\.json$/.exec(file)?.[1] ?? 0))
      .sort((a, b) => a - b)
    const { uri: _, ...storage } = properties
    return { name: `s3://${below}/v${versions.at(-1)}.metadata.json`, properties: storage }
  }

  async function durable(): Promise<void> {
    await until(
      `${feed.records} records to be durable`,
      async () => {
        const held = (await Promise.all(runtimes.map(runtime => runtime.status()))).flatMap(status => status ?? [])
        const partitions = held.flatMap(status => status.partitions)
        const committed = partitions.reduce((sum, partition) => sum + partition.committed, 0)
        return partitions.length === 4 && committed === feed.records
      },
      90,
    )
  }

  test('share its topic', async () => {
    await feed.send(40)
    await durable()
  })

  for (const fault of faults)
    test(`survive ${printFault(fault)}`, async () => {
      const injected = house.storageProxy.inject({ kinds: ['put metadata'], do: fault, times: 3 })
      await until('the fault', () => injected.hits >= 3 || feed.send(10).then(() => delay(200, false)))
      await durable()
    })

  test('and neither lose nor double a sample', async () => {
    for (const runtime of runtimes) {
      assert.equal(runtime.ended, undefined)
      assert.deepEqual(
        runtime.logged.filter(({ level }) => level === 'CRITICAL'),
        [],
      )
      await runtime.kill()
    }
    await ground.catchUp()
    const tables = { rawTable: await newest(ground.rawTable), errorsTable: await newest(ground.errorsTable) }
    const { payloads: read, samples, ...rest } = await verdict(house.broker, { ...ground, ...tables }, payloads)
    assert.deepEqual([read, rest], [feed.payloads, exact])
    assert.deepEqual((await lostAndOrphaned(house, { ...ground, ...tables })).missing, [])
  })
})

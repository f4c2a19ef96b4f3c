/**
 * What Kafka does to a consumer, through the whole runtime: groups that change in mid-flight, transactions, compaction,
 * codecs, records and topics that are gone. The outcome is what pyiceberg finds in the tables, and the halt.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Codec, startBroker, type TestBroker } from '../kafka/broker.ts'
import { until } from '../until.ts'
import { type Consumer, createConsumer, type Ended, type Running, type SpecParts, summaryOf } from './consumer.ts'
import { assertExactly, offsetsOf, record, Written } from './samples.ts'

let broker: TestBroker
const consumers: Consumer[] = []
before(async () => {
  broker = await startBroker()
})
after(async () => {
  for (const consumer of consumers) await consumer.remove()
  await broker.stop()
})

const spec = (topics: readonly string[], kafka: SpecParts['kafka'] = {}): SpecParts => ({
  kafka: { bootstrapServers: [broker.bootstrapServers], topics, ...kafka },
})

async function consumerOf(topic: string, kafka?: SpecParts['kafka']): Promise<Consumer> {
  const consumer = await createConsumer(spec([topic], kafka))
  consumers.push(consumer)
  return consumer
}

async function assertCaughtUp(consumer: Consumer): Promise<Ended> {
  const ended = await consumer.run()
  assert.equal(ended.code, 0, ended.stderr)
  return ended
}

async function assertHalts(consumer: Consumer, code: string): Promise<void> {
  const ended = await consumer.run()
  assert.equal(ended.code, 1, ended.stderr)
  assert.equal(summaryOf(ended).halt?.code, code)
  assert.ok(summaryOf(ended).halt?.fix)
}

const isReady = async (running: Running) => (await running.get('/readyz')).status === 200
const partitionsOf = async (running: Running) => (await running.status()).partitions.length
const rowsWritten = async (running: Running) => {
  const text = await (await running.get('/metrics')).text()
  return Number(/^iceberg_records_written_total\{table="health_data_raw"\} (\d+)/m.exec(text)?.[1] ?? 0)
}

/** Resolves when it can be written to. A broker takes its time to tell of a topic, and to forget one. */
async function createTopic(topic: string, partitions = 1, config?: Readonly<Record<string, string>>): Promise<void> {
  await until(`topic ${topic}`, async () => {
    await broker.createTopic(topic, partitions, config).catch(() => undefined)
    return hasLeaders(topic, partitions)
  })
}

const hasLeaders = async (topic: string, partitions: number) =>
  (await broker.admin.fetchTopicOffsets(topic).catch(() => [])).length === partitions

suite('the runtime on a real broker', { concurrency: 3 }, () => {
  test('partitions added while it runs are read from their beginning', async () => {
    const topic = 'growing'
    await createTopic(topic)
    const consumer = await consumerOf(topic, { startFrom: 'latest' })
    const written = new Written(broker)
    const running = consumer.start()
    await until('an assignment', () => isReady(running))
    await written.write(topic, 0)
    await broker.admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    await until('their leaders', () => hasLeaders(topic, 3))
    // By new producers: one of kafkajs that knows a single partition drops what is for another one, and says nothing.
    for (const partition of [1, 2]) await written.transact(topic, partition)
    // Known brokers and partitions are trusted for a minute.
    await until('the new partitions are read', async () => (await rowsWritten(running)) === 30, 90)
    assert.equal((await running.stop()).code, 0)
    await assertExactly(consumer, written.ids)
  })

  test('two runtimes share six partitions while one joins and leaves in mid-flight', async () => {
    const topic = 'shared'
    await createTopic(topic, 6)
    const consumer = await consumerOf(topic)
    const written = new Written(broker)
    let round = 0
    const write = async () => {
      for (let partition = 0; partition < 6; partition++) await written.write(topic, partition, 3)
      await written.abort(topic, round++ % 6, 1)
    }
    const whileWriting = (what: string, condition: () => Promise<boolean>) =>
      until(what, async () => {
        await write()
        return condition()
      })
    const works = (running: Running, partitions: number) => async () =>
      (await partitionsOf(running)) === partitions && (await rowsWritten(running)) > 0

    const first = consumer.start({ member: 'first' })
    await whileWriting('the first has six', works(first, 6))
    const second = consumer.start({ member: 'second' })
    await whileWriting('the second has three', works(second, 3))
    await whileWriting('the first has three', works(first, 3))
    const ended = [await second.stop()]
    await whileWriting('the first has six again', works(first, 6))
    const third = consumer.start({ member: 'third' })
    await whileWriting('the third has three', works(third, 3))
    ended.push(await first.stop())
    await whileWriting('the third has six', works(third, 6))
    ended.push(await third.stop(), await assertCaughtUp(consumer))

    assert.deepEqual(
      ended.map(({ code }) => code),
      [0, 0, 0, 0],
    )
    await assertExactly(consumer, written.ids)
    const rows = ended.map(summaryOf).reduce((sum, { raw }) => sum + raw.rowsWritten, 0)
    assert.equal(rows, 2 * written.ids.length)
  })

  test('aborted records never land, and a tail of transaction markers is acknowledged', async () => {
    const topic = 'transactions'
    await createTopic(topic, 3)
    const consumer = await consumerOf(topic)
    const written = new Written(broker)
    await written.transact(topic, 0)
    await written.abort(topic, 0)
    await written.write(topic, 0)
    await written.abort(topic, 0)
    await written.abort(topic, 1)
    await assertCaughtUp(consumer)
    await assertExactly(consumer, written.ids)
    // 5 + 1, 5 + 1, 5, 5 + 1 and 5 + 1: each transaction ends with a marker.
    assert.deepEqual(await offsetsOf(consumer), { [topic]: { 0: 23, 1: 6, 2: 0 } })

    const producer = await broker.transactionalProducer()
    const transaction = await producer.transaction()
    const { key, value } = record('later')
    await transaction.send({ topic, messages: [{ key, value, partition: 2 }] })
    await broker.produce(topic, 2, [record('behind')])
    assert.equal(summaryOf(await assertCaughtUp(consumer)).records, 0)
    await transaction.commit()
    await producer.disconnect()
    await assertCaughtUp(consumer)
    await assertExactly(consumer, [...written.ids, 'later', 'behind'])
  })

  test('a compacted topic has legal holes, also where the last consumed record was', async () => {
    const topic = 'compacted'
    const compaction = { 'segment.ms': '50', 'min.cleanable.dirty.ratio': '0.01', 'max.compaction.lag.ms': '100' }
    await createTopic(topic, 1, { 'cleanup.policy': 'compact', 'delete.retention.ms': '0', ...compaction })
    const consumer = await consumerOf(topic)
    const written = new Written(broker)
    // The key of all records is the topic's name, so the newest survives.
    const first = await written.write(topic, 0, 3)
    await assertCaughtUp(consumer)
    await until('the records read are compacted away', async () => {
      await written.write(topic, 0, 1)
      return !(await survivors(topic)).some(id => first.includes(id))
    })
    await assertCaughtUp(consumer)
    // Asked for afterwards: until it was read, a record may still have been compacted away.
    const left = await survivors(topic)
    const found = (await consumer.rows('errors', ['sample_id'])).map(row => String(row.sample_id).slice(0, -2))
    assert.equal(new Set(found).size, found.length)
    for (const id of [...first, ...left]) assert.ok(found.includes(id), id)
    await assertExactly(consumer, found)
    assert.deepEqual(await offsetsOf(consumer), { [topic]: { 0: written.ids.length } })
  })

  test('every codec is read', async () => {
    const topic = 'codecs'
    await createTopic(topic)
    const consumer = await consumerOf(topic)
    const written = new Written(broker)
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd', 'none'] satisfies Codec[])
      await written.write(topic, 0, 50, codec)
    await assertCaughtUp(consumer)
    await assertExactly(consumer, written.ids)
  })

  test('records deleted before they were read: a halt, or a gap that the table notes', async () => {
    const topic = 'out-of-range'
    await createTopic(topic, 2)
    const consumer = await consumerOf(topic)
    const written = new Written(broker)
    const kept = [...(await written.write(topic, 0)), ...(await written.write(topic, 1))]
    await assertCaughtUp(consumer)
    await written.write(topic, 0)
    await broker.deleteRecords(topic, 0, 8)
    await assertHalts(consumer, 'OffsetGap')
    await assertExactly(consumer, kept)

    await consumer.configure(spec([topic], { onGap: 'RecordAndContinue' }))
    await assertCaughtUp(consumer)
    await assertExactly(consumer, [...kept, ...written.ids.slice(-2)])
    const gaps = (await consumer.snapshots('raw')).map(({ summary }) => summary['hc.gaps']).filter(Boolean)
    assert.deepEqual(gaps, [JSON.stringify([[`${topic}:0`, 5, 8]])])
  })

  test('records deleted under a running consumer: it halts, stays up and says so', async () => {
    const topic = 'overtaken'
    await createTopic(topic)
    const consumer = await consumerOf(topic)
    const written = new Written(broker)
    const kept = await written.write(topic, 0)
    const running = consumer.start()
    await until('rows', async () => (await rowsWritten(running)) === 2 * kept.length)
    // Not readable while the transaction is open, and gone before it ends.
    const producer = await broker.transactionalProducer()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ partition: 0, value: 'open' }] })
    await broker.produce(topic, 0, [record('behind'), record('later')])
    await broker.deleteRecords(topic, 0, kept.length + 2)
    await transaction.abort()
    await producer.disconnect()
    await until('a halt', async () => (await running.status()).halt?.code === 'OffsetGap')
    assert.equal((await running.get('/readyz')).status, 503)
    assert.equal((await running.get('/livez')).status, 200)
    assert.match(await (await running.get('/metrics')).text(), /^healthconsumer_halted\{code="OffsetGap"\} 1$/m)
    assert.equal((await running.stop()).code, 0)
    await assertExactly(consumer, kept)
  })

  for (const [name, count] of [
    ['shorter', 2],
    ['longer', 12],
  ] as const)
    test(`a topic recreated with a ${name} log is not taken for the old one`, async () => {
      const topic = `recreated-${name}`
      await createTopic(topic)
      const consumer = await consumerOf(topic)
      const written = new Written(broker)
      const kept = await written.write(topic, 0)
      await assertCaughtUp(consumer)
      await broker.deleteTopic(topic)
      await createTopic(topic)
      await written.write(topic, 0, count)
      await assertHalts(consumer, 'TopicRecreated')
      await assertExactly(consumer, kept)
    })

  test('a topic recreated under a running consumer halts it', async () => {
    const topic = 'recreated-running'
    await createTopic(topic)
    const consumer = await consumerOf(topic)
    const written = new Written(broker)
    const kept = await written.write(topic, 0)
    const running = consumer.start()
    await until('rows', async () => (await rowsWritten(running)) === 2 * kept.length)
    await broker.deleteTopic(topic)
    await createTopic(topic)
    await written.write(topic, 0, 12)
    await until('a halt', async () => (await running.status()).halt?.code === 'TopicRecreated', 60)
    assert.equal((await running.get('/livez')).status, 200)
    assert.equal((await running.get('/readyz')).status, 503)
    await running.stop()
    await assertExactly(consumer, kept)
  })

  test('a topic added to the manifest later is read from its beginning', async () => {
    await createTopic('topic-a', 2)
    await createTopic('topic-b', 2)
    const consumer = await consumerOf('topic-a')
    const written = new Written(broker)
    await written.write('topic-a', 0)
    await written.write('topic-b', 1)
    await assertCaughtUp(consumer)
    await written.write('topic-a', 1)
    await consumer.configure(spec(['topic-a', 'topic-b']))
    await assertCaughtUp(consumer)
    await assertExactly(consumer, written.ids)
  })

  test('startFrom latest leaves out what was there at the first start, and nothing after it', async () => {
    const topic = 'latest'
    await createTopic(topic, 2)
    const consumer = await consumerOf(topic, { startFrom: 'latest' })
    await new Written(broker).write(topic, 0)
    assert.equal(summaryOf(await assertCaughtUp(consumer)).records, 0)
    const written = new Written(broker)
    await written.write(topic, 0)
    await written.write(topic, 1)
    await assertCaughtUp(consumer)
    await assertExactly(consumer, written.ids)
  })

  test('a topic that does not exist is waited for with warnings, until the stated time is over', async () => {
    const consumer = await consumerOf('absent')
    const ended = await consumer.run({ arguments: ['--timeout', '3'] })
    assert.equal(ended.code, 1)
    assert.match(ended.stderr, /"level":"WARNING".*no such topic among \[absent\]/)
    const running = consumer.start()
    await until('a warning', () => running.log().some(({ level }) => level === 'WARNING'))
    const { trouble } = await running.status()
    assert.equal(trouble?.code, 'TopicMissing')
    assert.match(trouble.message, /no such topic among \[absent\]: create it/)
    const ready = await running.get('/readyz')
    assert.deepEqual([ready.status, await ready.text()], [503, `TopicMissing: ${trouble.message}\n`])
    await createTopic('absent')
    const written = new Written(broker)
    await written.write('absent', 0)
    await until('rows', async () => (await rowsWritten(running)) === 10)
    assert.equal((await running.status()).trouble, null)
    await running.stop()
    await assertExactly(consumer, written.ids)
  })
})

/** Ids of the records in a topic of one partition, by a consumer that is not ours. */
async function survivors(topic: string): Promise<readonly string[]> {
  const [{ high } = { high: '0' }] = await broker.admin.fetchTopicOffsets(topic)
  const ids: string[] = []
  const consumer = broker.kafka.consumer({ groupId: `${topic}-${Math.random()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        async eachMessage({ message }) {
          const { samples } = JSON.parse(String(message.value)) as { samples: { id: string }[] }
          ids.push(samples[0]!.id.slice(0, -2))
          if (Number(message.offset) === Number(high) - 1) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return ids
}

/** Doctor at a real consumer with a real broker: while all is well, with bad data, stopped, and without its broker. */
import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { createPayload } from '../../cli/payloads.ts'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import { until } from '../until.ts'
import { type Consumer, createConsumer, type Running } from './consumer.ts'
import { doctor } from './diagnosis.ts'

const topic = 'diagnosed'
const payloads = (from: number, invalidShare: number) =>
  Array.from({ length: 50 }, (_, index) => createPayload({ seed: 3, samplesPerPayload: 5, invalidShare }, from + index))

suite('doctor at a real consumer', () => {
  let broker: TestBroker
  let consumer: Consumer
  let running: Running
  let url: string
  let flags: readonly string[]

  before(async () => {
    broker = await startBroker()
    await broker.createTopic(topic, 2)
    consumer = await createConsumer({ kafka: { bootstrapServers: [broker.bootstrapServers], topics: [topic] } })
    const logFile = join(dirname(consumer.manifest), 'app.log')
    running = consumer.start({ environment: { LOG_FILE: logFile } })
    await until('an assignment', async () => (await running.get('/readyz')).status === 200)
    url = new URL((await running.get('/status')).url).origin
    flags = ['--url', url, '-f', consumer.manifest, '--log-file', logFile]
    await broker.produce(topic, 0, payloads(0, 0))
    await caughtUp(1)
  })
  after(async () => {
    await consumer.remove()
    await broker.stop()
  })

  /** So many records of partition 0 are durable, at least, and the lag of every partition is known. */
  const caughtUp = (records: number) =>
    until('everything is durable', async () => {
      const { partitions } = await running.status()
      return partitions.every(({ lag }) => lag === 0) && partitions.some(({ committed }) => committed >= records)
    })

  test('all is well', async () => {
    const { code, problems, checks, told } = await doctor(...flags)
    assert.deepEqual([problems, code], [[], 0], told)
    const skipped = [...checks.values()].filter(
      ({ state, seen }) => state === 'skipped' && !/^not asked for/.test(seen),
    )
    assert.deepEqual(skipped, [])
    assert.match(checks.get('start line')!.seen, new RegExp(`^PrometheusReporter listening on :${new URL(url).port}$`))
    assert.match(
      checks.get('catalog and tables')!.seen,
      /^health_db\.health_data_raw: 250 rows; health_db\.health_data_errors: /,
    )
  })

  test('bad data is told, with where to look', async () => {
    await broker.produce(topic, 0, payloads(50, 1))
    await caughtUp(100)
    const { code, problems, checks } = await doctor(...flags)
    assert.deepEqual([problems, code], [['invalid samples'], 3])
    assert.match(checks.get('invalid samples')!.seen, /^4\d(\.\d)? % since its start; more than 10 %$/)
    assert.match(checks.get('invalid samples')!.fix!, /errors table/)
  })

  test('a consumer that was stopped is told to be started, and its manifest is well', async () => {
    assert.equal((await running.stop()).code, 0)
    const { code, problems, checks } = await doctor(...flags)
    assert.deepEqual([problems, code], [['metrics endpoint'], 3])
    const { seen, fix } = checks.get('metrics endpoint')!
    assert.match(seen, /connection refused/)
    assert.match(fix!, /^start the consumer \(healthconsumer run -f FILE\)/)
    assert.equal((await doctor('-f', consumer.manifest)).code, 0)
  })

  test('a topic that does not exist is told to be created', async () => {
    await consumer.configure({ kafka: { bootstrapServers: [broker.bootstrapServers], topics: ['misspelt'] } })
    const { code, checks } = await doctor('-f', consumer.manifest)
    assert.equal(code, 3)
    assert.equal(checks.get('Kafka brokers')!.state, 'ok')
    assert.match(checks.get('Kafka topics')!.fix!, /^create the topic .* or correct spec\.kafka\.topics$/)
  })

  test('a broker that was stopped is told to be started', async () => {
    await broker.halt()
    const { code, problems, checks } = await doctor('-f', consumer.manifest)
    assert.deepEqual([problems, code], [['Kafka brokers'], 3])
    assert.match(checks.get('Kafka brokers')!.fix!, /^start the brokers, or correct spec\.kafka\.bootstrapServers/)
  })
})

/** Doctor at a real Prometheus with its Alertmanager, which scrapes a real consumer with a real broker. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createPayload } from '../../cli/payloads.ts'
import { alertNames } from '../../crds/monitoring.ts'
import { generateAlertingRules } from '../../monitoring/alerts.ts'
import { generatePrometheusScrapeConfig } from '../../monitoring/scrapeConfig.ts'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import { type Consumer, createConsumer, type Running } from '../pipeline/consumer.ts'
import { doctor } from '../pipeline/diagnosis.ts'
import { until } from '../until.ts'
import { startPrometheus, type TestPrometheus } from './prometheus.ts'

const topic = 'watched'
const jobName = 'steps'
const rules = generateAlertingRules({ jobName, interval: '1s', pendingPeriods: { TaskManagerDown: '0s' } })

suite('doctor at a real Prometheus', () => {
  let broker: TestBroker
  let consumer: Consumer
  let running: Running
  let prometheus: TestPrometheus
  let url: string
  let flags: readonly string[]

  before(async () => {
    broker = await startBroker()
    await broker.createTopic(topic)
    consumer = await createConsumer({ kafka: { bootstrapServers: [broker.bootstrapServers], topics: [topic] } })
    running = consumer.start()
    await until('an assignment', async () => (await running.get('/readyz')).status === 200)
    url = new URL((await running.get('/status')).url).origin
    const targets = [new URL(url).host]
    prometheus = await startPrometheus(
      generatePrometheusScrapeConfig({ jobName, targets, scrapeInterval: '1s' }),
      rules,
    )
    flags = [
      '--url',
      url,
      '--job',
      jobName,
      '--prometheus',
      prometheus.url,
      '--alertmanager',
      prometheus.alertmanagerUrl,
    ]
    const payloads = Array.from({ length: 50 }, (_, index) =>
      createPayload({ seed: 5, samplesPerPayload: 5, invalidShare: 0 }, index),
    )
    await until(
      'a scrape before the data',
      async () => (await prometheus.query('health_data_throughput_total')).length > 0,
    )
    await broker.produce(topic, 0, payloads)
    const seconds = 60
    await until(
      'the data in Prometheus',
      async () => {
        const [sample] = await prometheus.query('health_data_throughput_total > 0 and on(job) flink_consumer_lag == 0')
        return sample !== undefined
      },
      seconds,
    )
    await until('every rule evaluated', async () => (await prometheus.rules()).every(({ health }) => health === 'ok'))
  })
  after(async () => {
    await prometheus.stop()
    await consumer.remove()
    await broker.stop()
  })

  test('all is well', async () => {
    const { code, problems, checks, told } = await doctor(...flags)
    assert.deepEqual([problems, code], [[], 0], told)
    assert.equal(checks.get('Prometheus target')!.seen, `1 target of job ${jobName} up`)
    assert.equal(checks.get('alerting rules')!.seen, `all ${alertNames.length} are loaded`)
    assert.match(checks.get('processing latency')!.seen, /^P95 [\d,]+ ms in the last 5 minutes, by Prometheus$/)
    assert.match(checks.get('invalid samples')!.seen, /^0 % in the last 5 minutes, by Prometheus$/)
    assert.match(checks.get('checkpoint failures')!.seen, /^0 failures in the last 10 minutes, by Prometheus$/)
    assert.equal(checks.get('Alertmanager')!.seen, 'it answers, and Prometheus sends to it')
    for (const name of ['samples in Prometheus', 'rule health', 'firing alerts'])
      assert.equal(checks.get(name)!.state, 'ok', name)
  })

  test('another job than the scraped one is told', async () => {
    const { problems, checks } = await doctor(...flags, '--job', 'other')
    assert.deepEqual(problems, ['Prometheus target', 'samples in Prometheus'])
    assert.match(checks.get('Prometheus target')!.fix!, /healthconsumer generate scrape-config/)
  })

  test('once the consumer is stopped, the target is down and an alert fires', async () => {
    await running.stop()
    await until('an alert', async () => (await prometheus.alerts()).length > 0)
    const { code, problems, checks } = await doctor(...flags)
    assert.equal(code, 3)
    assert.deepEqual(problems, ['metrics endpoint', 'Prometheus target', 'samples in Prometheus', 'firing alerts'])
    assert.match(checks.get('Prometheus target')!.seen, /connection refused/)
    assert.match(checks.get('firing alerts')!.seen, /^TaskManagerDown/)
    assert.match(checks.get('firing alerts')!.fix!, /TaskManagerDown\.md/)
  })
})

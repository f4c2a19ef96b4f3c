/**
 * Alerts of real troubles: a consumer that is fed by a real broker gets into each of them, and a real Prometheus tells a
 * real Alertmanager so, with the generated rules and scrape configuration. Thresholds are the guide's; windows and
 * pending periods are shortened by the generator's own parameters.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { type AlertName, alertNames } from '../../crds/monitoring.ts'
import { generateAlertingRules } from '../../monitoring/alerts.ts'
import { generatePrometheusScrapeConfig } from '../../monitoring/scrapeConfig.ts'
import { createFeed } from '../faults/feed.ts'
import { createMounts } from '../faults/mounts.ts'
import { createGround, type Runtime } from '../faults/runtimes.ts'
import { startBroker } from '../kafka/broker.ts'
import { succeeds, until } from '../until.ts'
import { type Alert, metricsPort, startPrometheus } from './prometheus.ts'

const topic = 'alerting'
const short = Object.fromEntries(alertNames.map(name => [name, '2s']))
const rules = generateAlertingRules({
  interval: '1s',
  pendingPeriods: short,
  windows: {
    HighErrorRate: '10s',
    HighValidationFailureRate: '10s',
    LowThroughput: '10s',
    // The runtime waits longer and longer before it tries again.
    IcebergWriteFailures: '60s',
    CheckpointFailures: '60s',
  },
})

const severities = {
  IcebergWriteFailures: 'critical',
  CheckpointFailures: 'critical',
  HighKafkaLag: 'warning',
  HighErrorRate: 'critical',
  HighValidationFailureRate: 'warning',
  LowThroughput: 'warning',
  TaskManagerDown: 'critical',
} as const satisfies Partial<Record<AlertName, string>>
type Observed = keyof typeof severities

suite('alerts of real troubles', async () => {
  const [broker, mounts] = await Promise.all([startBroker(), createMounts()])
  const cleanup: (() => Promise<unknown>)[] = [() => broker.stop(), () => mounts.end()]
  after(async () => {
    for (const undo of cleanup.reverse()) await undo()
  })
  await broker.createTopic(topic, 2)
  const ground = await createGround({ bootstrapServers: broker.bootstrapServers, topic })
  const feed = await createFeed(broker, topic, { seed: 11, samplesPerPayload: 3, invalidShare: 0.01 })
  cleanup.push(
    () => ground.clear(),
    () => feed.stop(),
  )
  let runtime: Runtime = ground.start('first', { through: mounts.through })
  const port = await metricsPort(runtime)
  const scrapeConfig = generatePrometheusScrapeConfig({
    jobName: 'flink-health-consumer',
    targets: [`127.0.0.1:${port}`],
    scrapeInterval: '1s',
  })
  const prometheus = await startPrometheus(scrapeConfig, rules)
  cleanup.push(() => prometheus.stop())
  feed.grow()

  const firing = async (name: AlertName): Promise<Alert | undefined> =>
    (await prometheus.alerts()).find(({ labels }) => labels.alertname === name)
  const isQuiet = (name: AlertName) => until(`${name} to be quiet`, async () => (await firing(name)) === undefined, 180)

  /** The alert reaches the Alertmanager, as the guide says it. */
  async function fires(name: Observed): Promise<void> {
    await until(`${name} in the Alertmanager`, async () => (await firing(name)) !== undefined, 180)
    const { labels, annotations } = (await firing(name))!
    assert.equal(labels.severity, severities[name])
    assert.equal(annotations.runbook_url, `https://healthdata.dev/runbooks/${name}.md`)
    assert.match(annotations.description!, /\d/)
    assert.ok(annotations.summary && annotations.action)
  }

  test('a healthy consumer has none', async () => {
    const scraped = async () => (await prometheus.query('rate(health_data_throughput_total[10s]) > 100')).length > 0
    await until('rows a second', scraped, 180)
    for (const name of alertNames) await isQuiet(name)
  })

  test('storage that refuses data, and a backlog', async () => {
    // Of data files alone: a commit that is under way ends, and every round after it fails, where commits would be retried.
    const data = join(ground.rawTable, 'data')
    await mounts.mount('--bind', data, data)
    // Refused while a file is open for writing.
    await until('read-only data', () => succeeds(mounts.mount('-o', 'remount,bind,ro', data)))
    await fires('CheckpointFailures')
    // Tombstones: records that cost nothing, behind rows that cannot be written. Beyond the guide's 100,000.
    const tombstones = Array.from({ length: 10_100 }, () => ({ value: null }))
    for (let sent = 0; sent < 10; sent++) await broker.produce(topic, sent % 2, tombstones)
    await Promise.all([fires('IcebergWriteFailures'), fires('HighKafkaLag')])
    await mounts.mount('-o', 'remount,bind,rw', data)
    await isQuiet('HighKafkaLag')
  })

  test('garbage', async () => {
    const garbage = Array.from({ length: 1000 }, (_, at) => ({ value: `garbage ${at}` }))
    for (let sent = 0; sent < 4; sent++) await broker.produce(topic, sent % 2, garbage)
    await Promise.all([fires('HighErrorRate'), fires('HighValidationFailureRate')])
    await Promise.all([isQuiet('HighErrorRate'), isQuiet('HighValidationFailureRate')])
  })

  test('a consumer that is killed, until it runs again', async () => {
    await isQuiet('TaskManagerDown')
    await runtime.kill()
    await fires('TaskManagerDown')
    runtime = ground.start('second', { place: 'first', flags: ['--metrics-port', String(port)] })
    await isQuiet('TaskManagerDown')
  })

  test('a producer that has stopped', async () => {
    await isQuiet('LowThroughput')
    await feed.stop()
    await fires('LowThroughput')
  })

  test('every rule was evaluated without an error', async () => {
    for (const { name, health, lastError, query } of await prometheus.rules())
      assert.equal(health, 'ok', `${name}: ${lastError}\n${query}`)
  })
})

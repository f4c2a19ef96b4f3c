/**
 * What a real Prometheus makes of two real consumers, scraped with the generated configuration while payloads arrive:
 * every metric of the catalogue is there as declared, every panel of the dashboard has data, every alert can be evaluated.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { promisify } from 'node:util'
import { interpolate } from '../../hack/dashboard-picture.d/interpolate.ts'
import { alertingRuleGroups, generateAlertingRules } from '../../monitoring/alerts.ts'
import { getGrafanaDashboardJson, panelQueries } from '../../monitoring/dashboard.ts'
import { generatePrometheusScrapeConfig } from '../../monitoring/scrapeConfig.ts'
import { metrics as catalogue, type MetricDefinition } from '../../runtime/contract/metrics.ts'
import { createGround } from '../faults/runtimes.ts'
import { startBroker } from '../kafka/broker.ts'
import { until } from '../until.ts'
import { metricComplaints, metricsPort, startPrometheus } from './prometheus.ts'

const topic = 'live'
const metrics: readonly MetricDefinition[] = Object.values(catalogue)
const root = join(import.meta.dirname, '../..')

/** Some payloads a second, now and then an invalid one, until it is killed. */
function produce(manifest: string): ChildProcess {
  const flags = ['--payloads', '1000000', '--rate', '100', '--invalid', '0.05']
  return spawn(process.execPath, [join(root, 'cli/main.ts'), 'produce', '-f', manifest, ...flags], { stdio: 'ignore' })
}

suite('two consumers, seen through Prometheus', async () => {
  const broker = await startBroker()
  const cleanup: (() => Promise<unknown>)[] = [() => broker.stop()]
  after(async () => {
    for (const undo of cleanup.reverse()) await undo()
  })
  await broker.createTopic(topic, 4)
  const ground = await createGround({ bootstrapServers: broker.bootstrapServers, topic })
  cleanup.push(() => ground.clear())
  const producer = produce(join(ground.folder, 'manifest.json'))
  cleanup.push(async () => producer.kill('SIGKILL') && (await once(producer, 'exit')))
  const runtimes = [ground.start('first'), ground.start('second')]
  const ports = await Promise.all(runtimes.map(metricsPort))
  const scrapeConfig = generatePrometheusScrapeConfig({
    targets: ports.map(port => `127.0.0.1:${port}`),
    scrapeInterval: '1s',
  })
  const prometheus = await startPrometheus(scrapeConfig, generateAlertingRules())
  cleanup.push(() => prometheus.stop())

  test('both are up, with the labels of the scrape configuration', async () => {
    const up = () => prometheus.query('up == 1')
    await until('two targets', async () => (await up()).length === 2)
    for (const { labels } of await up())
      assert.deepEqual(
        [labels.job, labels.application, labels.environment],
        ['flink-health-consumer', 'flink-health-consumer', 'production'],
      )
  })

  test('every metric of the catalogue is there, with its help, type and labels', async () => {
    await until('lag', async () => (await prometheus.query('count(flink_consumer_lag) == 4')).length > 0, 60)
    const metadata = await prometheus.metadata()
    for (const { name, type, help, labels } of metrics) {
      assert.deepEqual(
        metadata[name]?.map(each => [each.type, each.help]),
        [[type, help]],
        name,
      )
      const found = await prometheus.query(type === 'histogram' ? `${name}_bucket` : name)
      assert.ok(found.length > 0, `no series of ${name}`)
      const { __name__, job, instance, application, environment, le, ...own } = found[0]!.labels
      assert.deepEqual(Object.keys(own).sort(), [...labels].sort(), name)
    }
  })

  test('promtool complains of nothing but the names that came from Flink and prom-client', async () => {
    const { body } = (await runtimes[0]!.get('/metrics'))!
    const given = /^(?:flink_\w+|nodejs_\w+|(?:processing|kafka_consumption|iceberg_write)_latency_ms) /
    const complaints = await metricComplaints(body)
    assert.deepEqual(
      complaints.filter(line => !given.test(line)),
      [],
    )
    assert.ok(complaints.length > 0)
  })

  test('every query of every panel has data', async t => {
    const dashboard = getGrafanaDashboardJson()
    const queries = panelQueries(dashboard).map(each => ({ ...each, expr: interpolate(each.expr, dashboard, '15s') }))
    let counts: { place: string; series: number }[] = []
    const empty = () => counts.filter(({ series }) => series === 0).map(({ place }) => place)
    const allHaveData = async () => {
      counts = await Promise.all(
        queries.map(async ({ group, panel, refId, expr }) => {
          const found = await prometheus.query(expr)
          const series = found.filter(({ value }) => Number.isFinite(value)).length
          return { place: `${group} › ${panel} ${refId}`, series }
        }),
      )
      return empty().length === 0
    }
    await until('data in every panel', allHaveData, 60).catch(() => undefined)
    assert.deepEqual(empty(), [])
    for (const { place, series } of counts) t.diagnostic(`${String(series).padStart(4)} series  ${place}`)
  })

  test('every alert and recording rule can be evaluated', async () => {
    const rules = alertingRuleGroups().flatMap(group => group.rules)
    assert.equal((await prometheus.rules()).length, rules.length)
    for (const { expr } of rules) await prometheus.query(expr)
  })

  test('the picture of the dashboard can be drawn, without an empty panel', async () => {
    const out = join(ground.folder, 'dashboard.png')
    const flags = ['--prometheus', prometheus.url, '--out', out, '--minutes', '1', '--scrape-interval', '4']
    const { stdout } = await promisify(execFile)(join(root, 'hack/dashboard-picture'), flags)
    const panels = getGrafanaDashboardJson().panels.filter(({ type }) => type !== 'row')
    assert.equal(stdout.trim().split('\n').length, panels.length)
    const picture = await readFile(out)
    // https://www.w3.org/TR/png-3/#5PNG-file-signature, then the length and name of the first chunk, then width and height.
    assert.equal(picture.toString('latin1', 0, 8), '\x89PNG\r\n\x1a\n')
    assert.ok(picture.readUInt32BE(16) === 1400 && picture.readUInt32BE(20) > 2000)
    assert.ok(picture.length < 400_000, `${picture.length} bytes`)
  })

  test('a configuration that Prometheus would refuse is refused by promtool', async () => {
    await assert.rejects(startPrometheus('scrape_configs: [{}]', generateAlertingRules()), /promtool refuses/)
  })
})

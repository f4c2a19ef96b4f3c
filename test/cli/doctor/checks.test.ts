/** Each check by a table: a thing that is broken, and the check that must tell it, with what is to be done. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { diagnose } from '../../../cli/doctor/diagnose.ts'
import type { LogFileSeen, ManifestSeen, Observations, QueryName } from '../../../cli/doctor/observations.ts'
import { checkGroups } from '../../../cli/doctor/report.ts'
import type { Answer } from '../../../cli/doctor/request.ts'
import { alertNames, thresholds } from '../../../crds/monitoring.ts'
import { halts } from '../../../runtime/contract/halts.ts'
import { metrics } from '../../../runtime/contract/metrics.ts'
import type { RuntimeStatus } from '../../../runtime/contract/status.ts'
import type { Metrics } from '../../../runtime/telemetry/metrics.ts'
import {
  answer,
  expositionType,
  inspection,
  job,
  json,
  logLine,
  metricsText,
  prometheusAnswer,
  refused,
  rulesAnswer,
  sound,
  status,
  target,
  url,
  value,
} from './sound.ts'

type Part = Partial<Observations>

const withStatus = (change: Partial<RuntimeStatus>, more: Part = {}): Part => ({
  ...more,
  consumer: { ...(more.consumer ?? sound.consumer!), status: json('/status', { ...status, ...change }) },
})
const withMetrics = (body: string, contentType = expositionType): Part => ({
  consumer: { ...sound.consumer!, metrics: answer('/metrics', body, { contentType }) },
})
const recorded = async (change: (metrics: Metrics) => void) => withMetrics(await metricsText(change))
const text = await metricsText()
const withEndpoint = (metricsAnswer: Answer): Part => ({ consumer: { ...sound.consumer!, metrics: metricsAnswer } })
const withManifest = (change: Partial<ManifestSeen>): Part => ({ manifest: { ...sound.manifest!, ...change } })
const withKafka = (code: string | null, error: string): Part =>
  withManifest({ inspection: { ...inspection, kafka: { reachable: false, error, code } } })
const withLog = (change: Partial<Extract<LogFileSeen, { unreadable: null }>>): Part => ({
  logFile: {
    path: '/var/log/app.log',
    unreadable: null,
    lines: [JSON.stringify(logLine)],
    startedOnPort: 9249,
    ...change,
  },
})
const withPrometheus = (change: Partial<NonNullable<Observations['prometheus']>>): Part => ({
  prometheus: { ...sound.prometheus!, ...change },
})
const withQuery = (name: QueryName, text: string | null): Part =>
  withPrometheus({ queries: { ...sound.prometheus!.queries, [name]: value(text) } })
const targets = (...activeTargets: readonly unknown[]): Part =>
  withPrometheus({ targets: prometheusAnswer('/api/v1/targets', { activeTargets }) })
const alertmanagers = (...urls: readonly string[]): Part =>
  withPrometheus({
    alertmanagers: prometheusAnswer('/api/v1/alertmanagers', { activeAlertmanagers: urls.map(url => ({ url })) }),
  })
const withGrafana = (byUid: Answer, more: Partial<NonNullable<Observations['grafana']>> = {}): Part => ({
  grafana: { ...sound.grafana!, byUid, ...more },
})
const alertsOf = (name: string, state: string, labels: Readonly<Record<string, string>> = { job }) =>
  rulesAnswer(rule => (rule.name === name ? { ...rule, alerts: [{ labels, state }] } : rule))
const failing = (count: number) => (recording: Metrics) => {
  for (let index = 0; index < count; index++) recording.iceberg.checkpointFailed()
}
const justStarted = new Date(sound.nowMs - 20_000).toISOString()
const unmeasured = status.partitions.map(partition => ({ ...partition, lag: null }))
const noPrometheus = { prometheus: null, alertmanager: null }
const loginPage = '<html>login</html>'

interface Case {
  readonly check: string
  readonly when: string
  readonly given: Part
  readonly seen: RegExp
  /** Of a problem. */
  readonly fix: RegExp
}

const broken: readonly Case[] = [
  {
    check: 'metrics endpoint',
    when: 'nothing listens',
    given: withEndpoint(refused('/metrics')),
    seen: /refused/,
    fix: /healthconsumer run/,
  },
  {
    check: 'metrics endpoint',
    when: 'it hangs',
    given: withEndpoint({ ...refused('/metrics'), failure: 'timeout' } as Answer),
    seen: /9249/,
    fix: /firewall or NetworkPolicy/,
  },
  {
    check: 'metrics endpoint',
    when: 'it is no HTTP',
    given: withEndpoint({ ...refused('/metrics'), failure: 'not HTTP' } as Answer),
    seen: /9249/,
    fix: /PrometheusReporter listening on :PORT/,
  },
  {
    check: 'metrics endpoint',
    when: 'it is a page',
    given: withEndpoint(answer('/metrics', loginPage)),
    seen: /line 1 is not in the Prometheus text format/,
    fix: /address of a consumer/,
  },
  {
    check: 'metrics endpoint',
    when: 'it is another exporter',
    given: withEndpoint(answer('/metrics', 'up 1\n')),
    seen: /another program: no healthconsumer_build_info/,
    fix: /address of a consumer/,
  },
  {
    check: 'metrics endpoint',
    when: 'there is no such path',
    given: withEndpoint(answer('/metrics', '', { status: 404 })),
    seen: /404/,
    fix: /address of a consumer/,
  },
  {
    check: 'metrics endpoint',
    when: 'a proxy asks for a user',
    given: withEndpoint(answer('/metrics', '', { status: 401 })),
    seen: /refuses access/,
    fix: /USER:PASSWORD/,
  },
  {
    check: 'metrics endpoint',
    when: 'it redirects',
    given: withEndpoint(answer('/metrics', '', { status: 302 })),
    seen: /redirects/,
    fix: /final address/,
  },
  {
    check: 'content type',
    when: 'it is OpenMetrics',
    given: withMetrics(text, 'application/openmetrics-text; version=1.0.0'),
    seen: /openmetrics/,
    fix: /not a proxy/,
  },
  {
    check: 'metric catalogue',
    when: 'a metric is missing',
    given: withMetrics(text.replaceAll('health_data_throughput_total', 'other')),
    seen: /^1 metric of \d+ .*: health_data_throughput_total is missing$/,
    fix: /same version/,
  },
  {
    check: 'metric catalogue',
    when: 'a type is another',
    given: withMetrics(
      text.replace(
        'TYPE flink_jobmanager_job_numberOfFailedCheckpoints counter',
        'TYPE flink_jobmanager_job_numberOfFailedCheckpoints gauge',
      ),
    ),
    seen: /numberOfFailedCheckpoints is a gauge, not a counter/,
    fix: /same version/,
  },
  {
    check: 'metric catalogue',
    when: 'a partition that is assigned has no counter',
    given: withMetrics(text.replace(/^kafka_records_consumed_total\{.*\n/gm, '')),
    seen: /kafka_records_consumed_total has no value/,
    fix: /same version/,
  },
  {
    check: 'metric catalogue',
    when: 'nothing is assigned, and a metric of another kind has no value',
    given: withMetrics(
      (await metricsText(({ kafka }) => kafka.revoked())).replace(/^iceberg_records_written_total\{.*\n/gm, ''),
    ),
    seen: /^1 metric of \d+ .*: iceberg_records_written_total has no value$/,
    fix: /same version/,
  },
  {
    check: 'start line',
    when: 'it is not in the log',
    given: withLog({ startedOnPort: null }),
    seen: /no line "PrometheusReporter/,
    fix: /rotated/,
  },
  {
    check: 'Prometheus target',
    when: 'Prometheus is away',
    given: withPrometheus({ targets: refused('/api/v1/targets') }),
    seen: /refused/,
    fix: /--prometheus/,
  },
  {
    check: 'Prometheus target',
    when: 'it is not Prometheus',
    given: withPrometheus({ targets: answer('/api/v1/targets', loginPage) }),
    seen: /not as Prometheus does/,
    fix: /--prometheus/,
  },
  {
    check: 'Prometheus target',
    when: 'the job is unknown',
    given: targets({ ...target, labels: { job: 'other' } }),
    seen: /no target of job flink-health-consumer/,
    fix: /healthconsumer generate scrape-config/,
  },
  {
    check: 'Prometheus target',
    when: 'the target is down',
    given: targets({
      ...target,
      health: 'down',
      lastError: 'Get "http://u:p@host/metrics?token=t": connection refused',
    }),
    seen: /^1 of 1 target down: http:\/\/localhost:9249\/metrics \(Get "http:\/\/host\/metrics": connection refused\)$/,
    fix: /--metrics-host 0\.0\.0\.0/,
  },
  {
    check: 'samples in Prometheus',
    when: 'there are none',
    given: withQuery('sampleAgeSeconds', null),
    seen: /none of job/,
    fix: /target above/,
  },
  {
    check: 'samples in Prometheus',
    when: 'they are old',
    given: withQuery('sampleAgeSeconds', '200'),
    seen: /3 min old/,
    fix: /scrape_interval/,
  },
  {
    check: 'liveness',
    when: 'nothing moves',
    given: {
      consumer: { ...sound.consumer!, live: answer('/livez', 'nothing has moved for 5 minutes\n', { status: 503 }) },
    },
    seen: /^nothing has moved for 5 minutes$/,
    fix: /restart/,
  },
  {
    check: 'readiness',
    when: 'it waits',
    given: {
      consumer: {
        ...sound.consumer!,
        ready: answer('/readyz', 'waiting for an assignment and the tables\n', { status: 503 }),
      },
    },
    seen: /^waiting for an assignment and the tables$/,
    fix: /-f FILE/,
  },
  {
    check: 'status',
    when: 'it is not there',
    given: { consumer: { ...sound.consumer!, status: answer('/status', '', { status: 404 }) } },
    seen: /answered 404/,
    fix: /same version/,
  },
  {
    check: 'halt',
    when: 'it is halted',
    given: withStatus({ halt: { code: 'OffsetGap', message: 'health:0 lost 5 to 9', fix: halts.OffsetGap.fix } }),
    seen: /^OffsetGap \(Kafka no longer retains.*\): health:0 lost 5 to 9$/,
    fix: /spec\.kafka\.onGap/,
  },
  {
    check: 'trouble',
    when: 'brokers are away',
    given: withStatus({
      trouble: { code: 'BrokersUnreachable', message: 'kafka:9092 refused', since: status.startedAt },
    }),
    seen: /^BrokersUnreachable \(no Kafka broker answers\) for .*: kafka:9092 refused$/,
    fix: /goes on by itself/,
  },
  {
    check: 'assignment',
    when: 'it has not joined',
    given: withStatus({ epoch: 0 }, await recorded(({ kafka }) => kafka.revoked())),
    seen: /not become a member/,
    fix: /topics exist/,
  },
  {
    check: 'assignment',
    when: 'others hold everything',
    given: await recorded(({ kafka }) => kafka.revoked()),
    seen: /other members/,
    fix: /no more consumers than there are partitions/,
  },
  {
    check: 'rebalances',
    when: 'there are many',
    given: await recorded(({ kafka }) => {
      for (let index = 0; index < 60; index++) kafka.rebalanced()
    }),
    seen: /^61 rebalances in 60 min/,
    fix: /sessionTimeout/,
  },
  {
    check: 'commits',
    when: 'records wait and none comes',
    given: withStatus({
      tables: { ...status.tables, raw: { ...status.tables.raw, lastCommitAt: '2026-05-01T11:44:00.000Z' } },
    }),
    seen: /last commit 16 min ago; 20 records wait; more than 15 min/,
    fix: /writable/,
  },
  {
    check: 'commits',
    when: 'records wait and there never was one',
    given: withStatus({ tables: { ...status.tables, raw: { ...status.tables.raw, lastCommitAt: null } } }),
    seen: /no commit yet; 20 records wait/,
    fix: /writable/,
  },
  {
    check: 'pending errors',
    when: 'they wait long',
    given: withStatus(
      { pendingErrorIntents: 3 },
      withMetrics(text.replace('iceberg_pending_error_age_seconds 0', 'iceberg_pending_error_age_seconds 901')),
    ),
    seen: /^3 batches, for 15 min$/,
    fix: /errors table/,
  },
  {
    check: 'memory',
    when: 'the heap is full',
    given: withMetrics(
      text.replace(/^(flink_\w+_Heap_Used) .*$/m, '$1 950').replace(/^(flink_\w+_Heap_Max) .*$/m, '$1 1000'),
    ),
    seen: /^heap 95 % .*; more than 90 %$/,
    fix: /max-old-space-size/,
  },
  {
    check: 'invalid samples',
    when: 'there are many now',
    given: withQuery('invalidRatio', '0.25'),
    seen: /^25 % in the last 5 minutes, by Prometheus; more than 10 %$/,
    fix: /validation_failures_total/,
  },
  {
    check: 'invalid samples',
    when: 'there were many since the start',
    given: withStatus({ invalidRatio: 0.11 }, noPrometheus),
    seen: /^11 % since its start/,
    fix: /errors table/,
  },
  {
    check: 'processing latency',
    when: 'it is high now',
    given: withQuery('processingLatencyP95', '10001'),
    seen: /^P95 10,001 ms in the last 5 minutes/,
    fix: /^Run more replicas/,
  },
  {
    check: 'processing latency',
    when: 'it was high since the start',
    given: {
      ...(await recorded(({ classification }) => {
        classification.handedToWriter(sound.nowMs - 20_000, sound.nowMs, 100)
      })),
      ...noPrometheus,
    },
    seen: /^P95 [\d,]+ ms since its start; more than 10,000 ms$/,
    fix: /--prometheus tells the last 5 minutes/,
  },
  {
    check: 'lag measured',
    when: 'Kafka does not answer it',
    given: withStatus({ partitions: unmeasured }),
    seen: /^not yet of 2 of 2 partitions$/,
    fix: /brokers answer/,
  },
  {
    check: 'Kafka lag',
    when: 'it is too much over all partitions',
    given: await recorded(({ kafka }) => kafka.lag('health', 0, 99_991)),
    seen: /^100,001 records; more than 100,000$/,
    fix: /replicas/,
  },
  {
    check: 'checkpoint duration',
    when: 'the last one took long',
    given: await recorded(({ iceberg }) => iceberg.checkpointCompleted({ durationMs: 300_001, sizeBytes: 1 })),
    seen: /^300,001 ms/,
    fix: /commit\.maxRows/,
  },
  {
    check: 'checkpoint failures',
    when: 'there are many now',
    given: withQuery('failedCheckpoints', '3.6'),
    seen: /^4 failures in the last 10 minutes, by Prometheus; more than 3$/,
    fix: /reachable and writable/,
  },
  {
    check: 'checkpoint failures',
    when: 'there were many since a start just now',
    given: withStatus({ startedAt: justStarted }, { ...(await recorded(failing(4))), ...noPrometheus }),
    seen: /^4 failures since its start 20 s ago/,
    fix: /reachable and writable/,
  },
  {
    check: 'credentials',
    when: 'a Secret is missing',
    given: withManifest({ credentials: { what: 'Secret login has no file', fix: 'create login/username' } }),
    seen: /Secret login/,
    fix: /^create login\/username$/,
  },
  {
    check: 'Kafka brokers',
    when: 'none answers',
    given: withKafka('UNREACHABLE', 'Kafka at kafka:9092 is unreachable'),
    seen: /unreachable/,
    fix: /start the brokers, or correct spec\.kafka\.bootstrapServers/,
  },
  {
    check: 'Kafka brokers',
    when: 'they answer too late',
    given: withKafka(null, 'Kafka at kafka:9092 did not answer within 10 s'),
    seen: /did not answer/,
    fix: /start the brokers/,
  },
  {
    check: 'Kafka brokers',
    when: 'they refuse the password',
    given: withKafka('AUTHENTICATION', 'Kafka at kafka:9092 refuses the SASL credentials'),
    seen: /refuses/,
    fix: /spec\.kafka\.sasl/,
  },
  {
    check: 'Kafka topics',
    when: 'one is missing',
    given: withKafka('UNKNOWN_TOPIC', 'Kafka has no such topic'),
    seen: /not all there: health/,
    fix: /create the topic/,
  },
  {
    check: 'catalog and tables',
    when: 'one is damaged',
    given: withManifest({ inspection: { unreadable: 'v1.metadata.json is no JSON' } }),
    seen: /v1\.metadata\.json/,
    fix: /restore a damaged metadata file/,
  },
  {
    check: 'storage',
    when: 'a folder belongs to somebody else',
    given: withManifest({ refusedFolders: [{ path: '/warehouse/db', refused: 'EACCES' }] }),
    seen: /^\/warehouse\/db cannot be written to \(EACCES\)$/,
    fix: /let this user read, write and enter \/warehouse\/db/,
  },
  {
    check: 'storage',
    when: 'it is mounted read-only',
    given: withManifest({ refusedFolders: [{ path: '/warehouse', refused: 'EROFS' }] }),
    seen: /EROFS/,
    fix: /mount \/warehouse read-write/,
  },
  {
    check: 'halts of a run',
    when: 'the tables belong to another group',
    given: withManifest({
      inspection: { ...inspection, halts: [{ code: 'TableOwned', message: 'by other', fix: halts.TableOwned.fix }] },
    }),
    seen: /^TableOwned: by other$/,
    fix: /tables of its own/,
  },
  {
    check: 'formatter',
    when: 'it is text',
    given: withStatus({ logging: { ...status.logging, formatter: 'TextFormatter' } }),
    seen: /TextFormatter, not JSONFormatter/,
    fix: /JSON_FORMAT=true/,
  },
  {
    check: 'log level',
    when: 'it hides warnings',
    given: withStatus({ logging: { ...status.logging, level: 'error' } }),
    seen: /^ERROR: the warnings/,
    fix: /LOG_LEVEL=INFO/,
  },
  {
    check: 'log lines',
    when: 'they are text',
    given: withLog({ lines: ['2026 INFO started', '2026 INFO more'] }),
    seen: /^2 of the last 2 lines are no JSON object$/,
    fix: /JSON_FORMAT=true/,
  },
  {
    check: 'log lines',
    when: 'something else writes too',
    given: withLog({ lines: [JSON.stringify(logLine), 'own-secret'] }),
    seen: /^1 of the last 2 lines are no JSON object$/,
    fix: /nothing else write/,
  },
  {
    check: 'log lines',
    when: 'fields are missing',
    given: withLog({ lines: [JSON.stringify({ ...logLine, source: undefined, thread: 7 })] }),
    seen: /: thread, source$/,
    fix: /setupLogging/,
  },
  {
    check: 'log lines',
    when: 'the file is missing',
    given: { logFile: { path: '/nosuch', unreadable: 'ENOENT' } },
    seen: /\/nosuch cannot be read \(ENOENT\)/,
    fix: /LOG_FILE/,
  },
  {
    check: 'log lines',
    when: 'the file is empty',
    given: withLog({ lines: [] }),
    seen: /no whole line/,
    fix: /SIGHUP/,
  },
  {
    check: 'log context',
    when: 'no line has any',
    given: withLog({ lines: [JSON.stringify({ ...logLine, context: {} })] }),
    seen: /^0 of the last 1 line/,
    fix: /getLogger\(name, \{context/,
  },
  {
    check: 'alerting rules',
    when: 'none is loaded',
    given: withPrometheus({ rules: prometheusAnswer('/api/v1/rules', { groups: [] }) }),
    seen: /group flink_health_alerts, group healthconsumer_alerts/,
    fix: /healthconsumer generate alerts/,
  },
  {
    check: 'alerting rules',
    when: 'an older file is loaded',
    given: withPrometheus({ rules: rulesAnswer(rule => rule, ['ConsumerHalted']) }),
    seen: /^not loaded: ConsumerHalted$/,
    fix: /healthconsumer generate alerts/,
  },
  {
    check: 'rule health',
    when: 'one fails',
    given: withPrometheus({
      rules: rulesAnswer(rule =>
        rule.name === 'HighKafkaLag' ? { ...rule, health: 'err', lastError: 'duplicate series' } : rule,
      ),
    }),
    seen: /^HighKafkaLag: duplicate series$/,
    fix: /load the rules of this version/,
  },
  {
    check: 'firing alerts',
    when: 'one fires',
    given: withPrometheus({ rules: alertsOf('LowThroughput', 'firing') }),
    seen: /^LowThroughput$/,
    fix: /^follow their runbooks: https:\/\/\S+\/LowThroughput\.md$/,
  },
  {
    check: 'Alertmanager',
    when: 'Prometheus knows none',
    given: alertmanagers(),
    seen: /knows none/,
    fix: /alerting\.alertmanagers/,
  },
  {
    check: 'Alertmanager',
    when: 'Prometheus sends elsewhere',
    given: alertmanagers('http://old:9093/api/v2/alerts'),
    seen: /not to http:\/\/alertmanager:9093/,
    fix: /alerting\.alertmanagers/,
  },
  {
    check: 'Alertmanager',
    when: 'it is away',
    given: { alertmanager: refused('/api/v2/status') },
    seen: /refused/,
    fix: /--alertmanager/,
  },
  { check: 'dashboard', when: 'Grafana is away', given: withGrafana(refused('')), seen: /refused/, fix: /--grafana/ },
  {
    check: 'dashboard',
    when: 'Grafana asks for a token',
    given: withGrafana(answer('http://g', '', { status: 401 }), { authenticated: false }),
    seen: /refuses access/,
    fix: /set GRAFANA_TOKEN/,
  },
  {
    check: 'dashboard',
    when: 'the token may not',
    given: withGrafana(answer('http://g', '', { status: 403 })),
    seen: /refuses access/,
    fix: /role Viewer/,
  },
  {
    check: 'dashboard',
    when: 'it was never imported',
    given: withGrafana(answer('http://g', '{}', { status: 404 })),
    seen: /does not have it/,
    fix: /healthconsumer generate dashboard/,
  },
  {
    check: 'dashboard',
    when: 'it is not Grafana',
    given: withGrafana(answer('http://g', loginPage)),
    seen: /not as Grafana does/,
    fix: /--grafana/,
  },
]

const checksOf = (given: Part) => diagnose({ ...sound, ...given })
const named = (given: Part, name: string) => checksOf(given).find(check => check.name === name)!

suite('doctor', () => {
  test('finds nothing wrong with a sound consumer', () => {
    assert.deepEqual(
      checksOf({}).filter(({ state }) => state !== 'ok'),
      [],
    )
  })

  test('tells its checks in the order of the groups, each once and with its reason', () => {
    const checks = checksOf({})
    const groups = checks.map(({ group }) => checkGroups.indexOf(group))
    assert.deepEqual(
      groups,
      [...groups].sort((a, b) => a - b),
    )
    assert.equal(new Set(checks.map(({ name }) => name)).size, checks.length)
    for (const { why, seen } of checks) assert.ok(why.length > 10 && seen.length > 0)
  })

  for (const { check, when, given, seen, fix } of broken)
    test(`${check}: ${when}`, () => {
      const found = named(given, check)
      assert.equal(found.state, 'problem', found.seen)
      assert.match(found.seen, seen)
      assert.match(found.fix!, fix)
    })

  test('has a broken case for every check', () => {
    const names = new Set(checksOf({}).map(({ name }) => name))
    assert.deepEqual(new Set(broken.map(({ check }) => check)), names)
  })

  test('what was not asked for is skipped, with the flag that asks for it', () => {
    const nothing = {
      consumer: null,
      manifest: null,
      logFile: null,
      prometheus: null,
      alertmanager: null,
      grafana: null,
    }
    const checks = checksOf(nothing)
    assert.deepEqual([...new Set(checks.map(({ state }) => state))], ['skipped'])
    for (const { seen, name } of checks) assert.match(seen, /^not asked for: add (--|-f)/, name)
  })

  test('of a Prometheus that is away one problem is told, and its Alertmanager is looked at all the same', () => {
    for (const targets of [refused('/api/v1/targets'), answer('/api/v1/targets', loginPage)]) {
      const checks = checksOf({ ...withPrometheus({ targets, rules: targets, alertmanagers: targets }) })
      const problems = checks.filter(({ state }) => state === 'problem')
      assert.deepEqual(
        problems.map(({ name }) => name),
        ['Prometheus target'],
      )
      assert.equal(checks.find(({ name }) => name === 'Alertmanager')!.state, 'ok')
    }
  })

  test('of a consumer that is away one problem is told, not one for each check', () => {
    const away = {
      consumer: { url, metrics: refused(''), live: refused(''), ready: refused(''), status: refused('') },
    }
    const problems = checksOf({ ...away, prometheus: null }).filter(({ state }) => state === 'problem')
    assert.deepEqual(
      problems.map(({ name }) => name),
      ['metrics endpoint'],
    )
  })
})

/** Not a problem, although it looks like one. */
const harmless: readonly (readonly [
  check: string,
  when: string,
  given: Part,
  state: 'ok' | 'skipped',
  seen: RegExp,
])[] = [
  ['metric catalogue', 'nothing is assigned', await recorded(({ kafka }) => kafka.revoked()), 'ok', /^all \d+/],
  [
    'metric catalogue',
    'no lag is measured yet',
    withMetrics(text.replace(/^flink_consumer_lag\{.*\n/gm, '')),
    'ok',
    /^all \d+/,
  ],
  [
    'Kafka lag',
    'none is measured yet',
    withMetrics(text.replace(/^flink_consumer_lag\{.*\n/gm, '')),
    'skipped',
    /not measured/,
  ],
  [
    'lag measured',
    'it has just started',
    withStatus({ partitions: unmeasured, startedAt: justStarted }),
    'skipped',
    /20 s ago/,
  ],
  [
    'commits',
    'the producer rests',
    withStatus({
      tables: { ...status.tables, raw: { ...status.tables.raw, lastCommitAt: '2026-04-01T00:00:00.000Z' } },
      partitions: status.partitions.map(each => ({ ...each, lag: 0 })),
    }),
    'ok',
    /no known record waits/,
  ],
  [
    'commits',
    'it has just started on a backlog',
    withStatus({
      startedAt: justStarted,
      tables: { ...status.tables, raw: { ...status.tables.raw, lastCommitAt: '2026-04-01T00:00:00.000Z' } },
    }),
    'ok',
    /records wait$/,
  ],
  [
    'checkpoint failures',
    'they may be old',
    { ...(await recorded(failing(9))), ...noPrometheus },
    'skipped',
    /9 failures since its start 60 min ago: .*--prometheus/,
  ],
  ['processing latency', 'Prometheus saw no sample', withQuery('processingLatencyP95', 'NaN'), 'ok', /no sample/],
  ['invalid samples', 'there was no sample', withStatus({ invalidRatio: null }, noPrometheus), 'ok', /no sample/],
  ['pending errors', 'they are new', withStatus({ pendingErrorIntents: 1 }), 'ok', /^1 batch, for 0 s$/],
  [
    'start line',
    'its level is not written',
    withStatus({ logging: { ...status.logging, level: 'error' } }, withLog({ startedOnPort: null })),
    'skipped',
    /INFO line, and the level is ERROR/,
  ],
  [
    'start line',
    'the port is forwarded',
    withLog({ startedOnPort: 8000 }),
    'ok',
    /:8000, while --url is http:\/\/127\.0\.0\.1:9249/,
  ],
  [
    'log level',
    'it is DEBUG',
    withStatus({ logging: { ...status.logging, level: 'debug' } }),
    'ok',
    /^DEBUG: .*; INFO is meant/,
  ],
  [
    'log lines',
    'none was asked for',
    { logFile: null },
    'skipped',
    /add --log-file, which this consumer writes to \/var\/log\/app\.log/,
  ],
  [
    'catalog and tables',
    'they are not there yet',
    withManifest({
      inspection: {
        ...inspection,
        tables: { ...inspection.tables, raw: { ...inspection.tables.raw, location: null } },
      },
    }),
    'ok',
    /not there yet: db\.raw; a run creates/,
  ],
  ['Kafka brokers', 'only a topic is missing', withKafka('UNKNOWN_TOPIC', 'no such topic'), 'ok', /reachable/],
  ['Prometheus target', 'it is new', targets({ ...target, health: 'unknown' }), 'skipped', /not scraped yet/],
  [
    'Prometheus target',
    'another one of the job is down',
    targets(target, { ...target, scrapeUrl: 'http://localhost:9250/metrics', health: 'down' }),
    'ok',
    /^1 target/,
  ],
  [
    'Prometheus target',
    'Prometheus knows it by another name',
    targets({ ...target, scrapeUrl: 'http://10.0.0.7:9249/metrics' }),
    'ok',
    /none has the address of --url$/,
  ],
  [
    'rule health',
    'they are new',
    withPrometheus({ rules: rulesAnswer(rule => ({ ...rule, health: 'unknown' })) }),
    'skipped',
    /not evaluated yet/,
  ],
  [
    'firing alerts',
    'one is pending',
    withPrometheus({ rules: alertsOf('LowThroughput', 'pending') }),
    'ok',
    /^none; pending: LowThroughput$/,
  ],
  [
    'firing alerts',
    'one of another job fires',
    withPrometheus({ rules: alertsOf('LowThroughput', 'firing', { job: 'other' }) }),
    'ok',
    /^none$/,
  ],
  [
    'alerting rules',
    'the manifest disables one',
    { disabledAlerts: ['ConsumerHalted'], ...withPrometheus({ rules: rulesAnswer(rule => rule, ['ConsumerHalted']) }) },
    'ok',
    new RegExp(`^all ${alertNames.length - 1} `),
  ],
  ['Alertmanager', 'only it was asked for', { prometheus: null }, 'ok', /--prometheus tells/],
  [
    'dashboard',
    'it has another uid',
    withGrafana(answer('http://g', '{}', { status: 404 }), {
      byTitle: json('http://g', [{ uid: 'abc', title: 'Health Data Consumer' }]),
    }),
    'ok',
    /under uid abc$/,
  ],
]

for (const [check, when, given, state, seen] of harmless)
  test(`${check}: no problem where ${when}`, () => {
    const found = named(given, check)
    assert.equal(found.state, state, found.seen)
    assert.match(found.seen, seen)
  })

test('thresholds of the manifest count', () => {
  const given = {
    ...sound,
    thresholds: thresholds.parse({ HighKafkaLag: 19, HighCheckpointDuration: 799, HighMemoryUsage: 0 }),
  }
  const problems = diagnose(given).filter(({ state }) => state === 'problem')
  assert.deepEqual(
    problems.map(({ name }) => name),
    ['memory', 'Kafka lag', 'checkpoint duration'],
  )
})

test('no word of a log line, no control character and no secret of an address is told', () => {
  const halt = { code: 'OffsetGap' as const, message: 'see http://u:pass@h/x?token=t \u001b[2J\nnext', fix: 'f' }
  const told = JSON.stringify(
    checksOf({ ...withStatus({ halt }), ...withLog({ lines: ['own-secret', '{"own-secret":"own-secret"}'] }) }),
  )
  assert.ok(!told.includes('own-secret'))
  assert.match(named(withStatus({ halt }), 'halt').seen, /see http:\/\/h\/x \[2J next$/)
})

test('every metric of the catalogue is missed where it is missing', () => {
  for (const { name } of Object.values(metrics)) {
    const without = text
      .split('\n')
      .filter(line => !line.startsWith(`# TYPE ${name} `))
      .join('\n')
    assert.match(named(withMetrics(without), 'metric catalogue').seen, new RegExp(`: ${name} is missing$`))
  }
})

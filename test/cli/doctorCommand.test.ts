import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Check } from '../../cli/doctor/report.ts'
import { runProgram } from '../../cli/program.ts'
import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
import { startTelemetryServer } from '../../runtime/telemetry/server.ts'
import { silentLogger } from '../kafka/broker.ts'
import { metricsText, status } from './doctor/sound.ts'

const folder = await mkdtemp(join(tmpdir(), 'doctor-'))
const servers: Server[] = []
const consumer = await startTelemetryServer({
  host: '127.0.0.1',
  port: 0,
  logger: silentLogger,
  metricsText: () => metricsText(),
  live: () => ({ ok: true, message: '' }),
  ready: () => ({ ok: true, message: '' }),
  status: () => ({ ...status, startedAt: new Date().toISOString() }),
})
const consumerUrl = `http://127.0.0.1:${consumer.port}`
after(async () => {
  await consumer.close()
  for (const server of servers) server.close()
  await rm(folder, { recursive: true })
})

async function healthconsumer(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const code = await runProgram(args, { out: text => out.push(text), err: text => err.push(text), exitCode: 0 })
  return { out: out.join(''), err: err.join(''), code }
}

const doctor = (...args: string[]) => healthconsumer('doctor', ...args)

async function checksOf(...args: string[]) {
  const { out, err, code } = await doctor('-o', 'json', ...args)
  assert.equal(err, '')
  const { checks } = JSON.parse(out) as { checks: readonly Check[] }
  return { code, named: (name: string) => checks.find(check => check.name === name)!, checks, out }
}

test('a consumer that is well is exit code 0, as a table and as one object', async () => {
  const { out, err, code } = await doctor('--url', consumerUrl)
  assert.deepEqual([err, code], ['', 0], out)
  assert.match(
    out,
    /^Metrics Not Appearing\n {2}ok +metrics endpoint +http:\/\/127\.0\.0\.1:\d+\/metrics answers; it is version 1\.2\.3$/m,
  )
  assert.match(out, /^0 problems, \d+ ok, \d+ skipped$/m)
  const { code: jsonCode, checks } = await checksOf('--url', consumerUrl)
  assert.equal(jsonCode, 0)
  assert.ok(checks.length > 30)
})

test('thresholds of the manifest count', async () => {
  const file = join(folder, 'manifest.yaml')
  const example = await readFile(new URL('../../examples/quickstart.yaml', import.meta.url), 'utf8')
  const rule = '  monitoring: {prometheusRule: {thresholds: {HighKafkaLag: 19}, disabledAlerts: [HighKafkaLag]}}\n'
  await writeFile(file, example.replace('127.0.0.1:19092', '127.0.0.1:1').replace('../.quickstart', folder) + rule)
  const { named, code } = await checksOf('--url', consumerUrl, '-f', file, '--timeout', '1')
  assert.equal(code, 3)
  assert.match(named('Kafka lag').seen, /^20 records; more than 19$/)
  assert.match(named('Kafka brokers').seen, /^Kafka at 127\.0\.0\.1:1 /)
  assert.equal(named('storage').state, 'ok')
  assert.match(named('catalog and tables').seen, /not there yet/)
})

test('a Secret that is missing is a problem that is found, not wrong input', async () => {
  const file = join(folder, 'secured.yaml')
  const example = await readFile(new URL('../../examples/quickstart.yaml', import.meta.url), 'utf8')
  const sasl = 'kafka:\n    tls: {}\n    sasl: {mechanism: plain, secretRef: {name: login}}'
  await writeFile(
    file,
    example.replace('kafka:', sasl).replace('127.0.0.1:19092', '127.0.0.1:1').replace('../.quickstart', folder),
  )
  const { named, code } = await checksOf('-f', file, '--timeout', '1', '--secrets-dir', folder)
  assert.equal(code, 3)
  assert.match(named('credentials').seen, /spec\.kafka\.sasl\.secretRef/)
  assert.equal(named('Kafka brokers').state, 'skipped')
})

test('a file in place of the warehouse is told by the storage check', async () => {
  const file = join(folder, 'blocked.yaml')
  await writeFile(join(folder, 'blocking'), '')
  const example = await readFile(new URL('../../examples/quickstart.yaml', import.meta.url), 'utf8')
  await writeFile(
    file,
    example.replace('127.0.0.1:19092', '127.0.0.1:1').replace('../.quickstart', join(folder, 'blocking')),
  )
  const { named, code } = await checksOf('-f', file, '--timeout', '1')
  assert.equal(code, 3)
  assert.equal(named('storage').state, 'problem')
  assert.match(named('storage').fix!, /a part of .* is a file/)
})

for (const [args, message] of [
  [[], /^error\[USAGE\]: there is nothing to look at · healthconsumer doctor · name a running consumer \(--url/],
  [['--prometheus', 'http://127.0.0.1:1'], /^error\[USAGE\]: there is nothing to look at/],
  [
    ['--url', 'own-user:own-secret@host'],
    /^error\[INVALID_URL\]: --url is no web address: "…@host" · healthconsumer doctor · write http:/,
  ],
  [
    ['--url', 'http://h', '--grafana', 'h', '--prometheus', 'x'],
    /^error\[INVALID_URL\]: --prometheus .*\nerror\[INVALID_URL\]: --grafana .*\n$/,
  ],
  [['-f', 'nosuch.yaml'], /^error\[MISSING_FILE\]/],
  [['--url', 'http://h', '--timeout', '0'], /whole number from 1/],
] as const)
  test(`doctor ${args.join(' ')} is wrong input`, async () => {
    const { out, err, code } = await doctor(...args)
    assert.deepEqual([out, code], ['', 2])
    assert.match(err, message)
    assert.ok(!err.includes('own-secret'))
  })

/** Stands in for Grafana, which is not to be had here: it knows the two paths, by Grafana's documentation. */
async function grafana(token: string | undefined, known: Readonly<Record<string, string>>) {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return json(401, { message: 'Unauthorized' })
    const url = new URL(request.url!, 'http://grafana')
    const uid = url.pathname.replace('/api/dashboards/uid/', '')
    if (url.pathname === '/api/search') {
      const found = Object.entries(known).filter(([, title]) => title.includes(url.searchParams.get('query')!))
      return json(
        200,
        found.map(([uid, title]) => ({ uid, title, type: 'dash-db' })),
      )
    }
    return known[uid] === undefined
      ? json(404, { message: 'Dashboard not found' })
      : json(200, { dashboard: { title: known[uid] } })
  })
  servers.push(server.listen(0, '127.0.0.1'))
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, requests }
}

async function withToken<T>(token: string | undefined, work: () => Promise<T>): Promise<T> {
  const { GRAFANA_TOKEN: before } = process.env
  if (token === undefined) delete process.env.GRAFANA_TOKEN
  else process.env.GRAFANA_TOKEN = token
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env.GRAFANA_TOKEN
    else process.env.GRAFANA_TOKEN = before
  }
}

test('the generated dashboard is found in Grafana by its uid, or by its title (a stand-in for Grafana)', async () => {
  const { uid, title } = getGrafanaDashboardJson()
  for (const known of [{ [uid]: title }, { other: title }]) {
    const { url } = await grafana(undefined, known)
    const { named, code } = await checksOf('--url', consumerUrl, '--grafana', url)
    assert.deepEqual([named('dashboard').state, code], ['ok', 0])
  }
  const { url } = await grafana(undefined, {})
  const { named, code } = await checksOf('--url', consumerUrl, '--grafana', url)
  assert.deepEqual([named('dashboard').state, code], ['problem', 3])
})

test('the token goes to Grafana only, and is never printed (a stand-in for Grafana)', async () => {
  const { uid, title } = getGrafanaDashboardJson()
  const { url, requests } = await grafana('own-token', { [uid]: title })
  const { url: prometheus, requests: others } = await grafana(undefined, {})
  const ask = () => checksOf('--url', consumerUrl, '--grafana', url, '--prometheus', prometheus)
  const good = await withToken('own-token', ask)
  assert.equal(good.named('dashboard').state, 'ok')
  assert.equal(requests.length, 2)
  assert.ok(others.length > 0 && others.every(({ headers }) => headers.authorization === undefined))
  const wrong = await withToken('own-wrong-token', ask)
  const none = await withToken(undefined, ask)
  assert.match(wrong.named('dashboard').fix!, /role Viewer, or a token that has not expired/)
  assert.match(none.named('dashboard').fix!, /^set GRAFANA_TOKEN/)
  for (const { out } of [good, wrong, none]) assert.ok(!/own-(wrong-)?token/.test(out))
})

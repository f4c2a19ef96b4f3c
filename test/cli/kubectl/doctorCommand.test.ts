/** `kubectl healthconsumer doctor` with what watches the consumer: a kubectl and a Prometheus of few words stand in. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runPlugin } from '../../../cli/kubectl/program.ts'
import { alertingRuleGroups } from '../../../monitoring/alerts.ts'

const folder = await mkdtemp(join(tmpdir(), 'plugin-doctor-'))
const consumer = { metadata: { name: 'steps', namespace: 'health', generation: 1 }, status: { observedGeneration: 1 } }

type Labels = Readonly<Record<string, string>>
const steps = { namespace: 'health', healthconsumer: 'steps' }
const sleep = { namespace: 'health', healthconsumer: 'sleep' }
const rulesOf = (labels: Labels, firing: readonly string[] = []) =>
  alertingRuleGroups().map(({ name, rules }) => ({
    name,
    rules: rules.flatMap(rule => {
      if (!('alert' in rule)) return []
      const alerts = firing.includes(rule.alert) ? [{ labels, state: 'firing' }] : []
      return [{ name: rule.alert, health: 'ok', labels, annotations: rule.annotations, alerts }]
    }),
  }))

/** What Prometheus has; changed by each test. */
let targets: readonly object[] = []
let groups: readonly object[] = []
const queries: string[] = []
const prometheus = createServer(({ url }, response) => {
  const { pathname, searchParams } = new URL(url!, 'http://prometheus')
  const answers: Readonly<Record<string, () => object>> = {
    '/api/v1/targets': () => ({ activeTargets: targets }),
    '/api/v1/rules': () => ({ groups }),
    '/api/v1/alertmanagers': () => ({ activeAlertmanagers: [{ url: 'http://alertmanager:9093/api/v2/alerts' }] }),
    '/api/v1/query': () => {
      queries.push(searchParams.get('query')!)
      return { result: [{ value: [0, '0.25'] }] }
    },
  }
  response.end(JSON.stringify({ status: 'success', data: answers[pathname]!() }))
}).listen(0, '127.0.0.1')
const kubectlBefore = process.env.KUBECTL

before(async () => {
  const kubectl = join(folder, 'kubectl')
  await writeFile(join(folder, 'consumer.json'), JSON.stringify(consumer))
  const script = `#!/bin/sh\ncase "$*" in *"get healthconsumer "*) cat '${folder}/consumer.json' ;; *) echo '{"items": []}' ;; esac\n`
  await writeFile(kubectl, script, { mode: 0o755 })
  process.env.KUBECTL = kubectl
  if (!prometheus.listening) await once(prometheus, 'listening')
})
after(async () => {
  if (kubectlBefore === undefined) delete process.env.KUBECTL
  else process.env.KUBECTL = kubectlBefore
  prometheus.close()
  await rm(folder, { recursive: true })
})

interface Told {
  readonly watchers: readonly { readonly name: string; readonly state: string; readonly seen: string; fix: string }[]
}

async function doctor(...flags: readonly string[]) {
  const out: string[] = []
  const err: string[] = []
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), exitCode: 0 as const }
  const code = await runPlugin(['doctor', 'steps', '-n', 'health', ...flags], io)
  return { code, out: out.join(''), err: err.join('') }
}

async function watchers() {
  const { port } = prometheus.address() as AddressInfo
  const { out } = await doctor('--prometheus', `http://127.0.0.1:${port}`, '-o', 'json')
  const told = (JSON.parse(out) as Told).watchers
  return (name: string) => told.find(check => check.name === name)!
}

const target = (labels: Labels) => ({ labels, scrapeUrl: 'http://10.0.0.7:9249/metrics', lastError: '', health: 'up' })

test('Prometheus is asked about this HealthConsumer, whatever its job', async () => {
  targets = [target({ ...steps, job: 'steps-consumer' }), { ...target(sleep), health: 'down' }]
  groups = [...rulesOf(steps), ...rulesOf(sleep, ['HighKafkaLag'])]
  const check = await watchers()
  assert.equal(check('Prometheus target').seen, '1 target of namespace health, healthconsumer steps up')
  assert.deepEqual([check('alerting rules').state, check('firing alerts').state], ['ok', 'ok'])
  assert.match(check('invalid samples').seen, /^25 % in the last 5 minutes, by Prometheus/)
  for (const query of queries) assert.match(query, /\{[^}]*namespace="health",healthconsumer="steps"[^}]*\}/)
})

test("another one's target and rules are not its own, and the fix is of a cluster", async () => {
  targets = [target({ ...sleep, job: 'sleep-consumer' })]
  groups = rulesOf(sleep)
  const check = await watchers()
  assert.equal(check('Prometheus target').seen, 'Prometheus has no target of namespace health, healthconsumer steps')
  assert.match(check('Prometheus target').fix, /ServiceMonitor/)
  assert.match(check('alerting rules').fix, /PrometheusRule/)
})

test('an alert of its own is told', async () => {
  targets = [target(steps)]
  groups = rulesOf(steps, ['HighKafkaLag'])
  assert.equal((await watchers())('firing alerts').seen, 'HighKafkaLag')
})

test('nothing watches unless it is named; an address that is none is wrong usage', async () => {
  const { out } = await doctor()
  assert.doesNotMatch(out, /^Prometheus$/m)
  const wrong = await doctor('--prometheus', 'prometheus')
  assert.deepEqual([wrong.code, wrong.out], [2, ''])
  assert.match(
    wrong.err,
    /^error\[INVALID_URL\]: --prometheus is no web address: "prometheus" · kubectl healthconsumer doctor/,
  )
})

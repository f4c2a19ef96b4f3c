import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { load } from 'js-yaml'
import { runProgram } from '../../cli/program.ts'
import { customResourceDefinition } from '../../crds/customResourceDefinition.ts'
import { generateAlertingRules } from '../../monitoring/alerts.ts'
import { getGrafanaDashboardJson } from '../../monitoring/dashboard.ts'
import { generatePrometheusScrapeConfig } from '../../monitoring/scrapeConfig.ts'

const folder = await mkdtemp(join(tmpdir(), 'generate-'))
after(() => rm(folder, { recursive: true }))

async function generate(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), exitCode: 0 as const }
  const code = await runProgram(['generate', ...args], io)
  return { out: out.join(''), err: err.join(''), code }
}

/** What a sound command prints. */
async function printed(...args: string[]): Promise<string> {
  const { out, err, code } = await generate(...args)
  assert.deepEqual([err, code], ['', 0])
  return out
}

const words = (line: string): string[] => line.split(' ')

/** A manifest with this as its spec.monitoring, in JSON. */
async function manifest(monitoring: object): Promise<string> {
  const example = await readFile(new URL('../../examples/minimal.yaml', import.meta.url), 'utf8')
  const file = join(folder, 'manifest.yaml')
  await writeFile(file, `${example}\n  monitoring: ${JSON.stringify(monitoring)}\n`)
  return file
}

test('scrape-config prints what the function returns, with every parameter as a flag', async () => {
  assert.equal(await printed('scrape-config'), generatePrometheusScrapeConfig())
  const flags =
    '--job-name j --target a:1 --target b:2 --scrape-interval 5s --metrics-path /m --label x=1 --label y=a=b'
  assert.equal(
    await printed('scrape-config', ...words(flags)),
    generatePrometheusScrapeConfig({
      jobName: 'j',
      targets: ['a:1', 'b:2'],
      scrapeInterval: '5s',
      metricsPath: '/m',
      labels: { x: '1', y: 'a=b' },
    }),
  )
})

test('alerts prints what the function returns, with every parameter as a flag', async () => {
  assert.equal(await printed('alerts'), generateAlertingRules())
  const flags =
    '--job-name j --interval 10s --threshold HighKafkaLag=5 --threshold HighErrorRate=0.5 --window HighErrorRate=1m ' +
    '--for HighKafkaLag=0s --for TaskManagerDown=2m --disable LowThroughput --disable MetricsAbsent --runbook-base-url http://r/b'
  assert.equal(
    await printed('alerts', ...words(flags)),
    generateAlertingRules({
      jobName: 'j',
      interval: '10s',
      thresholds: { HighKafkaLag: 5, HighErrorRate: 0.5 },
      windows: { HighErrorRate: '1m' },
      pendingPeriods: { HighKafkaLag: '0s', TaskManagerDown: '2m' },
      disabledAlerts: ['LowThroughput', 'MetricsAbsent'],
      runbookBaseUrl: 'http://r/b',
    }),
  )
  const consumer = { namespace: 'ns', name: 'steps' }
  assert.equal(await printed('alerts', '--consumer', 'ns/steps'), generateAlertingRules({ consumer }))
})

test('dashboard prints what the function returns, with every parameter as a flag', async () => {
  assert.deepEqual(JSON.parse(await printed('dashboard')), getGrafanaDashboardJson())
  const flags =
    '--title T --uid u --tag a --tag b --data-source D --consumer ns/steps --threshold HighKafkaLag=5 --runbook-base-url http://r'
  assert.deepEqual(
    JSON.parse(await printed('dashboard', ...words(flags))),
    getGrafanaDashboardJson({
      title: 'T',
      uid: 'u',
      tags: ['a', 'b'],
      dataSource: 'D',
      consumer: { namespace: 'ns', name: 'steps' },
      thresholds: { HighKafkaLag: 5 },
      runbookBaseUrl: 'http://r',
    }),
  )
})

test('alerts and dashboard take from the manifest what it says; flags win, and only --consumer scopes', async () => {
  const file = await manifest({
    prometheusRule: {
      interval: '1m',
      thresholds: { HighKafkaLag: 7, HighErrorRate: 8 },
      disabledAlerts: ['LowThroughput'],
      runbookBaseUrl: 'https://wiki/runbooks',
    },
    dashboard: { dataSource: 'Thanos' },
  })
  const runbookBaseUrl = 'https://wiki/runbooks'
  const thresholds = { HighKafkaLag: 7, HighErrorRate: 8 }
  const theirs = { interval: '1m', thresholds, disabledAlerts: ['LowThroughput'] as const, runbookBaseUrl }
  assert.equal(await printed('alerts', '-f', file), generateAlertingRules(theirs))
  assert.equal(
    await printed(
      'alerts',
      '-f',
      file,
      '--interval',
      '5s',
      '--threshold',
      'HighKafkaLag=1',
      '--disable',
      'HighErrorRate',
    ),
    generateAlertingRules({
      ...theirs,
      interval: '5s',
      thresholds: { HighKafkaLag: 1, HighErrorRate: 8 },
      disabledAlerts: ['HighErrorRate'],
    }),
  )
  assert.deepEqual(
    JSON.parse(await printed('dashboard', '-f', file, '--data-source', 'Mimir')),
    getGrafanaDashboardJson({ dataSource: 'Mimir', thresholds, runbookBaseUrl }),
  )
  assert.deepEqual(
    JSON.parse(await printed('dashboard', '-f', file)),
    getGrafanaDashboardJson({ dataSource: 'Thanos', thresholds, runbookBaseUrl }),
  )
})

test('a manifest that says nothing about monitoring gives the defaults', async () => {
  const file = await manifest({})
  assert.equal(await printed('alerts', '-f', file), generateAlertingRules())
  assert.deepEqual(JSON.parse(await printed('dashboard', '-f', file)), getGrafanaDashboardJson())
})

/** How the message begins; the words of a fix are the functions' own. */
for (const [line, message] of [
  [
    'alerts --threshold HighKafkaLg=4',
    'error[UNKNOWN_NAME]: --threshold HighKafkaLg is 4 · healthconsumer generate alerts · did you mean HighKafkaLag?',
  ],
  [
    'alerts --threshold HighValidationFailureRate=3',
    'error[OUT_OF_BOUNDS]: --threshold HighValidationFailureRate is 3 · healthconsumer generate alerts · ',
  ],
  [
    'alerts --for LowThroughput=5',
    'error[INVALID_DURATION]: --for LowThroughput is "5" · healthconsumer generate alerts · ',
  ],
  [
    'alerts --disable LowThroughputs',
    'error[UNKNOWN_NAME]: --disable is "LowThroughputs" · healthconsumer generate alerts · did you mean LowThroughput?',
  ],
  [
    'alerts --consumer NS/steps',
    'error[INVALID_VALUE]: --consumer namespace is "NS" · healthconsumer generate alerts · ',
  ],
  [
    'alerts --runbook-base-url wiki',
    'error[INVALID_VALUE]: --runbook-base-url is "wiki" · healthconsumer generate alerts · ',
  ],
  [
    'scrape-config --target a:1 --target http://b:2',
    'error[INVALID_TARGET]: --target is "http://b:2" · healthconsumer generate scrape-config · ',
  ],
  [
    'scrape-config --label job=x',
    'error[RESERVED_LABEL]: a name in --label is "job" · healthconsumer generate scrape-config · set --job-name instead',
  ],
  ['dashboard --uid a/b', 'error[INVALID_UID]: --uid is "a/b" · healthconsumer generate dashboard · '],
  ['alerts -f nosuch.yaml', 'error[MISSING_FILE]: there is no such file · nosuch.yaml · check the path after -f'],
  [
    'alerts --thresold x=1',
    "error[USAGE]: unknown option '--thresold' · healthconsumer generate alerts · did you mean --threshold? see healthconsumer generate alerts --help",
  ],
  [
    'alets',
    "error[USAGE]: unknown command 'alets' · healthconsumer generate · did you mean alerts? see healthconsumer generate --help",
  ],
] as const)
  test(`generate ${line} is wrong input`, async () => {
    const { out, err, code } = await generate(...words(line))
    assert.deepEqual([out, code, err.slice(0, message.length)], ['', 2, message])
    assert.match(err, /^error\[\w+\]: .+ · .+ · .+\n$/)
  })

for (const line of [
  'alerts --threshold HighKafkaLag',
  'alerts --threshold HighKafkaLag=',
  'alerts --threshold HighKafkaLag=many',
  'alerts --threshold =5',
  'alerts --window 5m',
  'alerts --consumer steps',
  'alerts --consumer a/b/c',
  'scrape-config --label x',
  'dashboard --threshold HighKafkaLag=Infinity',
])
  test(`generate ${line} is wrong usage`, async () => {
    const { out, err, code } = await generate(...words(line))
    assert.deepEqual([out, code], ['', 2])
    assert.match(err, /^error\[USAGE\]: option '--\w+ <.*>' argument '.*' is invalid\. It must be .*--help\n$/)
  })

test('the help of each command has an example, and the examples work', async () => {
  const examples: string[] = []
  const commands = ['scrape-config', 'alerts', 'dashboard', 'crd', 'argo-health']
  for (const args of [['--help'], ...commands.map(command => [command, '--help'])]) {
    const shown = (await printed(...args)).match(/^ {2}healthconsumer generate .*$/gm) ?? []
    assert.equal(shown.length, args.length === 1 ? commands.length : 1, args.join(' '))
    examples.push(...shown)
  }
  for (const example of examples) {
    const line = example.replace(/^ *healthconsumer generate /, '').replace(/ [>|] .*/, '')
    const out = await printed(...[...line.matchAll(/"([^"]*)"|(\S+)/g)].map(match => match[1] ?? match[2]!))
    assert.ok(Object.keys(load(out) as object).length > 0)
  }
})

test('crd prints the CustomResourceDefinition, as one document', async () => {
  assert.deepEqual(load(await printed('crd')), JSON.parse(JSON.stringify(customResourceDefinition())))
})

test("argo-health prints the patch of Argo CD's ConfigMap that the tree keeps", async () => {
  const kept = await readFile(new URL('../../charts/argocd/argocd-cm.yaml', import.meta.url), 'utf8')
  assert.equal(await printed('argo-health'), kept)
})

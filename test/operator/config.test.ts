import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { OperatorConfigError, operatorConfig } from '../../operator/config.ts'
import { createOperatorMetrics } from '../../operator/metrics.ts'

const least = { RUNTIME_IMAGE: 'registry.test/runtime:1' }

test('an image is all that must be said', () => {
  assert.deepEqual(operatorConfig(least, 'me'), {
    children: { image: 'registry.test/runtime:1', imagePullPolicy: undefined, runbookBaseUrl: undefined },
    namespaces: [],
    leaderElection: { enabled: true, name: 'healthconsumer-operator', namespace: 'default' },
    identity: 'me',
    metricsHost: '0.0.0.0',
    metricsPort: 8080,
    workers: 8,
    statusIntervalMs: 30_000,
  })
})

test('every setting is taken, and an empty one is none', () => {
  const environment = {
    ...least,
    ...{
      RUNTIME_IMAGE_PULL_POLICY: 'Always',
      RUNBOOK_BASE_URL: 'https://runbooks.test/hc',
      WATCH_NAMESPACES: ' a, b ,,',
    },
    ...{ LEADER_ELECTION: 'false', LEADER_ELECTION_NAME: 'mine', POD_NAMESPACE: 'system', POD_NAME: 'pod-1' },
    ...{ METRICS_HOST: '127.0.0.1', METRICS_PORT: '0', WORKERS: '3', STATUS_INTERVAL_SECONDS: '5' },
  }
  assert.deepEqual(operatorConfig(environment, 'me'), {
    children: {
      image: 'registry.test/runtime:1',
      imagePullPolicy: 'Always',
      runbookBaseUrl: 'https://runbooks.test/hc',
    },
    namespaces: ['a', 'b'],
    leaderElection: { enabled: false, name: 'mine', namespace: 'system' },
    identity: 'pod-1',
    metricsHost: '127.0.0.1',
    metricsPort: 0,
    workers: 3,
    statusIntervalMs: 5000,
  })
  const empty = Object.fromEntries(Object.keys(environment).map(name => [name, '']))
  assert.deepEqual(operatorConfig({ ...empty, ...least }, 'me'), operatorConfig(least, 'me'))
})

test('each mistake is named, with the value and what it should be', () => {
  const messageOf = (environment: Record<string, string>): string => {
    try {
      operatorConfig(environment, 'me')
    } catch (error) {
      assert.ok(error instanceof OperatorConfigError && error.code === 'INVALID_SETTING')
      return error.message
    }
    throw new Error('it was taken')
  }
  assert.match(messageOf({}), /^RUNTIME_IMAGE="": .*set them in the environment of the operator$/)
  const all = messageOf({
    ...least,
    METRICS_PORT: '70000',
    WORKERS: '0',
    WATCH_NAMESPACES: 'Team A',
    LEADER_ELECTION: 'yes',
  })
  for (const part of ['METRICS_PORT="70000"', 'WORKERS="0"', 'WATCH_NAMESPACES="Team A"', 'LEADER_ELECTION="yes"'])
    assert.ok(all.includes(part), all)
  for (const [name, value] of Object.entries({
    ...{
      METRICS_PORT: '-1',
      STATUS_INTERVAL_SECONDS: '1.5',
      RUNBOOK_BASE_URL: 'file:///x',
      RUNTIME_IMAGE_PULL_POLICY: 'always',
    },
  }))
    assert.ok(messageOf({ ...least, [name]: value }).startsWith(`${name}=`), name)
})

test('the program says a wrong setting in one line, with exit code 2, and its usage', () => {
  const main = join(import.meta.dirname, '../../operator/main.ts')
  const run = (args: string[], env: Record<string, string>) =>
    spawnSync(process.execPath, [main, ...args], { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' })
  const wrong = run([], { WORKERS: 'many', ...least })
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /^error\[INVALID_SETTING\]: WORKERS="many": a whole number from 1 to 64 · .*\n$/)
  const help = run(['--help'], {})
  assert.equal(help.status, 0)
  assert.match(help.stdout, /RUNTIME_IMAGE \(required\)/)
  assert.equal(run(['--nonsense'], least).status, 2)
})

test('the guide names every setting and every metric, and no other', async () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/operator.md'), 'utf8')
  /** What stands in the first column of the table below a heading. */
  const named = (heading: string): readonly string[] => {
    const section = guide.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!
    const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell!)
    return cells.flatMap(cell => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name!))
  }
  const main = join(import.meta.dirname, '../../operator/main.ts')
  const { stdout } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' })
  const settings = stdout
    .split('Settings are')[1]!
    .split('docs/')[0]!
    .match(/\b[A-Z]+(?:_[A-Z]+)*\b/g)!
  assert.deepEqual(named('Settings').toSorted(), settings.filter(name => name !== 'INFO').toSorted())
  const metrics = await createOperatorMetrics('lease').registry.getMetricsAsJSON()
  const own = metrics.map(({ name }) => name).filter(name => !/^(process|nodejs)_/.test(name))
  assert.deepEqual(named('Metrics and probes').toSorted(), own.toSorted())
})

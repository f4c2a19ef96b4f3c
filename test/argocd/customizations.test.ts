/** The Lua of charts/argocd, run as Argo CD does: by its own fixtures, and on what the operator really says. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, test } from 'node:test'
import { load } from 'js-yaml'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { computeStatus } from '../../operator/status.ts'
import { deployed, pod, resourceOf, seen } from '../operator/observed.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'charts/argocd/resource_customizations/healthdata.dev/HealthConsumer')
const read = (file: string): unknown => load(readFileSync(file, 'utf8'))

function run(script: string, object: unknown): unknown {
  const { status, stdout, stderr } = spawnSync(join(root, 'hack/argo-lua'), [join(folder, script)], {
    input: JSON.stringify(object),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

interface HealthTests {
  readonly tests: readonly { readonly inputPath: string; readonly healthStatus: unknown }[]
}
interface ActionTests {
  readonly discoveryTests: readonly { readonly inputPath: string; readonly result: readonly { name: string }[] }[]
  readonly actionTests: readonly {
    readonly action: string
    readonly inputPath: string
    readonly expectedOutputPath: string
  }[]
}

const healthTests = (read(join(folder, 'health_test.yaml')) as HealthTests).tests
for (const { inputPath, healthStatus } of healthTests)
  test(`health of ${inputPath}`, () => assert.deepEqual(run('health.lua', read(join(folder, inputPath))), healthStatus))

test('every fixture is used', () => {
  const used = healthTests.map(({ inputPath }) => inputPath).sort()
  assert.deepEqual(
    readdirSync(join(folder, 'testdata')).map(name => `testdata/${name}`),
    used,
  )
})

const actionFile = join(folder, 'actions/action_test.yaml')
const { discoveryTests, actionTests } = read(actionFile) as ActionTests
const fixture = (path: string) => read(join(dirname(actionFile), path))

for (const { inputPath, result } of discoveryTests)
  test(`actions for ${inputPath}`, () => {
    const offered = run('actions/discovery.lua', fixture(inputPath)) as Readonly<Record<string, object>>
    const named = Object.entries(offered).map(([name, action]) => ({ name, ...action }))
    assert.deepEqual(
      named.sort((a, b) => a.name.localeCompare(b.name)),
      [...result].sort((a, b) => a.name.localeCompare(b.name)),
    )
  })

interface Restartable {
  readonly spec: { restartedAt?: string }
}

for (const { action, inputPath, expectedOutputPath } of actionTests)
  test(`${action} of ${inputPath}`, () => {
    const changed = run(`actions/${action}/action.lua`, fixture(inputPath)) as Restartable
    const expected = fixture(expectedOutputPath) as Restartable
    const { resource, problems } = checkHealthConsumer(changed)
    assert.ok(resource, JSON.stringify(problems))
    // Now, which no fixture can know; that it is a time is checked above.
    if (changed.spec.restartedAt) {
      assert.ok(Math.abs(Date.parse(changed.spec.restartedAt) - Date.now()) < 60_000)
      changed.spec.restartedAt = expected.spec.restartedAt!
    }
    assert.deepEqual(changed, expected)
  })

/** What Argo CD says of what was observed, at the generation of `seen`. */
function healthOf(changes: Parameters<typeof seen>[0], generation = 5): unknown {
  const status = computeStatus(seen(changes), '2026-01-31T12:00:00Z')
  return run('health.lua', { metadata: { name: 'one', generation }, status })
}

test('what the operator says is judged so', () => {
  assert.deepEqual(healthOf({}), { status: 'Healthy', message: '2 of 2 pods are ready' })
  assert.deepEqual(healthOf({}, 6), { status: 'Progressing', message: 'Waiting for the operator' })
  assert.deepEqual(healthOf({ deployment: deployed({ ready: 1, available: 1 }), pods: [pod()] }), {
    status: 'Progressing',
    message: '1 of 2 pods are ready',
  })
  const paused = healthOf({
    resource: resourceOf({ paused: true }),
    deployment: deployed({ desired: 0, replicas: 0, updated: 0, ready: 0, available: 0 }),
    pods: [],
  }) as { status: string; message: string }
  assert.equal(paused.status, 'Healthy')
  assert.match(paused.message, /^Paused: spec\.paused is true/)
  const stalled = healthOf({
    missing: [
      {
        kind: 'Secret',
        name: 'kafka-user',
        field: 'spec.kafka.sasl.secretRef',
        keys: ['username'],
        optional: false,
        rolls: true,
      },
    ],
  }) as { status: string; message: string }
  assert.equal(stalled.status, 'Degraded')
  assert.match(stalled.message, /^SecretMissing: Secret kafka-user/)
})

const outside = await mkdtemp(join(tmpdir(), 'argo-lua-'))
after(() => rm(outside, { recursive: true }))

const unavailable = {
  'a closed library': 'return { status = string.format("%s", "Healthy") }',
  'os without require': 'return { status = os.date() }',
  'a file': 'return { status = io.open("/etc/passwd"):read() }',
  'more than a second': 'while true do end',
}
for (const [what, script] of Object.entries(unavailable))
  test(`a script cannot have ${what}`, async () => {
    const file = join(outside, 'script.lua')
    await writeFile(file, script)
    assert.throws(() => run(relative(folder, file), { metadata: {} }), /argo-lua: /)
  })

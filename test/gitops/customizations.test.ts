/** charts/argocd/argocd-cm.yaml, read and run by Argo CD itself: its fixtures, and what Argo CD's own check of settings says. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { load } from 'js-yaml'
import { customizations } from '../../hack/generate.d/argocdConfigMap.ts'
import { root } from './argocd.ts'

const run = promisify(execFile)
const folder = join(root, customizations)
const read = (file: string): unknown => load(readFileSync(file, 'utf8'))

interface HealthTests {
  readonly tests: readonly {
    readonly inputPath: string
    readonly healthStatus: { readonly status: string; readonly message: string }
  }[]
}
interface ActionTests {
  readonly discoveryTests: readonly {
    readonly inputPath: string
    readonly result: readonly { readonly name: string; readonly disabled: boolean }[]
  }[]
  readonly actionTests: readonly {
    readonly action: string
    readonly inputPath: string
    readonly expectedOutputPath: string
  }[]
}

let program: string
/** Argo CD leaves there what it compared. */
let scratch: string
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'customizations-'))
  const { stdout } = await run(join(root, 'hack/argocd'), ['bin'])
  program = join(stdout.trim(), 'argocd')
})
after(() => rm(scratch, { recursive: true, force: true }))

async function settings(...parameters: string[]): Promise<string> {
  const of = ['--argocd-cm-path', join(root, 'charts/argocd/argocd-cm.yaml')]
  // The object after an action, instead of how it differs from the one before.
  const env = { ...process.env, KUBECTL_EXTERNAL_DIFF: `sh -c 'cat "$1"'`, TMPDIR: scratch }
  return (await run(program, ['admin', 'settings', ...parameters, ...of], { env })).stdout
}

test('its settings are in order', async () => {
  const report = await settings('validate')
  assert.match(report, /^✅ resource-overrides$/m)
  assert.doesNotMatch(report, /❌/)
})

for (const { inputPath, healthStatus } of (read(join(folder, 'health_test.yaml')) as HealthTests).tests)
  test(`health of ${inputPath}`, async () => {
    const said = await settings('resource-overrides', 'health', join(folder, inputPath))
    assert.equal(said, `STATUS: ${healthStatus.status}\nMESSAGE: ${healthStatus.message}\n`)
  })

const actionFile = join(folder, 'actions/action_test.yaml')
const { discoveryTests, actionTests } = read(actionFile) as ActionTests
const fixture = (path: string) => join(dirname(actionFile), path)

for (const { inputPath, result } of discoveryTests)
  test(`actions for ${inputPath}`, async () => {
    const listed = await settings('resource-overrides', 'list-actions', fixture(inputPath))
    const [, ...lines] = listed.trimEnd().split('\n')
    assert.deepEqual(
      lines.map(line => line.split(/\s+/)),
      result.map(({ name, disabled }) => [name, String(disabled)]).sort(),
    )
  })

interface Restartable {
  readonly spec: { restartedAt?: string }
}

for (const { action, inputPath, expectedOutputPath } of actionTests)
  test(`${action} of ${inputPath}`, async () => {
    const startMs = Date.now()
    const said = await settings('resource-overrides', 'run-action', fixture(inputPath), action)
    const changed = load(said.slice(said.indexOf('\n'))) as Restartable
    const expected = read(fixture(expectedOutputPath)) as Restartable
    if (changed.spec.restartedAt) {
      const restartedMs = Date.parse(changed.spec.restartedAt)
      // It has whole seconds.
      assert.ok(restartedMs > startMs - 1000 && restartedMs <= Date.now(), changed.spec.restartedAt)
      changed.spec.restartedAt = expected.spec.restartedAt!
    }
    assert.deepEqual(changed, expected)
  })

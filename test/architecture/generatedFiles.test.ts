import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { conditionReasons } from '../../crds/conditionReasons.ts'
import { conditionTypes } from '../../crds/status.ts'
import { generatedFiles } from '../../hack/generate.d/files.ts'

const root = join(import.meta.dirname, '../..')
const folder = await mkdtemp(join(tmpdir(), 'generated-'))
after(() => rm(folder, { recursive: true }))

const generate = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(join(root, 'hack/generate'), args, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

for (const [name, text] of Object.entries(await generatedFiles()))
  test(`${name} is what hack/generate makes`, async () => {
    assert.equal(await readFile(join(root, name), 'utf8'), text, 'run ./hack/generate and look at the difference')
  })

test('hack/generate --check fails with a diff where a file was changed or is missing', async () => {
  const files = Object.keys(await generatedFiles())
  assert.deepEqual(generate('--root', folder), { status: 0, stdout: '', stderr: '' })
  assert.deepEqual(generate('--check', '--root', folder), { status: 0, stdout: '', stderr: '' })
  await appendFile(join(folder, 'docs/api.md'), 'by hand\n')
  await rm(join(folder, 'crds/healthconsumers.yaml'))
  const { status, stdout, stderr } = generate('--check', '--root', folder)
  assert.equal(status, 1)
  assert.match(stdout, /^-by hand$/m)
  assert.match(stdout, /^\+kind: CustomResourceDefinition$/m)
  assert.match(stderr, /run hack\/generate and commit crds\/healthconsumers.yaml docs\/api.md\n$/)
  assert.ok(files.length > 2)
})

/** What the operator's code says, as `True/Ready`. */
async function saidReasons(): Promise<Set<string>> {
  const statusOf: Readonly<Record<string, string>> = { yes: 'True', no: 'False', unknown: 'Unknown' }
  const sources = await Promise.all(
    ['conditions', 'stalls'].map(name => readFile(join(root, `operator/${name}.ts`), 'utf8')),
  )
  const said = [...sources.join('').matchAll(/\b(yes|no|unknown)\((?:[^'(),]*\? )?\s*'(\w+)'(?: : '(\w+)')?,/g)]
  return new Set(
    said.flatMap(([, call, ...reasons]) => reasons.filter(Boolean).map(reason => `${statusOf[call!]}/${reason}`)),
  )
}

test('the reference has every reason that the operator gives, and no other', async () => {
  // Composed of the kind that is missing or of what is wrong with it, taken over from another condition, from a pod or from a halt.
  const composed = /(?:Secret|ConfigMap|PersistentVolumeClaim|Key)Missing|SecretInvalid|InvalidSpec|\(.*\)$/
  const documented = Object.values(conditionReasons).flatMap(({ meaning: _, ...byStatus }) =>
    Object.entries(byStatus).flatMap(([status, reasons]) => Object.keys(reasons).map(reason => `${status}/${reason}`)),
  )
  const simple = (reasons: Iterable<string>) => [...new Set(reasons)].filter(each => !composed.test(each)).sort()
  assert.deepEqual(simple(documented), simple(await saidReasons()))
  assert.deepEqual(Object.keys(conditionReasons), [...conditionTypes])
})

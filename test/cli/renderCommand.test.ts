import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadAll } from 'js-yaml'
import { runProgram } from '../../cli/program.ts'
import { packageVersion } from '../../runtime/version.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'render-'))
after(() => rm(folder, { recursive: true }))

async function render(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), exitCode: 0 as const }
  const code = await runProgram(['render', ...args], io)
  return { out: out.join(''), err: err.join(''), code }
}

const minimal = `${root}examples/minimal.yaml`

interface Rendered {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly ownerReferences?: unknown }
  readonly spec?: { readonly template?: { readonly spec: { readonly containers: readonly object[] } } }
}
const documents = (text: string) => loadAll(text) as Rendered[]
const containerOf = (objects: readonly Rendered[]) =>
  objects.find(({ kind }) => kind === 'Deployment')!.spec!.template!.spec.containers[0]

test('YAML and JSON say the same: the children in order, without owner', async () => {
  const yaml = await render('-f', minimal)
  const json = await render('-f', minimal, '-o', 'json')
  assert.deepEqual([yaml.err, yaml.code, json.err, json.code], ['', 0, '', 0])
  const list = JSON.parse(json.out)
  assert.deepEqual([list.apiVersion, list.kind], ['v1', 'List'])
  assert.deepEqual(documents(yaml.out), list.items)
  assert.deepEqual(
    documents(yaml.out).map(({ kind }) => kind),
    [
      ...['ServiceAccount', 'Service', 'NetworkPolicy', 'PodDisruptionBudget', 'ConfigMap', 'Deployment'],
      ...['ServiceMonitor', 'PrometheusRule', 'ConfigMap'],
    ],
  )
  assert.ok(documents(yaml.out).every(({ metadata }) => metadata.ownerReferences === undefined))
  assert.deepEqual(await render('-f', minimal), yaml)
})

test('comments, order of fields and defaults that are written out change no byte', async () => {
  const plain = join(folder, 'plain.json')
  await writeFile(
    plain,
    JSON.stringify({
      spec: {
        iceberg: {
          storage: { persistentVolumeClaim: { mountPath: '/warehouse', claimName: 'health-data' } },
          catalog: { warehouse: 'file:///warehouse', type: 'filesystem' },
          commit: { interval: '60s' },
        },
        format: 'json',
        kafka: { topics: ['health-data-raw'], bootstrapServers: ['kafka-bootstrap:9092'] },
      },
      metadata: { name: 'minimal', namespace: 'default', labels: { team: 'a' } },
      kind: 'HealthConsumer',
      apiVersion: 'healthdata.dev/v1alpha1',
    }),
  )
  assert.equal((await render('-f', plain)).out, (await render('-f', minimal)).out)
})

test("the operator's settings are for manifests that say nothing themselves", async () => {
  const flags = [
    '--image',
    'mine:1',
    '--image-pull-policy',
    'Never',
    '--runbook-base-url',
    'https://wiki.example.com/r',
  ]
  const { out } = await render('-f', minimal, ...flags)
  const { image, imagePullPolicy } = containerOf(documents(out)) as { image: string; imagePullPolicy: string }
  assert.deepEqual([image, imagePullPolicy], ['mine:1', 'Never'])
  assert.match(out, /runbook_url: https:\/\/wiki\.example\.com\/r\/HighKafkaLag\.md$/m)
  const own = (await render('-f', `${root}examples/everything.yaml`, ...flags)).out
  assert.doesNotMatch(own, /mine:1|Never|wiki\.example\.com/)
  const standard = containerOf(documents((await render('-f', minimal)).out)) as { image: string }
  assert.equal(standard.image, `healthconsumer:${packageVersion()}`)
})

test('what the operator would refuse is a warning; the children are printed all the same', async () => {
  const everything = await render('-f', `${root}examples/everything.yaml`)
  assert.equal(everything.code, 0)
  assert.match(
    everything.err,
    /^warning\[NOT_SUPPORTED\]: spec\.format avro is not supported yet · .*everything\.yaml · use json$/m,
  )
  assert.ok(documents(everything.out).length > 5)
  const local = await render('-f', `${root}examples/quickstart.yaml`, '-o', 'json')
  assert.match(local.err, /^warning\[BROKEN_RULE\]: spec\.iceberg\.storage\.persistentVolumeClaim is missing .*\n$/)
  assert.ok(JSON.parse(local.out).items.length > 5)
})

for (const name of ['minimal', 'keda', 'sasl-tls', 'filesystem', 'paused'])
  test(`${name}.yaml works in a cluster as it is: no warning`, async () => {
    const { err, code } = await render('-f', `${root}examples/${name}.yaml`)
    assert.deepEqual([err, code], ['', 0])
  })

test('a wrong manifest, no manifest and wrong flags are exit code 2 with nothing rendered', async () => {
  const many = await render('-f', `${root}test/golden/manyProblems.yaml`)
  const expected = await readFile(`${root}test/golden/manyProblems.txt`, 'utf8')
  assert.deepEqual([many.out, many.code], ['', 2])
  assert.equal(many.err.split('\n').length, expected.split('\n').length)
  const json = await render('-f', `${root}test/golden/manyProblems.yaml`, '-o', 'json')
  assert.deepEqual([json.err, json.code], ['', 2])
  assert.ok(JSON.parse(json.out).errors.length > 1)
  for (const [args, message] of [
    [[], '-f FILE is missing'],
    [['-f', 'nosuch.yaml'], 'there is no such file'],
    [['-f', minimal, '-o', 'table'], "argument 'table' is invalid"],
    [['-f', minimal, '--image-pull-policy', 'Sometimes'], "argument 'Sometimes' is invalid"],
    [['-f', minimal, '--runbook-base-url', 'https://a:b@c'], 'without user or password'],
  ] as const) {
    const { out, err, code } = await render(...args)
    assert.deepEqual([out, code], ['', 2], message)
    assert.ok(err.includes(message), err)
  }
})

/** What people see of a HealthConsumer through kubectl, on a real API server; without an operator. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { load } from 'js-yaml'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { minimalWith } from '../crds/minimal.ts'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import { until } from '../until.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster({ controllers: false })
  await cluster.installCrd()
  // The schema is published a moment after the API is served.
  await until('the API is explained', async () => (await kubectl('explain', 'hc.spec')).out.includes('kafka'))
})
after(() => cluster?.down())

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

const script = join(import.meta.dirname, '../../hack/cluster')

function kubectl(...parameters: string[]): Promise<Said> {
  const args = ['run', '--dir', cluster.directory, 'kubectl', ...parameters]
  return new Promise(resolve =>
    execFile(script, args, { maxBuffer: 64 << 20 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    ),
  )
}

/** What a sound command prints; warnings are none. */
async function printed(...parameters: string[]): Promise<string> {
  const { code, out, err } = await kubectl(...parameters)
  assert.deepEqual([code, err], [0, ''], parameters.join(' '))
  return out
}

const manifest = (name: string, changes: Readonly<Record<string, unknown>> = {}) =>
  minimalWith({ 'metadata.name': name, ...changes })

async function fileOf(resource: unknown): Promise<string> {
  const file = join(cluster.directory, 'manifest.json')
  await writeFile(file, JSON.stringify(resource))
  return file
}

const apply = async (resource: unknown, ...flags: string[]) => kubectl('apply', ...flags, '-f', await fileOf(resource))

/** The fields that tests look at. */
interface Stored {
  readonly metadata: { readonly generation: number; readonly labels?: object }
  readonly spec: {
    readonly scaling?: object
    readonly kafka?: { readonly startForm?: unknown }
    readonly pod?: { readonly annotations: object }
  }
  readonly status?: object
}

const get = async (...of: string[]) => load(await printed('get', ...of, '-o', 'yaml')) as Stored
const stored = (name: string) => get('hc', name)

async function create(name: string, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
  assert.deepEqual(await apply(manifest(name, changes)), {
    code: 0,
    out: `healthconsumer.healthdata.dev/${name} created\n`,
    err: '',
  })
}

const report = (name: string, status: object) =>
  printed('patch', 'hc', name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status }))

const ready = (status: 'True' | 'False', reason: string, message: string) => ({
  conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime: '2026-01-31T12:00:00Z' }],
})

/** Words of a text that kubectl wraps as it likes. */
const unwrapped = (text: string) => text.replaceAll(/\s+/g, ' ')

test('kubectl explain tells what a field is for, what it takes and its default', async () => {
  const commit = unwrapped(await printed('explain', 'hc.spec.iceberg.commit'))
  for (const expected of [
    'When and how rows are committed.',
    'interval <string> Longest time from reading a record to its row in the table. Short ones make many small files. ' +
      'Takes a duration from 1s to 1h. Default: 60s.',
    'enum: zstd, snappy, gzip, none Compression of the data files. Default: zstd.',
    'maxRows <integer> Rows after which a commit is made before its time. Default: 1000000.',
  ])
    assert.ok(commit.includes(expected), `${expected}\n${commit}`)
  const kafka = unwrapped(await printed('explain', 'hc.spec.kafka'))
  assert.match(kafka, /bootstrapServers <\[\]string> -required- Brokers that the consumer starts from, as host:port\./)
  assert.match(kafka, /groupId <string> .* It cannot change: the tables belong to it\./)
  const secret = unwrapped(await printed('explain', 'hc.spec.kafka.sasl.secretRef'))
  assert.match(secret, /in the namespace of the HealthConsumer\. Takes a Kubernetes name: lower-case letters, digits/)
  assert.match(unwrapped(await printed('explain', 'hc')), /validates every sample, and keeps the samples in Iceberg/)
})

test('every field is explained, at any depth', async () => {
  const text = await printed('explain', 'hc.spec', '--recursive')
  for (const field of ['bootstrapServers', 'snapshotRetention', 'HighKafkaLag', 'topologySpreadConstraints'])
    assert.match(text, new RegExp(`^ +${field}\t<`, 'm'))
})

const cellsOf = (table: string) =>
  table
    .trimEnd()
    .split('\n')
    .map(line => line.split(/ {2,}/).map(cell => cell.trim()))

test('kubectl get shows what counts, in 120 columns; -o wide shows why', async () => {
  const name = `long-${'n'.repeat(25)}`
  await create(name, { 'spec.scaling.replicas': 12, 'spec.kafka.groupId': 'readers' })
  assert.deepEqual(cellsOf(await printed('get', 'hc', name))[0], [
    'NAME',
    'READY',
    'REASON',
    'DESIRED',
    'REPLICAS',
    'LAG',
    'AGE',
  ])
  await report(name, {
    replicas: 11,
    pipeline: { lag: 123_456_789, rawSnapshotId: '6876543210987654321' },
    ...ready('False', 'ProgressDeadlineExceeded', 'pod x is not ready: see kubectl logs'),
  })
  const short = await printed('get', 'hc', name)
  assert.deepEqual(cellsOf(short)[1]!.slice(0, 6), [name, 'False', 'ProgressDeadlineExceeded', '12', '11', '123456789'])
  for (const line of short.split('\n')) assert.ok(line.length <= 120, line)
  const [head, row] = cellsOf(await printed('get', 'hc', name, '-o', 'wide'))
  assert.deepEqual(head!.slice(7), ['TOPICS', 'GROUP', 'SNAPSHOT', 'MESSAGE'])
  assert.deepEqual(row!.slice(7), [
    '["health-data-raw"]',
    'readers',
    '6876543210987654321',
    'pod x is not ready: see kubectl logs',
  ])
  for (const other of ['healthconsumers', 'healthconsumer', 'healthdata'])
    assert.match(await printed('get', other), new RegExp(`^${name} `, 'm'))
})

test('a resource that nobody has looked at is not ready, and kubectl wait waits for the condition', async () => {
  await create('awaited')
  assert.deepEqual((await stored('awaited')).status, { observedGeneration: -1 })
  const wait = ['wait', '--for=condition=Ready', 'hc/awaited', '--timeout=60s']
  const waiting = printed(...wait)
  await report('awaited', { observedGeneration: 1, ...ready('True', 'Ready', '1 of 1 pods are ready') })
  assert.equal(await waiting, 'healthconsumer.healthdata.dev/awaited condition met\n')
  const described = unwrapped(await printed('describe', 'hc', 'awaited'))
  assert.match(described, /Message: 1 of 1 pods are ready Reason: Ready Status: True Type: Ready/)
})

test('kubectl scale sets spec.scaling.replicas, within its bounds, and not beside an autoscaler', async () => {
  await create('scaled')
  await report('scaled', { replicas: 1, selector: 'app.kubernetes.io/instance=scaled' })
  assert.equal(await printed('scale', 'hc/scaled', '--replicas=3'), 'healthconsumer.healthdata.dev/scaled scaled\n')
  assert.deepEqual((await stored('scaled')).spec.scaling, { replicas: 3 })
  const scale = await get('hc', 'scaled', '--subresource=scale')
  assert.deepEqual(
    [scale.spec, scale.status],
    [{ replicas: 3 }, { replicas: 1, selector: 'app.kubernetes.io/instance=scaled' }],
  )
  const many = await kubectl('scale', 'hc/scaled', '--replicas=1001')
  assert.match(many.err, /spec\.scaling\.replicas.*should be less than or equal to 1000/)
  await create('autoscaled', { 'spec.scaling.autoscaling': { mode: 'KEDA', maxReplicas: 3 } })
  const both = await kubectl('scale', 'hc/autoscaled', '--replicas=2')
  assert.equal(both.code, 1)
  assert.match(both.err, /has both replicas and autoscaling: remove one of them/)
})

test('writing the status changes no generation, and writing the spec no status', async () => {
  await create('split')
  await report('split', { observedGeneration: 1, phase: 'Running' })
  assert.equal((await stored('split')).metadata.generation, 1)
  assert.equal((await apply(manifest('split', { 'spec.paused': true, status: { phase: 'Mine' } }))).code, 0)
  const { metadata, status } = await stored('split')
  assert.deepEqual([metadata.generation, status], [2, { observedGeneration: 1, phase: 'Running' }])
})

test('a field that nobody knows is refused by its name, or warned about where kubectl is told to', async () => {
  const wrong = manifest('unknown', { 'spec.kafka.startForm': 'latest' })
  const strict = await apply(wrong)
  assert.equal(strict.code, 1)
  assert.match(strict.err, /unknown field "spec\.kafka\.startForm"/)
  const warned = await apply(wrong, '--validate=warn')
  assert.deepEqual([warned.code, warned.err], [0, 'Warning: unknown field "spec.kafka.startForm"\n'])
  assert.equal((await stored('unknown')).spec.kafka?.startForm, undefined)
  const onServer = await apply(wrong, '--server-side', '--force-conflicts')
  assert.match(onServer.err, /\.spec\.kafka\.startForm: field not declared in schema/)
})

test('300 labels are taken, by the API server and by the check alike', async () => {
  const labels = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`label-${i}.example.com/key`, `value-${i}`]))
  await create('labelled', { 'metadata.labels': labels })
  const resource = await stored('labelled')
  assert.equal(Object.keys(resource.metadata.labels!).length, 300)
  assert.equal(checkHealthConsumer(resource).problems, undefined)
})

test('a name of a Secret that no Secret can have is refused, with its field and form', async () => {
  for (const name of ['schlüssel', 'Secret', 'ключ', 'a b', '秘密', '']) {
    const resource = manifest('secret', { 'spec.kafka.sasl': { mechanism: 'plain', secretRef: { name } } })
    const { code, err } = await apply(resource)
    assert.equal(code, 1, name)
    assert.match(err, /spec\.kafka\.sasl\.secretRef\.name in body should match '\^\[a-z0-9\]/)
    const [problem] = checkHealthConsumer(resource).problems!
    assert.equal(problem?.fix, 'write a Kubernetes name: lower-case letters, digits, "-" and "."')
  }
})

test('a resource of 1 MB is stored on the side of the server; more than 3 MB are refused whole', async () => {
  const megabyte = (entries: number) => ({
    'spec.pod.annotations': Object.fromEntries(
      Array.from({ length: entries }, (_, i) => [`a${i}`, 'x'.repeat(65_536)]),
    ),
  })
  const large = manifest('large', megabyte(16))
  assert.equal((await apply(large, '--server-side')).code, 0)
  assert.equal(Object.keys((await stored('large')).spec.pod!.annotations).length, 16)
  assert.equal(checkHealthConsumer(large).problems, undefined)
  // kubectl's own note of what was applied does not fit into an annotation.
  const noted = await apply(manifest('noted', megabyte(16)))
  assert.match(noted.err, /metadata\.annotations: Too long: may not be more than 262144 bytes/)
  const huge = await apply(manifest('huge', megabyte(50)), '--server-side')
  assert.match(huge.err, /RequestEntityTooLarge/)
})

test('the CRD that is checked in is the one that is served, and applies over itself without a change', async () => {
  const file = join(import.meta.dirname, '../../crds/healthconsumers.yaml')
  const before = await get('crd', 'healthconsumers.healthdata.dev')
  assert.equal((await kubectl('apply', '--server-side', '--force-conflicts', '-f', file)).code, 0)
  const after = await get('crd', 'healthconsumers.healthdata.dev')
  assert.equal(after.metadata.generation, before.metadata.generation)
  assert.ok((await readFile(file)).length < 262_144, 'client-side apply keeps it in an annotation')
})

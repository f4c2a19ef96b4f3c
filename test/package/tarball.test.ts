/**
 * Follows docs/library.md as a reader would: packs this tree, installs the tarball in an empty project, runs what the
 * page shows, and checks what was installed. A copy of the tree is packed, so that nothing is built in this one.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { freePorts } from '../../hack/freePorts.ts'
import { files } from '../architecture/tree.ts'
import { blocksOf, root } from '../docs/pages.ts'
import { everyName, exportedNames } from './everyName.ts'

const page = 'docs/library.md'
const maximumBytes = 600_000

const folder = await mkdtemp(join(tmpdir(), 'package-'))
const checkout = join(folder, 'healthconsumer')
const consumer = join(folder, 'consumer')
const [port] = await freePorts(1)
const blocks = blocksOf(page).map(block => ({ ...block, text: block.text.replaceAll('9249', String(port)) }))
const [install, ...scripts] = blocks.filter(({ language }) => language === 'sh').map(block => block.text)
const programs = new Map(
  blocks
    .filter(({ language }) => language === 'ts')
    .map(block => [/^\/\/ (\S+\.ts)\n/.exec(block.text)?.[1] ?? `line ${block.line}`, block.text]),
)
let tarball = ''

async function shell(cwd: string, script: string): Promise<{ out: string; err: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env: { ...env, npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 80_000,
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.equal(code, 0, `${script}\n${out}\n${err}`)
  return { out, err }
}

before(async () => {
  for (const file of files.filter(file => !/^(?:test|hack)\//.test(file)))
    await cp(join(root, file), join(checkout, file), { recursive: true })
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'))
  await shell(checkout, install!)
  tarball = (await shell(checkout, 'ls "$PWD"/*.tgz')).out.trim()
  for (const [name, program] of programs) await writeFile(join(consumer, name), program)
})

after(() => rm(folder, { recursive: true }))

test('the page shows two programs, and how each is run', () => {
  assert.deepEqual([...programs.keys()], ['consumer.ts', 'generate.ts'])
  assert.equal(scripts.length, programs.size)
})

test('the example serves the series of every reporter, and logs what it refused', async () => {
  const { out, err } = await shell(consumer, scripts[0]!)
  const lines = out.split('\n')
  const partition = '{topic="health-data-raw",partition="0"}'
  for (const line of [
    'health_data_valid_records_total 2',
    'health_data_invalid_records_total 1',
    'health_data_records_by_type_total{data_type="heartRate"} 3',
    'processing_latency_ms_count 3',
    'validation_success_total 2',
    'validation_failures_total{reason="negative_value",data_type="heartRate"} 1',
    'iceberg_records_written_total{table="health_data_raw"} 2',
    'iceberg_records_written_total{table="health_data_errors"} 1',
    'iceberg_batch_size_count{table="health_data_raw"} 1',
    `kafka_records_consumed_total${partition} 3`,
    'kafka_consumption_latency_ms_count 3',
    `flink_consumer_lag${partition} 0`,
  ])
    assert.ok(lines.includes(line), `${line} in\n${out}`)
  const logged = err
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
  assert.deepEqual(
    logged.map(({ level, message, context }) => [level, message, context.component, context.kafka_offset]),
    [
      ['WARNING', 'Sample refused', 'kafka_source', 2],
      ['INFO', `PrometheusReporter listening on :${port}`, 'kafka_source', undefined],
    ],
  )
})

test('the generators write what Prometheus and Grafana read', async () => {
  await shell(consumer, scripts[1]!)
  const written = (name: string) => readFile(join(consumer, name), 'utf8')
  assert.match(await written('prometheus.yml'), /^scrape_configs:/m)
  assert.match(await written('alerts.yml'), /alert: HighKafkaLag[\s\S]*?> 50000/)
  assert.equal(JSON.parse(await written('dashboard.json')).title, 'My consumer')
})

test('every public name is there, and works', async () => {
  await writeFile(join(consumer, 'everyName.ts'), everyName)
  const { out } = await shell(consumer, 'node everyName.ts')
  assert.deepEqual(JSON.parse(out), exportedNames)
})

test('the types hold for a strict user, with and without the types of Node', async () => {
  await writeFile(join(consumer, 'everyName.ts'), everyName)
  // A dependency brings the types of Node along.
  const check = (types: string, file: string) =>
    `${join(root, 'node_modules/.bin/tsc')} --noEmit --strict --target esnext --types ${types} ${file}`
  for (const file of [...programs.keys(), 'everyName.ts'])
    await shell(consumer, `${check('node', file)} --module nodenext`)
  await shell(consumer, `${check('""', 'everyName.ts')} --module esnext --moduleResolution bundler`)
})

test('the command is installed, and the plugin of kubectl', async () => {
  const { out } = await shell(consumer, 'npx healthconsumer --help; npx healthconsumer --version')
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  assert.match(out, /^Usage: healthconsumer /)
  assert.ok(out.endsWith(`\n${version}\n`))
  const plugin = await shell(consumer, 'npx kubectl-healthconsumer --help; npx kubectl-healthconsumer --version')
  assert.match(plugin.out, /^Usage: kubectl healthconsumer /)
  assert.ok(plugin.out.endsWith(`\n${version}\n`))
})

test('the command prints what Argo CD needs, and completes', async () => {
  const { out } = await shell(consumer, 'npx healthconsumer generate argo-health')
  assert.equal(out, await readFile(join(root, 'charts/argocd/argocd-cm.yaml'), 'utf8'))
  const completed = await shell(consumer, 'npx healthconsumer completion bash; npx kubectl_complete-healthconsumer res')
  assert.match(completed.out, /^complete -F \S+ healthconsumer$/m)
  assert.match(completed.out, /\nresume\t.*\nrestart\t.*\n:4\n$/)
})

test('the tarball holds the compiled program and nothing else, and is small', async () => {
  const { out } = await shell(folder, `tar -tzf ${tarball}`)
  const expected =
    /^package\/(?:package\.json|README\.md|LICENSE|charts\/argocd\/argocd-cm\.yaml|dist\/(?:cli|crds|monitoring|operator|runtime)\/.*\.(?:js|d\.ts))$/
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .filter(entry => !expected.test(entry)),
    [],
  )
  const { size } = await stat(tarball)
  assert.ok(size < maximumBytes, `${size} bytes`)
})

/** `healthconsumer produce` without a broker: wrong flags, wrong manifests, nobody there. The real thing: test/kafka. */
import assert from 'node:assert/strict'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CommandIo } from '../../cli/io.ts'
import { runProgram } from '../../cli/program.ts'
import { freePorts } from '../../hack/freePorts.ts'

async function produce(...args: readonly string[]) {
  let out = ''
  let err = ''
  const io: CommandIo = {
    out(text) {
      out += text
    },
    err(text) {
      err += text
    },
    exitCode: 0,
  }
  const exitCode = await runProgram(['produce', ...args], io)
  return { exitCode, out, err }
}

async function manifest(kafka: string, rest = ''): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'produce-')), 'manifest.yaml')
  await writeFile(
    file,
    `apiVersion: healthdata.dev/v1alpha1
kind: HealthConsumer
metadata: { name: test }
spec:
  kafka: ${kafka}
  iceberg: { catalog: { type: filesystem, warehouse: ./warehouse } }
${rest}`,
  )
  return file
}

/** A port that nobody listens at. */
const example = join(import.meta.dirname, '../../examples/quickstart.yaml')

for (const [what, args, message] of [
  ['no file', ['--payloads', '1'], /-f FILE is missing/],
  ['no number of payloads', ['-f', example], /--payloads N is missing/],
  ['no payloads at all', ['-f', example, '--payloads', '0'], /whole number from 1/],
  ['half a payload', ['-f', example, '--payloads', '1.5'], /whole number from 1/],
  ['a share above 1', ['-f', example, '--payloads', '1', '--invalid', '1.01'], /number from 0 to 1/],
  ['a share that is no number', ['-f', example, '--payloads', '1', '--invalid', 'few'], /number from 0 to 1/],
  ['a negative seed', ['-f', example, '--payloads', '1', '--seed=-1'], /whole number from 0/],
  ['a rate of 0', ['-f', example, '--payloads', '1', '--rate', '0'], /whole number from 1/],
  ['a file that is not there', ['-f', 'nowhere.yaml', '--payloads', '1'], /error\[MISSING_FILE\].*nowhere\.yaml/],
] as const)
  test(`${what} is a wrong input`, async () => {
    const { exitCode, out, err } = await produce(...args)
    assert.equal(exitCode, 2)
    assert.equal(out, '')
    assert.match(err, message)
  })

test('what it cannot send as the manifest says it refuses', async () => {
  const file = await manifest(
    '{ bootstrapServers: [localhost:1] }',
    '  format: avro\n  schemaRegistry: { url: http://localhost }\n',
  )
  const { exitCode, err } = await produce('-f', file, '--payloads', '1')
  assert.equal(exitCode, 2, err)
  assert.match(err, /error\[NOT_SUPPORTED\].*spec\.format/)
})

test('nobody there: it warns, names the broker, gives up after the time given and fails', async () => {
  const broker = `127.0.0.1:${(await freePorts(1))[0]}`
  const file = await manifest(`{ bootstrapServers: ["${broker}"] }`)
  const { exitCode, out, err } = await produce('-f', file, '--payloads', '1', '--timeout', '1')
  assert.equal(exitCode, 1)
  assert.equal(out, '')
  assert.match(err, new RegExp(`warning: Kafka at ${broker}: .*ECONNREFUSED.*trying again`))
  assert.match(err, new RegExp(`error\\[FAILED\\]: no success within 1 s.* · Kafka at ${broker} · check spec.kafka`))
})

test('with -o json the failure is one object on stdout', async () => {
  const file = await manifest(`{ bootstrapServers: ["127.0.0.1:${(await freePorts(1))[0]}"] }`)
  const { exitCode, out } = await produce('-f', file, '--payloads', '1', '--timeout', '0', '-o', 'json')
  assert.equal(exitCode, 1)
  assert.equal(JSON.parse(out).errors[0].code, 'FAILED')
})

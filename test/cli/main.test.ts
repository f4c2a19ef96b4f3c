import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs the command in the folder of the project. */
async function healthconsumer(...args: string[]) {
  const child = spawn(process.execPath, ['cli/main.ts', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { out, err, code }
}

const many = 'test/golden/manyProblems.yaml'

test('every example is valid, but the one of every field, which says itself what the operator refuses', async () => {
  const examples = (await readdir(`${root}/examples`))
    .filter(name => name.endsWith('.yaml'))
    .map(name => `examples/${name}`)
  assert.ok(examples.includes('examples/quickstart.yaml'))
  const { out, err, code } = await healthconsumer('validate', '-f', ...examples)
  assert.match(err, /^error\[NOT_SUPPORTED\]: spec\.format avro .* · examples\/everything\.yaml:\d+ · use json\n$/)
  assert.equal(code, 2)
  assert.equal(out.split('\n').length, examples.length)
  assert.match(out, /^examples\/quickstart\.yaml: HealthConsumer default\/quickstart is valid$/m)
})

test('every problem of a manifest is told at once, on stderr, with exit code 2', async () => {
  const { out, err, code } = await healthconsumer('validate', '-f', many)
  assert.equal(err, await readFile(`${root}/test/golden/manyProblems.txt`, 'utf8'))
  assert.deepEqual([out, code], ['', 2])
})

test('what only the runtime can tell of a manifest is told with its line, too', async () => {
  const manifest = await readFile(`${root}/examples/rest-s3-local.yaml`, 'utf8')
  const folder = await mkdtemp(join(tmpdir(), 'validate-'))
  const file = join(folder, 'wrong.yaml')
  await writeFile(file, manifest.replace(/^( +)type: rest$/m, '$1properties: {rest.auth.type: basic}\n$&'))
  const { out, err, code } = await healthconsumer('validate', '-f', file)
  await rm(folder, { recursive: true })
  const line = manifest.split('\n').findIndex(each => each.trim() === 'type: rest') + 1
  const field = 'spec.iceberg.catalog.properties["rest.auth.type"]'
  const told = `${field}: "basic" is not supported · ${file}:${line} · write none, oauth2 or sigv4`
  assert.deepEqual([out, err, code], ['', `error[INVALID_FORMAT]: ${told}\n`, 2])
})

for (const command of ['run', 'status', 'maintain', 'recover', 'doctor'])
  test(`${command} refuses what this version cannot do, with its line, and contacts nobody`, async () => {
    const { out, err, code } = await healthconsumer(command, '-f', 'examples/everything.yaml')
    assert.match(err, /^error\[NOT_SUPPORTED\]: spec\.format avro .* · examples\/everything\.yaml:\d+ · use json\n$/)
    assert.deepEqual([out, code], ['', 2])
  })

test('good and wrong files are told apart in one run', async () => {
  const { out, err, code } = await healthconsumer('validate', '-f', 'examples/minimal.yaml', '-f', 'nosuch.yaml')
  assert.equal(out, 'examples/minimal.yaml: HealthConsumer default/minimal is valid\n')
  assert.equal(err, 'error[MISSING_FILE]: there is no such file · nosuch.yaml · check the path after -f\n')
  assert.equal(code, 2)
})

test('-o json prints one object on stdout and nothing on stderr', async () => {
  const { out, err, code } = await healthconsumer('validate', '-o', 'json', '-f', 'examples/minimal.yaml', many)
  assert.deepEqual([err, code], ['', 2])
  const { files } = JSON.parse(out)
  assert.deepEqual(files[0], { file: 'examples/minimal.yaml', valid: true, namespace: 'default', name: 'minimal' })
  assert.equal(files[1].valid, false)
  const { code: problem, what, where, fix, file, line, field, value } = files[1].problems[0]
  assert.deepEqual([problem, file, line, field, value], ['BROKEN_RULE', many, 4, 'metadata.name', '"Heart_Rates"'])
  assert.ok(what && fix && where === `${many}:4`)
})

for (const [args, message] of [
  [['validat'], "unknown command 'validat' · healthconsumer · did you mean validate? see healthconsumer --help"],
  [['--versoin'], "unknown option '--versoin' · healthconsumer · did you mean --version? see healthconsumer --help"],
  [['validate'], '-f FILE is missing · healthconsumer validate · see healthconsumer validate --help'],
  [
    ['validate', '-f'],
    "option '-f, --file <file...>' argument missing · healthconsumer validate · see healthconsumer validate --help",
  ],
  [
    ['validate', '--fil', 'x'],
    "unknown option '--fil' · healthconsumer validate · did you mean --file? see healthconsumer validate --help",
  ],
  [
    ['validate', '-f', 'x', '-o', 'xml'],
    "option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, json. · healthconsumer validate · see healthconsumer validate --help",
  ],
] as const)
  test(`healthconsumer ${args.join(' ')} is wrong usage`, async () => {
    assert.deepEqual(await healthconsumer(...args), { out: '', err: `error[USAGE]: ${message}\n`, code: 2 })
  })

test('wrong usage with -o json is one object too', async () => {
  const { out, err, code } = await healthconsumer('validate', '-o', 'json', '--fil')
  assert.deepEqual([err, code], ['', 2])
  assert.equal(JSON.parse(out).errors[0].code, 'USAGE')
})

test('help and version are answered on stdout with exit code 0, no command with help and exit code 2', async () => {
  for (const args of [['help'], ['--help'], ['-h'], ['help', 'validate'], ['validate', '--help']]) {
    const { out, err, code } = await healthconsumer(...args)
    assert.deepEqual([err, code], ['', 0])
    assert.match(out, /^Usage: healthconsumer /)
    assert.match(out, /^Example:\n {2}healthconsumer validate -f /m)
  }
  assert.match((await healthconsumer('--version')).out, /^\d+\.\d+\.\d+\n$/)
  const none = await healthconsumer()
  assert.deepEqual([none.out, none.code], ['', 2])
  assert.match(none.err, /^Usage: healthconsumer /)
})

test('a reader that goes away changes neither exit code nor stderr', async () => {
  const child = spawn(
    process.execPath,
    ['cli/main.ts', 'validate', '-f', ...Array(3000).fill('examples/minimal.yaml')],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  child.stdout.destroy()
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  assert.deepEqual([err, code], ['', 0])
})

test('a full disk behind stdout is exit code 1', async () => {
  const full = await open('/dev/full', 'w')
  const child = spawn(process.execPath, ['cli/main.ts', 'validate', '-f', 'examples/minimal.yaml'], {
    cwd: root,
    stdio: ['ignore', full.fd, 'ignore'],
  })
  const [code] = await once(child, 'close')
  await full.close()
  assert.equal(code, 1)
})

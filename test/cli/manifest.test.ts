import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CommandError, failureLine } from '../../cli/errors.ts'
import { loadManifest, parseManifest, readManifest } from '../../cli/manifest.ts'

const root = new URL('../../', import.meta.url)
/** Without its comments, so that these lines count. */
const minimal = (await readFile(new URL('examples/minimal.yaml', root), 'utf8')).replaceAll(/^ *#.*\n/gm, '')
const folder = await mkdtemp(join(tmpdir(), 'manifest-'))
after(() => rm(folder, { recursive: true }))

async function read(name: string, content: string | Uint8Array) {
  const file = join(folder, name)
  await writeFile(file, content)
  return readManifest(file)
}

const codes = ({ failures }: Awaited<ReturnType<typeof readManifest>>) =>
  failures?.map(({ code, line }) => [code, line])

test('a manifest is the resource with its defaults, and the folder that paths count from', async () => {
  const { manifest } = await read('good.yaml', minimal)
  assert.equal(manifest?.folder, folder)
  assert.equal(manifest?.resource.spec.iceberg.commit.interval, '60s')
})

test('JSON, CRLF, a byte order mark and what kubectl get prints are taken', async () => {
  const { manifest } = await read('good.yaml', minimal)
  const json = JSON.stringify({ ...manifest!.resource, status: { observedGeneration: 4 } }, null, '\t')
  const live = minimal.replace(
    '  name: minimal',
    '  name: minimal\n  uid: a-b\n  generation: 3\n  managedFields: [{manager: kubectl}]',
  )
  for (const text of [json, live, minimal.replaceAll('\n', '\r\n'), `\ufeff${minimal}`, `---\n${minimal}---\n`])
    assert.equal(codes(await read('other', text)), undefined)
})

test('a file that cannot be read is told by its reason', async () => {
  const missing = await readManifest(join(folder, 'nosuch.yaml'))
  assert.deepEqual(codes(missing), [['MISSING_FILE', undefined]])
  assert.deepEqual(codes(await readManifest(folder)), [['UNREADABLE_FILE', undefined]])
  assert.deepEqual(codes(await readManifest(join(folder, 'good.yaml', 'x'))), [['UNREADABLE_FILE', undefined]])
  assert.deepEqual(codes(await readManifest('a\0b')), [['UNREADABLE_FILE', undefined]])
})

test('a file of exactly 1 MiB is read, one byte more is not', async () => {
  const filled = minimal.padEnd(1_048_576, '#')
  assert.equal(codes(await read('large.yaml', filled)), undefined)
  assert.deepEqual(codes(await read('large.yaml', `${filled}#`)), [['FILE_TOO_LARGE', undefined]])
})

test('bytes that are not UTF-8 are told with their line', async () => {
  assert.deepEqual(codes(await read('latin1', Buffer.from('a: 1\nb: é\nc: 1\n', 'latin1'))), [['INVALID_UTF8', 2]])
  assert.deepEqual(codes(await read('utf16', Buffer.from(`\ufeff${minimal}`, 'utf16le'))), [['INVALID_UTF8', 1]])
})

test('a problem of a field stands at its line, a missing field at the one around it', () => {
  const wrong = parseManifest('m.yaml', minimal.replace('9092]', '99999]').replace('      type: filesystem\n', ''))
  assert.deepEqual(codes(wrong), [
    ['INVALID_FORMAT', 7],
    ['MISSING_FIELD', 9],
  ])
  assert.equal(
    failureLine(wrong.failures![0]!),
    'error[INVALID_FORMAT]: spec.kafka.bootstrapServers[0]: "kafka-bootstrap:99999" has the wrong form · m.yaml:7 · ' +
      'write host:port with a port from 1 to 65535',
  )
})

test('problems of the YAML and of the fields are told together, in the order of the lines', () => {
  const text = minimal.replace('  kafka:', '  paused: 1\n  paused: 2\n  kafka:').replace('warehouse:', 'warehose:')
  assert.deepEqual(codes(parseManifest('m.yaml', text)), [
    ['DUPLICATE_KEY', 7],
    ['WRONG_TYPE', 7],
    ['BROKEN_RULE', 11],
    ['UNKNOWN_FIELD', 13],
  ])
})

test('a control character in a key does not reach the terminal', () => {
  for (const failure of parseManifest('m\x1b[31m.yaml', `${minimal}"\\e[31m": 1\n"\\x9b31m": 1\n`).failures!)
    assert.doesNotMatch(failureLine(failure), /\p{Cc}/u)
})

test('a command that needs a manifest ends with every failure and exit code 2', async () => {
  await assert.rejects(loadManifest(join(folder, 'nosuch.yaml')), (error: unknown) => {
    assert.ok(error instanceof CommandError)
    assert.equal(error.exitCode, 2)
    assert.match(error.message, /^error\[MISSING_FILE\]: /)
    return true
  })
})

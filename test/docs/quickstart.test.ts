import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { until } from '../until.ts'

const program = join(import.meta.dirname, '../../hack/quickstart')
const dir = await mkdtemp(join(tmpdir(), 'quickstart-'))
const limit = { timeout: 240_000 }

after(async () => {
  await finished(start('--stop'))
  await rm(dir, { recursive: true })
})

/** In a process group of its own, as a terminal starts it. */
function start(...args: string[]): ChildProcess {
  return spawn(program, ['--dir', dir, ...args], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function finished(child: ChildProcess) {
  const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')])
  return { out, err, code: code as number | null }
}

const quickstart = (...args: string[]) => finished(start(...args))

interface Report {
  readonly produced: { valid: number; invalid: number; valueSum: number }
  readonly raw: { rows: number; valueSum: number; snapshotId: string; dataFiles: number }
  readonly errors: { rows: number; byReason: Record<string, number> }
  readonly warehouse: string
  readonly seconds: number
}

async function report(...args: string[]): Promise<Report> {
  const { out, err, code } = await quickstart('--json', '--payloads', '300', ...args)
  assert.equal(code, 0, err)
  assert.match(out, /^\{.*\}\n$/)
  return JSON.parse(out)
}

/** Processes that name the folder in their arguments. */
async function processes(): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.includes(dir)) found.push(line.replaceAll('\0', ' '))
  }
  return found
}

async function assertNothingRuns(): Promise<void> {
  assert.deepEqual(await processes(), [])
}

/** Resolves once the text was said. */
async function said(child: ChildProcess, what: string): Promise<void> {
  let heard = ''
  child.stderr!.on('data', chunk => {
    heard += chunk
  })
  await until(`quickstart says: ${what}`, () => heard.includes(what) || child.exitCode !== null, 60)
  assert.ok(heard.includes(what), heard)
}

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0)

test('wrong usage is told with exit code 2, help with 0', async () => {
  for (const args of [['--bogus'], ['--payloads', 'many'], ['--payloads', '0'], ['--stop', '--keep'], ['more']]) {
    const { out, err, code } = await quickstart(...args)
    assert.deepEqual([out, code], ['', 2], args.join(' '))
    assert.match(err, /^quickstart: .*--help\n$/)
  }
  const help = await quickstart('--help')
  assert.equal(help.code, 0)
  assert.match(help.out, /--keep[\s\S]*--fresh[\s\S]*--json/)
})

for (const moment of ['starting Kafka', 'kafka: starting at'])
  test(`a Ctrl-C at "${moment}" leaves nothing running`, limit, async () => {
    const child = start()
    await said(child, moment)
    const ended = once(child, 'close')
    process.kill(-child.pid!, 'SIGINT')
    assert.deepEqual(await ended, [130, null])
    await assertNothingRuns()
  })

test('the first run finds in the tables what it produced, the second adds to it', limit, async () => {
  // On top of what the interrupted runs had begun.
  const first = await report()
  assert.deepEqual(Object.keys(first), ['produced', 'raw', 'errors', 'warehouse', 'seconds'])
  const { produced, raw, errors } = first
  assert.ok(produced.valid + produced.invalid > 5_700 && produced.invalid > 20)
  assert.deepEqual([raw.rows, raw.valueSum, errors.rows], [produced.valid, produced.valueSum, produced.invalid])
  assert.equal(sum(errors.byReason), errors.rows)
  assert.match(raw.snapshotId, /^\d{10,19}$/)
  assert.equal(first.warehouse, join(dir, 'warehouse'))
  const files = await readdir(first.warehouse, { recursive: true })
  const dataFiles = files.filter(name => name.startsWith('health_db/health_data_raw') && name.endsWith('.parquet'))
  assert.equal(raw.dataFiles, dataFiles.length)
  await assertNothingRuns()

  const second = await report()
  assert.notEqual(second.produced.valueSum, produced.valueSum, 'another seed')
  assert.equal(second.raw.rows, raw.rows + second.produced.valid)
  assert.equal(second.raw.valueSum, raw.valueSum + second.produced.valueSum)
  assert.equal(second.errors.rows, errors.rows + second.produced.invalid)
  await assertNothingRuns()
})

test('--keep leaves both running, a run beside it is refused or goes on from it, --stop ends them', limit, async () => {
  const kept = await quickstart('--keep', '--payloads', '300')
  assert.equal(kept.code, 0, kept.err)
  assert.equal((await processes()).length, 2)
  const port = /http:\/\/127\.0\.0\.1:(\d+)\/metrics/.exec(kept.out)?.[1]
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  assert.match(await answer.text(), /^health_data_valid_records_total [1-9]/m)
  assert.match(kept.out, /--stop/)

  const again = start('--keep', '--payloads', '300')
  await said(again, 'producing')
  const refused = await quickstart()
  assert.equal(refused.code, 1)
  assert.match(refused.err, /another quickstart is at work in .*: wait/)
  assert.equal((await finished(again)).code, 0)
  assert.equal((await processes()).length, 2)

  assert.equal((await quickstart('--stop')).code, 0)
  await assertNothingRuns()
  assert.equal((await quickstart('--stop')).code, 0)
})

for (const moment of ['producing', 'waiting'])
  test(`a Ctrl-C while ${moment} leaves nothing running and nothing broken`, limit, async () => {
    const child = start('--keep', '--payloads', '2000')
    await said(child, moment)
    const ended = once(child, 'close')
    process.kill(-child.pid!, 'SIGINT')
    assert.deepEqual(await ended, [130, null])
    await assertNothingRuns()
  })

test('what a killed run left behind is taken over by the next one', limit, async () => {
  const child = start('--payloads', '2000')
  await said(child, 'waiting')
  const ended = once(child, 'close')
  process.kill(child.pid!, 'SIGKILL')
  await ended
  assert.equal((await processes()).length, 2)
  const next = await report()
  assert.ok(next.raw.rows > next.produced.valid)
  await assertNothingRuns()
})

test('a port that another program holds is named, with what to do', limit, async () => {
  const port = Number((await readFile(join(dir, 'kafka/bootstrap-servers'), 'utf8')).split(':')[1])
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  const { err, code } = await quickstart('--payloads', '10')
  server.close()
  assert.equal(code, 1)
  assert.match(err, new RegExp(`port ${port} .* in use by another program.*--fresh`))
  await assertNothingRuns()
})

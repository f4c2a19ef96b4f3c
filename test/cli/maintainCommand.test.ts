import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { describe } from '../../cli/maintainCommand.ts'
import { runProgram } from '../../cli/program.ts'
import type { UpkeepReport } from '../../runtime/contract/upkeep.ts'

const folder = await mkdtemp(join(tmpdir(), 'maintain-'))
after(() => rm(folder, { recursive: true }))

async function maintain(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const io = {
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    exitCode: 0 as const,
  }
  const code = await runProgram(['maintain', ...args], io)
  return { out: out.join(''), err: err.join(''), code }
}

async function manifest(change: (text: string) => string = text => text): Promise<string> {
  const example = await readFile(new URL('../../examples/quickstart.yaml', import.meta.url), 'utf8')
  const file = join(folder, 'manifest.yaml')
  await writeFile(file, change(example.replace('../.quickstart', folder)))
  return file
}

test('without tables there is nothing to do', async () => {
  assert.deepEqual(await maintain('-f', await manifest()), { out: 'nothing to remove\n', err: '', code: 0 })
  const { out, code } = await maintain('-f', await manifest(), '--dry-run', '-o', 'json')
  const { name, namespace, dryRun, items } = JSON.parse(out)
  assert.deepEqual([name, namespace, dryRun, items, code], ['quickstart', 'default', true, [], 0])
})

test('files younger than a day are refused as orphans, and anything younger than an hour', async () => {
  const file = await manifest()
  for (const args of [
    ['--older-than', '23h'],
    ['--orphans', '--older-than', '2h'],
  ]) {
    const { err, code } = await maintain('-f', file, ...args)
    assert.equal(code, 2)
    assert.match(err, /^error\[USAGE\]: .*on their way into a commit/)
  }
  assert.equal((await maintain('-f', file, '--expire', '--older-than', '2h')).code, 0)
  for (const wrong of ['59m', '0d', '1', 'P1D', '-3d'])
    assert.equal((await maintain('-f', file, '--expire', '--older-than', wrong)).code, 2, wrong)
})

test('a manifest that is missing or cannot be served is exit code 2, a damaged table 1', async () => {
  assert.equal((await maintain()).code, 2)
  const compacting = await manifest(text =>
    text.replace(/^ {2}iceberg:$/m, '  iceberg:\n    maintenance: {compaction: {enabled: true}}'),
  )
  const refused = await maintain('-f', compacting)
  assert.equal(refused.code, 2)
  assert.match(refused.err, /compaction.*rewrite_data_files/)
  const metadata = join(folder, 'warehouse/health_db/health_data_errors/metadata')
  await mkdir(metadata, { recursive: true })
  await writeFile(join(metadata, 'v1.metadata.json'), '{"format-version"')
  const damaged = await maintain('-f', await manifest())
  assert.equal(damaged.code, 1)
  assert.match(damaged.err, /^error\[FAILED\]: .*v1\.metadata\.json/)
})

const report: UpkeepReport = {
  dryRun: false,
  items: [
    { step: 'expiry', table: 'db.raw', kind: 'snapshots', count: 1200, bytes: null, oldestMs: 1_000_000_000_000 },
    { step: 'orphans', table: 'db.errors', kind: 'orphan files', count: 3, bytes: 12345, oldestMs: 1_000_000_000_000 },
  ],
  snapshots: { 'db.raw': 2000 },
  left: ['db.errors: gc.enabled is false'],
}

test('the table says what went, how much, how old, what is left, and what was left alone', () => {
  assert.equal(
    describe(report, 1_000_000_000_000 + 9 * 86_400_000),
    [
      'TABLE      REMOVED       COUNT  BYTES   OLDEST',
      'db.raw     snapshots     1,200          9 days old',
      'db.errors  orphan files  3      12,345  9 days old',
      'db.raw has 2,000 snapshots',
      'left alone: db.errors: gc.enabled is false',
      '',
    ].join('\n'),
  )
  assert.match(describe({ ...report, dryRun: true }, 0), /TO BE REMOVED[\s\S]*db\.raw would have 2,000 snapshots/)
})

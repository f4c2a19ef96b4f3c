import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runProgram } from '../../cli/program.ts'
import { describe } from '../../cli/statusCommand.ts'
import type { Inspection } from '../../runtime/contract/inspection.ts'

const folder = await mkdtemp(join(tmpdir(), 'status-'))
after(() => rm(folder, { recursive: true }))

async function healthconsumer(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const code = await runProgram(args, { out: text => out.push(text), err: text => err.push(text), exitCode: 0 })
  return { out: out.join(''), err: err.join(''), code }
}

/** A manifest whose broker refuses every connection: port 1 is nobody's. */
async function manifest(change: (text: string) => string = text => text): Promise<string> {
  const example = await readFile(new URL('../../examples/quickstart.yaml', import.meta.url), 'utf8')
  const file = join(folder, 'manifest.yaml')
  await writeFile(file, change(example.replace('127.0.0.1:19092', '127.0.0.1:1').replace('../.quickstart', folder)))
  return file
}

test('without Kafka and without tables it says both, and that is exit code 0', async () => {
  const { out, err, code } = await healthconsumer('status', '-f', await manifest(), '--timeout', '1')
  assert.deepEqual([err, code], ['', 0])
  assert.match(out, /^raw table +health_db\.health_data_raw: not there yet; `healthconsumer run` creates it$/m)
  assert.match(out, /^lag +unknown: Kafka at 127\.0\.0\.1:1 /m)
})

test('-o json is one object that names the consumer and what is unknown', async () => {
  const { out, code } = await healthconsumer('status', '-f', await manifest(), '-o', 'json', '--timeout', '1')
  const answer = JSON.parse(out)
  assert.equal(code, 0)
  assert.deepEqual([answer.namespace, answer.name, answer.group], ['default', 'quickstart', 'default.quickstart'])
  assert.deepEqual([answer.lag, answer.kafka.reachable, answer.tables.raw.snapshotId], [null, false, null])
})

test('a manifest that this version cannot serve is exit code 2, a damaged table 1', async () => {
  const avro = await manifest(text =>
    text.replace('spec:', 'spec:\n  format: avro\n  schemaRegistry: {url: "http://r"}'),
  )
  assert.equal((await healthconsumer('status', '-f', avro)).code, 2)
  assert.equal((await healthconsumer('status')).code, 2)

  const metadata = join(folder, 'warehouse/health_db/health_data_raw/metadata')
  await mkdir(metadata, { recursive: true })
  await writeFile(join(metadata, 'v1.metadata.json'), '{"format-version"')
  const damaged = await healthconsumer('status', '-f', await manifest(), '--timeout', '1')
  assert.equal(damaged.code, 1)
  assert.match(damaged.err, /^error\[FAILED\]: .*v1\.metadata\.json/)
})

const inspection: Inspection = {
  group: 'g',
  tables: {
    raw: {
      name: 'db.raw',
      location: 'file:///w/db/raw',
      initialised: true,
      snapshotId: '8123456789012345678',
      snapshots: 7,
      rows: 395_671,
      dataFiles: 64,
      sequence: 7,
      lastCommitAt: '2026-01-01T00:00:00.000Z',
    },
    errors: {
      name: 'db.errors',
      location: 'file:///w/db/errors',
      initialised: false,
      snapshotId: null,
      snapshots: 0,
      rows: null,
      dataFiles: null,
      sequence: null,
      lastCommitAt: null,
    },
  },
  partitions: [
    { topic: 't', partition: 0, nextOffset: 1_200, endOffset: 1_250, lag: 50, groupOffset: 1_100 },
    { topic: 't', partition: 10, nextOffset: null, endOffset: 3, lag: null, groupOffset: null },
  ],
  lag: 50,
  pendingErrorFiles: 2,
  pendingErrorRows: 1_300,
  lastCommitAt: '2026-01-01T00:00:00.000Z',
  halts: [{ code: 'OffsetGap', message: 'a gap', fix: 'choose' }],
  kafka: { reachable: true, error: null, code: null },
}

test('people get tables, lag, halts with their fix, and a line for each partition', () => {
  const text = describe('ns/name', inspection, Date.parse('2026-01-01T00:05:00Z'))
  assert.equal(
    text,
    `consumer        ns/name, group g
raw table       db.raw: 395,671 rows in 64 files, snapshot 8123456789012345678 of 7, last commit 5 min ago
errors table    db.errors: not initialised yet; \`healthconsumer run\` does it
pending errors  2 batches, 1,300 rows
lag             50 records
halt            OffsetGap: a gap
                fix: choose

PARTITION  NEXT   END    LAG  GROUP
t:0        1,200  1,250  50   1,100
t:10       ?      3      ?    ?
`,
  )
})

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runProgram } from '../../cli/program.ts'
import { describeOffers, describeRecovered } from '../../cli/recoverText.ts'

const folder = await mkdtemp(join(tmpdir(), 'recover-'))
after(() => rm(folder, { recursive: true }))

async function recover(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), exitCode: 0 as const }
  const code = await runProgram(['recover', ...args], io)
  return { out: out.join(''), err: err.join(''), code }
}

/** Its broker refuses every connection: port 1 is nobody's. */
const example = await readFile(new URL('../../examples/quickstart.yaml', import.meta.url), 'utf8')
const manifest = join(folder, 'manifest.yaml')
await writeFile(manifest, example.replace('127.0.0.1:19092', '127.0.0.1:1').replace('../.quickstart', folder))
const at = ['-f', manifest, '--timeout', '1'] as const

test('before the first run nothing is wrong, Kafka or not', async () => {
  const { out, err, code } = await recover(...at)
  assert.deepEqual([err, code], ['', 0])
  assert.match(out, /^consumer {2}default\/quickstart, group default\.quickstart\nhalt {6}none that/)
  const answer = JSON.parse((await recover(...at, '-o', 'json')).out)
  assert.deepEqual([answer.name, answer.group, answer.halts, answer.ways], ['quickstart', 'default.quickstart', [], []])
})

test('a way that ends nothing is exit code 1, and says whether Kafka was asked', async () => {
  const { err, code } = await recover(...at, '--accept-gap', '--yes')
  assert.equal(code, 1)
  assert.match(err, /^error\[NOT_APPLICABLE\]: there is nothing .*Kafka did not answer: .*127\.0\.0\.1:1/)
})

for (const [args, said] of [
  [[], /-f FILE is missing/],
  [['-f', manifest, '--undo', 'raw', '--accept-gap', '--yes'], /more than one way is named/],
  [['-f', manifest, '--yes'], /no way is named/],
  [['-f', manifest, '--dry-run'], /no way is named/],
  [['-f', manifest, '--undo', 'both', '--yes'], /'both' is invalid.*raw, errors/],
  [['-f', manifest, '--accept-gap'], /nobody is there to ask.*--yes/],
  [['-f', manifest, '--accept-gap', '--from', 'earliest', '--yes'], /--from belongs to/],
  [['-f', manifest, '--from', 'earliest'], /--from belongs to/],
  [['-f', manifest, '--adopt', '--from', 'keep', '--yes'], /no offsets to keep/],
  [['-f', manifest, '--adopt', '--from', 'yesterday', '--yes'], /It must be earliest/],
  [['-f', manifest, '--adopt', '--from', 't:0=1,t:0=2', '--yes'], /It must be earliest/],
  [['-f', manifest, '--adopt', '--from', 't:0=-1', '--yes'], /It must be earliest/],
  [['-f', manifest, '--adopt', '--from', 't:0=9999999999999999', '--yes'], /It must be earliest/],
  [['-f', manifest, '--take-over', '--yes'], /argument missing|nobody is there/],
  [['-f', join(folder, 'none.yaml')], /there is no such file/],
] as const)
  test(`wrong input is exit code 2: ${args.join(' ').replaceAll(folder, '')}`, async () => {
    const { out, err, code } = await recover(...args)
    assert.deepEqual([out, code], ['', 2])
    assert.match(err, said)
  })

test('people get halts with their fix, and what each way does, loses and doubles', () => {
  const text = describeOffers(
    { name: 'name', namespace: 'ns', group: 'g' },
    [{ code: 'OffsetGap', message: 'a gap', fix: 'choose' }],
    [
      { flag: '--undo raw', ends: ['LineageBroken'], does: 'sets main', loses: [], doubles: ['a', 'b'], steps: [] },
      { flag: '--adopt', ends: ['ForeignTable'], refused: 'say where' },
    ],
  )
  assert.equal(
    text,
    `consumer  ns/name, group g
halt      OffsetGap: a gap
          fix: choose

--undo raw
  does     sets main
  loses    nothing
  doubles  a
           b

--adopt
  not now  say where
`,
  )
})

test('commits are shown with what they require and write, long values cut', () => {
  const text = describeRecovered(
    {
      way: { flag: '--accept-gap', ends: ['OffsetGap'], does: 'notes', loses: ['t:0'], doubles: [], steps: [] },
      steps: [
        {
          table: 'db.raw',
          does: 'commit the offsets',
          requires: ['main is 7'],
          updates: ['set main to 8'],
          summary: { 'hc.offsets': 'x'.repeat(500) },
        },
      ],
    },
    true,
  )
  assert.equal(
    text,
    `--accept-gap
  does     notes
  loses    t:0
  doubles  nothing
would  1. commit the offsets
         if main is 7
         set main to 8
           hc.offsets = ${'x'.repeat(160)}…
Nothing was changed.
`,
  )
})

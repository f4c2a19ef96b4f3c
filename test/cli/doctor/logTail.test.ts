import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readLogTail } from '../../../cli/doctor/logTail.ts'

const folder = await mkdtemp(join(tmpdir(), 'log-'))
after(() => rm(folder, { recursive: true }))

async function tailOf(content: string) {
  const path = join(folder, 'app.log')
  await writeFile(path, content)
  const tail = await readLogTail(path)
  assert.equal(tail.unreadable, null)
  return tail
}

test('the newest 200 whole lines are read', async () => {
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index}`)
  const { lines: read, startedOnPort } = await tailOf(`${lines.join('\n')}\ncut`)
  assert.deepEqual([read, startedOnPort], [lines.slice(100), null])
})

test('the newest start line is found wherever it is, across chunks too', async () => {
  const started = (port: number) => `{"message":"PrometheusReporter listening on :${port}"}\n`
  const filling = `${'x'.repeat(99)}\n`.repeat(7_000)
  for (const shift of [50, 75, 80, 83])
    assert.equal(
      (
        await tailOf(
          `${started(1)}${' '.repeat((1 << 20) - 100 + shift - started(1).length)}${started(9249)}${filling}`,
        )
      ).startedOnPort,
      9249,
    )
})

test('a line that is cut by the bound is left out', async () => {
  const long = 'x'.repeat(400_000)
  assert.deepEqual((await tailOf(`${long}\n${long}\n`)).lines, [long])
})

test('what is no readable file is said', async () => {
  assert.deepEqual(await readLogTail('/nosuch'), { path: '/nosuch', unreadable: 'ENOENT' })
  assert.deepEqual(await readLogTail(folder), { path: folder, unreadable: 'it is no file' })
})

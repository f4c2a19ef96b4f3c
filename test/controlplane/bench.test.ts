/** The benchmark of the operator measures what it says, in small; and it fails past a limit. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { compare, figures, isBeyond, type Line, printed } from '../bench/operator/figures.ts'

const run = promisify(execFile)
const bench = join(import.meta.dirname, '../bench/operator.ts')

test('a few HealthConsumers: every figure, and no more requests than they need', async () => {
  const few = ['--count', '4', '--changes', '3', '--idle-seconds', '2', '--alone', '--json']
  // Its limits are those of a quiet machine; this one runs other tests.
  const { stdout } = await run(process.execPath, [bench, ...few]).catch((error: { stdout: string }) => error)
  const lines = JSON.parse(stdout) as readonly Line[]
  const measured = new Map(lines.map(line => [line.name, line.measured]))
  const ofControllers = /Running$/
  const expected = Object.keys(figures).filter(name => !ofControllers.test(name))
  assert.deepEqual([...measured.keys()], expected)
  // Nine children and a status each, and a look at the names in each of four namespaces by kind.
  const requests = measured.get('requestsStopped')!
  assert.ok(requests >= 4 * 10 && requests <= 4 * 10 + 4 * 10 * 2, String(requests))
  assert.equal(measured.get('restartWrites'), 0)
  assert.ok(measured.get('restartRequests')! > 10 && measured.get('restartRequests')! <= 50)
  for (const name of ['wallStopped', 'cpuStopped', 'peakRss', 'changeP50', 'changeP99', 'restart'] as const)
    assert.ok(measured.get(name)! > 0, name)
})

test('a limit is kept, or said to be passed', () => {
  const { limit, goal } = figures.changeP99
  const at = (changeP99: number) => compare({ changeP99 }, 1000)[0]!
  assert.deepEqual([at(limit), at(limit + 1)].map(isBeyond), [false, true])
  assert.match(printed([at(limit + 1)]), /beyond the limit/)
  assert.match(printed([at(goal + 1)]), /beyond the goal/)
  assert.doesNotMatch(printed([at(goal)]), /beyond/)
  // More of them may take more, fewer no less.
  const requestsOf = (count: number) => compare({ requestsStopped: 1 }, count)[0]!.limit
  assert.deepEqual([10, 1000, 2000].map(requestsOf), [12_000, 12_000, 24_000])
})

test('flags that make no sense are refused', async () => {
  await assert.rejects(run(process.execPath, [bench, '--count', 'many']), { code: 2, stderr: /--count many: give/ })
})

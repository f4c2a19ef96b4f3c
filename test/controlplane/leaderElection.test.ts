/** Processes that want to lead, on a real API server: killed, stopped for a while, ended in peace. Never do two write. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import { until } from '../until.ts'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster({ controllers: false })
})
after(() => cluster?.down())

interface Process {
  readonly said: string[]
  readonly child: ChildProcess
}

/** The lease's time, what passes between two looks at it, and what a machine under load takes. */
const takeoverSeconds = 15 + 2.4 + 5

test('a leader that dies, sleeps or leaves is followed by exactly one', async t => {
  const a = await started(t, 'a')
  await until('a leads', () => a.said.includes('leading'))
  const b = await started(t, 'b')

  a.child.kill('SIGSTOP')
  const beganMs = Date.now()
  await until('b leads', () => b.said.includes('leading'), takeoverSeconds)
  t.diagnostic(`the leader slept, ${((Date.now() - beganMs) / 1000).toFixed(1)} s later another led`)
  const exit = once(a.child, 'exit')
  a.child.kill('SIGCONT')
  assert.equal((await exit)[0], 1)
  assert.deepEqual(a.said, ['leading', 'lost'])

  const c = await started(t, 'c')
  b.child.kill('SIGKILL')
  const killedMs = Date.now()
  await until('c leads', () => c.said.includes('leading'), takeoverSeconds)
  t.diagnostic(`the leader was killed, ${((Date.now() - killedMs) / 1000).toFixed(1)} s later another led`)

  const d = await started(t, 'd')
  const left = once(c.child, 'exit')
  c.child.kill('SIGTERM')
  assert.equal((await left)[0], 0)
  assert.deepEqual(c.said, ['leading', 'released'])
  await until('d leads', () => d.said.includes('leading'), 2.4 + 5)

  await until('d writes', async () => (await writersInOrder()).at(-1) === 'd')
  assert.deepEqual(await writersInOrder(), ['a', 'b', 'c', 'd'])
})

async function started(t: TestContext, identity: string): Promise<Process> {
  const script = join(import.meta.dirname, 'elector.ts')
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, [script, cluster.kubeconfig, identity], { stdio: [...stdio] })
  t.after(() => child.kill('SIGKILL'))
  const said: string[] = []
  child.stdout!.on('data', chunk => said.push(...String(chunk).trim().split('\n')))
  const looks = async () => (await cluster.audit()).some(each => each.userAgent?.endsWith(`/${identity}`))
  await until(`${identity} looks at the lease`, looks)
  return { said, child }
}

/** Who wrote what leaders write, by the API server's own record; each once where nobody wrote in between. */
async function writersInOrder(): Promise<readonly string[]> {
  const writes = (await cluster.audit()).filter(each => each.verb === 'patch' && each.objectRef?.name === 'written')
  const writers = writes.map(each => each.userAgent!.split('/')[1]!)
  return writers.filter((writer, i) => writer !== writers[i - 1])
}

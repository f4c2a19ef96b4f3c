import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { askPod, PipelinePoller } from '../../operator/pipelinePoller.ts'
import type { PodFacts } from '../../operator/workload.ts'
import type { RuntimeStatus } from '../../runtime/contract/status.ts'
import { type Told, told } from './consumers.ts'
import { pod } from './observed.ts'

const never = new AbortController().signal

function world() {
  const pods = new Map<string, readonly PodFacts[]>()
  const answers = new Map<string, Told>()
  const changed: string[] = []
  const asked: string[] = []
  let nowMs = 1_700_000_000_000
  const poller = new PipelinePoller({
    keys: () => pods.keys(),
    pods: key => pods.get(key) ?? [],
    async ask(address) {
      asked.push(address)
      const answer = answers.get(address)
      if (!answer) throw new Error('no answer')
      return told(answer)
    },
    changed: key => void changed.push(key),
    now: () => nowMs,
  })
  /** One round; the keys that are told. */
  const round = async (afterMs = 0) => {
    nowMs += afterMs
    changed.length = 0
    await poller.round(never)
    return [...changed]
  }
  return { pods, answers, asked, poller, round }
}

test('a change is told, at most once a minute; a halt, a trouble or a lag that is not known at once', async () => {
  const { pods, answers, poller, round } = world()
  pods.set('team/one', [pod({ address: 'a' })])
  assert.equal(poller.facts('team/one'), undefined)
  answers.set('a', { lags: [1] })
  assert.deepEqual(await round(), ['team/one'])
  assert.deepEqual(await round(30_000), [])
  answers.set('a', { lags: [2] })
  assert.deepEqual(await round(29_000), [])
  // The facts are new, they are only not shouted.
  assert.equal(poller.facts('team/one')?.status.lag, 2)
  assert.deepEqual(await round(1_000), ['team/one'])
  answers.set('a', { halt: { code: 'OffsetGap', message: 'm', fix: 'f' } })
  assert.deepEqual(await round(1_000), ['team/one'])
  answers.set('a', { trouble: { code: 'TopicMissing', message: 'm', since: 's' } })
  assert.deepEqual(await round(1_000), ['team/one'])
  answers.set('a', {})
  assert.deepEqual(await round(1_000), ['team/one'])
  answers.set('a', { lags: [null] })
  assert.deepEqual(await round(1_000), ['team/one'])
  answers.set('a', {})
  assert.deepEqual(await round(1_000), ['team/one'])
  assert.deepEqual(await round(600_000), [])
})

test('pods that go are not asked, those without an address count as silent', async () => {
  const { pods, answers, asked, poller, round } = world()
  pods.set('team/one', [
    pod({ address: 'a' }),
    pod({ address: 'going', terminating: true }),
    pod({ address: undefined }),
  ])
  answers.set('a', {})
  await round()
  assert.deepEqual(asked, ['a'])
  assert.deepEqual([poller.facts('team/one')?.answered, poller.facts('team/one')?.asked], [1, 2])
  pods.delete('team/one')
  await round()
  assert.equal(poller.facts('team/one'), undefined)
})

test('many consumers are asked side by side, and one that hangs keeps nobody', async () => {
  let running = 0
  let most = 0
  const poller = new PipelinePoller({
    keys: () => Array.from({ length: 100 }, (_, index) => `team/${index}`),
    pods: () => [pod()],
    async ask() {
      most = Math.max(most, ++running)
      await new Promise(resolve => setImmediate(resolve))
      running--
      throw new Error('no answer')
    },
    changed: () => undefined,
    now: () => 0,
  })
  await poller.round(never)
  assert.equal(most, 16)
  assert.equal(poller.facts('team/99')?.answered, 0)
})

test('a round that is broken off tells nothing', async () => {
  const stopping = new AbortController()
  const told: string[] = []
  const poller = new PipelinePoller({
    keys: () => ['team/one'],
    pods: () => [pod()],
    async ask() {
      stopping.abort()
      throw new Error('aborted')
    },
    changed: key => void told.push(key),
    now: () => 0,
  })
  await poller.round(stopping.signal)
  assert.deepEqual(told, [])
  assert.equal(poller.facts('team/one'), undefined)
})

async function answering(t: TestContext, listener: RequestListener): Promise<() => Promise<RuntimeStatus>> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close().closeAllConnections())
  return () => askPod('127.0.0.1', never, (server.address() as AddressInfo).port)
}

test('a pod is asked for its status, and believed where it tells one', async t => {
  let body: string | Buffer = JSON.stringify(told({ lags: [7] }))
  let code = 200
  const ask = await answering(t, (request, response) => {
    response.statusCode = request.url === '/status' ? code : 404
    response.end(body)
  })
  assert.deepEqual(
    (await ask()).partitions.map(({ lag }) => lag),
    [7],
  )
  // One of an older version says less.
  const { halt: _, trouble: __, ...older } = told()
  body = JSON.stringify(older)
  assert.deepEqual([(await ask()).halt, (await ask()).trouble], [null, null])
  for (const wrong of ['', 'no json', '{}', '[]', 'null', JSON.stringify({ ...told(), rates: {} })]) {
    body = wrong
    await assert.rejects(ask(), wrong)
  }
  body = Buffer.alloc(2 << 20, ' ')
  await assert.rejects(ask(), /more than 1048576 bytes/)
  body = JSON.stringify(told())
  code = 503
  await assert.rejects(ask(), /answers 503/)
})

test('nobody listens, or the signal aborts: that is no answer', async t => {
  const ask = await answering(t, () => undefined)
  const stopping = new AbortController()
  const { port } = await new Promise<AddressInfo>(resolve => {
    const server = createServer(() => stopping.abort()).listen(0, '127.0.0.1', () =>
      resolve(server.address() as AddressInfo),
    )
    t.after(() => server.close().closeAllConnections())
  })
  await assert.rejects(askPod('127.0.0.1', stopping.signal, port), { name: 'AbortError' })
  await assert.rejects(askPod('127.0.0.1', never, 1))
  assert.ok(ask)
})

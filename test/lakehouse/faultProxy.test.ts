/** That each fault is what it says: what the server gets, what the client sees, and what is counted. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, beforeEach, test } from 'node:test'
import { busiestSecond, startFaultProxy } from './faultProxy.ts'

const received: { method: string; path: string; host: string; body: string }[] = []
const server = createServer(async (request, response) => {
  const body = String(Buffer.concat(await request.toArray()))
  received.push({ method: request.method!, path: request.url!, host: request.headers.host!, body })
  response
    .writeHead(received.length === 1 ? 200 : 409, { 'content-type': 'text/plain' })
    .end(`answer ${received.length}`)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const proxy = await startFaultProxy({
  target: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  kindOf: ({ method }) => (method === 'POST' ? 'commit' : 'load'),
  random: () => 0.5,
})
after(async () => {
  await proxy.close()
  server.close()
})
beforeEach(() => {
  received.length = 0
  proxy.calm()
})

const commit = async () => {
  const answer = await fetch(`${proxy.url}/v1/t?a=b%2F`, {
    method: 'POST',
    body: 'größe',
    signal: AbortSignal.timeout(10_000),
  })
  return { status: answer.status, text: await answer.text() }
}
const seen = () => received.map(({ body }) => body)

test('what no rule is about passes as it came', async () => {
  assert.deepEqual(await commit(), { status: 200, text: 'answer 1' })
  const host = new URL(proxy.url).host
  assert.deepEqual(received, [{ method: 'POST', path: '/v1/t?a=b%2F', host, body: 'größe' }])
})

test('a lost answer, and one that is replaced: the server has done it', async () => {
  const lost = proxy.inject({ kinds: ['commit'], do: { fault: 'loseAnswer' }, times: 1 })
  await assert.rejects(commit(), /fetch failed/)
  proxy.inject({ kinds: ['commit'], do: { fault: 'loseAnswer', instead: { status: 503 } }, times: 1 })
  assert.equal((await commit()).status, 503)
  assert.deepEqual(await commit(), { status: 409, text: 'answer 3' })
  assert.deepEqual([seen(), lost.hits], [Array(3).fill('größe'), 1])
})

test('a refusal and a reset: the server sees nothing', async () => {
  proxy.inject({ do: { fault: 'refuse', status: 503, body: 'busy' }, times: 1 })
  proxy.inject({ do: { fault: 'reset' }, times: 1 })
  assert.deepEqual(await commit(), { status: 503, text: 'busy' })
  await assert.rejects(commit(), /fetch failed/)
  assert.deepEqual(seen(), [])
})

test('a request that arrives twice', async () => {
  proxy.inject({ do: { fault: 'resend', answer: 'second' }, times: 1 })
  assert.deepEqual(await commit(), { status: 409, text: 'answer 2' })
  proxy.inject({ do: { fault: 'resend', answer: 'first' }, times: 1 })
  assert.deepEqual(await commit(), { status: 409, text: 'answer 3' })
  assert.equal(received.length, 4)
})

test('a request that arrives after its client has given up', async () => {
  proxy.inject({ do: { fault: 'late', heldMs: 60_000, afterMs: 0 }, times: 1 })
  const first = proxy.sight('commit', 'done')
  const gaveUp = fetch(proxy.url, { method: 'POST', signal: AbortSignal.timeout(200) })
  await assert.rejects(gaveUp, { name: 'TimeoutError' })
  await first
  assert.equal(received.length, 1)
  proxy.inject({ do: { fault: 'late', heldMs: 50, afterMs: 0 }, times: 1 })
  const second = proxy.sight('commit', 'done')
  await assert.rejects(commit(), /fetch failed/)
  await second
  assert.equal(received.length, 2)
})

test('half an answer', async () => {
  proxy.inject({ do: { fault: 'truncate' } })
  const answer = await fetch(proxy.url)
  assert.deepEqual([answer.status, answer.headers.get('content-length')], [200, '8'])
  await assert.rejects(answer.text(), /terminated/)
})

test('rules count, choose and end; every request is counted', async () => {
  const from = proxy.exchanges.length
  const rule = proxy.inject({ kinds: ['commit'], do: { fault: 'refuse', status: 500 }, skip: 1, times: 2 })
  const never = proxy.inject({ do: { fault: 'reset' }, share: 0.5 })
  const statuses: number[] = []
  for (let n = 0; n < 4; n++) statuses.push((await commit()).status)
  assert.deepEqual([statuses, rule.hits, never.hits], [[200, 500, 500, 409], 2, 0])
  const always = proxy.inject({ do: { fault: 'reset' }, share: 0.51 })
  await assert.rejects(fetch(proxy.url))
  always.end()
  await fetch(proxy.url)
  const told = proxy.exchanges.slice(from).map(({ kind, fault, status }) => [kind, fault, status])
  assert.deepEqual(told, [
    ['commit', undefined, 200],
    ['commit', 'refuse', undefined],
    ['commit', 'refuse', undefined],
    ['commit', undefined, 409],
    ['load', 'reset', undefined],
    ['load', undefined, 409],
  ])
})

test('a server that is down ends the connection', async () => {
  const nowhere = await startFaultProxy({ target: () => 'http://127.0.0.1:1', kindOf: () => 'any', random: () => 0 })
  await assert.rejects(fetch(nowhere.url), /fetch failed/)
  await nowhere.close()
})

test('the busiest second', () => {
  const at = (...times: number[]) => times.map(atMs => ({ atMs, kind: 'any' }))
  assert.equal(busiestSecond([]), 0)
  assert.equal(busiestSecond(at(0, 1000, 2000)), 1)
  assert.equal(busiestSecond(at(0, 500, 999, 1000, 1400, 1600)), 4)
})

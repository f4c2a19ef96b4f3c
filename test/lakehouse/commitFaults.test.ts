/**
 * Everything that can happen to a request of a commit, at every step of it, between a real consumer, catalog and S3: answers
 * that are lost, late, doubled, cut or wrong, outages, expired tokens. Nothing is lost or doubled, no file that a snapshot
 * refers to is missing, nothing is tried again without a pause, and no secret gets out.
 */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createPayload } from '../../cli/payloads.ts'
import { allDurable } from '../faults/durable.ts'
import { exact, verdict } from '../faults/exactness.ts'
import { createFeed } from '../faults/feed.ts'
import { createRandom } from '../faults/random.ts'
import { until } from '../until.ts'
import { type Fault, type FaultProxy, printFault, untilNewToken } from './faultProxy.ts'
import { startLakehouse } from './lakehouse.ts'
import { lostAndOrphaned } from './storedFiles.ts'

const long = process.env.HC_TEST_LONG === '1'
const outageMs = long ? 60_000 : 5_000

const lesser: readonly Fault[] = [
  { fault: 'refuse', status: 500 },
  { fault: 'refuse', status: 429, headers: { 'retry-after': '1' } },
  { fault: 'reset' },
  { fault: 'resend', answer: 'first' },
  { fault: 'late', heldMs: 200, afterMs: 0 },
]
const catalogFaults: readonly Fault[] = [
  { fault: 'loseAnswer' },
  { fault: 'loseAnswer', instead: { status: 503 } },
  { fault: 'loseAnswer', instead: { status: 409 } },
  { fault: 'refuse', status: 503 },
  { fault: 'refuse', status: 409 },
  { fault: 'resend', answer: 'second' },
  { fault: 'late', heldMs: 200, afterMs: 1_000 },
  { fault: 'truncate' },
  ...(long ? lesser : []),
]
const storageFaults: readonly Fault[] = [
  { fault: 'loseAnswer' },
  { fault: 'loseAnswer', instead: { status: 503 } },
  { fault: 'refuse', status: 503 },
  { fault: 'reset' },
  { fault: 'resend', answer: 'second' },
  { fault: 'late', heldMs: 200, afterMs: 500 },
]
const files = ['data', 'pending data', 'pending manifest', 'manifest', 'manifest list'].map(kind => `put ${kind}`)

/** Requests to the catalog that a few commits and all their repetitions stay below; without a pause it is thousands. */
const tightLoop = 150

suite('a fault of a commit', async () => {
  const house = await startLakehouse({ random: createRandom(7) })
  after(() => house.stop())
  const topic = 'commit-faults'
  const payloads = { seed: 21, samplesPerPayload: 4, invalidShare: 0.1 }
  await house.broker.createTopic(topic, 4)
  const ground = await house.createGround({ topic, interval: '1s' })
  const feed = await createFeed(house.broker, topic, payloads)
  after(() => feed.stop())
  const runtime = ground.start('one')

  test('can only happen once it works', async () => {
    await feed.send(40)
    await allDurable(runtime, feed, 60)
  })

  /** Requests while something fails, and until all is durable again. */
  async function requestsDuring(proxy: FaultProxy, during: () => Promise<void>): Promise<number> {
    const from = proxy.exchanges.length
    await during()
    await allDurable(runtime, feed, 60)
    return proxy.exchanges.length - from
  }

  /** Until each of the kinds was hit as often as it says, and all is durable again. */
  async function overcome(proxy: FaultProxy, hits: Readonly<Record<string, number>>, fault: Fault): Promise<number> {
    return requestsDuring(proxy, async () => {
      const injected = Object.entries(hits).map(([kind, times]) => proxy.inject({ kinds: [kind], do: fault, times }))
      const wanted = Object.values(hits)
      await until(`${printFault(fault)} ${JSON.stringify(hits)}`, async () => {
        const isOver = injected.every((rule, at) => rule.hits >= wanted[at]!)
        if (!isOver) await feed.send(10).then(() => delay(100))
        return isOver
      })
    })
  }

  for (const fault of catalogFaults)
    test(`of a request to the catalog: ${printFault(fault)}`, async () => {
      const hits: Record<string, number> = { 'commit raw': 2, 'commit errors': 1 }
      if (fault.fault === 'truncate' || fault.fault === 'refuse')
        Object.assign(hits, { 'load raw': 1, 'load errors': 1 })
      const requests = await overcome(house.catalogProxy, hits, fault)
      assert.ok(requests < tightLoop, `${requests} requests`)
    })

  for (const fault of storageFaults)
    test(`of a request to S3: ${printFault(fault)}`, async () => {
      const hits = Object.fromEntries(files.map(kind => [kind, 1]))
      const requests = await overcome(house.storageProxy, hits, fault)
      assert.ok(requests < tightLoop * 10, `${requests} requests`)
    })

  test('503 for a lost answer, then 409: the commit is taken for what it is', async () => {
    const { catalogProxy } = house
    catalogProxy.inject({ kinds: ['commit raw'], do: { fault: 'loseAnswer', instead: { status: 503 } }, times: 1 })
    await overcome(catalogProxy, { 'commit raw': 1 }, { fault: 'refuse', status: 409 })
  })

  test('tokens that expire in mid-run are renewed', async () => {
    const tokens = () => house.catalogProxy.exchanges.filter(({ kind }) => kind === 'token').length
    const before = tokens()
    await feed.send(10)
    const refused = untilNewToken(house.catalogProxy, 3_000)
    await requestsDuring(house.catalogProxy, () => refused.then(() => undefined))
    assert.ok((await refused) >= 1)
    assert.ok(tokens() > before)
  })

  for (const name of ['catalogProxy', 'storageProxy'] as const)
    test(`${outageMs / 1000} s without the ${name === 'catalogProxy' ? 'catalog' : 'storage'}: tried again with patience`, async t => {
      const proxy = house[name]
      const injected = proxy.inject({ do: { fault: 'refuse', status: 503 } })
      await feed.send(50)
      await delay(outageMs)
      injected.end()
      t.diagnostic(`${injected.hits} requests of one consumer in an outage of ${outageMs / 1000} s`)
      assert.ok(injected.hits > 0 && injected.hits <= 20 + outageMs / 250, `${injected.hits} requests`)
      await allDurable(runtime, feed, 90)
    })

  test('a commit that always loses is tried again with patience', async t => {
    const injected = house.catalogProxy.inject({ kinds: ['commit raw'], do: { fault: 'refuse', status: 409 } })
    await feed.send(50)
    await delay(outageMs)
    injected.end()
    t.diagnostic(`${injected.hits} commits of one consumer that lost in ${outageMs / 1000} s`)
    assert.ok(injected.hits > 0 && injected.hits <= 15 + outageMs / 1000, `${injected.hits} commits`)
    await allDurable(runtime, feed, 90)
  })

  test('loses and doubles nothing, misses no file, and tells no secret', async t => {
    assert.equal(runtime.ended, undefined)
    const told = [...runtime.logged.map(line => JSON.stringify(line)), ...runtime.complaints]
    for (const path of ['/status', '/metrics', '/readyz']) told.push((await runtime.get(path))!.body)
    const ids = Array.from(
      { length: 5 },
      (_, at) => /"id":"([^"]+)"/.exec(String(createPayload(payloads, at).value))?.[1],
    )
    for (const secret of ['canary-of-the-catalog', 'client-credentials-token', house.s3.secretAccessKey, ...ids])
      if (secret)
        assert.deepEqual(
          told.filter(line => line.includes(secret)),
          [],
        )
    assert.deepEqual(
      runtime.logged.filter(({ level }) => level === 'CRITICAL'),
      [],
    )
    await runtime.kill()
    const { payloads: read, samples, ...rest } = await verdict(house.broker, ground, payloads)
    assert.deepEqual([read, rest], [feed.payloads, exact])
    const { missing, orphans } = await lostAndOrphaned(house, ground)
    assert.deepEqual(missing, [])
    t.diagnostic(`${samples} samples, ${orphans} orphan files`)
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubernetesError } from '../../operator/kubernetes.ts'
import { WorkQueue, type WorkQueueOptions } from '../../operator/workQueue.ts'
import { silentLogger } from '../kafka/broker.ts'
import fc from '../properties.ts'
import { FakeClock } from '../runtime/fakeClock.ts'

/** Lets what was added be begun. */
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

function queueOf(work: (key: string) => Promise<void>, options: Partial<WorkQueueOptions> = {}) {
  const clock = new FakeClock()
  const queue = new WorkQueue({ work, workers: 2, logger: silentLogger, clock, random: () => 0.5, ...options })
  return { clock, queue }
}

test('a key that was added many times is worked on once', async () => {
  const worked: string[] = []
  const { queue, clock } = queueOf(async key => void worked.push(key), { workers: 1 })
  for (const key of ['a', 'b', 'a', 'a', 'b']) queue.add(key)
  await clock.pass(100)
  assert.deepEqual(worked, ['a', 'b'])
})

test('what is added while it is worked on is worked on again, also by the work itself', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  let begun = 0
  const { queue, clock } = queueOf(async key => {
    begun++
    if (begun === 1) {
      queue.add(key)
      await gate
    }
  })
  queue.add('a')
  queue.add('a')
  await clock.pass(100)
  queue.add('a')
  await clock.pass(100)
  assert.equal(begun, 1)
  open()
  await clock.pass(100)
  assert.equal(begun, 2)
})

test('what fails is worked on again after a pause that grows and is forgotten at a success', async () => {
  const atMs: number[] = []
  let isFailing = true
  const { queue, clock } = queueOf(
    async () => {
      atMs.push(clock.now())
      if (isFailing) throw new Error('no')
    },
    { backoff: { leastMs: 1000, mostMs: 10_000 }, random: () => 1 },
  )
  queue.add('a')
  await turn()
  await clock.until('five attempts', () => atMs.length === 5)
  const pauses = () => atMs.slice(1).map((ms, i) => ms - atMs[i]!)
  assert.deepEqual(pauses(), [1000, 2000, 4000, 8000])
  await clock.until('the longest pause', () => atMs.length === 7)
  assert.deepEqual(pauses().slice(4), [10_000, 10_000])
  isFailing = false
  await clock.until('a success', () => atMs.length === 8)
  await clock.pass(60_000)
  assert.equal(atMs.length, 8)
  isFailing = true
  queue.add('a')
  await turn()
  await clock.until('a first failure again', () => atMs.length === 10)
  assert.equal(pauses().at(-1), 1000)
})

test('a server that asks to wait is left alone for so long', async () => {
  const atMs: number[] = []
  const { queue, clock } = queueOf(async () => {
    atMs.push(clock.now())
    if (atMs.length === 1) throw new KubernetesError('TooManyRequests', 429, 'later', { retryAfterMs: 7000 })
  })
  queue.add('a')
  await turn()
  await clock.until('the second attempt', () => atMs.length === 2)
  assert.equal(atMs[1]! - atMs[0]!, 7000)
})

test('all retries together are bounded, first attempts are not', async () => {
  let attempts = 0
  const { queue, clock } = queueOf(
    async () => {
      attempts++
      throw new Error('no')
    },
    { workers: 50, retriesPerSecond: 5, retryBurst: 20, backoff: { leastMs: 1, mostMs: 1 } },
  )
  for (let i = 0; i < 200; i++) queue.add(`key-${i}`)
  await clock.pass(100)
  assert.ok(attempts >= 200 && attempts <= 225, `${attempts}`)
  await clock.pass(20_000)
  assert.ok(attempts >= 290 && attempts <= 330, `${attempts}`)
  await queue.stop()
})

test('of several times the earliest counts', async () => {
  const atMs: number[] = []
  const { queue, clock } = queueOf(async () => void atMs.push(clock.now()))
  const beganMs = clock.now()
  queue.addAfter('a', 5000)
  queue.addAfter('a', 2000)
  queue.addAfter('a', 9000)
  await clock.pass(20_000)
  assert.deepEqual(
    atMs.map(ms => ms - beganMs),
    [2000],
  )
})

test('a key that is forgotten does not come back', async () => {
  let attempts = 0
  const { queue, clock } = queueOf(
    async () => {
      attempts++
      throw new Error('no')
    },
    { backoff: { leastMs: 1000, mostMs: 1000 } },
  )
  queue.add('a')
  await clock.pass(100)
  queue.forget('a')
  await clock.pass(60_000)
  assert.equal(attempts, 1)
})

test('a stop waits for what was begun and begins nothing more', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const begun: string[] = []
  const { queue, clock } = queueOf(
    async key => {
      begun.push(key)
      await gate
    },
    { workers: 1 },
  )
  for (const key of ['a', 'b']) queue.add(key)
  queue.addAfter('c', 1000)
  await clock.pass(100)
  queue.add('a')
  let isStopped = false
  const stopping = queue.stop().then(() => {
    isStopped = true
  })
  queue.add('d')
  await clock.pass(5000)
  assert.equal(isStopped, false)
  open()
  await stopping
  await clock.pass(5000)
  assert.deepEqual(begun, ['a'])
  assert.equal(clock.waiting, 0)
})

test('what waits, how long, and what is retried is told', async () => {
  const told: string[] = []
  let isFailing = true
  const { queue, clock } = queueOf(
    async () => {
      await clock.sleep(300, new AbortController().signal)
      if (isFailing) throw new Error('no')
    },
    {
      workers: 1,
      observer: {
        depth: keys => told.push(`depth ${keys}`),
        begun: ms => told.push(`waited ${ms}`),
        ended: ms => told.push(`worked ${ms}`),
        retried: () => told.push('retried'),
      },
    },
  )
  queue.add('a')
  queue.add('b')
  await turn()
  await clock.pass(200)
  isFailing = false
  await clock.pass(100)
  assert.deepEqual(told.slice(0, 3), ['waited 0', 'depth 1', 'depth 1'])
  assert.ok(told.includes('worked 300') && told.includes('waited 300'))
  assert.equal(told.includes('retried'), false)
  isFailing = true
  await clock.pass(300)
  assert.ok(told.includes('retried'))
})

test('no key is lost, and no key is worked on by two, whatever happens', async () => {
  const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key: keys }),
    fc.record({ do: fc.constant('addAfter' as const), key: keys, ms: fc.integer({ min: 0, max: 3000 }) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 1500 }) }),
  )
  const outcome = fc.record({ ms: fc.integer({ min: 0, max: 500 }), fails: fc.boolean(), adds: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.array(outcome, { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, outcomes, workers) => {
        const working = new Set<string>()
        // Since the last begin that was followed by a success, per key.
        const owed = new Map<string, number>()
        const begunAt = new Map<string, number>()
        let moment = 0
        let most = 0
        const { queue, clock } = queueOf(
          async key => {
            assert.equal(working.has(key), false, 'two workers on one key')
            working.add(key)
            most = Math.max(most, working.size)
            begunAt.set(key, ++moment)
            const { ms, fails, adds } = outcomes.pop() ?? { ms: 0, fails: false, adds: false }
            if (adds) {
              owed.set(key, ++moment)
              queue.add(key)
            }
            await clock.sleep(ms, new AbortController().signal)
            working.delete(key)
            if (!fails) return
            owed.set(key, ++moment)
            throw new Error('no')
          },
          { workers, backoff: { leastMs: 5, mostMs: 1000 } },
        )
        for (const each of steps) {
          if (each.do === 'pass') await clock.pass(each.ms)
          else {
            owed.set(each.key, ++moment)
            if (each.do === 'add') queue.add(each.key)
            else queue.addAfter(each.key, each.ms)
          }
        }
        await turn()
        await clock.until('all is done', () => clock.waiting === 0 && working.size === 0)
        for (const [key, at] of owed)
          assert.ok((begunAt.get(key) ?? 0) > at, `${key} was not worked on after it was added`)
        assert.ok(most <= workers)
      },
    ),
    { numRuns: 60 },
  )
})

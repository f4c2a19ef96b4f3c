import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../operator/clock.ts'
import { InMemoryKubernetes } from '../../operator/inMemoryKubernetes.ts'
import {
  type Kubernetes,
  KubernetesError,
  type KubernetesErrorCode,
  type KubernetesObject,
  type Reference,
} from '../../operator/kubernetes.ts'
import { LeaderElection } from '../../operator/leaderElection.ts'
import { leaseKind } from '../../operator/lease.ts'
import { silentLogger } from '../kafka/broker.ts'
import fc from '../properties.ts'
import { FakeClock } from '../runtime/fakeClock.ts'

const place = { namespace: 'operators', name: 'lease' }
const reference = { kind: leaseKind, ...place }

interface Elector {
  readonly election: LeaderElection
  readonly told: boolean[]
  /** Ends the process: nothing of it happens any more. */
  kill(): void
  /** Ends it in peace. */
  stop(): Promise<void>
}

function elect(
  kubernetes: Pick<Kubernetes, 'get' | 'write'>,
  clock: Clock,
  identity: string,
  random = () => 0.5,
): Elector {
  const stopping = new AbortController()
  let isDead = false
  const told: boolean[] = []
  const never = new Promise<never>(() => undefined)
  const alive = async <Value>(value: () => Promise<Value>): Promise<Value> => {
    if (isDead) return never
    const got = await value()
    return isDead ? never : got
  }
  const election = new LeaderElection({
    ...place,
    kubernetes: {
      get: (...parameters) => alive(() => kubernetes.get(...parameters)),
      write: (...parameters) => alive(() => kubernetes.write(...parameters)),
    },
    identity,
    logger: silentLogger,
    clock,
    random,
    observer: isLeading => told.push(isLeading),
  })
  const running = election.run(stopping.signal)
  return {
    election,
    told,
    kill() {
      isDead = true
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

function world() {
  const clock = new FakeClock()
  const kubernetes = new InMemoryKubernetes([leaseKind], clock.now)
  const specOf = async () => (await kubernetes.get(reference)).spec as Record<string, unknown>
  return { clock, kubernetes, specOf }
}

test('the first leads, says so in the lease, and renews it', async () => {
  const { clock, kubernetes, specOf } = world()
  const a = elect(kubernetes, clock, 'a')
  const beganMs = clock.now()
  await a.election.leading
  const spec = await specOf()
  assert.match(String(spec.renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  assert.deepEqual([spec.holderIdentity, spec.leaseDurationSeconds, spec.leaseTransitions], ['a', 15, 0])
  await clock.pass(60_000)
  assert.equal(a.election.isLeading(), true)
  const renewed = await specOf()
  assert.equal(renewed.acquireTime, spec.acquireTime)
  assert.ok(Date.parse(String(renewed.renewTime)) >= beganMs + 57_000)
  const writes = kubernetes.requests.filter(each => each.verb === 'update').length
  assert.ok(writes >= 28 && writes <= 31, `${writes}`)
  // A leader that is let alone only writes.
  assert.equal(kubernetes.requests.filter(each => each.verb === 'get').length, 1 + 2)
  assert.deepEqual(a.told, [true])
  await a.stop()
})

test('a leader that died is followed when its lease has run out, and not sooner', async () => {
  const { clock, kubernetes, specOf } = world()
  const a = elect(kubernetes, clock, 'a')
  await a.election.leading
  const b = elect(kubernetes, clock, 'b')
  await clock.pass(60_000)
  assert.equal(b.election.isLeading(), false)
  a.kill()
  const diedMs = clock.now()
  await clock.until('b leads', () => b.election.isLeading())
  const tookMs = clock.now() - diedMs
  assert.ok(tookMs >= 12_000 && tookMs <= 17_500, `${tookMs}`)
  const spec = await specOf()
  assert.deepEqual([spec.holderIdentity, spec.leaseTransitions], ['b', 1])
  await b.stop()
})

test('a lease that is given back is taken at once', async () => {
  const { clock, kubernetes, specOf } = world()
  const a = elect(kubernetes, clock, 'a')
  await a.election.leading
  const b = elect(kubernetes, clock, 'b')
  await clock.pass(10_000)
  await a.stop()
  assert.equal((await specOf()).holderIdentity, '')
  assert.deepEqual([a.election.isLeading(), a.election.lost.aborted, a.told], [false, false, [true, false]])
  const freeMs = clock.now()
  await clock.until('b leads', () => b.election.isLeading())
  assert.ok(clock.now() - freeMs <= 2500)
  await b.stop()
})

test('a leader that cannot renew has lost before another can lead', async () => {
  const { clock, kubernetes } = world()
  const a = elect(kubernetes, clock, 'a')
  await a.election.leading
  await clock.pass(10_000)
  kubernetes.intercept = () => {
    throw new KubernetesError('Unavailable', 503, 'no')
  }
  const cutMs = clock.now()
  await clock.until('a has lost', () => a.election.lost.aborted)
  const tookMs = clock.now() - cutMs
  assert.ok(tookMs > 7_000 && tookMs <= 10_000, `${tookMs}`)
  assert.deepEqual([a.election.isLeading(), a.told], [false, [true, false]])
})

test('a request that hangs costs no more than its share of the time', async () => {
  const { clock, kubernetes } = world()
  let hangs = 0
  const hanging: Pick<Kubernetes, 'get' | 'write'> = {
    get: reference => kubernetes.get(reference),
    write: (object, signal) =>
      hangs-- > 0
        ? new Promise((_, reject) =>
            signal?.addEventListener('abort', () => reject(new KubernetesError('Unavailable', 0, 'aborted'))),
          )
        : kubernetes.write(object),
  }
  const a = elect(hanging, clock, 'a')
  await a.election.leading
  await clock.pass(10_000)
  hangs = 1
  await clock.pass(60_000)
  assert.equal(a.election.isLeading(), true)
  hangs = Number.POSITIVE_INFINITY
  await clock.pass(10_100)
  assert.equal(a.election.lost.aborted, true)
})

test('a leader whose lease somebody edits or deletes goes on leading, one whose lease is taken has lost', async () => {
  const { clock, kubernetes, specOf } = world()
  const a = elect(kubernetes, clock, 'a')
  await a.election.leading
  const lease = await kubernetes.get(reference)
  await kubernetes.write({ ...lease, metadata: { ...lease.metadata, labels: { edited: 'yes' } } })
  await clock.pass(20_000)
  const edited = await kubernetes.get(reference)
  assert.deepEqual([edited.metadata.labels, a.election.isLeading()], [{ edited: 'yes' }, true])
  await kubernetes.remove(reference, edited.metadata.uid!)
  await clock.pass(20_000)
  assert.deepEqual([(await specOf()).holderIdentity, a.election.isLeading()], ['a', true])
  const stolen = await kubernetes.get(reference)
  await kubernetes.write({ ...stolen, spec: { ...(stolen.spec as object), holderIdentity: 'thief' } })
  await clock.pass(2_500)
  assert.deepEqual([a.election.isLeading(), a.election.lost.aborted], [false, true])
})

test('the times of other machines do not matter', async () => {
  const { clock, kubernetes } = world()
  const years = (count: number): Clock => ({ ...clock, now: () => clock.now() + count * 3.15e10, sleep: clock.sleep })
  const a = elect(kubernetes, years(-20), 'a')
  await a.election.leading
  const b = elect(kubernetes, years(20), 'b')
  const c = elect(kubernetes, years(0), 'c')
  await clock.pass(120_000)
  assert.deepEqual(
    [a, b, c].map(each => each.election.isLeading()),
    [true, false, false],
  )
  for (const each of [b, c, a]) await each.stop()
})

/** A process that can be paused: its clock goes on, its timers and what it waits for come late. */
class PausedClock implements Clock {
  readonly #clock: FakeClock
  #resumed = Promise.resolve()
  constructor(clock: FakeClock) {
    this.#clock = clock
  }
  now = () => this.#clock.now()
  sleep = async (ms: number, signal: AbortSignal) => {
    await this.#clock.sleep(ms, signal)
    await this.#resumed
  }
  /** What a paused process waits for. */
  late = async <Value>(value: Promise<Value>): Promise<Value> => {
    try {
      return await value
    } finally {
      await this.#resumed
    }
  }
  pause(ms: number): void {
    this.#resumed = this.#clock.sleep(ms, new AbortController().signal)
  }
}

test('a renewal counts from when it was sent, and one that was answered after the time has lost', async () => {
  for (const [answerMs, isLost] of [
    [7000, false],
    [11_000, true],
  ] as const) {
    const { clock, kubernetes } = world()
    const late = { ms: 0 }
    const write: Kubernetes['write'] = async object => {
      const answer = await kubernetes.write(object)
      if (late.ms > 0) await clock.sleep(late.ms, new AbortController().signal)
      return answer
    }
    const a = elect({ get: reference => kubernetes.get(reference), write }, clock, 'a')
    await a.election.leading
    await clock.pass(1000)
    late.ms = answerMs
    const writes = kubernetes.requests.length
    await clock.until('a renewal is under way', () => kubernetes.requests.length > writes)
    const sentMs = clock.now()
    kubernetes.intercept = () => {
      throw new KubernetesError('Unavailable', 503, 'no')
    }
    // The renewal of before was sent a moment earlier.
    await clock.until('it has lost', () => a.election.lost.aborted || clock.now() > sentMs + 9500)
    assert.equal(a.election.lost.aborted, isLost)
    await clock.until('it has lost', () => a.election.lost.aborted)
    assert.ok(clock.now() - sentMs <= 10_000)
  }
})

test('a leader that was paused for too long has lost, also where nobody else wanted to lead', async () => {
  const { clock, kubernetes } = world()
  const paused = new PausedClock(clock)
  const port = {
    get: (reference: Reference) => kubernetes.get(reference),
    write: async (object: KubernetesObject) => {
      const answer = await kubernetes.write(object)
      await clock.sleep(200, new AbortController().signal)
      return paused.late(Promise.resolve(answer))
    },
  }
  const a = elect(port, paused, 'a')
  await clock.until('it leads', () => a.election.isLeading())
  const writes = kubernetes.requests.length
  await clock.until('a renewal is under way', () => kubernetes.requests.length > writes)
  paused.pause(12_000)
  await clock.pass(12_500)
  assert.deepEqual([a.election.lost.aborted, a.told], [true, [true, false]])
})

test('never do two lead, however they are paused, cut off and answered late', async () => {
  const trouble = fc.record({
    afterMs: fc.integer({ min: 0, max: 20_000 }),
    who: fc.integer({ min: 0, max: 2 }),
    what: fc.constantFrom('pause', 'cut', 'late', 'lost answers'),
    ms: fc.integer({ min: 100, max: 30_000 }),
  })
  let leaders = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(trouble, { minLength: 1, maxLength: 8 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      async (troubles, randoms) => {
        const { clock, kubernetes } = world()
        const random = () => randoms.next().value as number
        const troubled = [0, 1, 2].map(() => ({ what: '', untilMs: 0 }))
        const clocks = troubled.map(() => new PausedClock(clock))
        const has = (who: number, what: string) => troubled[who]!.what === what && clock.now() < troubled[who]!.untilMs
        const call = async <Value>(who: number, send: () => Promise<Value>): Promise<Value> => {
          const wait = () => clock.sleep(random() * 8000, new AbortController().signal)
          if (has(who, 'cut')) throw new KubernetesError('Unavailable', 0, 'cut off')
          // Late on the way there, and on the way back.
          if (has(who, 'late')) await wait()
          const answer = await clocks[who]!.late(send())
          if (has(who, 'late')) await wait()
          if (has(who, 'lost answers')) throw new KubernetesError('Unavailable', 0, 'no answer')
          return answer
        }
        const start = (who: number, run: number) =>
          elect(
            {
              get: reference => call(who, () => kubernetes.get(reference)),
              write: object => call(who, () => kubernetes.write(object)),
            },
            clocks[who]!,
            `${who}-${run}`,
            random,
          )
        const electors = [0, 1, 2].map(who => start(who, 0))
        let runs = 0
        const look = async (ms: number) => {
          for (const endMs = clock.now() + ms; clock.now() < endMs; await clock.pass(100)) {
            const leading = electors.filter(each => each.election.isLeading())
            assert.ok(leading.length <= 1, 'two lead')
            leaders += leading.length
            // Whoever lost, ends and is started anew.
            electors.forEach((each, who) => {
              if (each.election.lost.aborted) electors[who] = start(who, ++runs)
            })
          }
        }
        for (const { afterMs, who, what, ms } of troubles) {
          await look(afterMs)
          troubled[who] = { what, untilMs: clock.now() + ms }
          if (what === 'pause') clocks[who]!.pause(ms)
        }
        await look(40_000)
        await clock.until('one leads in the end', () => electors.some(each => each.election.isLeading()))
        for (const each of electors) each.kill()
      },
    ),
    { numRuns: 25 },
  )
  assert.ok(leaders > 0)
})

test('what the lease cannot be got for is tried again', async () => {
  const { clock, kubernetes } = world()
  for (const code of [
    'Unavailable',
    'Forbidden',
    'TooManyRequests',
    'Conflict',
    'AlreadyExists',
  ] satisfies KubernetesErrorCode[]) {
    kubernetes.intercept = ({ verb }) => {
      if (verb !== 'get') throw new KubernetesError(code, 500, 'no')
    }
    const elector = elect(kubernetes, clock, code)
    await clock.pass(10_000)
    assert.equal(elector.election.isLeading(), false)
    kubernetes.intercept = undefined
    await clock.until(`it leads after ${code}`, () => elector.election.isLeading())
    await elector.stop()
  }
})

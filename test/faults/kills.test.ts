/**
 * Consumers that are killed, stopped past their session and started again while a topic grows, on a real broker: at
 * random moments, within 15 ms after a file of a commit appeared, and before the very first commit. Afterwards every
 * sample must be in the tables exactly once. The short form takes a few kills of one seed, the long form
 * (HC_TEST_LONG=1) many of several.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startBroker } from '../kafka/broker.ts'
import { until } from '../until.ts'
import { exact, verdict } from './exactness.ts'
import { createFeed } from './feed.ts'
import { orphansOf } from './orphans.ts'
import { createRandom, shuffled } from './random.ts'
import { createGround, type Ground, type Runtime } from './runtimes.ts'
import { type Sights, type Target, targets, watchWarehouse } from './sights.ts'

interface Plan {
  readonly seed: number
  /** Files of the empty tables that a kill is aimed at, in the order in which they are written. */
  readonly first: readonly string[]
  readonly random: number
  readonly aimed: number
  readonly stops: number
}

const raw = 'health_db/health_data_raw'
const errors = 'health_db/health_data_errors'
/** Both tables created, both initialised, and the first data written, not yet committed. */
const allFirst = [
  `${errors}/metadata/v1.metadata.json`,
  `${raw}/metadata/v1.metadata.json`,
  `${raw}/metadata/v2.metadata.json`,
  `${errors}/metadata/v2.metadata.json`,
  `${raw}/data`,
]
const long = process.env.HC_TEST_LONG === '1'
const plans: readonly Plan[] = long
  ? [11, 12, 13, 14].map(seed => ({ seed, first: allFirst, random: 8, aimed: 14, stops: 2 }))
  : [{ seed: 1, first: [allFirst[2]!, allFirst[4]!], random: 4, aimed: 4, stops: 1 }]

const names = ['one', 'two'] as const
type Name = (typeof names)[number]
/** Of a pause: longer than the session timeout of 6 s, so that the other one takes over. */
const takeOverSeconds = 30

/** The session timeout and one interval of the dead, and much patience with a busy machine. */
const restartLimitSeconds = 6 + 1 + 10

type Step = 'random' | 'stop' | Target

function stepsOf(plan: Plan, random: () => number): readonly Step[] {
  const kinds = Object.keys(targets) as Target[]
  const aims = Array.from({ length: Math.ceil(plan.aimed / kinds.length) }, () => shuffled(kinds, random)).flat()
  const rest = [...aims.slice(0, plan.aimed), ...Array<Step>(plan.random).fill('random')]
  return shuffled([...rest, ...Array<Step>(plan.stops).fill('stop')], random)
}

interface Restart {
  readonly where: 'in place' | 'elsewhere'
  readonly seconds: number
}

/** Two consumers of one ground, and everything that can happen to them. */
function createPair(ground: Ground, sights: Sights, random: () => number) {
  const pair = new Map<Name, Runtime>()
  const restarts: Restart[] = []
  let places = 0

  const start = (name: Name) => {
    pair.set(name, ground.start(name, { place: `${name}-${places}` }))
  }

  /** Time from the start of all processes to the next raw commit. */
  async function restartAll(where: Restart['where']): Promise<void> {
    const startedMs = Date.now()
    const committed = sights.next(targets['raw metadata'])
    if (where === 'elsewhere') places++
    for (const name of names) start(name)
    const { atMs } = await committed
    restarts.push({ where, seconds: (atMs - startedMs) / 1000 })
  }

  const killThese = (these: readonly Name[]) => Promise.all(these.map(name => pair.get(name)?.kill()))

  async function killAndRestart(): Promise<void> {
    const chosen = random()
    if (chosen < 0.5) {
      const name = names[chosen < 0.25 ? 0 : 1]
      await killThese([name])
      start(name)
      return
    }
    await killThese(names)
    await restartAll(chosen < 0.85 ? 'in place' : 'elsewhere')
  }

  return {
    restarts,
    start() {
      for (const name of names) start(name)
    },
    killAll: () => killThese(names),
    killAndRestart,
    /** Stopped within a commit for longer than its session, then continued as a zombie. */
    async pause(): Promise<void> {
      await until('two members', () => shares(pair, [3, 3]), takeOverSeconds)
      await sights.next(targets['raw data file'])
      const [paused, other] = shuffled(names, random).map(name => pair.get(name)!) as [Runtime, Runtime]
      paused.signal('SIGSTOP')
      await until('the other one to take over', async () => (await held(other)) === 6, takeOverSeconds)
      await sights.next(targets['raw metadata'])
      paused.signal('SIGCONT')
      await until('both to share again', () => shares(pair, [3, 3]), takeOverSeconds)
    },
  }
}

/** What no kill excuses: a consumer that halts, or ends by itself. */
function misbehaviour({ started }: Ground): readonly string[] {
  return started.flatMap(({ name, logged, ended, complaints }) => [
    ...logged.filter(({ level }) => level === 'CRITICAL').map(({ message }) => `${name}: ${message}`),
    ...(ended?.signal === 'SIGKILL' || ended?.code === 0 ? [] : [`${name}: ${JSON.stringify(ended)} ${complaints}`]),
  ])
}

const held = async (runtime: Runtime) => (await runtime.status())?.partitions.length

async function shares(pair: ReadonlyMap<Name, Runtime>, expected: readonly number[]): Promise<boolean> {
  const counts = await Promise.all([...pair.values()].map(held))
  return counts.join() === expected.join()
}

const describe = (restarts: readonly Restart[], where: Restart['where']) =>
  `${where} ${
    restarts
      .filter(it => it.where === where)
      .map(it => it.seconds.toFixed(1))
      .join(' ') || '-'
  }`

suite('killed consumers', async () => {
  const broker = await startBroker({ rebalanceDelayMs: 3_000 })
  after(() => broker.stop())

  for (const plan of plans)
    test(`neither lose nor double a sample, seed ${plan.seed}`, { timeout: 20 * 60_000 }, async t => {
      const random = createRandom(plan.seed)
      const topic = `kills-${plan.seed}`
      const payloads = { seed: plan.seed, samplesPerPayload: 5, invalidShare: 0.02 }
      await broker.createTopic(topic, 6)
      const ground = await createGround({ bootstrapServers: broker.bootstrapServers, topic })
      const sights = watchWarehouse(ground.warehouse)
      const feed = await createFeed(broker, topic, payloads)
      await feed.send(500)
      feed.grow()
      try {
        const pair = createPair(ground, sights, random)
        let early = 0
        for (const path of plan.first) {
          // Several may have appeared before the last kill.
          if (existsSync(join(ground.warehouse, path))) continue
          const appeared = sights.next(path)
          early++
          pair.start()
          await appeared
          await delay(random() * 15)
          await pair.killAll()
        }
        pair.start()
        for (const step of stepsOf(plan, random)) {
          if (step === 'stop') await pair.pause()
          else {
            if (step === 'random') await delay(random() * 4_000)
            else await sights.next(targets[step]).then(() => delay(random() * 15))
            await pair.killAndRestart()
          }
        }
        await feed.stop()
        await pair.killAll()
        const last = await ground.catchUp()
        assert.deepEqual(last.ended, { code: 0, signal: null }, last.complaints.join('\n'))
        const found = await verdict(broker, ground, payloads)
        t.diagnostic(
          `seed ${plan.seed}: kills ${plan.random} random + ${plan.aimed} aimed + ${early} before the first commit, ` +
            `${plan.stops} stops; ${found.payloads} payloads, ${found.samples} samples, lost ${found.lost}, doubled ${found.doubled}, ` +
            `${await orphansOf(ground)} orphan files; all killed, restart to first commit in s: ` +
            `${describe(pair.restarts, 'in place')}, ${describe(pair.restarts, 'elsewhere')}`,
        )
        if (long)
          for (const { seconds } of pair.restarts) assert.ok(seconds < restartLimitSeconds, `${seconds} s to a commit`)
        const { payloads: read, samples, ...rest } = found
        assert.deepEqual(misbehaviour(ground), [])
        assert.equal(read, feed.payloads)
        assert.deepEqual(rest, exact)
      } finally {
        await feed.stop().catch(() => undefined)
        sights.close()
        await ground.clear()
      }
    })
})

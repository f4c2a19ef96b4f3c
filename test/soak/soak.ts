/**
 * Replicas of one consumer on a REST catalog and S3, through everything that happens there in months, in minutes: kills,
 * pauses, rebalances, restarts of servers, faulty requests, other engines, rollbacks. Then every sample of the topic must
 * be in the tables once, and every file that a snapshot refers to must be there. The same seed draws the same happenings;
 * when they hit is up to the machine.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { verdict } from '../faults/exactness.ts'
import { createFeed } from '../faults/feed.ts'
import { createRandom, shuffled } from '../faults/random.ts'
import type { Runtime } from '../faults/runtimes.ts'
import { type Lakehouse, type LakehouseGround, startLakehouse } from '../lakehouse/lakehouse.ts'
import { lostAndOrphaned } from '../lakehouse/storedFiles.ts'
import { read } from '../readers/readers.ts'
import { type Broken, breakAndRecover, breakages } from './breakages.ts'
import { createFleet } from './fleet.ts'
import { type Happening, happenings } from './happenings.ts'
import { foreignPrefix, javaOperations } from './otherEngines.ts'
import { createReport, type Report } from './report.ts'
import type { Entry, SoakOptions, World } from './world.ts'

const sessionTimeout = '6s'
const samplesPerPayload = 5
const invalidShare = 0.03
/** Each as often as it weighs; shuffled anew whenever all have happened. */
const cards = [...happenings, javaOperations].flatMap(one => Array<Happening>(one.weight).fill(one))

export async function runSoak(options: SoakOptions): Promise<Report> {
  const random = createRandom(options.seed)
  // The proxy's chance is its own: how many requests there are is up to the machine.
  const house = await startLakehouse({ random: createRandom(options.seed ^ 0x5eed), rebalanceDelayMs: 1_000 })
  try {
    return await soak(options, house, random)
  } finally {
    await house.stop()
  }
}

async function soak(options: SoakOptions, house: Lakehouse, random: () => number): Promise<Report> {
  const topic = `soak-${options.seed}`
  const payloads = { seed: options.seed, samplesPerPayload, invalidShare }
  await house.broker.createTopic(topic, options.partitions)
  const ground = await house.createGround({ topic, interval: options.interval, sessionTimeout })
  const feed = await createFeed(house.broker, topic, payloads)
  const names = Array.from({ length: options.replicas }, (_, at) => `replica-${at + 1}`)
  const fleet = createFleet(ground, names)
  const startedMs = Date.now()
  const timeline: Entry[] = []
  const pending = new Set<Promise<void>>()
  const world: World = {
    ...{ house, ground, fleet, feed, random, timeline },
    note(what, detail) {
      const entry = { at: (Date.now() - startedMs) / 1000, what, detail }
      timeline.push(entry)
      options.tell(entry)
    },
    later(ms, action) {
      const doing = delay(ms).then(action)
      pending.add(doing)
      // What failed stays, to be told at the end.
      doing.then(
        () => pending.delete(doing),
        () => undefined,
      )
    },
  }
  const broken: Broken[] = []
  try {
    for (const name of names) fleet.start(name)
    feed.grow()
    await happen(options, world, broken)
    house.catalogProxy.calm()
    house.storageProxy.calm()
    await Promise.all(pending)
    await feed.stop()
    world.note('calm', `${feed.payloads} payloads sent`)
    await Promise.all(names.map(name => fleet.drain(name)))
    await fleet.close()
    const last = await ground.catchUp()
    const complaints = last.ended?.code === 0 ? [] : [`the last run failed: ${last.complaints.join(' ')}`]
    const found = await verdict(house.broker, { ...ground, topic }, payloads)
    const foreign = await foreignRows(ground)
    const faults = [...complaints, ...fleet.misbehaviour(), ...unexpectedHalts(ground.started, broken)]
    if (found.payloads !== feed.payloads) faults.push(`${found.payloads} of ${feed.payloads} payloads are in the topic`)
    const files = await lostAndOrphaned(house, ground)
    return createReport({ options, world, broken, found, foreign, files, faults })
  } finally {
    await feed.stop().catch(() => undefined)
    await fleet.close()
  }
}

/** Draws one thing after the other until the time is over; breakages are spread over it, the last third excepted. */
async function happen({ minutes, breakages: count }: SoakOptions, world: World, broken: Broken[]): Promise<void> {
  const { random, note } = world
  const deck: Happening[] = []
  const beginMs = Date.now()
  const lengthMs = minutes * 60_000
  const breakAt = Array.from({ length: count }, (_, at) => beginMs + ((at + 1) / (count + 0.5)) * lengthMs * 0.75)
  while (Date.now() < beginMs + lengthMs) {
    if (broken.length < count && Date.now() >= breakAt[broken.length]!)
      broken.push(await breakAndRecover(world, breakages[broken.length % breakages.length]!))
    if (deck.length === 0) deck.push(...shuffled(cards, random))
    const happening = deck.pop()!
    note(happening.name, await happening.run(world))
    await delay(random() * 1_500)
  }
}

async function foreignRows(ground: LakehouseGround): Promise<number> {
  const filter = { column: 'sample_id', is: 'startsWith', value: foreignPrefix } as const
  const { pyiceberg } = await read(ground.rawTable, [{ op: 'count', filter }], ['pyiceberg'])
  return pyiceberg[0]!.rows
}

/** Halts that no breakage explains. */
function unexpectedHalts(started: readonly Runtime[], broken: readonly Broken[]): readonly string[] {
  return started.flatMap(({ name, logged }) =>
    logged.flatMap(({ level, timestamp, message }) => {
      const atMs = Date.parse(timestamp)
      const isExplained = broken.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs)
      return level !== 'CRITICAL' || isExplained ? [] : [`${name} at ${timestamp}: ${message}`]
    }),
  )
}

/**
 * Two consumers on a REST catalog and S3 that are killed the moment a request of a commit arrives, or has been done and
 * nobody was told: at every step, those of the very first commit included. Afterwards every sample must be there once.
 * The long form (HC_TEST_LONG=1) takes every step many times.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { exact, verdict } from '../faults/exactness.ts'
import { createFeed } from '../faults/feed.ts'
import { createRandom, shuffled } from '../faults/random.ts'
import { createFleet } from '../soak/fleet.ts'
import { startLakehouse } from './lakehouse.ts'
import { lostAndOrphaned } from './storedFiles.ts'

type Aim = readonly ['catalogProxy' | 'storageProxy', string, 'arrived' | 'done']

/** Both tables created, both initialised. */
const firsts: readonly Aim[] = [
  ['catalogProxy', 'create table', 'done'],
  ['catalogProxy', 'commit raw', 'arrived'],
  ['catalogProxy', 'commit raw', 'done'],
  ['catalogProxy', 'commit errors', 'done'],
]
const steps = [
  ['storageProxy', 'put data'],
  ['storageProxy', 'put pending data'],
  ['storageProxy', 'put pending manifest'],
  ['storageProxy', 'put manifest'],
  ['storageProxy', 'put manifest list'],
  ['catalogProxy', 'commit raw'],
  ['catalogProxy', 'commit errors'],
] as const

const long = process.env.HC_TEST_LONG === '1'
const seed = 17
const names = ['one', 'two']

test('consumers that are killed at any step of a commit neither lose nor double a sample', async t => {
  const random = createRandom(seed)
  const house = await startLakehouse({ random })
  after(() => house.stop())
  const topic = 'kills'
  const payloads = { seed, samplesPerPayload: 5, invalidShare: 0.05 }
  await house.broker.createTopic(topic, 6)
  const ground = await house.createGround({ topic, interval: '1s' })
  const fleet = createFleet(ground, names)
  const feed = await createFeed(house.broker, topic, payloads)
  after(() => Promise.all([feed.stop(), fleet.close()]))
  await feed.send(200)
  feed.grow()
  const moment = () => (random() < 0.5 ? 'arrived' : 'done')
  const rounds = Array.from({ length: long ? 10 : 1 }, () => shuffled(steps, random)).flat()
  const aims = [...firsts, ...rounds.map(([proxy, kind]): Aim => [proxy, kind, moment()])]
  for (const [proxy, kind, moment] of aims) {
    const seen = house[proxy].sight(kind, moment)
    for (const { name, runtime } of fleet.replicas) if (runtime === undefined) fleet.start(name)
    await seen
    await delay(random() * 5)
    // Mostly both; where one lives, it takes over what the other has left.
    const victims = random() < 0.7 ? names : [names[Math.floor(random() * 2)]!]
    await Promise.all(victims.map(name => fleet.kill(name)))
  }
  await feed.stop()
  await Promise.all(names.map(name => fleet.kill(name)))
  const last = await ground.catchUp()
  assert.deepEqual(last.ended, { code: 0, signal: null }, last.complaints.join('\n'))
  assert.deepEqual(fleet.misbehaviour(), [])
  const critical = ground.started.flatMap(({ logged }) => logged.filter(({ level }) => level === 'CRITICAL'))
  assert.deepEqual(critical, [])
  const { payloads: read, samples, ...rest } = await verdict(house.broker, ground, payloads)
  assert.deepEqual([read, rest], [feed.payloads, exact])
  const { missing, orphans } = await lostAndOrphaned(house, ground)
  assert.deepEqual(missing, [])
  t.diagnostic(`${aims.length} kills; ${read} payloads, ${samples} samples, ${orphans} orphan files`)
})

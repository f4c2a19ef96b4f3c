/**
 * What happens to replicas, servers and requests during a soak, and that a consumer must survive by itself: each returns
 * what it did, for the timeline. Everything is drawn from the world's own chance.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { shuffled } from '../faults/random.ts'
import { type Fault, printFault, untilNewToken } from '../lakehouse/faultProxy.ts'
import { succeeds } from '../until.ts'
import { between, pick, type World } from './world.ts'

export interface Happening {
  readonly name: string
  readonly weight: number
  run(world: World): Promise<string>
}

/** Requests that a kill or a fault is aimed at, in the order of a commit. */
const steps: readonly (readonly ['catalogProxy' | 'storageProxy', string])[] = [
  ['storageProxy', 'put data'],
  ['storageProxy', 'put pending data'],
  ['storageProxy', 'put pending manifest'],
  ['storageProxy', 'put manifest'],
  ['storageProxy', 'put manifest list'],
  ['catalogProxy', 'load raw'],
  ['catalogProxy', 'commit raw'],
  ['catalogProxy', 'load errors'],
  ['catalogProxy', 'commit errors'],
]

/** Kills one, or all, and lets them come back after up to 3 s. */
async function killAndRestart(world: World): Promise<string> {
  const { fleet, random } = world
  const up = fleet.replicas.filter(({ runtime }) => runtime !== undefined)
  if (up.length === 0) return 'nobody to kill'
  const victims = random() < 0.25 ? up : [pick(up, random)]
  await Promise.all(victims.map(({ name }) => fleet.kill(name)))
  const place = random() < 0.3 ? 'elsewhere' : 'in place'
  for (const { name } of victims) world.later(random() * 3_000, () => fleet.start(name, place))
  return `${victims.map(({ name }) => name).join(', ')}, back ${place}`
}

const kill: Happening = { name: 'kill -9', weight: 2, run: killAndRestart }

const aimedKill: Happening = {
  name: 'aimed kill -9',
  weight: 5,
  async run(world) {
    const [proxy, kind] = pick(steps, world.random)
    const moment = world.random() < 0.5 ? 'arrived' : 'done'
    const isSeen = await succeeds(world.house[proxy].sight(kind, moment, 10))
    if (!isSeen) return `no ${kind} was ${moment}`
    await delay(world.random() * 10)
    return `${kind} ${moment}: ${await killAndRestart(world)}`
  },
}

const pause: Happening = {
  name: 'SIGSTOP',
  weight: 2,
  async run({ fleet, random, later }) {
    if (fleet.awake.length < 2) return 'too few are awake'
    const { name, runtime } = pick(fleet.awake, random)
    const ms = between(500, 12_000, random)
    fleet.pause(name)
    later(ms, () => {
      if (fleet.replicas.some(replica => replica.runtime === runtime && replica.isPaused)) fleet.resume(name)
    })
    return `${name} for ${ms} ms`
  },
}

const rebalance: Happening = {
  name: 'scale down and up',
  weight: 2,
  async run({ fleet, random, later }) {
    if (fleet.awake.length < 2) return 'too few are awake'
    const { name } = pick(fleet.awake, random)
    await fleet.drain(name)
    const ms = between(1_000, 6_000, random)
    later(ms, () => fleet.start(name))
    return `${name} drained, back after ${ms} ms`
  },
}

const serverRestart: Happening = {
  name: 'server restart',
  weight: 1,
  async run({ house, random }) {
    const which = random() < 0.5 ? 'catalog' : 's3'
    await house[which].kill()
    const ms = between(0, 4_000, random)
    await delay(ms)
    await house[which].start()
    return `${which} away for ${ms} ms`
  },
}

const faults: readonly Fault[] = [
  { fault: 'loseAnswer' },
  { fault: 'loseAnswer', instead: { status: 503 } },
  { fault: 'loseAnswer', instead: { status: 504 } },
  { fault: 'refuse', status: 503 },
  { fault: 'refuse', status: 500 },
  { fault: 'refuse', status: 429 },
  { fault: 'refuse', status: 409 },
  { fault: 'reset' },
  { fault: 'resend', answer: 'first' },
  { fault: 'resend', answer: 'second' },
  { fault: 'late', heldMs: 300, afterMs: 0 },
  { fault: 'late', heldMs: 300, afterMs: 1_500 },
  { fault: 'truncate' },
]

/** Several steps at a time, each with a fault of its own. */
const requestFaults: Happening = {
  name: 'request faults',
  weight: 6,
  async run({ house, random }) {
    const injected = shuffled(steps, random)
      .slice(0, between(1, 4, random))
      .map(([proxy, kind]) => {
        const fault = pick(faults, random)
        const rule = house[proxy].inject({ kinds: [kind], do: fault, times: between(1, 3, random) })
        return { rule, kind, fault }
      })
    await delay(between(1_000, 5_000, random))
    for (const { rule } of injected) rule.end()
    return injected.map(({ rule, kind, fault }) => `${rule.hits} × ${kind}: ${printFault(fault)}`).join(', ')
  },
}

const expiredToken: Happening = {
  name: 'expired token',
  weight: 1,
  async run({ house: { catalogProxy }, random }) {
    const hits = await untilNewToken(catalogProxy, between(2_000, 5_000, random))
    return `${hits} requests were refused with 401`
  },
}

const outage: Happening = {
  name: 'outage',
  weight: 1,
  async run({ house, random }) {
    const proxy = random() < 0.5 ? 'catalogProxy' : 'storageProxy'
    const status = pick([500, 502, 503], random)
    const injected = house[proxy].inject({ do: { fault: 'refuse', status } })
    const ms = between(3_000, 12_000, random)
    await delay(ms)
    injected.end()
    return `${proxy === 'catalogProxy' ? 'catalog' : 's3'} answered ${status} for ${ms} ms, ${injected.hits} times`
  },
}

export const happenings: readonly Happening[] = [
  kill,
  aimedKill,
  pause,
  rebalance,
  serverRestart,
  requestFaults,
  expiredToken,
  outage,
]

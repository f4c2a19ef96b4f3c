/**
 * The replicas of a soak: consumers as processes of one group, which are killed, stopped, continued and started again as
 * told, watched for their memory and for how long their commits take. It never starts one by itself.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Consumers, Runtime } from '../faults/runtimes.ts'

export interface Replica {
  readonly name: string
  /** Undefined while it is down. */
  readonly runtime: Runtime | undefined
  readonly isPaused: boolean
}

export interface Latency {
  readonly commits: number
  /** Upper bounds of the histogram's buckets, milliseconds; Infinity above the last. */
  readonly p50: number
  readonly p99: number
}

export interface Fleet {
  readonly replicas: readonly Replica[]
  /** Those that run and are not paused. */
  readonly awake: readonly Replica[]
  /** A place of its own is that of another machine: nothing there remembers the former member. */
  start(name: string, place?: 'in place' | 'elsewhere'): void
  kill(name: string): Promise<void>
  /** SIGTERM, and drained when it resolves. */
  drain(name: string): Promise<void>
  pause(name: string): void
  resume(name: string): void
  /** Resident memory at most, bytes, by replica over all its processes. */
  readonly memory: ReadonlyMap<string, number>
  /** Of durable commits to the raw table, as the replicas told before they ended. */
  latency(): Latency
  /** Ends of processes that nobody asked for. */
  misbehaviour(): readonly string[]
  /** Ends the watch. */
  close(): Promise<void>
}

interface Slot {
  runtime: Runtime | undefined
  isPaused: boolean
  places: number
}

/** SIGTERM ends a process by itself where it has only just begun. */
const asked: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM'])
const drainSeconds = 60
const lookEveryMs = 500

export function createFleet(consumers: Consumers, names: readonly string[]): Fleet {
  const slots = new Map<string, Slot>(names.map(name => [name, { runtime: undefined, isPaused: false, places: 0 }]))
  const memory = new Map<string, number>()
  const buckets = new Map<Runtime, ReadonlyMap<number, number>>()
  const closing = new AbortController()

  const slotOf = (name: string): Slot => slots.get(name)!
  const watching = watch()

  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      await Promise.all([...slots].map(([name, slot]) => look(name, slot)))
      await delay(lookEveryMs, undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }

  async function look(name: string, { runtime, isPaused }: Slot): Promise<void> {
    if (runtime === undefined || runtime.ended !== undefined) return
    memory.set(name, Math.max(memory.get(name) ?? 0, await peakMemory(runtime.pid)))
    if (isPaused) return
    const metrics = await runtime.get('/metrics')
    if (metrics) buckets.set(runtime, commitBuckets(metrics.body))
  }

  async function end(name: string, how: (runtime: Runtime) => Promise<unknown>): Promise<void> {
    const slot = slotOf(name)
    const { runtime } = slot
    if (runtime === undefined) return
    await look(name, slot)
    slot.runtime = undefined
    slot.isPaused = false
    await how(runtime)
  }

  return {
    get replicas() {
      return [...slots].map(([name, { runtime, isPaused }]) => ({ name, runtime, isPaused }))
    },
    get awake() {
      return this.replicas.filter(({ runtime, isPaused }) => runtime !== undefined && !isPaused)
    },
    start(name, place = 'in place') {
      const slot = slotOf(name)
      if (place === 'elsewhere') slot.places++
      slot.runtime = consumers.start(name, { place: `${name}-${slot.places}` })
    },
    kill: name => end(name, runtime => runtime.kill()),
    drain: name =>
      end(name, async runtime => {
        runtime.signal('SIGCONT')
        runtime.signal('SIGTERM')
        await runtime.end(drainSeconds)
      }),
    pause(name) {
      const slot = slotOf(name)
      slot.runtime?.signal('SIGSTOP')
      slot.isPaused = true
    },
    resume(name) {
      const slot = slotOf(name)
      slot.runtime?.signal('SIGCONT')
      slot.isPaused = false
    },
    memory,
    latency: () => latencyOf([...buckets.values()]),
    misbehaviour: () =>
      consumers.started.flatMap(({ name, ended, complaints }) =>
        ended === undefined || asked.has(ended.signal ?? '') || ended.code === 0
          ? []
          : [`${name} ended with ${JSON.stringify(ended)}: ${complaints.join(' ')}`],
      ),
    async close() {
      closing.abort()
      await watching
    },
  }
}

/** VmHWM of proc(5), in bytes; 0 where the process is gone. */
async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}

const bucketLine =
  /^iceberg_write_latency_ms_bucket\{(?=[^}]*table="health_data_raw")[^}]*\ble="([^"]+)"[^}]*\} (\d+)$/gm

/** Cumulative counts by upper bound. */
function commitBuckets(metrics: string): ReadonlyMap<number, number> {
  const counts = [...metrics.matchAll(bucketLine)].map(([, bound, count]) => [bound, Number(count)] as const)
  return new Map(counts.map(([bound, count]) => [bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), count]))
}

function latencyOf(all: readonly ReadonlyMap<number, number>[]): Latency {
  const sums = new Map<number, number>()
  for (const buckets of all) for (const [bound, count] of buckets) sums.set(bound, (sums.get(bound) ?? 0) + count)
  const commits = sums.get(Number.POSITIVE_INFINITY) ?? 0
  const bounds = [...sums].sort(([a], [b]) => a - b)
  const quantile = (share: number) => bounds.find(([, count]) => count >= share * commits)?.[0] ?? 0
  return { commits, p50: quantile(0.5), p99: quantile(0.99) }
}

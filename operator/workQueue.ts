/**
 * Which keys are to be worked on, and when: each key once however often it was added, one worker a key, failures again
 * after a growing pause. It knows no kind of work, and keeps nothing over a restart.
 */
import type { Logger } from '../runtime/contract/logger.ts'
import { type BackoffRange, equalJitterMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import { TokenBucket } from './rateLimit.ts'

/** Each is called when it happens; for metrics. */
export interface WorkQueueObserver {
  /** How many keys wait for a worker now. */
  depth?(keys: number): void
  /** From being added to being begun. */
  begun?(waitedMs: number): void
  ended?(workedMs: number): void
  retried?(): void
}

export interface WorkQueueOptions {
  /** A rejection has the key worked on again: after `retryAfterMs` of the error at the soonest, where it has that. */
  readonly work: (key: string) => Promise<void>
  /** Keys worked on at a time. */
  readonly workers: number
  readonly logger: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly observer?: WorkQueueObserver
  readonly backoff?: BackoffRange
  /** Of all keys together. */
  readonly retriesPerSecond?: number
  readonly retryBurst?: number
}

interface Delayed {
  readonly atMs: number
  readonly cancelling: AbortController
}

const defaultBackoff: BackoffRange = { leastMs: 5, mostMs: 300_000 }

export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #retries: TokenBucket
  /** Waiting for a worker, with the time since when; in order. */
  readonly #ready = new Map<string, number>()
  readonly #working = new Set<string>()
  /** Added while they were worked on, with the time. */
  readonly #again = new Map<string, number>()
  readonly #delayed = new Map<string, Delayed>()
  readonly #failures = new Map<string, number>()
  readonly #stopped = Promise.withResolvers<void>()
  #isStopped = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#retries = new TokenBucket(options.retriesPerSecond ?? 10, options.retryBurst ?? 100, options.clock)
  }

  add(key: string): void {
    if (this.#isStopped) return
    const queue = this.#working.has(key) ? this.#again : this.#ready
    if (queue.has(key)) return
    queue.set(key, this.#options.clock.now())
    // A moment later: those who add it now, mean the same work.
    queueMicrotask(() => this.#begin())
  }

  /** Of several the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) this.add(key)
    if (ms <= 0 || this.#isStopped) return
    const { clock } = this.#options
    const atMs = clock.now() + ms
    const before = this.#delayed.get(key)
    if (before && before.atMs <= atMs) return
    before?.cancelling.abort()
    const delayed = { atMs, cancelling: new AbortController() }
    this.#delayed.set(key, delayed)
    const add = () => {
      if (this.#delayed.get(key) !== delayed) return
      this.#delayed.delete(key)
      this.add(key)
    }
    clock.sleep(ms, delayed.cancelling.signal).then(add, () => undefined)
  }

  /** What there was to know of a key that will not come again. */
  forget(key: string): void {
    this.#failures.delete(key)
    this.#delayed.get(key)?.cancelling.abort()
    this.#delayed.delete(key)
  }

  /** Begins nothing more. Resolves when what was begun has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const { cancelling } of this.#delayed.values()) cancelling.abort()
    this.#delayed.clear()
    this.#ready.clear()
    if (this.#working.size > 0) await this.#stopped.promise
  }

  #begin(): void {
    const { workers, clock, observer } = this.#options
    for (const [key, addedMs] of this.#ready) {
      if (this.#working.size >= workers) break
      this.#ready.delete(key)
      observer?.begun?.(clock.now() - addedMs)
      this.#working.add(key)
      void this.#work(key)
    }
    observer?.depth?.(this.#ready.size)
  }

  /** Never rejects. */
  async #work(key: string): Promise<void> {
    const { work, clock, observer } = this.#options
    const begunMs = clock.now()
    try {
      await work(key)
      this.#failures.delete(key)
    } catch (error) {
      this.#retry(key, error)
    } finally {
      observer?.ended?.(clock.now() - begunMs)
      this.#working.delete(key)
      const addedMs = this.#again.get(key)
      this.#again.delete(key)
      if (addedMs !== undefined && !this.#isStopped) this.#ready.set(key, addedMs)
      if (this.#isStopped && this.#working.size === 0) this.#stopped.resolve()
      this.#begin()
    }
  }

  #retry(key: string, error: unknown): void {
    const { random, observer, logger, backoff = defaultBackoff } = this.#options
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    const pauseMs = equalJitterMs(backoff, failures, random())
    const askedMs = (error as { retryAfterMs?: unknown } | undefined)?.retryAfterMs
    const delayMs = Math.max(pauseMs, typeof askedMs === 'number' ? askedMs : 0, this.#retries.take())
    const context = { key, failures, pause_ms: Math.round(delayMs) }
    logger.warning('the work failed; it is done again', { context, error })
    observer?.retried?.()
    this.addAfter(key, delayMs)
  }
}

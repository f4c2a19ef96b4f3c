/**
 * One leader among several processes, by a Lease (https://kubernetes.io/docs/concepts/architecture/leases/), as client-go
 * does it. Times of other machines are never compared with the own: a lease has run out when it was not seen to change for
 * its duration. A leader that cannot renew in time stops being one before anybody else can become it; it never decides
 * what losing means.
 */
import type { Logger } from '../runtime/contract/logger.ts'
import type { Clock } from './clock.ts'
import { type Kubernetes, KubernetesError, type KubernetesObject } from './kubernetes.ts'
import { durationMsOf, held, holderOf, leaseKind, released } from './lease.ts'

export interface LeaderElectionOptions {
  readonly kubernetes: Pick<Kubernetes, 'get' | 'write'>
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Of this process; no other has the same. */
  readonly identity: string
  readonly logger: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Told when this process begins and ends to lead; for metrics. */
  readonly observer?: (isLeading: boolean) => void
  readonly leaseDurationMs?: number
  /** A leader whose last renewal is so old stops; below the lease's duration. */
  readonly renewDeadlineMs?: number
  readonly retryMs?: number
}

/** Those who wait for the lease ask again after up to 1 + this times `retryMs`. */
const jitter = 0.2

export class LeaderElection {
  /** Resolves when this process leads for the first time. Stays pending where it never does. */
  readonly leading: Promise<void>
  /** Aborts when this process led and does not any more; never for a lease that was given back. */
  readonly lost: AbortSignal
  readonly #options: LeaderElectionOptions
  readonly #leaseDurationMs: number
  readonly #renewDeadlineMs: number
  readonly #retryMs: number
  readonly #losing = new AbortController()
  readonly #resolveLeading: () => void
  /** The lease as it was read or written last, and when that version was first seen, by the own clock. */
  #seen: { readonly lease: KubernetesObject; readonly atMs: number } | undefined
  /** When the last renewal that succeeded was begun. */
  #renewedMs: number | undefined

  constructor(options: LeaderElectionOptions) {
    this.#options = options
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000
    this.#retryMs = options.retryMs ?? 2_000
    const { promise, resolve } = Promise.withResolvers<void>()
    this.leading = promise
    this.#resolveLeading = resolve
    this.lost = this.#losing.signal
  }

  /**
   * By the clock, at this moment: true in at most one process, also where one was paused and has not noticed yet. What
   * was sent before may still arrive.
   */
  isLeading(): boolean {
    return this.#remainingMs() > 0
  }

  /** Tries to lead, and then to go on leading, until it has lost or the signal aborts; then gives the lease back. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const ending = AbortSignal.any([signal, this.lost])
    while (!ending.aborted) {
      await this.#attempt(ending)
      if (!ending.aborted) await clock.sleep(this.#pauseMs(), ending).catch(ignore)
    }
    if (!this.lost.aborted && this.#seen && holderOf(this.#seen.lease) === this.#options.identity) await this.#release()
  }

  #remainingMs(): number {
    if (this.#renewedMs === undefined) return 0
    return this.#renewedMs + this.#renewDeadlineMs - this.#options.clock.now()
  }

  #pauseMs(): number {
    if (this.isLeading()) return this.#retryMs
    const retryMs = this.#retryMs * (1 + jitter * this.#options.random())
    const runsOutMs = this.#runsOutMs()
    return runsOutMs > 0 ? Math.min(retryMs, runsOutMs) : retryMs
  }

  /** Until the lease as it was seen may be taken; 0 where it may be. */
  #runsOutMs(): number {
    if (!this.#seen || holderOf(this.#seen.lease) === undefined) return 0
    const { lease, atMs } = this.#seen
    return Math.max(0, atMs + (durationMsOf(lease) ?? this.#leaseDurationMs) - this.#options.clock.now())
  }

  /** Never rejects: what fails is tried again, as long as there is time. */
  async #attempt(ending: AbortSignal): Promise<void> {
    const { identity, clock, logger, name } = this.#options
    const cutting = new AbortController()
    // One request that hangs does not use up all the time there is. What is under way at a clean stop is waited for.
    const timer = AbortSignal.any([this.lost, cutting.signal])
    clock.sleep(this.#renewDeadlineMs / 2, timer).then(() => cutting.abort(new Error('no answer in time')), ignore)
    try {
      // After a pause this may come before the watch over it does.
      if (this.#renewedMs !== undefined && !this.isLeading()) return this.#lose()
      if (!this.isLeading()) await this.#look(timer)
      if (this.#isOthers() && this.#runsOutMs() > 0) return
      await this.#renew(timer, ending)
    } catch (error) {
      const code = error instanceof KubernetesError ? error.code : 'Unavailable'
      // Another was faster, or somebody edited or deleted the lease: look at what it is now.
      if (code === 'Conflict' || code === 'AlreadyExists' || code === 'NotFound') await this.#look(timer).catch(ignore)
      if (this.isLeading() && this.#isOthers()) this.#lose()
      else
        logger.warning('the lease could not be taken or renewed', { context: { lease: name, identity, code }, error })
    } finally {
      cutting.abort() // Ends the timer.
    }
  }

  #isOthers(): boolean {
    return this.#seen !== undefined && ![undefined, this.#options.identity].includes(holderOf(this.#seen.lease))
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { kubernetes, namespace, name } = this.#options
    try {
      this.#see(await kubernetes.get({ kind: leaseKind, namespace, name }, signal))
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.code !== 'NotFound') throw error
      this.#seen = undefined
    }
  }

  #see(lease: KubernetesObject): void {
    const isNew = this.#seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion
    if (isNew) this.#seen = { lease, atMs: this.#options.clock.now() }
  }

  async #renew(signal: AbortSignal, ending: AbortSignal): Promise<void> {
    const { kubernetes, namespace, name, identity, clock } = this.#options
    // Before it is sent: whoever sees the lease, sees it later than this.
    const begunMs = clock.now()
    const lease = held(this.#seen?.lease, { namespace, name }, identity, this.#leaseDurationMs, begunMs)
    this.#see(await kubernetes.write(lease, signal))
    const isFirst = this.#renewedMs === undefined
    if (ending.aborted) return
    // An answer may come so late that it is worth nothing.
    if (begunMs + this.#renewDeadlineMs <= clock.now()) return
    this.#renewedMs = begunMs
    if (isFirst) this.#lead(ending)
  }

  #lead(ending: AbortSignal): void {
    const { identity, logger, name, observer } = this.#options
    logger.info('leading', { context: { lease: name, identity } })
    observer?.(true)
    this.#resolveLeading()
    void this.#watchOver(ending)
  }

  /** Ends the leadership when its time is up, whatever the request under way does. */
  async #watchOver(ending: AbortSignal): Promise<void> {
    while (this.isLeading() && !ending.aborted)
      await this.#options.clock.sleep(this.#remainingMs(), ending).catch(ignore)
    if (!ending.aborted) this.#lose()
  }

  #lose(): void {
    const { identity, logger, name, observer } = this.#options
    if (this.lost.aborted) return
    this.#renewedMs = undefined
    logger.error('the lease was lost', { context: { lease: name, identity } })
    observer?.(false)
    this.#losing.abort(new Error(`the lease ${name} was lost`))
  }

  async #release(): Promise<void> {
    const { kubernetes, clock, logger, observer, name } = this.#options
    const wasLeading = this.#renewedMs !== undefined
    this.#renewedMs = undefined
    if (wasLeading) observer?.(false)
    try {
      await kubernetes.write(released(this.#seen!.lease, clock.now()), AbortSignal.timeout(this.#renewDeadlineMs / 2))
    } catch (error) {
      // It runs out by itself.
      logger.warning('the lease could not be given back', { context: { lease: name }, error })
    }
  }
}

const ignore = () => undefined

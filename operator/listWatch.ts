/**
 * Knows the objects of one kind: lists them, watches from there on, and starts over whenever it must
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes). Tells what changed and
 * what is gone; it never writes, and never gives up before it is stopped.
 */
import { type BackoffRange, fullJitterMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import {
  type Kind,
  type Kubernetes,
  KubernetesError,
  type KubernetesErrorCode,
  type Selection,
  type WatchEvent,
} from './kubernetes.ts'
import { type ObjectHandlers, ObjectStore } from './objectStore.ts'

export interface ListWatchLimits {
  /** Objects a page. */
  readonly pageSize: number
  /** A watch asks to be ended after a random time between these. */
  readonly watchSeconds: readonly [least: number, most: number]
  /** A watch that has not ended by then hangs, and is cut. */
  readonly graceMs: number
  readonly backoff: BackoffRange
  /** A watch that lived so long was a good one: whatever comes next is a first failure. */
  readonly healthyMs: number
  /** Pause while the API is not there. */
  readonly absentMs: number
  /** Lists again after this long even where nothing calls for it. */
  readonly relistMs: number
}

export const listWatchLimits: ListWatchLimits = {
  pageSize: 500,
  watchSeconds: [300, 600],
  graceMs: 30_000,
  backoff: { leastMs: 500, mostMs: 30_000 },
  healthyMs: 10_000,
  absentMs: 30_000,
  relistMs: Number.POSITIVE_INFINITY,
}

/** Each is called when it happens; `changed` when the state is another, with the namespace that is watched. */
export interface ListWatchObserver {
  listed?(): void
  watching?(): void
  failed?(code: KubernetesErrorCode): void
  changed?(namespace: string | undefined): void
}

export interface ListWatchOptions<Value> extends ObjectHandlers<Value> {
  readonly kubernetes: Kubernetes
  readonly kind: Kind
  readonly selection?: Selection
  readonly metadataOnly?: boolean
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly observer?: ListWatchObserver
  readonly limits?: Partial<ListWatchLimits>
}

/**
 * - `starting`: nothing known yet
 * - `absent`: the API does not exist; looked for again now and then
 * - `synced`: listed, and watched since
 * - `failing`: what is known may be old
 * - `forbidden`: the namespace may not be watched, and what is known may be old; tried again and again
 */
export type ListWatchState = 'starting' | 'absent' | 'synced' | 'failing' | 'forbidden'

export class ListWatch<Value> {
  /** Resolves when the objects are known for the first time, or known to have no API. Stays pending where it is stopped before. */
  readonly synced: Promise<void>
  readonly #options: ListWatchOptions<Value>
  readonly #limits: ListWatchLimits
  readonly #store: ObjectStore<Value>
  readonly #resolveSynced: () => void
  #state: ListWatchState = 'starting'
  #lastEventMs: number
  /** Where the next watch begins; undefined calls for a list. */
  #resourceVersion: string | undefined
  #listedMs = 0
  #failures = 0

  constructor(options: ListWatchOptions<Value>) {
    this.#options = options
    this.#limits = { ...listWatchLimits, ...options.limits }
    this.#store = new ObjectStore(options)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.synced = promise
    this.#resolveSynced = resolve
    this.#lastEventMs = options.clock.now()
  }

  get state(): ListWatchState {
    return this.#state
  }

  /** When the API server was heard of last: an event, a bookmark, a list, an end. */
  get lastEventMs(): number {
    return this.#lastEventMs
  }

  get size(): number {
    return this.#store.size
  }

  get(name: string, namespace?: string): Value | undefined {
    return this.#store.get(name, namespace)
  }

  values(): Iterable<Value> {
    return this.#store.values()
  }

  /** Resolves when the signal aborts; no handler is called from then on. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pauseMs = await this.#round(signal)
      if (pauseMs > 0 && !signal.aborted) await this.#options.clock.sleep(pauseMs, signal).catch(() => undefined)
    }
  }

  /** A list where one is due, and one watch. Returns how long to pause. */
  async #round(signal: AbortSignal): Promise<number> {
    try {
      if (this.#resourceVersion === undefined || this.#relistInMs() <= 0) {
        if (!(await this.#list(signal))) return this.#absent()
      }
      await this.#watch(this.#resourceVersion!, signal)
      return 0
    } catch (error) {
      return signal.aborted ? 0 : this.#failed(error)
    }
  }

  #relistInMs(): number {
    return this.#listedMs + this.#limits.relistMs - this.#options.clock.now()
  }

  /** Returns false where the API does not exist. */
  async #list(signal: AbortSignal): Promise<boolean> {
    const { kubernetes, kind, selection, metadataOnly } = this.#options
    const relisting = this.#store.relist()
    const options = { ...selection, metadataOnly, limit: this.#limits.pageSize, signal }
    let next: string | undefined
    let resourceVersion: string
    do {
      const page = await kubernetes.list(kind, { ...options, continue: next }).catch(unlessNotFound)
      signal.throwIfAborted()
      if (!page) return false
      for (const object of page.items) relisting.seen(object)
      resourceVersion = page.resourceVersion
      next = page.continue
    } while (next !== undefined)
    relisting.end()
    this.#resourceVersion = resourceVersion
    this.#listedMs = this.#options.clock.now()
    this.#options.observer?.listed?.()
    this.#heard()
    return true
  }

  /** Resolves when the server ended the watch in its time. Throws where it broke, hung, or ended at once. */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { kubernetes, kind, selection, metadataOnly, clock, observer } = this.#options
    const timeoutSeconds = this.#watchSeconds()
    const begunMs = clock.now()
    const isHealthy = () => clock.now() - begunMs >= Math.min(this.#limits.healthyMs, timeoutSeconds * 900)
    const cutting = new AbortController()
    const either = AbortSignal.any([signal, cutting.signal])
    clock
      .sleep(timeoutSeconds * 1000 + this.#limits.graceMs, either)
      .then(() => cutting.abort(new Error('the watch did not end in its time')), ignore)
    observer?.watching?.()
    try {
      const options = { ...selection, metadataOnly, resourceVersion, timeoutSeconds, signal: either }
      for await (const event of kubernetes.watch(kind, options)) {
        if (either.aborted) break
        this.#take(event)
      }
    } finally {
      cutting.abort() // Ends the timer.
      if (isHealthy()) this.#failures = 0
    }
    if (!isHealthy()) throw new KubernetesError('Unavailable', 0, 'the watch ended at once')
    this.#heard()
  }

  #watchSeconds(): number {
    const [least, most] = this.#limits.watchSeconds
    const seconds = least + this.#options.random() * (most - least)
    return Math.max(1, Math.ceil(Math.min(seconds, this.#relistInMs() / 1000)))
  }

  #take(event: WatchEvent): void {
    if (event.type === 'DELETED') this.#store.remove(event.object)
    else if (event.type !== 'BOOKMARK') this.#store.put(event.object)
    this.#resourceVersion = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion
    this.#heard()
  }

  #heard(): void {
    this.#lastEventMs = this.#options.clock.now()
    this.#become('synced')
  }

  #absent(): number {
    this.#resourceVersion = undefined
    this.#failures = 0
    this.#store.relist().end()
    this.#lastEventMs = this.#options.clock.now()
    this.#become('absent')
    // Several kinds of one API need not ask at the same time.
    return this.#limits.absentMs * (0.9 + 0.2 * this.#options.random())
  }

  #failed(error: unknown): number {
    const { kind, selection, random, observer, logger } = this.#options
    const { code = 'Unavailable', retryAfterMs = 0 } = error instanceof KubernetesError ? error : {}
    // A watch that is not found: the API went away, which a list will tell.
    if (code === 'Expired' || code === 'NotFound') this.#resourceVersion = undefined
    const pauseMs = retryAfterMs + fullJitterMs(this.#limits.backoff, ++this.#failures, random())
    const told = { error, context: { kind: kind.kind, code, failures: this.#failures, pause_ms: Math.round(pauseMs) } }
    const isForbidden = code === 'Forbidden' && selection?.namespace !== undefined
    // Connections end now and then; that they go on ending is news. That a namespace is forbidden is told once, for all kinds.
    logger[isForbidden ? 'debug' : this.#failures > 1 ? 'warning' : 'info']('the watch is interrupted', told)
    observer?.failed?.(code)
    if (isForbidden) this.#become('forbidden')
    else if (this.#state === 'synced') this.#become('failing')
    return pauseMs
  }

  #become(state: ListWatchState): void {
    if (state === this.#state) return
    const context = { kind: this.#options.kind.kind, from: this.#state, to: state, objects: this.#store.size }
    this.#options.logger.debug('the watch changed its state', { context })
    this.#state = state
    if (state === 'synced' || state === 'absent') this.#resolveSynced()
    this.#options.observer?.changed?.(this.#options.selection?.namespace)
  }
}

const ignore = () => undefined

function unlessNotFound(error: unknown): undefined {
  if (!(error instanceof KubernetesError) || error.code !== 'NotFound') throw error
}

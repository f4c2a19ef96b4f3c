/**
 * Has each HealthConsumer reconciled when something about it changed: watches -> queue -> reconcile, and the rounds over
 * the pods. It knows no manifest; what is to be done is reconcile.ts' business.
 */
import type { Logger } from '../runtime/contract/logger.ts'
import type { RuntimeStatus } from '../runtime/contract/status.ts'
import type { Clock } from './clock.ts'
import { ClusterState, keyOf } from './clusterState.ts'
import type { OperatorConfig } from './config.ts'
import { createDependencies } from './dependencies.ts'
import { Digests } from './digests.ts'
import { createEventRecorder } from './events.ts'
import type { Kubernetes } from './kubernetes.ts'
import type { ListWatchLimits } from './listWatch.ts'
import type { OperatorMetrics } from './metrics.ts'
import { OccupiedNames } from './occupiedNames.ts'
import { PipelinePoller } from './pipelinePoller.ts'
import { type ReconcilePorts, reconcile } from './reconcile.ts'
import { Repairs } from './repairs.ts'
import type { Health } from './server.ts'
import { WorkQueue } from './workQueue.ts'

export interface ControllerOptions {
  readonly kubernetes: Kubernetes
  readonly config: OperatorConfig
  readonly metrics: OperatorMetrics
  readonly logger: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** `/status` of a pod. */
  ask(address: string, signal: AbortSignal): Promise<RuntimeStatus>
  readonly limits?: Partial<ListWatchLimits>
}

/** A watch is asked for anew after ten minutes at most; one that tells nothing for so long is dead. */
const silentMs = 15 * 60_000
/** No HealthConsumer has this key. It goes through the queue like any other: a queue that hangs is told from an idle one. */
const canary = 'canary'
/** What happens to a child or a pod is seldom alone: what follows within this time is looked at together. */
const momentMs = 250
const canaryMs = 60_000
const stuckMs = 10 * 60_000

export class Controller {
  readonly #options: ControllerOptions
  readonly #state: ClusterState
  readonly #queue: WorkQueue
  readonly #poller: PipelinePoller
  readonly #ports: ReconcilePorts
  /** When the canary last came through the queue. */
  #canaryMs: number

  constructor(options: ControllerOptions) {
    this.#options = options
    const { kubernetes, config, logger, clock, random, metrics, limits, ask } = options
    this.#canaryMs = clock.now()
    this.#state = new ClusterState({
      ...{ kubernetes, namespaces: config.namespaces, logger, clock, random, limits },
      concerned: key => this.#queue.add(key),
      touched: key => this.#queue.addAfter(key, momentMs),
      conditions: metrics.conditions,
    })
    this.#poller = new PipelinePoller({
      keys: () => this.#state.workloads.keys(),
      pods: key => this.#state.workloads.pods(key),
      ask,
      changed: key => this.#queue.add(key),
      now: clock.now,
    })
    this.#queue = new WorkQueue({
      ...{ workers: config.workers, logger, clock, random },
      work: key => this.#work(key),
      observer: {
        depth: metrics.queueDepth,
        begun: waitedMs => metrics.queued(waitedMs / 1000),
        retried: metrics.retried,
      },
    })
    this.#ports = reconcilePorts(options, this.#state, this.#poller)
  }

  /** Whether it does what it should: the API server is heard of, and what is due is done. */
  live(): Health {
    const nowMs = this.#options.clock.now()
    for (const [kind, atMs] of this.#state.lastEventMs())
      if (nowMs - atMs > silentMs) return { ok: false, message: `the watch of ${kind} has been silent too long` }
    if (nowMs - this.#canaryMs > stuckMs) return { ok: false, message: 'the queue of work does not move' }
    return { ok: true, message: `leading${this.#setAside()}` }
  }

  ready(): Health {
    if (this.#state.lacksDefinition) return { ok: false, message: 'the definition of HealthConsumers is not installed' }
    const ok = this.#state.namespaces.isSynced
    return { ok, message: `${ok ? 'leading' : 'listing what there is'}${this.#setAside()}` }
  }

  #setAside(): string {
    const { setAside } = this.#state.namespaces
    return setAside.length === 0 ? '' : `; set aside, as they may not be watched: ${setAside.join(', ')}`
  }

  /** Puts what has to be looked up into the metrics. */
  measure(): void {
    for (const [kind, atMs] of this.#state.lastEventMs()) this.#options.metrics.watchHeard(kind, atMs)
    this.#options.metrics.setAside(this.#state.namespaces.setAside.length)
  }

  /** Resolves once the signal has aborted and what was begun has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { config } = this.#options
    const sendCanary = async () => this.#queue.add(canary)
    await Promise.all([
      this.#state.run(signal),
      this.#every(config.statusIntervalMs, () => this.#poller.round(signal), signal),
      this.#every(canaryMs, sendCanary, signal),
    ])
    await this.#queue.stop()
  }

  async #every(pauseMs: number, act: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await act()
      await this.#options.clock.sleep(pauseMs, signal).catch(() => undefined)
    }
  }

  async #work(key: string): Promise<void> {
    const { metrics, clock } = this.#options
    const begunMs = clock.now()
    if (key === canary) {
      this.#canaryMs = begunMs
      return
    }
    let result: 'success' | 'error' = 'error'
    try {
      const lookAgainMs = await reconcile(key, this.#ports)
      if (lookAgainMs !== undefined) this.#queue.addAfter(key, lookAgainMs)
      result = 'success'
    } finally {
      metrics.reconciled(result, (clock.now() - begunMs) / 1000)
      if (this.#state.consumer(key) === undefined) {
        this.#queue.forget(key)
        this.#ports.digests.forget(key)
      }
    }
  }
}

function reconcilePorts(
  { kubernetes, config, logger, clock }: ControllerOptions,
  state: ClusterState,
  poller: PipelinePoller,
): ReconcilePorts {
  return {
    kubernetes,
    logger,
    defaults: config.children,
    children: state.children,
    occupied: new OccupiedNames(kubernetes, clock.now),
    repairs: new Repairs(clock.now),
    digests: new Digests(),
    recordEvents: createEventRecorder({ kubernetes, logger, identity: config.identity, now: clock.now }),
    dependencies: createDependencies({ kubernetes, provided: state.provided }),
    available: () => state.available(),
    written: (kind, stored) => state.childWritten(kind, stored),
    consumer: key => state.consumer(key),
    deployment: (namespace, name) => state.workloads.deployment(keyOf(namespace, name)),
    pods: key => state.workloads.pods(key),
    pipeline: key => poller.facts(key),
    writtenStatus: object => state.writtenStatus(object),
    statusWritten: object => state.statusWritten(object),
    now: clock.now,
  }
}

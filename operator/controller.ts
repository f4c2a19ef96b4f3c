/**
 * Has each HealthConsumer reconciled when something about it changed: watches -> queue -> reconcile, and the rounds over
 * the pods. It knows no manifest; what is to be done is reconcile.ts' business.
 */
import type { Logger } from '../runtime/contract/logger.ts'
import type { RuntimeStatus } from '../runtime/contract/status.ts'
import { OccupiedNames } from './apply.ts'
import type { Clock } from './clock.ts'
import { ClusterState } from './clusterState.ts'
import type { OperatorConfig } from './config.ts'
import { createDependencies } from './dependencies.ts'
import { createEventRecorder } from './events.ts'
import type { Kubernetes } from './kubernetes.ts'
import type { ListWatchLimits } from './listWatch.ts'
import type { OperatorMetrics } from './metrics.ts'
import { PipelinePoller } from './pipelinePoller.ts'
import { type ReconcilePorts, reconcile } from './reconcile.ts'
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

export class Controller {
  readonly #options: ControllerOptions
  readonly #state: ClusterState
  readonly #queue: WorkQueue
  readonly #poller: PipelinePoller
  readonly #ports: ReconcilePorts

  constructor(options: ControllerOptions) {
    this.#options = options
    const { kubernetes, config, logger, clock, random, metrics, limits, ask } = options
    this.#state = new ClusterState({
      kubernetes,
      namespaces: config.namespaces,
      logger,
      clock,
      random,
      limits,
      concerned: key => this.#queue.add(key),
      conditions: metrics.conditions,
    })
    this.#poller = new PipelinePoller({
      keys: () => this.#state.keysWithPods(),
      pods: key => this.#state.pods(key),
      ask,
      changed: key => this.#queue.add(key),
      now: clock.now,
    })
    this.#queue = new WorkQueue({
      work: key => this.#work(key),
      workers: config.workers,
      logger,
      clock,
      random,
      observer: {
        depth: metrics.queueDepth,
        begun: waitedMs => metrics.queued(waitedMs / 1000),
        retried: metrics.retried,
      },
    })
    this.#ports = reconcilePorts(options, this.#state, this.#poller)
  }

  get isSynced(): boolean {
    return this.#state.isSynced
  }

  /** Milliseconds since the epoch: when the least lively watch last heard anything. */
  get lastEventMs(): number {
    return this.#state.lastEventMs
  }

  /** Resolves once the signal has aborted and what was begun has ended. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#state.run(signal), this.#poll(signal)])
    await this.#queue.stop()
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { clock, config } = this.#options
    while (!signal.aborted) {
      await this.#poller.round(signal)
      await clock.sleep(config.statusIntervalMs, signal).catch(() => undefined)
    }
  }

  async #work(key: string): Promise<void> {
    const { metrics, clock } = this.#options
    const begunMs = clock.now()
    let result: 'success' | 'error' = 'error'
    try {
      await reconcile(key, this.#ports)
      result = 'success'
    } finally {
      metrics.reconciled(result, (clock.now() - begunMs) / 1000)
      if (this.#state.consumer(key) === undefined) this.#queue.forget(key)
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
    recordEvents: createEventRecorder({ kubernetes, logger, identity: config.identity, now: clock.now }),
    dependencies: createDependencies({ kubernetes, state }),
    available: () => state.available(),
    written: (kind, stored) => state.childWritten(kind, stored),
    consumer: key => state.consumer(key),
    deployment: (namespace, name) => state.deployment(namespace, name),
    pods: key => state.pods(key),
    pipeline: key => poller.facts(key),
    writtenStatus: object => state.writtenStatus(object),
    statusWritten: object => state.statusWritten(object),
    now: clock.now,
  }
}

/**
 * One operator: probes, the lease, and the controller while the lease is held. It reads no environment and no file; what
 * it works on is passed in.
 */
import type { Logger } from '../runtime/contract/logger.ts'
import type { RuntimeStatus } from '../runtime/contract/status.ts'
import type { Clock } from './clock.ts'
import type { OperatorConfig } from './config.ts'
import { Controller } from './controller.ts'
import type { Kubernetes } from './kubernetes.ts'
import { LeaderElection } from './leaderElection.ts'
import type { ListWatchLimits } from './listWatch.ts'
import type { OperatorMetrics } from './metrics.ts'
import { type Health, startServer } from './server.ts'

export interface OperatorOptions {
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
  /** Called once the server listens, with its port. */
  listening?(port: number): void
}

/** Another process leads: this one must end, for it may no longer write. */
export class LeadershipLost extends Error {
  override readonly name = 'LeadershipLost'
}

/** A watch is asked for anew after ten minutes at most; one that tells nothing for so long is dead. */
const silentMs = 15 * 60_000

/** Resolves once the signal has aborted and everything has ended. Rejects with LeadershipLost, or where the port is taken. */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { kubernetes, config, metrics, logger, clock, random } = options
  const controller = new Controller(options)
  const { enabled, name, namespace } = config.leaderElection
  const election = enabled
    ? new LeaderElection({ kubernetes, namespace, name, identity: config.identity, clock, logger, random })
    : undefined
  let leads = false
  const live = (): Health => ({
    ok: !leads || clock.now() - controller.lastEventMs < silentMs,
    message: leads ? 'watching' : 'waiting to lead',
  })
  // One that waits is ready to take over; a rollout must not wait for the lease that its predecessor holds.
  const ready = (): Health => ({
    ok: !leads || controller.isSynced,
    message: leads ? (controller.isSynced ? 'leading' : 'listing') : 'waiting to lead',
  })
  const server = await startServer(config.metricsHost, config.metricsPort, {
    metricsText: () => metrics.registry.metrics(),
    live,
    ready,
  })
  options.listening?.(server.port)
  const ending = election ? AbortSignal.any([signal, election.lost]) : signal
  // The lease is given back only when nothing is written any more.
  const stopElection = new AbortController()
  const electing = election?.run(stopElection.signal)
  try {
    await Promise.race([election?.leading, aborted(ending)])
    if (!ending.aborted) {
      leads = true
      metrics.leading(true)
      logger.info('leading', { context: { identity: config.identity } })
      await controller.run(ending)
    }
  } finally {
    metrics.leading(false)
    stopElection.abort()
    await Promise.all([electing, server.close()])
  }
  if (election?.lost.aborted) throw new LeadershipLost(`another process holds the lease ${namespace}/${name}`)
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

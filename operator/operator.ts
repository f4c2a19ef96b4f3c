/**
 * One operator: probes, the lease, and the controller while the lease is held. It reads no environment and no file; what
 * it works on is passed in.
 */
import { Controller, type ControllerOptions } from './controller.ts'
import { fenced } from './fencedKubernetes.ts'
import type { Kubernetes } from './kubernetes.ts'
import { LeaderElection } from './leaderElection.ts'
import { type Health, startServer } from './server.ts'

export interface OperatorOptions extends ControllerOptions {
  /** What the lease is held with: a client of its own, so that no crowd of writes makes it late. */
  readonly leases: Pick<Kubernetes, 'get' | 'write'>
  /** Called once the server listens, with its port. */
  listening?(port: number): void
}

/** Another process leads: this one must end, for it may no longer write. */
export class LeadershipLost extends Error {
  override readonly name = 'LeadershipLost'
}

/** Resolves once the signal has aborted and everything has ended. Rejects with LeadershipLost, or where the port is taken. */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { config, metrics } = options
  let controller: Controller | undefined
  const server = await startServer(config.metricsHost, config.metricsPort, {
    metricsText() {
      controller?.measure()
      return metrics.registry.metrics()
    },
    live: () => controller?.live() ?? waiting,
    // One that waits is ready to take over: a rollout must not wait for the lease that its predecessor holds.
    ready: () => controller?.ready() ?? waiting,
  })
  options.listening?.(server.port)
  const election = electionOf(options)
  const ending = election ? AbortSignal.any([signal, election.lost]) : signal
  // The lease is given back only when nothing is written any more.
  const stopElection = new AbortController()
  const electing = election?.run(stopElection.signal)
  try {
    await Promise.race([election?.leading, aborted(ending)])
    if (ending.aborted) return
    if (!election) metrics.leading(true)
    const kubernetes = election ? fenced(options.kubernetes, election) : options.kubernetes
    controller = new Controller({ ...options, kubernetes })
    await controller.run(ending)
  } finally {
    stopElection.abort()
    await Promise.all([electing, server.close()])
  }
  if (election?.lost.aborted)
    throw new LeadershipLost(`another process may hold the lease ${config.leaderElection.name} by now`)
}

const waiting: Health = { ok: true, message: 'waiting to lead' }

/** Undefined where there is none: then this process always leads. */
function electionOf({ leases, config, clock, logger, random, metrics }: OperatorOptions): LeaderElection | undefined {
  const { enabled, name, namespace } = config.leaderElection
  if (!enabled) return undefined
  const { identity } = config
  return new LeaderElection({
    kubernetes: leases,
    namespace,
    name,
    identity,
    clock,
    logger,
    random,
    observer: metrics.leading,
  })
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

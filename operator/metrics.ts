/**
 * The operator's own metrics, under the names that controllers conventionally have, so that existing dashboards work:
 * https://book.kubebuilder.io/reference/metrics-reference. It observes; it decides nothing.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ConditionType } from '../crds/status.ts'

export type ReconcileResult = 'success' | 'error'

export interface OperatorMetrics {
  readonly registry: Registry
  reconciled(result: ReconcileResult, seconds: number): void
  /** One request of the API; `status` is 0 without an answer. */
  requested(method: string, status: number): void
  queueDepth(depth: number): void
  /** How long a key waited until a worker took it. */
  queued(seconds: number): void
  retried(): void
  leading(is: boolean): void
  /** When a watch last heard anything, in milliseconds since the epoch. */
  watchHeard(kind: string, atMs: number): void
  /** How many namespaces may not be watched. */
  setAside(namespaces: number): void
  /** Conditions of one resource; undefined once it is gone. */
  conditions(key: string, conditions: readonly ConditionValue[] | undefined): void
}

export interface ConditionValue {
  readonly type: ConditionType
  readonly status: 'True' | 'False' | 'Unknown'
}

const controller = 'healthconsumer'
const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** `lease` is the name of the Lease that leaders hold. */
export function createOperatorMetrics(lease: string): OperatorMetrics {
  const registry = new Registry()
  const registers = [registry]
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciles by result.',
    labelNames: ['controller', 'result'],
    registers,
  })
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Reconciles that ended with an error and are tried again.',
    labelNames: ['controller'],
    registers,
  })
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Duration of a reconcile.',
    labelNames: ['controller'],
    buckets: seconds,
    registers,
  })
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Resources that wait for a worker.',
    labelNames: ['name'],
    registers,
  })
  const waiting = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'Time that a resource waits for a worker.',
    labelNames: ['name'],
    buckets: seconds,
    registers,
  })
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Resources put back after an error.',
    labelNames: ['name'],
    registers,
  })
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server by method and HTTP status; <error> without an answer.',
    labelNames: ['method', 'code'],
    registers,
  })
  const master = new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this process leads.',
    labelNames: ['name'],
    registers,
  })
  const lastEvent = new Gauge({
    name: 'healthconsumer_operator_last_watch_event_timestamp_seconds',
    help: 'When the watch of a kind last told anything, bookmarks included, as Unix time.',
    labelNames: ['kind'],
    registers,
  })
  const setAside = new Gauge({
    name: 'healthconsumer_operator_namespaces_set_aside',
    help: 'Namespaces that the operator is to look after and may not watch.',
    registers,
  })
  const condition = new Gauge({
    name: 'healthconsumer_condition',
    help: 'Condition of a HealthConsumer: 1 for True, 0 for False, -1 for Unknown.',
    labelNames: ['namespace', 'name', 'type'],
    registers,
  })
  for (const result of ['success', 'error']) reconciles.inc({ controller, result }, 0)
  errors.inc({ controller }, 0)
  retries.inc({ name: controller }, 0)
  depth.set({ name: controller }, 0)
  master.set({ name: lease }, 0)
  collectDefaultMetrics({ register: registry })
  const shown = new Map<string, readonly ConditionType[]>()

  return {
    registry,
    reconciled(result, duration) {
      reconciles.inc({ controller, result })
      if (result === 'error') errors.inc({ controller })
      time.observe({ controller }, duration)
    },
    requested: (method, status) => requests.inc({ method, code: status === 0 ? '<error>' : String(status) }),
    queueDepth: value => depth.set({ name: controller }, value),
    queued: duration => waiting.observe({ name: controller }, duration),
    retried: () => retries.inc({ name: controller }),
    leading: is => master.set({ name: lease }, is ? 1 : 0),
    watchHeard: (kind, atMs) => lastEvent.set({ kind }, atMs / 1000),
    setAside: namespaces => setAside.set(namespaces),
    conditions(key, conditions) {
      const [namespace = '', name = ''] = key.split('/')
      if (conditions === undefined) {
        for (const type of shown.get(key) ?? []) condition.remove({ namespace, name, type })
        shown.delete(key)
        return
      }
      shown.set(
        key,
        conditions.map(({ type }) => type),
      )
      for (const { type, status } of conditions) condition.set({ namespace, name, type }, values[status])
    },
  }
}

const values = { True: 1, False: 0, Unknown: -1 } as const

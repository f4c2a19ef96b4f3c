/** A real control plane with stand-ins for nodes, and operators within this process: what tests of the operator work with. */
import { createHash } from 'node:crypto'
import { group, type HealthConsumerStatus, kind, plural, version } from '../../crds/healthconsumer.ts'
import { systemClock } from '../../operator/clock.ts'
import { type OperatorConfig, operatorConfig } from '../../operator/config.ts'
import { childKinds } from '../../operator/desired/index.ts'
import { eventKind } from '../../operator/events.ts'
import { type Kind, KubernetesError, type KubernetesObject } from '../../operator/kubernetes.ts'
import type { KubernetesClient } from '../../operator/kubernetesClient.ts'
import { leaseKind } from '../../operator/lease.ts'
import type { ListWatchLimits } from '../../operator/listWatch.ts'
import { createOperatorMetrics } from '../../operator/metrics.ts'
import { runOperator } from '../../operator/operator.ts'
import { askPod } from '../../operator/pipelinePoller.ts'
import { dependencyKinds } from '../../operator/providedObjects.ts'
import { until } from '../until.ts'
import { type AuditEntry, startCluster, type TestCluster } from './cluster.ts'
import { claim } from './consumers.ts'
import { kinds } from './kinds.ts'
import { type Kubelet, podKind, startKubelet } from './kubelet.ts'
import { type RecordingLogger, recordingLogger } from './recordingLogger.ts'

export const consumerKind: Kind = { group, version, kind, plural, namespaced: true }
const every: readonly Kind[] = [
  ...[consumerKind, podKind, eventKind, leaseKind, kinds.CustomResourceDefinition],
  ...Object.values(childKinds),
  ...Object.values(dependencyKinds),
]

export interface OperatorSettings {
  /** Told to the API server, so that its requests can be told apart. */
  readonly agent: string
  readonly environment?: Readonly<Record<string, string>>
  readonly limits?: Partial<ListWatchLimits>
  /** Of an account other than the administrator's. */
  readonly client?: KubernetesClient
}

export interface RunningOperator {
  readonly agent: string
  readonly logger: RecordingLogger
  readonly config: OperatorConfig
  /** Answer of its server. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>
  stop(): Promise<void>
}

export interface World {
  readonly cluster: TestCluster
  readonly kubernetes: KubernetesClient
  readonly kubelet: Kubelet
  /** With a claim for tables. */
  namespace(name: string): Promise<void>
  operator(settings: OperatorSettings): Promise<RunningOperator>
  apply(object: KubernetesObject): Promise<KubernetesObject>
  /** Undefined where it is not there. */
  get(kind: Kind, namespace: string, name: string): Promise<KubernetesObject | undefined>
  status(namespace: string, name: string): Promise<HealthConsumerStatus | undefined>
  /** Waits for a condition; `wanted` is `Type=Status` or `Type=Status/Reason`. Resolves with its message. */
  condition(namespace: string, name: string, wanted: string): Promise<string>
  /** All that the operator may make, by `Kind/name`. */
  children(namespace: string): Promise<ReadonlyMap<string, KubernetesObject>>
  /** Requests of an operator so far. */
  requests(agent: string): Promise<readonly AuditEntry[]>
  /** Those of them that change anything, leases and events apart. */
  writes(agent: string): Promise<readonly AuditEntry[]>
  /** Notes of the events of a namespace, by reason. */
  events(namespace: string, reason: string): Promise<readonly string[]>
  down(): Promise<void>
}

export async function startWorld(): Promise<World> {
  const cluster = await startCluster()
  await cluster.installCrd().catch(async error => {
    await cluster.down()
    throw error
  })
  const client = (agent: string) =>
    cluster.client({ kinds: every, version: agent, requestsPerSecond: 1000, burst: 1000 })
  const kubernetes = client('test')
  const kubelet = await startKubelet(kubernetes)
  const running = new Set<RunningOperator>()
  const get: World['get'] = (of, namespace, name) =>
    kubernetes.get({ kind: of, namespace, name }).catch((error: unknown) => {
      if (error instanceof KubernetesError && error.code === 'NotFound') return undefined
      throw error
    })
  const status: World['status'] = async (namespace, name) =>
    (await get(consumerKind, namespace, name))?.status as HealthConsumerStatus | undefined
  const requests: World['requests'] = async agent =>
    (await cluster.audit()).filter(({ userAgent }) => userAgent === `healthconsumer-operator/${agent}`)
  return {
    ...{ cluster, kubernetes, kubelet, get, status, requests },
    async namespace(name) {
      await cluster.createNamespace(name)
      await kubernetes.write(claim(name))
    },
    async operator(settings) {
      const operator = await startOperator(settings.client ?? client(settings.agent), kubelet, settings)
      running.add(operator)
      return operator
    },
    apply: object => kubernetes.apply(object, { fieldManager: 'user' }),
    async condition(namespace, name, wanted) {
      const [, type, is, reason] = /^(\w+)=(\w+)(?:\/(\w+))?$/.exec(wanted)!
      let message = ''
      let conditions: HealthConsumerStatus['conditions']
      const isThere = async () => {
        const object = await get(consumerKind, namespace, name)
        const now = object?.status as HealthConsumerStatus | undefined
        conditions = now?.conditions
        const found = conditions?.find(each => each.type === type)
        message = found?.message ?? ''
        const isCurrent = now?.observedGeneration === object?.metadata.generation
        return isCurrent && found?.status === is && (reason === undefined || found.reason === reason)
      }
      await until(`${namespace}/${name} has ${wanted}`, isThere).catch(error => {
        throw new Error(`${error.message}; it has ${JSON.stringify(conditions, null, 1)}`)
      })
      return message
    },
    async children(namespace) {
      const all = new Map<string, KubernetesObject>()
      for (const of of Object.values(childKinds)) {
        const selection = { namespace, labelSelector: 'app.kubernetes.io/managed-by=healthconsumer-operator' }
        const { items } = await kubernetes.list(of, selection).catch(() => ({ items: [] }))
        for (const item of items) all.set(`${of.kind}/${item.metadata.name}`, item)
      }
      return all
    },
    async writes(agent) {
      return (await requests(agent)).filter(
        ({ verb, objectRef }) =>
          !['get', 'list', 'watch'].includes(verb) && !['leases', 'events'].includes(objectRef?.resource ?? ''),
      )
    },
    async events(namespace, reason) {
      const { items } = await kubernetes.list(eventKind, { namespace })
      return items.filter(event => event.reason === reason).map(event => String(event.note))
    },
    async down() {
      for (const operator of running) await operator.stop()
      await kubelet.stop()
      await cluster.down()
    },
  }
}

async function startOperator(
  kubernetes: KubernetesClient,
  kubelet: Kubelet,
  { agent, environment, limits }: OperatorSettings,
): Promise<RunningOperator> {
  const standard = {
    RUNTIME_IMAGE: 'registry.test/runtime:1',
    METRICS_HOST: '127.0.0.1',
    METRICS_PORT: '0',
    LEADER_ELECTION: 'false',
    STATUS_INTERVAL_SECONDS: '1',
  }
  const config = operatorConfig({ ...standard, ...environment }, agent)
  const logger = recordingLogger()
  const stopping = new AbortController()
  let ended: Promise<void> | undefined
  const port = await new Promise<number>((resolve, reject) => {
    ended = runOperator(
      {
        ...{ kubernetes, leases: kubernetes, config, logger, limits, clock: systemClock, random: Math.random },
        metrics: createOperatorMetrics(config.leaderElection.name),
        ask: (address, signal) => askPod(address, signal, kubelet.port),
        listening: resolve,
      },
      stopping.signal,
    )
    ended.catch(reject)
  })
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, text: await response.text() }
  }
  await until('the operator has listed everything', async () => (await get('/readyz')).text.startsWith('leading'))
  return {
    ...{ agent, logger, config, get },
    async stop() {
      stopping.abort()
      await ended
    },
  }
}

/** Whether it has reconciled anything. */
export const hasLooked = async ({ get }: RunningOperator): Promise<boolean> =>
  /^controller_runtime_reconcile_total\{.*result="success"\} [1-9]/m.test((await get('/metrics')).text)

/** What of an object is a user's: all but what changes with every write. */
export const digestOf = ({ metadata, ...rest }: KubernetesObject): string => {
  const { resourceVersion: _, ...kept } = metadata
  return createHash('sha256')
    .update(JSON.stringify({ ...rest, metadata: kept }))
    .digest('hex')
}

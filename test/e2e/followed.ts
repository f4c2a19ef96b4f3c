/**
 * One HealthConsumer of a cluster as a test follows it: its pods, how their processes ended, and what they tell of their
 * work. It changes nothing.
 */
import { parseExposition, sumOf } from '../../cli/doctor/exposition.ts'
import type { HealthConsumerStatus } from '../../crds/healthconsumer.ts'
import { metrics } from '../../runtime/contract/metrics.ts'
import type { RuntimeStatus } from '../../runtime/contract/status.ts'
import { until } from '../until.ts'
import { type Ground, namespace } from './ground.ts'

export interface SeenPod {
  readonly name: string
  readonly image: string
  /** Undefined until it has one. */
  readonly address: string | undefined
  readonly ready: boolean
  readonly terminating: boolean
  readonly pending: boolean
  readonly restarts: number
  /** How the process before ended: `OOMKilled`, `Error`, `Completed`. */
  readonly lastEnd: string | undefined
}

export interface Resource {
  readonly metadata: { readonly generation: number }
  readonly status?: HealthConsumerStatus
}

export interface FirstCommit {
  /** Seconds from the disruption to it. */
  readonly afterDisruption: number
  /** Seconds from the start of the process that made it. */
  readonly afterStart: number
}

export interface Followed {
  readonly name: string
  /** Those that are on their way out, too. */
  pods(): Promise<readonly SeenPod[]>
  resource(): Promise<Resource>
  condition(type: string): Promise<{ readonly status: string; readonly reason: string; readonly message: string }>
  /** The operator has looked at the resource as it is, and as many pods as it asks for are ready. */
  running(pods: number, seconds?: number): Promise<readonly SeenPod[]>
  /** The tables hold the first so many records of its topic. */
  durable(records: number, seconds?: number): Promise<void>
  /** Of a process that began after `sinceMs`, milliseconds since the epoch. */
  firstCommit(sinceMs: number, seconds?: number): Promise<FirstCommit>
}

/** A real machine with other work on it, which has to bring up pods. */
const patient = 180

export function follow({ kubectl, get }: Ground, name: string): Followed {
  const json = async <T>(...parameters: string[]): Promise<T> =>
    JSON.parse(await kubectl('get', ...parameters, '--output', 'json')) as T

  const selector = `app.kubernetes.io/name=healthconsumer,app.kubernetes.io/instance=${name}`
  const pods = async () => (await json<{ items: readonly PodObject[] }>('pods', '--selector', selector)).items.map(seen)
  const resource = () => json<Resource>('hc', name)

  async function told({ address }: SeenPod): Promise<RuntimeStatus | undefined> {
    try {
      return JSON.parse((await get(`http://${address}:9249/status`)).body) as RuntimeStatus
    } catch {
      return undefined // It does not listen yet, or not any more.
    }
  }
  /** Of the newest commit of the process itself, others' do not count: milliseconds since the epoch, 0 before the first. */
  async function ownCommitMs({ address }: SeenPod): Promise<number> {
    try {
      const { body } = await get(`http://${address}:9249/metrics`)
      return (sumOf(parseExposition(body), metrics.lastCommitTime.name) ?? 0) * 1000
    } catch {
      return 0
    }
  }
  const allTold = async () =>
    (await Promise.all((await pods()).filter(({ address }) => address !== undefined).map(told))).filter(
      each => each !== undefined,
    )

  async function committed(): Promise<number> {
    const byPartition = new Map<number, number>()
    for (const { partitions } of await allTold())
      for (const { partition, committed } of partitions)
        byPartition.set(partition, Math.max(committed, byPartition.get(partition) ?? 0))
    return [...byPartition.values()].reduce((sum, each) => sum + each, 0)
  }

  return {
    ...{ name, pods, resource },
    async condition(wanted) {
      const { status } = await resource()
      const { status: value, reason, message } = status!.conditions!.find(({ type }) => type === wanted)!
      return { status: value, reason, message }
    },
    async running(count, seconds = patient) {
      let all: readonly SeenPod[] = []
      await until(
        `${count} pods of ${namespace}/${name} are ready, and the operator knows`,
        async () => {
          const { metadata, status } = await resource()
          all = await pods()
          return (
            status?.phase === 'Running' &&
            status.observedGeneration === metadata.generation &&
            status.readyReplicas === count &&
            all.length === count &&
            all.every(({ ready, terminating }) => ready && !terminating)
          )
        },
        seconds,
      )
      return all
    },
    async durable(records, seconds = patient) {
      await until(`${records} records are durable`, async () => (await committed()) >= records, seconds)
    },
    async firstCommit(sinceMs, seconds = patient) {
      let first: FirstCommit | undefined
      await until(
        `a commit by a pod of ${namespace}/${name} that began after ${new Date(sinceMs).toISOString()}`,
        async () => {
          for (const pod of await pods()) {
            const startMs = Date.parse((await told(pod))?.startedAt ?? '')
            const commitMs = startMs > sinceMs ? await ownCommitMs(pod) : 0
            if (commitMs > 0)
              first ??= { afterDisruption: (commitMs - sinceMs) / 1000, afterStart: (commitMs - startMs) / 1000 }
          }
          return first !== undefined
        },
        seconds,
      )
      return first!
    },
  }
}

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/, as far as it is looked at. */
interface PodObject {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
  readonly spec: { readonly containers: readonly [{ readonly image: string }] }
  readonly status: {
    readonly phase: string
    readonly podIP?: string
    readonly containerStatuses?: readonly [
      {
        readonly ready: boolean
        readonly restartCount: number
        readonly lastState: { readonly terminated?: { readonly reason: string } }
      },
    ]
  }
}

function seen({ metadata, spec, status }: PodObject): SeenPod {
  const container = status.containerStatuses?.[0]
  return {
    name: metadata.name,
    image: spec.containers[0].image,
    address: status.podIP,
    ready: container?.ready ?? false,
    terminating: metadata.deletionTimestamp !== undefined,
    pending: status.phase === 'Pending',
    restarts: container?.restartCount ?? 0,
    lastEnd: container?.lastState.terminated?.reason,
  }
}

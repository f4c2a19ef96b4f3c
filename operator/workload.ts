/**
 * What the Deployment and the pods of a HealthConsumer tell: the few facts of their objects that the status is made of.
 * A list-watch keeps these instead of the objects. Pure.
 */
import { containerName } from './desired/child.ts'
import type { KubernetesObject } from './kubernetes.ts'

export interface DeploymentFacts {
  readonly uid: string
  readonly generation: number
  readonly observedGeneration: number
  /** `spec.replicas`, whoever set it. */
  readonly desired: number
  readonly replicas: number
  readonly updated: number
  readonly ready: number
  readonly available: number
  /** Name of the ConfigMap of the revision in its template. */
  readonly revision: string | undefined
  readonly deadlineExceeded: boolean
  /** Why its pods cannot even be made (quota, Pod Security, a webhook), in the API server's words. */
  readonly refusal: string | undefined
}

export interface PodFacts {
  readonly name: string
  readonly namespace: string
  /** Name of the HealthConsumer. */
  readonly consumer: string
  readonly address: string | undefined
  readonly ready: boolean
  /** It is on its way out, or has ended and will not run again (evicted). */
  readonly terminating: boolean
  /** Why it does not run, in Kubernetes' word (ImagePullBackOff, CrashLoopBackOff, Unschedulable, …). */
  readonly reason: string | undefined
  /** What goes with the reason, for people. */
  readonly message: string | undefined
}

interface DeploymentObject {
  readonly spec?: {
    readonly replicas?: number
    readonly template?: { readonly spec?: { readonly volumes?: readonly VolumeObject[] } }
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly readyReplicas?: number
    readonly availableReplicas?: number
    readonly conditions?: readonly ConditionObject[]
  }
}
interface ConditionObject {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}
interface VolumeObject {
  readonly name: string
  readonly configMap?: { readonly name?: string }
}

export function deploymentFacts(object: KubernetesObject): DeploymentFacts {
  const { spec, status } = object as DeploymentObject
  const condition = (wanted: string) => status?.conditions?.find(({ type }) => type === wanted)
  const generation = object.metadata.generation ?? 0
  const observedGeneration = status?.observedGeneration ?? 0
  const failure = condition('ReplicaFailure')
  return {
    uid: object.metadata.uid ?? '',
    generation,
    observedGeneration,
    desired: spec?.replicas ?? 1,
    replicas: status?.replicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
    ready: status?.readyReplicas ?? 0,
    available: status?.availableReplicas ?? 0,
    revision: spec?.template?.spec?.volumes?.find(({ name }) => name === 'manifest')?.configMap?.name,
    // What is said of an earlier template says nothing of this one.
    deadlineExceeded:
      observedGeneration >= generation && condition('Progressing')?.reason === 'ProgressDeadlineExceeded',
    refusal: failure?.status === 'True' ? (failure.message ?? failure.reason) : undefined,
  }
}

/** As `kubectl rollout status` decides it. */
export const rolloutComplete = (facts: DeploymentFacts): boolean =>
  facts.observedGeneration >= facts.generation &&
  facts.updated === facts.desired &&
  facts.replicas === facts.desired &&
  facts.ready === facts.desired

interface PodObject {
  readonly status?: {
    readonly phase?: string
    readonly podIP?: string
    readonly conditions?: readonly ConditionObject[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}
interface ContainerStatus {
  readonly name: string
  readonly restartCount?: number
  /** Its startup probe has passed. */
  readonly started?: boolean
  readonly state?: { readonly waiting?: StateReason; readonly terminated?: StateReason }
  readonly lastState?: { readonly terminated?: StateReason }
}
interface StateReason {
  readonly reason?: string
  readonly message?: string
  readonly exitCode?: number
}

export function podFacts(object: KubernetesObject): PodFacts {
  const { status } = object as PodObject
  const { metadata } = object
  const condition = (wanted: string) => status?.conditions?.find(({ type }) => type === wanted)
  const container = status?.containerStatuses?.find(({ name }) => name === containerName)
  const trouble = podTrouble(container, condition('PodScheduled'))
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    consumer: metadata.labels?.['app.kubernetes.io/instance'] ?? '',
    address: status?.podIP,
    ready: condition('Ready')?.status === 'True',
    terminating: metadata.deletionTimestamp !== undefined || /^(Failed|Succeeded)$/.test(status?.phase ?? ''),
    reason: trouble?.reason,
    message: trouble?.message,
  }
}

/** What a container waits for as a matter of course. */
const ordinaryWaiting = new Set(['ContainerCreating', 'PodInitializing'])

function podTrouble(
  container: ContainerStatus | undefined,
  scheduled: ConditionObject | undefined,
): { readonly reason: string; readonly message: string } | undefined {
  if (scheduled?.status === 'False' && scheduled.reason !== undefined)
    return { reason: scheduled.reason, message: scheduled.message ?? '' }
  const waiting = container?.state?.waiting
  // Of a container that fails again and again, what it said last tells more than how long it is held back.
  if (container !== undefined && isLooping(container))
    return { reason: crashLoop, message: describeEnd(container) ?? waiting?.message ?? '' }
  if (waiting?.reason === undefined || ordinaryWaiting.has(waiting.reason)) return undefined
  return { reason: waiting.reason, message: waiting.message ?? '' }
}

const crashLoop = 'CrashLoopBackOff'

/** Also while it is being tried again: until it has started it is no better than before. */
const isLooping = ({ state, started, restartCount = 0 }: ContainerStatus): boolean =>
  state?.waiting?.reason === crashLoop || (restartCount >= 2 && started === false && !state?.waiting)

function describeEnd({ state, lastState }: ContainerStatus): string | undefined {
  const ended = state?.terminated ?? lastState?.terminated
  if (ended === undefined) return undefined
  const how = ended.reason === 'OOMKilled' ? 'it needed more memory than its limit' : `exit code ${ended.exitCode}`
  return `${how}${lastError(ended.message)}`
}

/** Of the end of a log, the last line that says an error: `error[CODE]: …`, or the message of a JSON line. */
function lastError(log: string | undefined): string {
  const lines = (log ?? '').split('\n').filter(line => line.trim() !== '')
  for (const line of lines.reverse()) {
    if (/^error\[\w+\]: /.test(line)) return `: ${line.slice(0, 500)}`
    const message = loggedError(line)
    if (message !== undefined) return `: ${message.slice(0, 500)}`
  }
  return ''
}

/** The message of a line of ours that tells an error; undefined for any other line. */
function loggedError(line: string): string | undefined {
  try {
    const { level, message } = JSON.parse(line) as { level?: unknown; message?: unknown }
    return (level === 'ERROR' || level === 'CRITICAL') && typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}

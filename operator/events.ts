/**
 * Events of a HealthConsumer, for `kubectl describe`: one when something goes wrong, one when it is right again, one
 * for each repair of a child. None for normal steps, and none twice within ten minutes.
 */
import { createHash } from 'node:crypto'
import type { HealthConsumerStatus } from '../crds/healthconsumer.ts'
import type { Logger } from '../runtime/contract/logger.ts'
import type { ApplyOutcome } from './apply.ts'
import { operatorName } from './desired/child.ts'
import { isNamespaceEnding, type Kind, type Kubernetes, type KubernetesObject } from './kubernetes.ts'

export const eventKind: Kind = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}

/** Never rejects: an event that is lost is not worth a reconcile. */
export type RecordEvents = (
  regarding: KubernetesObject,
  previous: HealthConsumerStatus | undefined,
  status: HealthConsumerStatus,
  applied: ApplyOutcome | undefined,
) => Promise<void>

interface EventPorts {
  readonly kubernetes: Kubernetes
  readonly logger: Logger
  /** Of this operator among others. */
  readonly identity: string
  /** Milliseconds since the epoch. */
  now(): number
}

interface Event {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly action: string
  readonly note: string
}

const quietMs = 10 * 60_000
/** The API server takes no longer note, and no longer name of who reports. */
const longestNote = 1024
const longestInstance = 128

export function createEventRecorder({ kubernetes, logger, identity, now }: EventPorts): RecordEvents {
  const recent = new Map<string, number>()
  const isRecent = (key: string) => {
    for (const [other, atMs] of recent) if (now() - atMs > quietMs) recent.delete(other)
    if (recent.has(key)) return true
    recent.set(key, now())
    return false
  }
  return async (regarding, previous, status, applied) => {
    for (const event of eventsOf(previous, status, applied)) {
      const key = JSON.stringify([regarding.metadata.uid, event])
      if (isRecent(key)) continue
      try {
        await kubernetes.write(eventObject(regarding, event, key, identity, now()))
      } catch (error) {
        if (isNamespaceEnding(error)) return
        logger.warning('An event could not be written', { context: { reason: event.reason }, error })
      }
    }
  }
}

function eventsOf(
  previous: HealthConsumerStatus | undefined,
  status: HealthConsumerStatus,
  applied: ApplyOutcome | undefined,
): readonly Event[] {
  const of = (from: HealthConsumerStatus | undefined, type: string) =>
    from?.conditions?.find(each => each.type === type)
  const stalled = of(status, 'Stalled')
  const before = of(previous, 'Stalled')
  const repaired = applied?.children.filter(child => child.repaired) ?? []
  const events: Event[] = repaired.map(({ kind, name }) => ({
    type: 'Warning',
    reason: 'ChildChanged',
    action: 'Repair',
    note: `${kind} ${name} had been changed or deleted by somebody else and is as it should be again`,
  }))
  if (stalled?.status === 'True' && (before?.status !== 'True' || before.reason !== stalled.reason))
    events.push({ type: 'Warning', reason: stalled.reason, action: 'Reconcile', note: stalled.message })
  if (stalled?.status === 'False' && before?.status === 'True')
    events.push({ type: 'Normal', reason: 'Recovered', action: 'Reconcile', note: `${before.reason} is over` })
  return events
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
function eventObject(
  { apiVersion, kind, metadata }: KubernetesObject,
  { type, reason, action, note }: Event,
  key: string,
  identity: string,
  nowMs: number,
): KubernetesObject {
  const { name, namespace = 'default', uid, resourceVersion } = metadata
  const unique = createHash('sha256').update(`${key}${nowMs}`).digest('hex').slice(0, 16)
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: `${name}.${unique}`, namespace },
    eventTime: new Date(nowMs).toISOString().replace('Z', '000Z'),
    reportingController: operatorName,
    reportingInstance: identity.slice(0, longestInstance),
    type,
    reason,
    action,
    note: note.length > longestNote ? `${note.slice(0, longestNote - 1)}…` : note,
    regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
  }
}

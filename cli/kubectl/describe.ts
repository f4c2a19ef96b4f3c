/** HealthConsumers for people: one line each, or one of them with everything that explains it. Pure. */
import { aligned } from '../columns.ts'
import { ago, counted, percent } from '../doctor/report.ts'
import { type Consumer, conditionOf, type Event, type Pod, timeOf } from './consumer.ts'

const unknown = '?'
const number = (value: number | undefined): string => value?.toLocaleString('en') ?? unknown
const since = (time: string | undefined, nowMs: number): string =>
  time === undefined ? unknown : ago(nowMs - Date.parse(time))

/** Of one that no operator has looked at. */
const unseen = ({ status }: Consumer): boolean => (status?.observedGeneration ?? -1) === -1

const phaseOf = (consumer: Consumer): string => (unseen(consumer) ? 'Unseen' : (consumer.status?.phase ?? unknown))

/** What stands in the way, or how it goes on; of one that no operator has looked at, that. */
function whyOf(consumer: Consumer): string {
  if (unseen(consumer)) return 'no operator has looked at it'
  const stalled = conditionOf(consumer, 'Stalled')
  if (stalled?.status === 'True') return `${stalled.reason}: ${stalled.message}`
  const ready = conditionOf(consumer, 'Ready')
  if (ready?.status !== 'True') return ready?.message ?? ''
  const healthy = conditionOf(consumer, 'ConsumerHealthy')
  return healthy?.status === 'False' ? `${healthy.reason}: ${healthy.message}` : ''
}

const longestWhy = 80
const cut = (text: string): string => (text.length > longestWhy ? `${text.slice(0, longestWhy - 1)}…` : text)

/** `nowMs` is milliseconds since the epoch. */
export function describeAll(consumers: readonly Consumer[], nowMs: number): string {
  const rows = consumers.map(consumer => {
    const { metadata, status } = consumer
    return [
      metadata.namespace ?? '',
      metadata.name,
      phaseOf(consumer),
      `${status?.readyReplicas ?? 0}/${status?.replicas ?? 0}`,
      number(status?.pipeline?.lag),
      since(status?.pipeline?.lastCommitTime, nowMs),
      cut(whyOf(consumer)),
    ]
  })
  return aligned([['NAMESPACE', 'NAME', 'PHASE', 'PODS', 'LAG', 'LAST COMMIT', 'WHY'], ...rows])
}

export interface Surroundings {
  readonly pods: readonly Pod[]
  /** Oldest first. */
  readonly events: readonly Event[]
}

export function describeOne(consumer: Consumer, { pods, events }: Surroundings, nowMs: number): string {
  const { metadata, status } = consumer
  const isSeen = status?.observedGeneration === metadata.generation
  const head = [
    ['consumer', `${metadata.namespace}/${metadata.name}`],
    ['phase', phaseOf(consumer) + (isSeen || unseen(consumer) ? '' : ', of an earlier spec: the operator is behind')],
    ...(whyOf(consumer) === '' ? [] : [['why', whyOf(consumer)]]),
    ...pipelineRows(consumer, nowMs),
    ['pods', `${status?.readyReplicas ?? 0} of ${status?.replicas ?? 0} ready`],
  ]
  const sections = [
    aligned(head),
    table('CONDITION', ['STATUS', 'REASON', 'MESSAGE'], conditionRows(consumer)),
    table('POD', ['READY', 'RESTARTS', 'AGE', 'STATE'], podRows(pods, nowMs)),
    table('LAST SEEN', ['TYPE', 'REASON', 'MESSAGE'], eventRows(events, nowMs)),
  ]
  return sections.filter(section => section !== '').join('\n')
}

function pipelineRows({ status }: Consumer, nowMs: number): string[][] {
  const pipeline = status?.pipeline
  if (pipeline === undefined) return []
  const { lag, partitions, throughput, invalidRatio, lastCommitTime, rawSnapshotId, errorsSnapshotId } = pipeline
  return [
    ['lag', `${number(lag)} records behind, ${counted(partitions ?? 0, 'partition')}`],
    [
      'throughput',
      `${number(throughput)} rows/s, ${invalidRatio === undefined ? unknown : percent(invalidRatio)} invalid`,
    ],
    [
      'last commit',
      `${since(lastCommitTime, nowMs)} ago, snapshots ${rawSnapshotId ?? unknown} (raw), ${errorsSnapshotId ?? unknown} (errors)`,
    ],
  ]
}

const conditionRows = ({ status }: Consumer) =>
  (status?.conditions ?? []).map(({ type, status: holds, reason, message }) => [type, holds, reason, message])

const podRows = (pods: readonly Pod[], nowMs: number) =>
  pods.map(pod => [
    pod.metadata.name,
    isReady(pod) ? 'yes' : 'no',
    String(restartsOf(pod)),
    since(pod.metadata.creationTimestamp, nowMs),
    stateOf(pod),
  ])

export const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

const restartsOf = ({ status }: Pod): number =>
  (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0)

export function stateOf({ status }: Pod): string {
  const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting
  const unscheduled = status?.conditions?.find(
    ({ type, status: holds }) => type === 'PodScheduled' && holds === 'False',
  )
  if (waiting) return [waiting.reason, waiting.message].filter(Boolean).join(': ')
  return unscheduled?.message ?? status?.phase ?? unknown
}

const mostEvents = 10

const eventRows = (events: readonly Event[], nowMs: number) =>
  events
    .slice(-mostEvents)
    .map(event => [
      `${ago(nowMs - timeOf(event))} ago`,
      event.type ?? '',
      event.reason ?? '',
      (event.message ?? '') + ((event.count ?? 1) > 1 ? ` (${event.count} times)` : ''),
    ])

const table = (first: string, rest: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? '' : aligned([[first, ...rest], ...rows])

/**
 * What was observed -> the status of a HealthConsumer. Computed at every exit of a reconcile; what it cannot know now it
 * takes over from the status before. Pure: the time is passed in.
 */
import type { HealthConsumerStatus } from '../crds/healthconsumer.ts'
import type { ConditionType } from '../crds/status.ts'
import type { ChildOutcome } from './apply.ts'
import { judge, phaseOf } from './conditions.ts'
import { podSelector } from './desired/child.ts'
import { revisionName } from './desired/revision.ts'
import type { Condition, Observation, Verdict } from './observation.ts'
import type { PipelineStatus } from './pipelineFacts.ts'
import { rolloutComplete } from './workload.ts'

/** `now` is RFC 3339. */
export function computeStatus(seen: Observation, now: string): HealthConsumerStatus {
  const { name, generation, previous, revision, deployment, applied } = seen
  const verdicts = judge(seen)
  const rolledBack = revision !== undefined && revision.applied !== revision.wanted
  return defined({
    observedGeneration: generation,
    phase: phaseOf(verdicts),
    replicas: deployment?.replicas ?? 0,
    readyReplicas: deployment?.ready ?? 0,
    updatedReplicas: deployment?.updated ?? 0,
    selector: Object.entries(podSelector({ metadata: { name } }))
      .map(([label, value]) => `${label}=${value}`)
      .join(','),
    appliedHash: revision?.applied ?? previous?.appliedHash,
    lastStableHash: isStable(seen) ? revision?.applied : previous?.lastStableHash,
    // A spec that cannot be read has not failed anew, and is no other either.
    failedHash: revision === undefined ? previous?.failedHash : rolledBack ? revision.wanted : undefined,
    resources: applied?.children.map(shownChild) ?? previous?.resources,
    pipeline: pipelineOf(seen),
    conditions: Object.entries(verdicts).map(([type, verdict]) =>
      condition(type as ConditionType, verdict, generation, previous, now),
    ),
  })
}

/** Pods run the revision that they should, all of them. */
function isStable({ name, deployment, revision }: Observation): boolean {
  if (deployment === undefined || revision === undefined || deployment.desired === 0) return false
  return (
    rolloutComplete(deployment) &&
    deployment.revision === revisionName({ metadata: { name } }, { hash: revision.applied })
  )
}

/** The time of a transition moves with `status` alone. */
function condition(
  type: ConditionType,
  { status, reason, message }: Verdict,
  observedGeneration: number,
  previous: HealthConsumerStatus | undefined,
  now: string,
): Condition {
  const before = previous?.conditions?.find(each => each.type === type)
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now
  return { type, status, reason, message: cut(message), observedGeneration, lastTransitionTime }
}

const cut = (message: string): string => (message.length > 2048 ? `${message.slice(0, 2047)}…` : message)

const shownChild = ({ kind, name, state }: ChildOutcome) => ({
  kind,
  name,
  state: state === 'Unchanged' ? 'Applied' : state,
})

/** What is measured counts only while there are pods; what is in the tables stays there. */
function pipelineOf({ pipeline, previous, pods, deployment }: Observation): PipelineStatus | undefined {
  const { lastCommitTime, rawSnapshotId, errorsSnapshotId, observedAt } = previous?.pipeline ?? {}
  const kept = defined({ lastCommitTime, rawSnapshotId, errorsSnapshotId, observedAt })
  const told = pods.length === 0 || deployment?.desired === 0 ? undefined : (pipeline?.status ?? previous?.pipeline)
  const facts = { ...kept, ...told }
  return Object.keys(facts).length === 0 ? undefined : facts
}

const defined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T

/** Whether the two say the same; the time of observation alone is no change. */
export function sameStatus(one: HealthConsumerStatus | undefined, other: HealthConsumerStatus): boolean {
  const comparable = ({ pipeline, ...rest }: HealthConsumerStatus) => {
    const { observedAt: _, ...facts } = pipeline ?? {}
    return canonical({ ...rest, pipeline: facts })
  }
  return one !== undefined && comparable(one) === comparable(other)
}

/** JSON with sorted keys: the API server stores fields in an order of its own. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )

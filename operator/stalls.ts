/** What only a person can end, in the words of the condition Stalled: the most fundamental first. Pure. */
import { troubles } from '../runtime/contract/troubles.ts'
import { childName } from './desired/child.ts'
import { replicasOf } from './desired/scaling.ts'
import { type Observation, type Verdict, yes } from './observation.ts'
import { type PodFacts, rolloutComplete } from './workload.ts'

/** Undefined where nothing stands in the way. `config` and `dependencies` are the conditions of these names. */
export function stallOf(seen: Observation, config: Verdict, dependencies: Verdict): Verdict | undefined {
  if (config.status === 'False') return yes(config.reason, config.message)
  const taken = seen.applied?.children.find(({ state }) => state === 'NameTaken')
  if (taken !== undefined)
    return yes(
      'NameTaken',
      `${taken.kind} ${taken.name} exists and belongs to somebody else: rename or delete it, or rename this HealthConsumer`,
    )
  // Without pods nothing is needed.
  if (dependencies.status === 'False' && !hasNoPods(seen)) return yes(dependencies.reason, dependencies.message)
  return refusalOf(seen) ?? haltOf(seen) ?? rollbackOf(seen) ?? rolloutOf(seen)
}

const hasNoPods = ({ resource }: Observation) => resource !== undefined && replicasOf(resource) === 0

function refusalOf({ applied }: Observation): Verdict | undefined {
  const failed = applied?.children.find(({ state }) => state === 'Failed')
  if (failed !== undefined)
    return yes('ApplyFailed', `${failed.kind} ${failed.name} was refused by the API server: ${failed.error?.message}`)
  const unscaled = applied?.children.find(({ kind, state }) => kind === 'ScaledObject' && state === 'Missing')
  if (unscaled === undefined) return undefined
  return yes(
    'KEDANotInstalled',
    'spec.scaling.autoscaling.mode is KEDA, whose API is not installed: install KEDA, or set scaling.replicas instead',
  )
}

function haltOf(seen: Observation): Verdict | undefined {
  if (seen.pipeline?.halt) {
    const { code, message, fix } = seen.pipeline.halt
    return yes('Halted', `${code}: ${message}; ${fix}`)
  }
  return toldBefore(seen, reason => reason === 'Halted')
}

/** Until the pods have been asked, what they told the process before this one stands. */
function toldBefore({ pipeline, previous, pods }: Observation, of: (reason: string) => boolean): Verdict | undefined {
  if (pipeline !== undefined || pods.length === 0) return undefined
  const told = previous?.conditions?.find(({ type }) => type === 'Stalled')
  return told?.status === 'True' && of(told.reason) ? yes(told.reason, told.message) : undefined
}

function rollbackOf({ revision }: Observation): Verdict | undefined {
  if (revision === undefined || revision.applied === revision.wanted) return undefined
  return yes(
    'RolledBack',
    `revision ${revision.wanted} did not become ready; the pods run the last stable one, ${revision.applied}: correct the spec`,
  )
}

/** Reasons of pods that do not pass by themselves. */
export const stuckReasons = [
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
] as const

const isStuck = ({ reason, terminating, ready }: PodFacts) =>
  !terminating && !ready && stuckReasons.some(each => each === reason)

function rolloutOf(seen: Observation): Verdict | undefined {
  const { name, deployment, pods, resource, pipeline } = seen
  if (deployment === undefined || rolloutComplete(deployment)) return undefined
  const stuck = pods.find(isStuck)
  if (stuck !== undefined) return yes(stuck.reason!, `pod ${stuck.name}: ${stuck.message || stuck.reason}`)
  if (deployment.refusal !== undefined)
    return yes(
      'FailedCreate',
      `the API server refuses pods of Deployment ${deploymentName(name)}: ${deployment.refusal}`,
    )
  // Pods that run and do not become ready know best why.
  if (pipeline?.trouble) return yes(pipeline.trouble.code, `${pipeline.trouble.message}; it is tried again and again`)
  const trouble = toldBefore(seen, reason => Object.hasOwn(troubles, reason))
  if (trouble) return trouble
  if (!deployment.deadlineExceeded) return undefined
  const waiting = pods.find(({ ready, terminating }) => !ready && !terminating)
  const why = waiting?.reason ? `: ${waiting.reason}: ${waiting.message}` : ''
  const seconds = resource?.spec.rollout.progressDeadlineSeconds
  return yes(
    'ProgressDeadlineExceeded',
    `Deployment ${deploymentName(name)} did not become ready in ${seconds} s` +
      `${waiting ? `; pod ${waiting.name} is not ready${why}` : ''}: see kubectl logs`,
  )
}

const deploymentName = (name: string) => childName({ metadata: { name } })

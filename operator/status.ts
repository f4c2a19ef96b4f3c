/**
 * What was observed -> the status of a HealthConsumer. Computed at every exit of a reconcile; Ready, Reconciling and
 * Stalled are kstatus' names. Every message names the object concerned and the next step. Pure: the time is passed in.
 * Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
import type { HealthConsumer, HealthConsumerStatus } from '../crds/healthconsumer.ts'
import type { Problem } from '../crds/problems.ts'
import type { ConditionType } from '../crds/status.ts'
import type { ApplyOutcome } from './apply.ts'
import { childName, podSelector } from './desired/child.ts'
import type { Dependency } from './desired/references.ts'
import type { PipelineFacts } from './pipelineFacts.ts'
import { type DeploymentFacts, type PodFacts, rolloutComplete } from './workload.ts'

export interface MissingDependency extends Dependency {
  /** A key that the object lacks; undefined where the object itself is not there. */
  readonly missingKey?: string
}

export interface StatusInput {
  readonly resource: HealthConsumer
  readonly generation: number
  readonly previous: HealthConsumerStatus | undefined
  /** RFC 3339. */
  readonly now: string
  readonly problems: readonly Problem[]
  readonly missing: readonly MissingDependency[]
  /** Undefined where nothing was applied, because the spec is wrong. */
  readonly applied: ApplyOutcome | undefined
  /** Revision that the pods are to run, and the one that the spec asks for. */
  readonly revision: { readonly applied: string; readonly wanted: string } | undefined
  readonly deployment: DeploymentFacts | undefined
  readonly pods: readonly PodFacts[]
  readonly pipeline: PipelineFacts | undefined
}

type Condition = NonNullable<HealthConsumerStatus['conditions']>[number]
interface Verdict {
  readonly status: Condition['status']
  readonly reason: string
  readonly message: string
}
const yes = (reason: string, message: string): Verdict => ({ status: 'True', reason, message })
const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message })

export function computeStatus(input: StatusInput): HealthConsumerStatus {
  const { resource, generation, previous, revision, deployment, pipeline } = input
  const verdicts = judge(input)
  const complete = deployment !== undefined && rolloutComplete(deployment)
  const stable = complete && revision !== undefined && deployment.revision?.endsWith(`-${revision.applied}`)
  const rolledBack = revision !== undefined && revision.applied !== revision.wanted
  return defined({
    observedGeneration: generation,
    phase: phaseOf(verdicts),
    replicas: deployment?.replicas,
    readyReplicas: deployment?.ready,
    updatedReplicas: deployment?.updated,
    selector: Object.entries(podSelector(resource))
      .map(([label, value]) => `${label}=${value}`)
      .join(','),
    appliedHash: revision?.applied ?? previous?.appliedHash,
    lastStableHash: stable && deployment.desired > 0 ? revision.applied : previous?.lastStableHash,
    failedHash: rolledBack ? revision.wanted : undefined,
    resources: resourcesOf(input),
    pipeline: pipeline?.status ?? previous?.pipeline,
    conditions: Object.entries(verdicts).map(([type, verdict]) =>
      condition(type as ConditionType, verdict, generation, previous, input.now),
    ),
  })
}

/** The time of a transition moves with `status` alone. */
function condition(
  type: ConditionType,
  verdict: Verdict,
  observedGeneration: number,
  previous: HealthConsumerStatus | undefined,
  now: string,
): Condition {
  const before = previous?.conditions?.find(each => each.type === type)
  const lastTransitionTime = before?.status === verdict.status ? before.lastTransitionTime : now
  return { type, ...verdict, message: cut(verdict.message), observedGeneration, lastTransitionTime }
}

const cut = (message: string): string => (message.length > 2048 ? `${message.slice(0, 2047)}…` : message)

function judge(input: StatusInput): Record<ConditionType, Verdict> {
  const paused = input.resource.spec.paused === true
  const stall = stallOf(input)
  const workload = workloadOf(input)
  const done = stall === undefined && workload.status === 'True'
  const progress = no('Progressing', workload.message)
  return {
    Ready: stall
      ? no(stall.reason, stall.message)
      : done
        ? yes(paused ? 'Paused' : 'Ready', workload.message)
        : progress,
    Reconciling: stall || done ? no('Settled', '') : yes('Progressing', workload.message),
    Stalled: stall ?? no('NotStalled', ''),
    ConfigValid: configOf(input),
    DependenciesReady: dependenciesOf(input),
    WorkloadAvailable: workload,
    ConsumerHealthy: consumerOf(input),
    MonitoringReady: monitoringOf(input),
    Paused: paused
      ? yes('Paused', 'spec.paused is true: no pods run; remove it to go on from where the tables stand')
      : no('NotPaused', ''),
  }
}

/** What only a person can end, the most fundamental first. */
function stallOf(input: StatusInput): Verdict | undefined {
  const config = configOf(input)
  if (config.status === 'False') return yes(config.reason, config.message)
  const taken = input.applied?.children.find(({ state }) => state === 'NameTaken')
  if (taken !== undefined)
    return yes(
      'NameTaken',
      `${taken.kind} ${taken.name} exists and belongs to somebody else: rename or delete it, or rename this HealthConsumer`,
    )
  const dependencies = dependenciesOf(input)
  if (dependencies.status === 'False') return yes(dependencies.reason, dependencies.message)
  const failed = input.applied?.children.find(({ state }) => state === 'Failed')
  if (failed !== undefined)
    return yes('ApplyFailed', `${failed.kind} ${failed.name} was refused by the API server: ${failed.error?.message}`)
  if (input.pipeline?.halt) {
    const { code, message, fix } = input.pipeline.halt
    return yes('Halted', `${code}: ${message}; ${fix}`)
  }
  return rollbackOf(input) ?? rolloutStallOf(input)
}

function rollbackOf({ revision }: StatusInput): Verdict | undefined {
  if (revision === undefined || revision.applied === revision.wanted) return undefined
  return yes(
    'RolledBack',
    `revision ${revision.wanted} did not become ready; the pods run the last stable one, ${revision.applied}: correct the spec`,
  )
}

/** Reasons that do not pass by themselves. */
const stuckReasons =
  /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|CrashLoopBackOff|CreateContainerConfigError|CreateContainerError|RunContainerError)$/

function rolloutStallOf({ deployment, pods, resource }: StatusInput): Verdict | undefined {
  if (deployment === undefined || rolloutComplete(deployment)) return undefined
  const stuck = pods.find(
    ({ reason, terminating }) => !terminating && reason !== undefined && stuckReasons.test(reason),
  )
  if (stuck !== undefined) return yes(stuck.reason!, `pod ${stuck.name}: ${stuck.message || stuck.reason}`)
  if (!deployment.deadlineExceeded) return undefined
  const waiting = pods.find(({ ready, terminating }) => !ready && !terminating)
  const why = waiting?.reason ? `: ${waiting.reason}: ${waiting.message}` : ''
  return yes(
    'ProgressDeadlineExceeded',
    `Deployment ${childName(resource)} did not become ready in ${resource.spec.rollout.progressDeadlineSeconds} s` +
      `${waiting ? `; pod ${waiting.name} is not ready${why}` : ''}: see kubectl logs`,
  )
}

function configOf({ problems }: StatusInput): Verdict {
  if (problems.length === 0) return yes('Valid', 'the spec can be run')
  const shown = problems.slice(0, 8).map(({ field, what, fix }) => `${field} ${what}: ${fix}`)
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []
  return no('InvalidSpec', [...shown, ...more].join('; '))
}

function dependenciesOf({ missing }: StatusInput): Verdict {
  if (missing.length === 0) return yes('Found', 'everything that the spec names is there')
  const told = missing.map(({ kind, name, field, keys, missingKey }) =>
    missingKey === undefined
      ? `${kind} ${name} (${field}) is not there: create it${keys.length > 0 ? ` with the keys ${keys.join(', ')}` : ''}`
      : `${kind} ${name} (${field}) has no key ${missingKey}: add it`,
  )
  return no(missing[0]!.missingKey === undefined ? `${missing[0]!.kind}Missing` : 'KeyMissing', told.join('; '))
}

function workloadOf({ deployment, pods, resource }: StatusInput): Verdict {
  if (deployment === undefined) return no('NotCreated', `Deployment ${childName(resource)} is not there yet`)
  const { ready, desired } = deployment
  const count = `${ready} of ${desired} pods are ready`
  if (rolloutComplete(deployment)) return yes(desired === 0 ? 'ScaledToZero' : 'PodsReady', count)
  const trouble = pods.find(pod => !pod.ready && !pod.terminating && pod.reason !== undefined)
  return no(
    trouble?.reason ?? 'RollingOut',
    trouble ? `${count}; pod ${trouble.name}: ${trouble.message || trouble.reason}` : count,
  )
}

function consumerOf({ resource, pipeline, deployment }: StatusInput): Verdict {
  const unknown = (reason: string, message: string): Verdict => ({ status: 'Unknown', reason, message })
  if (deployment?.desired === 0) return unknown('NoPods', 'no pods run')
  if (pipeline === undefined || pipeline.answered === 0)
    return unknown('NotMeasured', 'no pod has told its position yet: see WorkloadAvailable')
  if (pipeline.halt) return no(pipeline.halt.code, `${pipeline.halt.message}; ${pipeline.halt.fix}`)
  const { lag } = pipeline.status
  if (lag === undefined)
    return unknown('NotMeasured', `${pipeline.answered} of ${pipeline.asked} pods have told their position`)
  const most = resource.spec.monitoring.prometheusRule.thresholds.HighKafkaLag
  if (lag > most)
    return no(
      'Lagging',
      `${lag} records behind, more than ${most}: raise spec.scaling.replicas, or see whether it comes down`,
    )
  return yes('KeepingUp', `${lag} records behind`)
}

function monitoringOf({ resource, applied }: StatusInput): Verdict {
  const { serviceMonitor, prometheusRule } = resource.spec.monitoring
  if (!serviceMonitor.enabled && !prometheusRule.enabled) return yes('Disabled', 'switched off in spec.monitoring')
  if (applied === undefined) return { status: 'Unknown', reason: 'NotApplied', message: 'the spec is not valid' }
  const kinds = applied.children.filter(({ kind }) => kind === 'ServiceMonitor' || kind === 'PrometheusRule')
  const missing = kinds.find(({ state }) => state === 'Missing')
  if (missing !== undefined)
    return no(
      'CRDNotInstalled',
      `the API of ${missing.kind} is not installed: install the Prometheus Operator, or switch it off in spec.monitoring`,
    )
  const bad = kinds.find(({ state }) => state !== 'Applied' && state !== 'Unchanged')
  if (bad !== undefined) return no('NotApplied', `${bad.kind} ${bad.name}: ${bad.error?.message ?? bad.state}`)
  return yes('Applied', 'Prometheus can find the pods')
}

function resourcesOf({ applied, previous }: StatusInput): HealthConsumerStatus['resources'] {
  if (applied === undefined) return previous?.resources
  return applied.children.map(({ kind, name, state }) => ({
    kind,
    name,
    state: state === 'Unchanged' ? 'Applied' : state,
  }))
}

function phaseOf(verdicts: Record<ConditionType, Verdict>): string {
  if (verdicts.Stalled.status === 'True') return verdicts.Stalled.reason === 'Halted' ? 'Halted' : 'Stalled'
  if (verdicts.Ready.status !== 'True') return 'Reconciling'
  return verdicts.Paused.status === 'True' ? 'Paused' : 'Running'
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

/**
 * What was observed of a HealthConsumer -> its conditions. Ready, Reconciling and Stalled are kstatus' names; Ready never
 * depends on lag. Every message names the object concerned and the next step. Pure.
 * Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
 */
import type { ConditionType } from '../crds/status.ts'
import { childName } from './desired/child.ts'
import { type MissingDependency, no, type Observation, unknown, type Verdict, yes } from './observation.ts'
import type { PipelineFacts } from './pipelineFacts.ts'
import { stallOf } from './stalls.ts'
import { rolloutComplete } from './workload.ts'

export type Verdicts = Readonly<Record<ConditionType, Verdict>>

export function judge(seen: Observation): Verdicts {
  const config = configOf(seen)
  const dependencies = dependenciesOf(seen)
  const stall = stallOf(seen, config, dependencies)
  const paused = pausedOf(seen)
  const workload = workloadOf(seen)
  const done = stall === undefined && workload.status === 'True'
  return {
    Ready: readyOf(stall, paused, workload),
    Reconciling: stall || done ? no('Settled', '') : yes('Progressing', workload.message),
    Stalled: stall ?? no('NotStalled', ''),
    ConfigValid: config,
    DependenciesReady: dependencies,
    WorkloadAvailable: workload,
    ConsumerHealthy: consumerOf(seen),
    MonitoringReady: monitoringOf(seen),
    Paused: paused,
  }
}

export function phaseOf({ Ready, Stalled, Paused }: Verdicts): string {
  if (Stalled.status === 'True') return Stalled.reason === 'Halted' ? 'Halted' : 'Stalled'
  if (Ready.status !== 'True') return 'Reconciling'
  return Paused.status === 'True' ? 'Paused' : 'Running'
}

function readyOf(stall: Verdict | undefined, paused: Verdict, workload: Verdict): Verdict {
  if (stall) return no(stall.reason, stall.message)
  if (workload.status !== 'True') return no('Progressing', workload.message)
  return paused.status === 'True' ? yes('Paused', paused.message) : yes('Ready', workload.message)
}

function configOf({ problems, leftOut }: Observation): Verdict {
  if (problems.length === 0 && leftOut.length > 0)
    return yes('Valid', `the spec can be run without ${leftOut.join('; without ')}`)
  if (problems.length === 0) return yes('Valid', 'the spec can be run')
  const shown = problems
    .slice(0, 8)
    .map(({ field, value, what, fix }) => `${field}${value === undefined ? '' : `: ${value}`} ${what}: ${fix}`)
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []
  return no('InvalidSpec', [...shown, ...more].join('; '))
}

function pausedOf({ resource }: Observation): Verdict {
  if (resource === undefined) return unknown('InvalidSpec', 'the spec is not valid')
  return resource.spec.paused
    ? yes('Paused', 'spec.paused is true and no pods run: remove it to go on from where the tables stand')
    : no('NotPaused', '')
}

function dependenciesOf({ resource, missing }: Observation): Verdict {
  if (resource === undefined) return unknown('InvalidSpec', 'the spec is not valid')
  if (missing.length === 0) return yes('Found', 'everything that the spec names is there')
  return no(reasonOf(missing[0]!), missing.map(told).join('; '))
}

const reasonOf = ({ kind, missingKey, wrong }: MissingDependency): string =>
  wrong ? 'SecretInvalid' : missingKey === undefined ? `${kind}Missing` : 'KeyMissing'

function told({ kind, name, field, keys, missingKey, wrong }: MissingDependency): string {
  const object = `${kind} ${name} (${field})`
  if (wrong) return `${object}: ${wrong.what}: ${wrong.fix}`
  if (missingKey !== undefined) return `${object} has no key ${missingKey}: add it`
  return `${object} is not there: create it${keys.length > 0 ? ` with the keys ${keys.join(', ')}` : ''}`
}

function workloadOf({ name, deployment, pods }: Observation): Verdict {
  if (deployment === undefined)
    return no('NotCreated', `Deployment ${childName({ metadata: { name } })} is not there yet`)
  const { ready, desired, refusal } = deployment
  const count = `${ready} of ${desired} pods are ready`
  if (rolloutComplete(deployment)) return yes(desired === 0 ? 'ScaledToZero' : 'PodsReady', count)
  const trouble = pods.find(pod => !pod.ready && !pod.terminating && pod.reason !== undefined)
  if (trouble) return no(trouble.reason!, `${count}; pod ${trouble.name}: ${trouble.message || trouble.reason}`)
  return refusal === undefined ? no('RollingOut', count) : no('FailedCreate', `${count}; ${refusal}`)
}

function consumerOf({ resource, pipeline, deployment, pods, previous }: Observation): Verdict {
  // A pod without an address is not running yet: that it was made is no news.
  if (deployment?.desired === 0 || pods.every(({ address }) => address === undefined))
    return unknown('NoPods', 'no pods run')
  // Not asked yet, since this process began: what was told before stands until then.
  if (pipeline === undefined) {
    const before = previous?.conditions?.find(({ type }) => type === 'ConsumerHealthy')
    const { status, reason, message } = before ?? unknown('NotMeasured', 'the pods have not been asked yet')
    return { status, reason, message }
  }
  if (pipeline.halt) return no(pipeline.halt.code, `${pipeline.halt.message}; ${pipeline.halt.fix}`)
  if (pipeline.trouble) return no(pipeline.trouble.code, `${pipeline.trouble.message}; it is tried again and again`)
  const { lag } = pipeline.status
  if (lag === undefined) return unknown('NotMeasured', unmeasured(pipeline))
  if (resource === undefined) return unknown('InvalidSpec', `${lag} records behind; the spec is not valid`)
  const most = resource.spec.monitoring.prometheusRule.thresholds.HighKafkaLag
  const { idle, asked } = pipeline
  const surplus = `${idle} of ${asked} pods have no partition: ${asked - idle} are enough, or the topic needs more partitions`
  if (lag > most && idle > 0) return no('Lagging', `${lag} records behind, more than ${most}; ${surplus}`)
  if (lag > most)
    return no('Lagging', `${lag} records behind, more than ${most}: add pods, or see whether it comes down`)
  return idle > 0 ? yes('IdlePods', `${lag} records behind; ${surplus}`) : yes('KeepingUp', `${lag} records behind`)
}

const unmeasured = ({ answered, asked }: PipelineFacts): string =>
  answered < asked
    ? `${answered} of ${asked} pods have told their position`
    : 'pods answer, and do not know yet which partitions they have, or how far behind they are'

function monitoringOf({ resource, applied }: Observation): Verdict {
  if (resource === undefined || applied === undefined) return unknown('InvalidSpec', 'the spec is not valid')
  const { serviceMonitor, prometheusRule } = resource.spec.monitoring
  if (!serviceMonitor.enabled && !prometheusRule.enabled) return yes('Disabled', 'switched off in spec.monitoring')
  const children = applied.children.filter(({ kind }) => kind === 'ServiceMonitor' || kind === 'PrometheusRule')
  const missing = children.find(({ state }) => state === 'Missing')
  if (missing !== undefined)
    return no(
      'CRDNotInstalled',
      `the API of ${missing.kind} is not installed: install the Prometheus Operator, or switch it off in spec.monitoring`,
    )
  const bad = children.find(({ state }) => state !== 'Applied' && state !== 'Unchanged')
  if (bad !== undefined) return no('NotApplied', `${bad.kind} ${bad.name}: ${bad.error?.message ?? bad.state}`)
  return yes('Applied', 'Prometheus can find the pods')
}

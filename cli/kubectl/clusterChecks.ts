/** Kubernetes: what the status, pods and events of a HealthConsumer tell about it. Pure. */
import type { ConditionType } from '../../crds/status.ts'
import { ago, type Check, type CheckOutcomes, counted, defineCheck } from '../doctor/report.ts'
import { type Consumer, conditionOf, timeOf } from './consumer.ts'
import { isReady, type Surroundings, stateOf } from './describe.ts'

const group = 'Kubernetes'
const operator = defineCheck(group, 'operator', 'without one nothing is made of the spec')
const spec = defineCheck(group, 'spec', 'what runs stays as it was until the spec can be run')
const dependencies = defineCheck(group, 'dependencies', 'pods cannot start without what the spec names')
const stalled = defineCheck(group, 'stalled', 'only a person can end it')
const pods = defineCheck(group, 'pods', 'records wait in Kafka while pods are missing')
const consuming = defineCheck(group, 'consuming', 'lag grows, or is not known')
const monitoring = defineCheck(group, 'monitoring', 'without it no alert fires')
const warnings = defineCheck(group, 'warnings', 'Kubernetes or the operator complained in the last hour')

export function clusterChecks(consumer: Consumer, around: Surroundings, nowMs: number): readonly Check[] {
  const seen = checkOperator(consumer)
  const judged = seen.state === 'ok'
  const fromCondition = (check: CheckOutcomes, type: ConditionType, bad: 'True' | 'False', fix: string): Check => {
    const condition = conditionOf(consumer, type)
    if (!judged || condition === undefined) return check.skipped('the operator has not told yet')
    const { reason, message, status } = condition
    if (status !== bad) return check.ok(message || reason)
    return check.problem(`${reason}: ${message}`, fix)
  }
  return [
    seen,
    fromCondition(spec, 'ConfigValid', 'False', 'correct the fields that are named, and apply it again'),
    fromCondition(dependencies, 'DependenciesReady', 'False', 'create what is named; the operator goes on by itself'),
    fromCondition(stalled, 'Stalled', 'True', 'do what the message says; `kubectl healthconsumer logs` has the rest'),
    checkPods(consumer, around),
    fromCondition(consuming, 'ConsumerHealthy', 'False', 'the checks of its pods below say more'),
    fromCondition(monitoring, 'MonitoringReady', 'False', 'install what is named, or switch it off in spec.monitoring'),
    checkWarnings(around, nowMs),
  ]
}

function checkOperator({ metadata, status }: Consumer): Check {
  const observed = status?.observedGeneration ?? -1
  if (observed === metadata.generation) return operator.ok(`it has seen generation ${observed}`)
  const fix = 'see that the operator runs, leads and watches this namespace (WATCH_NAMESPACES): kubectl get lease -A'
  if (observed === -1) return operator.problem('no operator has looked at it', fix)
  return operator.problem(`it has seen generation ${observed}, the spec is at ${metadata.generation}`, fix)
}

function checkPods({ status }: Consumer, { pods: found }: Surroundings): Check {
  const unready = found.find(pod => !isReady(pod))
  if (unready !== undefined)
    return pods.problem(
      `${counted(found.length, 'pod')}; ${unready.metadata.name} is not ready: ${stateOf(unready)}`,
      `kubectl describe pod ${unready.metadata.name}`,
    )
  if (found.length > 0) return pods.ok(`${counted(found.length, 'pod')}, all ready`)
  if (status?.phase === 'Paused' || status?.replicas === 0) return pods.ok('none are to run')
  return pods.problem('there are none', 'the Deployment says why: kubectl describe deployment')
}

const hourMs = 3_600_000

function checkWarnings({ events }: Surroundings, nowMs: number): Check {
  const recent = events.filter(event => event.type === 'Warning' && nowMs - timeOf(event) < hourMs)
  const last = recent.at(-1)
  if (last === undefined) return warnings.ok('none in the last hour')
  return warnings.problem(
    `${counted(recent.length, 'kind')} of warning, the last ${ago(nowMs - timeOf(last))} ago: ${last.reason}: ${last.message}`,
    'see whether it still comes: kubectl healthconsumer status',
  )
}

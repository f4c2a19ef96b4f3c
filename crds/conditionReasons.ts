/**
 * The reasons that the conditions of a HealthConsumer give, and what they mean: a part of the API, since programs match
 * them. Data only; who decides them is the operator.
 */
import type { ConditionType } from './status.ts'

export interface ConditionMeaning {
  readonly meaning: string
  /** By the value of `status`, then by reason. */
  readonly True: Readonly<Record<string, string>>
  readonly False: Readonly<Record<string, string>>
  readonly Unknown?: Readonly<Record<string, string>>
}

/** In the place of a reason: whatever Kubernetes says of a pod, and the codes of halts and troubles. */
export const podReason = '(of the pod)'
export const haltReason = '(code of the halt)'
export const troubleReason = '(code of the trouble)'

const missing = {
  SecretMissing: 'A Secret that the spec names is not there.',
  ConfigMapMissing: 'A ConfigMap that the spec names is not there.',
  PersistentVolumeClaimMissing: 'The claim of the warehouse is not there.',
  KeyMissing: 'A Secret lacks a key.',
  SecretInvalid: 'A Secret holds what the pods cannot use.',
}
const invalid = { InvalidSpec: 'The spec is not valid, or asks for what this version cannot do.' }
const refusedPods = 'The API server refuses the pods: a quota, an admission policy.'

export const conditionReasons: Readonly<Record<ConditionType, ConditionMeaning>> = {
  Ready: {
    meaning: 'The spec is applied, its rollout complete, and what it names is there. Says nothing about lag.',
    True: { Ready: 'The pods run what the spec says.', Paused: 'No pods run, as `spec.paused` says.' },
    False: { Progressing: 'On its way.', '(of Stalled)': 'Stands still: the reason of the condition Stalled.' },
  },
  Reconciling: {
    meaning: 'The operator or Kubernetes is at work.',
    True: { Progressing: 'The pods are not yet what the spec says.' },
    False: { Settled: 'There is nothing to do, or nothing that can be done.' },
  },
  Stalled: {
    meaning: 'Only a person can go on; the message says how.',
    True: {
      ...invalid,
      NameTaken: 'An object of somebody else has the name of a child; it is left alone.',
      ...missing,
      ApplyFailed: 'The API server refused a child.',
      KEDANotInstalled: 'Autoscaling by KEDA is asked for, and its API is not installed.',
      Halted: 'The consumer stopped intake rather than lose or double a sample.',
      RolledBack: 'The spec did not become ready in time; the pods run the last stable one.',
      FailedCreate: refusedPods,
      ProgressDeadlineExceeded: 'The rollout took longer than `spec.rollout.progressDeadlineSeconds`.',
      [podReason]: 'A pod cannot start, such as ImagePullBackOff or CrashLoopBackOff.',
      [troubleReason]: 'The pods run and do not become ready, because of what ConsumerHealthy tells.',
    },
    False: { NotStalled: 'Nothing stands in the way.' },
  },
  ConfigValid: {
    meaning: 'The spec can be run.',
    True: { Valid: 'It can.' },
    False: invalid,
  },
  DependenciesReady: {
    meaning: 'What the spec names and somebody else provides is there.',
    True: { Found: 'Everything is.' },
    False: missing,
    Unknown: invalid,
  },
  WorkloadAvailable: {
    meaning: 'As many pods are ready as are wanted, all of them of the newest template.',
    True: { PodsReady: 'They are.', ScaledToZero: 'None are wanted.' },
    False: {
      NotCreated: 'The Deployment is not there yet.',
      RollingOut: 'Pods are being replaced.',
      FailedCreate: refusedPods,
      [podReason]: 'A pod is not ready, and says why.',
    },
  },
  ConsumerHealthy: {
    meaning: 'The consumer keeps up, as its pods tell.',
    True: {
      KeepingUp: 'Lag is within bounds.',
      IdlePods: 'Lag is within bounds; there are more pods than partitions.',
    },
    False: {
      Lagging: 'Lag is above `spec.monitoring.prometheusRule.thresholds.HighKafkaLag`.',
      [haltReason]: 'Intake is halted.',
      [troubleReason]: 'Something fails and is tried again, such as TopicMissing or BrokersUnreachable.',
    },
    Unknown: {
      NoPods: 'No pods run.',
      NotMeasured: 'Not every pod has told where it stands: unknown lag is never zero.',
      ...invalid,
    },
  },
  MonitoringReady: {
    meaning: 'Prometheus can find the pods and has the alerts, where `spec.monitoring` asks for it.',
    True: { Applied: 'ServiceMonitor and PrometheusRule are there.', Disabled: 'Both are switched off.' },
    False: {
      CRDNotInstalled:
        'The API of the Prometheus Operator is not there; found by itself once it is. Ready all the same.',
      NotApplied: 'One of the two was refused, or its name is taken.',
    },
    Unknown: invalid,
  },
  Paused: {
    meaning: 'There are no pods on purpose.',
    True: { Paused: '`spec.paused` is true.' },
    False: { NotPaused: 'It is not.' },
    Unknown: invalid,
  },
}

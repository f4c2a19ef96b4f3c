/** What the reasons of conditions mean, for the reference. The operator sets them; a test compares. Data only. */
import type { ConditionType } from '../../crds/status.ts'

type Status = 'True' | 'False' | 'Unknown'

/** Ready, Reconciling and Stalled are kstatus' names. */
export const conditionMeanings: Readonly<Record<ConditionType, string>> = {
  Ready: 'What the spec asks for is applied, rolled out and has what it depends on. Never a matter of lag.',
  Reconciling: 'The operator or the Deployment is still at work.',
  Stalled: 'Nothing changes any more until a person does something. The message says what.',
  ConfigValid: 'The spec can be run.',
  DependenciesReady: 'The Secrets, ConfigMaps and volume claims that the spec names are there.',
  WorkloadAvailable: 'All pods of the newest revision are ready.',
  ConsumerHealthy: 'The pods read and commit, and keep up. `Unknown` while nobody has measured it.',
  MonitoringReady: 'The objects that Prometheus reads are applied. `False` does not keep `Ready` from `True`.',
  Paused: 'The spec says `paused`.',
}

const invalidSpec: readonly [Status, string] = ['Unknown', 'not known while the spec is not valid']

/** By condition and reason: the status that goes with the reason, and what it means. */
export const conditionReasons: Readonly<Record<ConditionType, Readonly<Record<string, readonly [Status, string]>>>> = {
  Ready: {
    Ready: ['True', 'it runs as the spec says'],
    Paused: ['True', 'no pods run, as the spec says'],
    Progressing: ['False', 'the rollout is not complete; where it is stalled, the reason is that of `Stalled`'],
  },
  Reconciling: {
    Progressing: ['True', 'the rollout is not complete'],
    Settled: ['False', 'there is nothing left to do, or it is stalled'],
  },
  Stalled: {
    NotStalled: ['False', 'nothing stands in the way'],
    InvalidSpec: ['True', 'the spec has problems; the message lists them as `healthconsumer validate` does'],
    NameTaken: ['True', 'an object of the name of a child exists and belongs to somebody else; it is left alone'],
    SecretMissing: ['True', 'a Secret that the spec names is not there'],
    ConfigMapMissing: ['True', 'a ConfigMap that the spec names is not there'],
    PersistentVolumeClaimMissing: ['True', 'the volume claim that the spec names is not there'],
    KeyMissing: ['True', 'a Secret or ConfigMap is there and lacks a key'],
    ApplyFailed: ['True', 'the API server refused a child'],
    KEDANotInstalled: ['True', '`scaling.autoscaling.mode` is `KEDA`, whose API is not installed'],
    Halted: ['True', 'the consumer halted: the message begins with the [code](exactly-once.md#halts)'],
    RolledBack: ['True', 'the rollout failed and `rollout.rollbackOnFailure` brought back the last stable revision'],
    FailedCreate: ['True', 'the API server refuses the pods: a quota, Pod Security, a webhook'],
    ErrImagePull: ['True', 'the image cannot be pulled'],
    ImagePullBackOff: ['True', 'the image cannot be pulled'],
    ErrImageNeverPull: ['True', 'the image is not on the node and may not be pulled'],
    InvalidImageName: ['True', '`image` is no name of an image'],
    CrashLoopBackOff: ['True', 'a pod ends again and again; the message has how'],
    CreateContainerConfigError: ['True', 'a pod refers to something that is not there'],
    CreateContainerError: ['True', 'the node could not make the container'],
    RunContainerError: ['True', 'the node could not start the container'],
    ProgressDeadlineExceeded: ['True', 'the pods did not become ready within `rollout.progressDeadlineSeconds`'],
  },
  ConfigValid: {
    Valid: ['True', 'the spec can be run'],
    InvalidSpec: ['False', 'the spec has problems; the message lists them'],
  },
  DependenciesReady: {
    Found: ['True', 'everything that the spec names is there'],
    SecretMissing: ['False', 'a Secret is not there'],
    ConfigMapMissing: ['False', 'a ConfigMap is not there'],
    PersistentVolumeClaimMissing: ['False', 'the volume claim is not there'],
    KeyMissing: ['False', 'a Secret or ConfigMap lacks a key'],
    InvalidSpec: invalidSpec,
  },
  WorkloadAvailable: {
    PodsReady: ['True', 'all pods are ready'],
    ScaledToZero: ['True', 'no pods are asked for'],
    NotCreated: ['False', 'there is no Deployment yet'],
    RollingOut: ['False', "some pods are not ready yet; where a pod says why, the reason is the pod's"],
    FailedCreate: ['False', 'the API server refuses the pods'],
  },
  ConsumerHealthy: {
    KeepingUp: ['True', 'the lag is below `prometheusRule.thresholds.HighKafkaLag`'],
    IdlePods: ['True', 'it keeps up, and there are more pods than partitions'],
    Lagging: [
      'False',
      'the lag is above that threshold; where the consumer halted, the reason is the code of the halt',
    ],
    NotMeasured: ['Unknown', 'not all pods have told their position'],
    NoPods: ['Unknown', 'no pods run'],
    InvalidSpec: invalidSpec,
  },
  MonitoringReady: {
    Applied: ['True', 'Prometheus can find the pods'],
    Disabled: ['True', 'switched off in `spec.monitoring`'],
    CRDNotInstalled: ['False', 'the Prometheus Operator is not installed; once it is, this becomes `True` by itself'],
    NotApplied: ['False', 'a ServiceMonitor or PrometheusRule could not be applied'],
    InvalidSpec: invalidSpec,
  },
  Paused: {
    Paused: ['True', '`spec.paused` is true'],
    NotPaused: ['False', '`spec.paused` is not set, or false'],
    InvalidSpec: invalidSpec,
  },
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HealthConsumerStatus } from '../../crds/healthconsumer.ts'
import { conditionTypes, status as statusSchema } from '../../crds/status.ts'
import type { ChildOutcome } from '../../operator/apply.ts'
import { KubernetesError } from '../../operator/kubernetes.ts'
import type { MissingDependency, Observation } from '../../operator/observation.ts'
import { type PipelineFacts, pipelineFacts } from '../../operator/pipelineFacts.ts'
import { stuckReasons } from '../../operator/stalls.ts'
import { computeStatus, sameStatus } from '../../operator/status.ts'
import fc from '../properties.ts'
import { told } from './consumers.ts'
import { deployed, pod, resourceOf, seen } from './observed.ts'

const now = '2026-01-01T00:00:00.000Z'
const later = '2026-01-01T00:05:00.000Z'
const statusOf = (changes: Partial<Observation> = {}) => computeStatus(seen(changes), now)
const conditionOf = (status: HealthConsumerStatus, type: string) => status.conditions!.find(each => each.type === type)!
/** `Status/Reason` of a condition. */
const verdictOf = (status: HealthConsumerStatus, type: string) => {
  const { status: is, reason } = conditionOf(status, type)
  return `${is}/${reason}`
}
const facts = (answers: Parameters<typeof told>[0][], asked = answers.length) =>
  pipelineFacts(answers.map(told), asked, now)

const missing = (changes: Partial<MissingDependency> = {}): MissingDependency => ({
  kind: 'Secret',
  name: 'login',
  field: 'spec.kafka.sasl.secretRef',
  optional: false,
  rolls: true,
  keys: ['username'],
  ...changes,
})
const child = (changes: Partial<ChildOutcome>) => ({
  children: [{ kind: 'Deployment', name: 'one-consumer', state: 'Applied', ...changes } as ChildOutcome],
  pruned: [],
})
const rolling = { deployment: deployed({ ready: 1, available: 1 }) }
const waitingPod = (reason: string | undefined, message = '') => [pod({ ready: false, reason, message })]
const halt = { code: 'OffsetGap', message: 'topic a', fix: 'set onGap' } as const
const trouble = { code: 'TopicMissing', message: 'no topic a', since: '2025-12-31T00:00:00.000Z' } as const
const problem = { code: 'BROKEN_RULE', path: ['spec'], field: 'spec.x', what: 'is wrong', fix: 'mend it' } as const
const invalid = { resource: undefined, problems: [problem], applied: undefined, revision: undefined }

/** What is seen, and what each condition then says; those that are not named are as where all is well. */
const well = {
  Ready: 'True/Ready',
  Reconciling: 'False/Settled',
  Stalled: 'False/NotStalled',
  ConfigValid: 'True/Valid',
  DependenciesReady: 'True/Found',
  WorkloadAvailable: 'True/PodsReady',
  ConsumerHealthy: 'True/KeepingUp',
  MonitoringReady: 'True/Applied',
  Paused: 'False/NotPaused',
}
const cases: Readonly<
  Record<string, readonly [Partial<Observation>, Partial<Record<keyof typeof well, string>>, phase?: string]>
> = {
  'all is well': [{}, {}, 'Running'],
  'the rollout is under way': [
    rolling,
    { Ready: 'False/Progressing', Reconciling: 'True/Progressing', WorkloadAvailable: 'False/RollingOut' },
    'Reconciling',
  ],
  'the Deployment controller has not looked yet': [
    { deployment: deployed({ generation: 4 }) },
    { Ready: 'False/Progressing', Reconciling: 'True/Progressing', WorkloadAvailable: 'False/RollingOut' },
    'Reconciling',
  ],
  'the Deployment is not there': [
    { deployment: undefined, pods: [], pipeline: undefined },
    {
      Ready: 'False/Progressing',
      Reconciling: 'True/Progressing',
      WorkloadAvailable: 'False/NotCreated',
      ConsumerHealthy: 'Unknown/NoPods',
    },
    'Reconciling',
  ],
  'a pod finds no node': [
    { ...rolling, pods: waitingPod('Unschedulable') },
    { Ready: 'False/Progressing', Reconciling: 'True/Progressing', WorkloadAvailable: 'False/Unschedulable' },
    'Reconciling',
  ],
  'a pod that goes has trouble': [
    { ...rolling, pods: [pod({ ready: false, terminating: true, reason: 'CrashLoopBackOff' })] },
    { Ready: 'False/Progressing', Reconciling: 'True/Progressing', WorkloadAvailable: 'False/RollingOut' },
    'Reconciling',
  ],
  'the deadline is missed': [
    { deployment: deployed({ ready: 1, deadlineExceeded: true }) },
    {
      Ready: 'False/ProgressDeadlineExceeded',
      Stalled: 'True/ProgressDeadlineExceeded',
      WorkloadAvailable: 'False/RollingOut',
    },
    'Stalled',
  ],
  'the deadline was missed, and the pods are ready since': [{ deployment: deployed({ deadlineExceeded: true }) }, {}],
  'pods are refused': [
    { deployment: deployed({ ready: 1, refusal: 'exceeded quota' }) },
    { Ready: 'False/FailedCreate', Stalled: 'True/FailedCreate', WorkloadAvailable: 'False/FailedCreate' },
    'Stalled',
  ],
  'the spec is wrong, and pods run': [
    invalid,
    {
      Ready: 'False/InvalidSpec',
      Stalled: 'True/InvalidSpec',
      ConfigValid: 'False/InvalidSpec',
      DependenciesReady: 'Unknown/InvalidSpec',
      ConsumerHealthy: 'Unknown/InvalidSpec',
      MonitoringReady: 'Unknown/InvalidSpec',
      Paused: 'Unknown/InvalidSpec',
    },
    'Stalled',
  ],
  'a Secret is missing': [
    { missing: [missing()] },
    { Ready: 'False/SecretMissing', Stalled: 'True/SecretMissing', DependenciesReady: 'False/SecretMissing' },
    'Stalled',
  ],
  'a claim is missing': [
    { missing: [missing({ kind: 'PersistentVolumeClaim', keys: [] })] },
    {
      Ready: 'False/PersistentVolumeClaimMissing',
      Stalled: 'True/PersistentVolumeClaimMissing',
      DependenciesReady: 'False/PersistentVolumeClaimMissing',
    },
    'Stalled',
  ],
  'a key is missing': [
    { missing: [missing({ missingKey: 'username' })] },
    { Ready: 'False/KeyMissing', Stalled: 'True/KeyMissing', DependenciesReady: 'False/KeyMissing' },
    'Stalled',
  ],
  'a Secret is wrong': [
    { missing: [missing({ wrong: { what: 'key ca.crt cannot be used', fix: 'write PEM' } })] },
    { Ready: 'False/SecretInvalid', Stalled: 'True/SecretInvalid', DependenciesReady: 'False/SecretInvalid' },
    'Stalled',
  ],
  'a Secret is missing, and no pods are to run': [
    {
      missing: [missing()],
      resource: resourceOf({ paused: true }),
      deployment: deployed({ desired: 0, replicas: 0, updated: 0, ready: 0 }),
      pods: [],
    },
    {
      Ready: 'True/Paused',
      DependenciesReady: 'False/SecretMissing',
      WorkloadAvailable: 'True/ScaledToZero',
      ConsumerHealthy: 'Unknown/NoPods',
      Paused: 'True/Paused',
    },
    'Paused',
  ],
  'a name is taken': [
    { applied: child({ state: 'NameTaken' }) },
    { Ready: 'False/NameTaken', Stalled: 'True/NameTaken' },
    'Stalled',
  ],
  'a child is refused': [
    { applied: child({ state: 'Failed', error: new KubernetesError('Forbidden', 403, 'no') }) },
    { Ready: 'False/ApplyFailed', Stalled: 'True/ApplyFailed' },
    'Stalled',
  ],
  'KEDA is missing': [
    { applied: child({ kind: 'ScaledObject', state: 'Missing' }) },
    { Ready: 'False/KEDANotInstalled', Stalled: 'True/KEDANotInstalled' },
    'Stalled',
  ],
  'the Prometheus Operator is missing': [
    { applied: child({ kind: 'PrometheusRule', state: 'Missing' }) },
    { MonitoringReady: 'False/CRDNotInstalled' },
    'Running',
  ],
  'monitoring waits': [
    { applied: child({ kind: 'ServiceMonitor', state: 'Waiting' }) },
    { MonitoringReady: 'False/NotApplied' },
    'Running',
  ],
  'monitoring is off': [
    {
      resource: resourceOf({ monitoring: { serviceMonitor: { enabled: false }, prometheusRule: { enabled: false } } }),
    },
    { MonitoringReady: 'True/Disabled' },
  ],
  'the revision was rolled back': [
    { revision: { applied: '0123456789', wanted: 'abcdefabcd' } },
    { Ready: 'False/RolledBack', Stalled: 'True/RolledBack' },
    'Stalled',
  ],
  'the consumer halted': [
    { pipeline: facts([{}, { halt }]) },
    { Ready: 'False/Halted', Stalled: 'True/Halted', ConsumerHealthy: 'False/OffsetGap' },
    'Halted',
  ],
  'the consumer has trouble, and its pods are ready': [
    { pipeline: facts([{ trouble }, {}]) },
    { ConsumerHealthy: 'False/TopicMissing' },
    'Running',
  ],
  'the consumer has trouble, and its pods are not ready': [
    { ...rolling, pipeline: facts([{ trouble }, {}]) },
    {
      Ready: 'False/TopicMissing',
      Stalled: 'True/TopicMissing',
      WorkloadAvailable: 'False/RollingOut',
      ConsumerHealthy: 'False/TopicMissing',
    },
    'Stalled',
  ],
  // Ready never depends on lag.
  'the consumer lags': [
    { pipeline: facts([{ lags: [100_000] }, { lags: [1] }]) },
    { ConsumerHealthy: 'False/Lagging' },
    'Running',
  ],
  'there are more pods than partitions': [
    { pipeline: facts([{ lags: [1] }, { lags: [] }]) },
    { ConsumerHealthy: 'True/IdlePods' },
  ],
  'one pod does not answer': [{ pipeline: facts([{}], 2) }, { ConsumerHealthy: 'Unknown/NotMeasured' }],
  'a partition is not measured': [
    { pipeline: facts([{ lags: [null] }, {}]) },
    { ConsumerHealthy: 'Unknown/NotMeasured' },
  ],
  'the pods have not been asked': [{ pipeline: undefined }, { ConsumerHealthy: 'Unknown/NotMeasured' }],
}

test('unknown lag is told apart: pods that are silent, and pods that do not know it', () => {
  const said = (pipeline: PipelineFacts) =>
    statusOf({ pipeline }).conditions?.find(({ type }) => type === 'ConsumerHealthy')?.message
  assert.equal(said(facts([{}], 2)), '1 of 2 pods have told their position')
  assert.match(said(facts([{ lags: [null] }, {}]))!, /^pods answer, and do not know yet/)
})

for (const [what, [changes, expected, phase]] of Object.entries(cases))
  test(`conditions where ${what}`, () => {
    const status = statusOf(changes)
    assert.deepEqual(Object.fromEntries(conditionTypes.map(type => [type, verdictOf(status, type)])), {
      ...well,
      ...expected,
    })
    if (phase !== undefined) assert.equal(status.phase, phase)
    assert.deepEqual(statusSchema.safeParse(status).error, undefined)
  })

test('pods that are stuck stall at once, in their own words', () => {
  for (const reason of stuckReasons) {
    const status = statusOf({ ...rolling, pods: waitingPod(reason, 'because') })
    assert.equal(verdictOf(status, 'Stalled'), `True/${reason}`)
    assert.equal(conditionOf(status, 'Ready').message, 'pod one-consumer-a: because')
    assert.equal(verdictOf(status, 'WorkloadAvailable'), `False/${reason}`)
  }
})

test('messages name the object and the next step', () => {
  const message = (changes: Partial<Observation>, type = 'Ready') => conditionOf(statusOf(changes), type).message
  assert.equal(message({}), '2 of 2 pods are ready')
  assert.equal(
    message({ missing: [missing(), missing({ name: 'ca', missingKey: 'ca.crt' })] }),
    'Secret login (spec.kafka.sasl.secretRef) is not there: create it with the keys username; ' +
      'Secret ca (spec.kafka.sasl.secretRef) has no key ca.crt: add it',
  )
  assert.equal(
    message({ ...invalid, problems: Array.from({ length: 10 }, () => problem) })
      .split('; ')
      .at(-1),
    'and 2 more',
  )
  assert.match(
    message({ applied: child({ state: 'NameTaken' }) }),
    /^Deployment one-consumer exists and belongs to somebody else/,
  )
  assert.match(message({ pipeline: facts([{ halt }, {}]) }), /^OffsetGap: topic a; set onGap$/)
  assert.match(
    message({
      deployment: deployed({ ready: 1, deadlineExceeded: true }),
      pods: waitingPod('Unschedulable', 'no node'),
    }),
    /^Deployment one-consumer did not become ready in 600 s; pod one-consumer-a is not ready: Unschedulable: no node/,
  )
  const idle = message({ pipeline: facts([{ lags: [200_000] }, { lags: [] }]) }, 'ConsumerHealthy')
  assert.match(
    idle,
    /more than 100000; 1 of 2 pods have no partition: 1 are enough, or the topic needs more partitions$/,
  )
  // As long as etcd likes, and no longer.
  const long = message({
    applied: child({ state: 'Failed', error: new KubernetesError('Invalid', 422, 'x'.repeat(5000)) }),
  })
  assert.equal(long.length, 2048)
})

test('the time of a transition moves with the value of a condition alone', () => {
  const first = statusOf(rolling)
  const second = computeStatus(seen({ previous: first, generation: 6 }), later)
  const times = (status: HealthConsumerStatus) =>
    Object.fromEntries(status.conditions!.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]))
  const changed = { Ready: later, Reconciling: later, WorkloadAvailable: later }
  assert.deepEqual(times(second), { ...times(first), ...changed })
  for (const { observedGeneration } of second.conditions!) assert.equal(observedGeneration, 6)
  assert.equal(second.observedGeneration, 6)
  const third = computeStatus(seen({ previous: second, generation: 6, pipeline: facts([{ lags: [9] }]) }), 'never')
  assert.equal(conditionOf(third, 'ConsumerHealthy').lastTransitionTime, now)
})

test('until the pods have been asked, what they told before stands', () => {
  for (const pipeline of [facts([{ lags: [42] }, {}]), facts([{ halt }, {}])]) {
    const previous = statusOf({ pipeline })
    const next = computeStatus(seen({ previous, pipeline: undefined }), later)
    assert.ok(sameStatus(previous, next))
  }
  const troubled = statusOf({ ...rolling, pipeline: facts([{ trouble }, {}]) })
  assert.ok(sameStatus(troubled, computeStatus(seen({ ...rolling, previous: troubled, pipeline: undefined }), later)))
  // Nothing of it stands where there are no pods any more.
  const previous = statusOf({ pipeline: facts([{ halt }, {}]) })
  const none = computeStatus(seen({ previous, pipeline: undefined, pods: [] }), later)
  assert.equal(verdictOf(none, 'Stalled'), 'False/NotStalled')
  assert.equal(verdictOf(none, 'ConsumerHealthy'), 'Unknown/NoPods')
})

test('what nobody measures is absent; what is in the tables stays', () => {
  const previous = statusOf({ pipeline: facts([{ lags: [42] }, {}]) })
  assert.equal(previous.pipeline?.lag, 42)
  for (const changes of [
    { pods: [], pipeline: undefined },
    { pods: [], pipeline: facts([{}]) },
    // Its last pods are on their way out, and were asked before that.
    { deployment: deployed({ desired: 0 }), pipeline: facts([{}]) },
    { pipeline: facts([], 2) },
  ]) {
    const { pipeline } = computeStatus(seen({ previous, ...changes }), later)
    assert.equal(pipeline?.lag, undefined)
    assert.equal(pipeline?.throughput, undefined)
    assert.equal(pipeline?.rawSnapshotId, '107')
    assert.equal(pipeline?.lastCommitTime, '2026-01-01T00:00:07.000Z')
  }
  assert.equal(statusOf({ pods: [], pipeline: undefined }).pipeline, undefined)
})

test('a revision is stable once all pods run it', () => {
  const stable = (changes: Partial<Observation>) =>
    statusOf({ previous: { observedGeneration: 1, lastStableHash: 'before' }, ...changes }).lastStableHash
  assert.equal(stable({}), '0123456789')
  assert.equal(stable(rolling), 'before')
  assert.equal(stable({ deployment: deployed({ revision: 'one-other' }) }), 'before')
  assert.equal(stable({ deployment: deployed({ desired: 0, replicas: 0, updated: 0, ready: 0 }) }), 'before')
  assert.equal(stable(invalid), 'before')
  const failed = statusOf({ revision: { applied: '0123456789', wanted: 'abcdefabcd' } })
  assert.equal(failed.failedHash, 'abcdefabcd')
  assert.equal(computeStatus(seen({ ...invalid, previous: failed }), now).failedHash, 'abcdefabcd')
  assert.equal(computeStatus(seen({ previous: failed }), now).failedHash, undefined)
})

test('two that differ in the time of observation or the order of fields say the same', () => {
  const status = statusOf()
  const observed = (at: string) => ({ ...status, pipeline: { ...status.pipeline, observedAt: at } })
  assert.ok(sameStatus(observed(now), observed(later)))
  assert.ok(sameStatus(Object.fromEntries(Object.entries(status).reverse()) as HealthConsumerStatus, status))
  assert.ok(!sameStatus(undefined, status))
  assert.ok(!sameStatus({ ...status, replicas: 7 }, status))
  assert.ok(!sameStatus({ ...status, pipeline: { ...status.pipeline, lag: 8 } }, status))
})

test('whatever is seen, the status keeps the rules of kstatus and of the schema', () => {
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
  const count = fc.nat(3)
  const observation = fc.record({
    deployment: maybe(
      fc
        .record({ desired: count, replicas: count, updated: count, ready: count, deadlineExceeded: fc.boolean() })
        .map(deployed),
    ),
    pods: fc.array(fc.record({ ready: fc.boolean(), reason: maybe(fc.constantFrom(...stuckReasons)) }).map(pod), {
      maxLength: 3,
    }),
    pipeline: maybe(
      fc
        .array(
          fc.record({ lags: fc.array(fc.option(fc.nat()), { maxLength: 3 }), halt: fc.constantFrom(null, halt) }),
          { maxLength: 3 },
        )
        .map(answers => facts(answers, 3)),
    ),
    resource: fc.constantFrom(resourceOf(), resourceOf({ paused: true })),
    missing: fc.constantFrom([], [missing()]),
  })
  fc.assert(
    fc.property(observation, changes => {
      const status = statusOf(changes)
      const is = (type: string) => conditionOf(status, type).status
      assert.deepEqual(statusSchema.safeParse(status).error, undefined)
      assert.deepEqual(
        status.conditions!.map(({ type }) => type),
        [...conditionTypes],
      )
      // Exactly one of: as it should be, on its way, stuck.
      assert.equal([is('Ready'), is('Reconciling'), is('Stalled')].filter(each => each === 'True').length, 1)
      assert.ok(sameStatus(status, computeStatus(seen({ ...changes, previous: status }), later)))
    }),
  )
})

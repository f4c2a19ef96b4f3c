/** What the plugin makes of a status, its pods and events: each finding by the smallest change from a sound one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterChecks } from '../../../cli/kubectl/clusterChecks.ts'
import type { Consumer, Event, Pod } from '../../../cli/kubectl/consumer.ts'
import { describeAll, describeOne } from '../../../cli/kubectl/describe.ts'

const nowMs = Date.parse('2026-05-01T12:00:00Z')
const condition = (type: string, status: string, reason: string, message: string) => ({
  ...{ type, status, reason, message, observedGeneration: 3 },
  lastTransitionTime: '2026-05-01T11:00:00Z',
})
const conditions = [
  condition('Ready', 'True', 'Ready', '1 of 1 pods are ready'),
  condition('Stalled', 'False', 'NotStalled', ''),
  condition('ConfigValid', 'True', 'Valid', 'the spec can be run'),
  condition('DependenciesReady', 'True', 'Found', 'everything that the spec names is there'),
  condition('ConsumerHealthy', 'True', 'KeepingUp', '12 records behind'),
  condition('MonitoringReady', 'True', 'Applied', 'Prometheus can find the pods'),
]
const sound = {
  metadata: { name: 'one', namespace: 'data', generation: 3 },
  status: {
    ...{ observedGeneration: 3, phase: 'Running', replicas: 1, readyReplicas: 1 },
    conditions,
    pipeline: { lag: 1234, partitions: 6, throughput: 50, invalidRatio: 0.01, lastCommitTime: '2026-05-01T11:59:30Z' },
  },
} as unknown as Consumer
const pod = (ready: boolean, waiting?: { reason: string; message: string }): Pod => ({
  metadata: { name: 'one-consumer-abc', creationTimestamp: '2026-05-01T11:00:00Z' },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    containerStatuses: [{ name: 'consumer', ready, restartCount: 2, ...(waiting && { state: { waiting } }) }],
  },
})
const warning: Event = {
  ...{ type: 'Warning', reason: 'ChildChanged', message: 'somebody else changed Service one', count: 4 },
  lastTimestamp: '2026-05-01T11:50:00Z',
  metadata: {},
}

/** With some conditions replaced. */
const having = (...changed: readonly ReturnType<typeof condition>[]): Consumer => ({
  ...sound,
  status: {
    ...sound.status!,
    conditions: conditions.map(each => changed.find(({ type }) => type === each.type) ?? each) as never,
  },
})

const problems = (consumer: Consumer, pods: readonly Pod[] = [pod(true)], events: readonly Event[] = []) =>
  clusterChecks(consumer, { pods, events }, nowMs)
    .filter(({ state }) => state === 'problem')
    .map(({ name, seen }) => `${name}: ${seen}`)

test('a sound one has no problem', () => assert.deepEqual(problems(sound), []))

test('each trouble is found, and only that', () => {
  const unseen = { ...sound, status: { observedGeneration: -1 } } as unknown as Consumer
  assert.deepEqual(problems(unseen), ['operator: no operator has looked at it'])
  const behind = { ...sound, metadata: { ...sound.metadata, generation: 4 } }
  assert.deepEqual(problems(behind), ['operator: it has seen generation 3, the spec is at 4'])
  assert.deepEqual(problems(having(condition('ConfigValid', 'False', 'InvalidSpec', 'spec.x is wrong: mend it'))), [
    'spec: InvalidSpec: spec.x is wrong: mend it',
  ])
  assert.deepEqual(
    problems(having(condition('DependenciesReady', 'False', 'SecretMissing', 'Secret a is not there'))),
    ['dependencies: SecretMissing: Secret a is not there'],
  )
  assert.deepEqual(problems(having(condition('Stalled', 'True', 'Halted', 'OffsetGap: t:0'))), [
    'stalled: Halted: OffsetGap: t:0',
  ])
  assert.deepEqual(problems(having(condition('ConsumerHealthy', 'False', 'Lagging', '9 behind'))), [
    'consuming: Lagging: 9 behind',
  ])
  assert.deepEqual(problems(sound, [pod(false, { reason: 'ImagePullBackOff', message: 'no such image' })]), [
    'pods: 1 pod; one-consumer-abc is not ready: ImagePullBackOff: no such image',
  ])
  assert.deepEqual(problems(sound, []), ['pods: there are none'])
  assert.deepEqual(problems(sound, [pod(true)], [warning]), [
    'warnings: 1 kind of warning, the last 10 min ago: ChildChanged: somebody else changed Service one',
  ])
  const old = { ...warning, lastTimestamp: '2026-05-01T10:50:00Z' }
  assert.deepEqual(problems(sound, [pod(true)], [old]), [])
})

test('a paused one needs no pods', () => {
  const paused = { ...sound, status: { ...sound.status!, phase: 'Paused', replicas: 0 } } as Consumer
  assert.deepEqual(problems(paused, []), [])
})

test('people read lag, age and why', () => {
  assert.equal(
    describeAll([sound], nowMs),
    'NAMESPACE  NAME  PHASE    PODS  LAG    LAST COMMIT  WHY\ndata       one   Running  1/1   1,234  30 s         \n',
  )
  const stalled = having(condition('Stalled', 'True', 'SecretMissing', 'Secret a is not there'))
  assert.match(describeAll([stalled], nowMs), / SecretMissing: Secret a is not there\n$/)
  const one = describeOne(stalled, { pods: [pod(false)], events: [warning] }, nowMs)
  assert.match(one, /\nwhy +SecretMissing: Secret a is not there\nlag +1,234 records behind, 6 partitions\n/)
  assert.match(one, /\nthroughput +50 rows\/s, 1 % invalid\nlast commit +30 s ago, /)
  assert.match(one, /\none-consumer-abc +no +2 +60 min +Running\n/)
  assert.match(one, /\n10 min ago +Warning +ChildChanged +somebody else changed Service one \(4 times\)\n$/)
})

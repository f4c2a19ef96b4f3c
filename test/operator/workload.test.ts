import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { deploymentFacts, podFacts, rolloutComplete } from '../../operator/workload.ts'
import fc from '../properties.ts'
import { deployed } from './observed.ts'

const podOf = (status: object, metadata: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'team', labels: { 'app.kubernetes.io/instance': 'one' }, ...metadata },
  status,
})
const container = (more: object) => ({ name: 'consumer', ...more })
const troubleOf = (...containers: object[]) => {
  const { reason, message } = podFacts(podOf({ containerStatuses: containers }))
  return { reason, message }
}
const none = { reason: undefined, message: undefined }

test('what is kept of a pod', () => {
  const conditions = [{ type: 'Ready', status: 'True' }]
  assert.deepEqual(podFacts(podOf({ phase: 'Running', podIP: '10.0.0.1', conditions })), {
    ...{ name: 'p', namespace: 'team', consumer: 'one', address: '10.0.0.1', ready: true, terminating: false },
    ...none,
  })
  assert.equal(podFacts(podOf({}, { deletionTimestamp: 'now' })).terminating, true)
  // Evicted: it stays there, and never runs again.
  assert.equal(podFacts(podOf({ phase: 'Failed', reason: 'Evicted' })).terminating, true)
})

test('why a pod does not run', () => {
  const waiting = (reason: string, message?: string) => container({ state: { waiting: { reason, message } } })
  assert.deepEqual(troubleOf(waiting('ContainerCreating')), none)
  assert.deepEqual(troubleOf(waiting('PodInitializing')), none)
  assert.deepEqual(troubleOf(waiting('ImagePullBackOff', 'no such image')), {
    reason: 'ImagePullBackOff',
    message: 'no such image',
  })
  // A sidecar that somebody puts in front is none of ours.
  assert.deepEqual(troubleOf({ ...waiting('CrashLoopBackOff'), name: 'proxy' }, container({ state: {} })), none)
  const unscheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }
  assert.equal(podFacts(podOf({ conditions: [unscheduled] })).message, '0/3 nodes')
})

const ended = (message: string | undefined, more: object = {}) => ({ terminated: { exitCode: 3, message, ...more } })
const looping = (message: string | undefined, more: object = {}) =>
  troubleOf(
    container({
      restartCount: 4,
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
      lastState: ended(message, more),
    }),
  ).message

test('a crash loop tells the last error of the log, and nothing else of it', () => {
  assert.equal(looping('a\nerror[NO_TABLE]: x.y\nb\n'), 'exit code 3: error[NO_TABLE]: x.y')
  assert.equal(
    looping('{"level":"ERROR","message":"it \\"broke\\""}\n{"level":"INFO","message":"bye"}'),
    'exit code 3: it "broke"',
  )
  assert.equal(looping('{"message":"keys in any order","level":"CRITICAL"}'), 'exit code 3: keys in any order')
  assert.equal(looping('payload: {"userId":"u1"}'), 'exit code 3')
  assert.equal(looping('{"level":"ERROR","mess'), 'exit code 3')
  assert.equal(looping(undefined), 'exit code 3')
  assert.equal(looping('', { reason: 'OOMKilled' }), 'it needed more memory than its limit')
  assert.equal(looping(`error[X]: ${'x'.repeat(2000)}`)!.length, 'exit code 3: '.length + 500)
  const unknown = container({ state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } } })
  assert.equal(troubleOf(unknown).message, 'back-off 40s')
})

test('a container that crashes again and again is no better while it is tried again', () => {
  const between = (more: object) =>
    container({ restartCount: 2, started: false, lastState: ended('error[X]: y'), ...more })
  const words = { reason: 'CrashLoopBackOff', message: 'exit code 3: error[X]: y' }
  assert.deepEqual(troubleOf(between({ state: { running: {} } })), words)
  assert.deepEqual(troubleOf(between({ state: ended('error[X]: y') })), words)
  // The first crash may be the only one; and who has started once and restarted long ago is not looping.
  assert.deepEqual(troubleOf(between({ restartCount: 1, state: { running: {} } })), none)
  assert.deepEqual(troubleOf(between({ restartCount: 9, started: true, state: { running: {} } })), none)
})

test('whatever the end of a log holds, the facts of its pod are kept', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => typeof looping(text) === 'string'))
  fc.assert(fc.property(fc.json(), text => typeof looping(`{"level":"ERROR","message":${text}}`) === 'string'))
})

test('what is kept of a Deployment', () => {
  const volumes = [{ name: 'state' }, { name: 'manifest', configMap: { name: 'one-0123456789' } }]
  const object = (status: object): KubernetesObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', uid: 'deployment', generation: 3 },
    spec: { replicas: 2, template: { spec: { volumes } } },
    status,
  })
  const counts = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, observedGeneration: 3 }
  assert.deepEqual(deploymentFacts(object(counts)), deployed())
  const late = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }]
  assert.equal(deploymentFacts(object({ ...counts, conditions: late })).deadlineExceeded, true)
  // Of an earlier template: the next one is not late.
  assert.equal(deploymentFacts(object({ ...counts, observedGeneration: 2, conditions: late })).deadlineExceeded, false)
  const refused = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }]
  assert.equal(deploymentFacts(object({ conditions: refused })).refusal, 'exceeded quota')
  assert.deepEqual(deploymentFacts({ ...object({}), spec: {} }), {
    ...deployed({ observedGeneration: 0, desired: 1, replicas: 0, updated: 0, ready: 0, available: 0 }),
    revision: undefined,
  })
})

test('a rollout is complete when the controller has seen it and all pods are new and ready', () => {
  assert.ok(rolloutComplete(deployed()))
  for (const changes of [{ observedGeneration: 2 }, { updated: 1 }, { replicas: 3 }, { ready: 1 }])
    assert.ok(!rolloutComplete(deployed(changes)), JSON.stringify(changes))
})

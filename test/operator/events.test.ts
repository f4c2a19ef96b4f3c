import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HealthConsumerStatus } from '../../crds/healthconsumer.ts'
import type { ApplyOutcome } from '../../operator/apply.ts'
import { createEventRecorder, eventKind } from '../../operator/events.ts'
import { InMemoryKubernetes } from '../../operator/inMemoryKubernetes.ts'
import { KubernetesError, type KubernetesObject } from '../../operator/kubernetes.ts'
import { recordingLogger } from './recordingLogger.ts'

const stalled = (reason: string, message = 'because', is: 'True' | 'False' = 'True'): HealthConsumerStatus => {
  const more = { observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' }
  return { observedGeneration: 1, conditions: [{ type: 'Stalled', status: is, reason, message, ...more }] }
}
const well = stalled('NotStalled', '', 'False')
const repaired: ApplyOutcome = {
  children: [
    { kind: 'Service', name: 'one-consumer', state: 'Applied', repaired: true },
    { kind: 'Deployment', name: 'one-consumer', state: 'Applied' },
  ],
  pruned: [],
}

function world(identity = 'operator-1') {
  const kubernetes = new InMemoryKubernetes([eventKind])
  const logger = recordingLogger()
  let nowMs = Date.parse('2026-01-01T00:00:00.123Z')
  const record = createEventRecorder({ kubernetes, logger, identity, now: () => nowMs })
  const regarding: KubernetesObject = {
    apiVersion: 'healthdata.dev/v1alpha1',
    kind: 'HealthConsumer',
    metadata: { name: 'one', namespace: 'team', uid: 'u', resourceVersion: '7' },
  }
  /** The events that came of it. */
  const of = async (
    previous: HealthConsumerStatus | undefined,
    status: HealthConsumerStatus,
    applied?: ApplyOutcome,
  ) => {
    const before = new Set((await kubernetes.list(eventKind, {})).items.map(({ metadata }) => metadata.name))
    await record(regarding, previous, status, applied)
    return (await kubernetes.list(eventKind, {})).items.filter(({ metadata }) => !before.has(metadata.name))
  }
  const reasons = async (...args: Parameters<typeof of>) =>
    (await of(...args)).map(({ type, reason }) => `${type} ${reason}`)
  const pass = (ms: number) => {
    nowMs += ms
  }
  return { kubernetes, logger, of, reasons, pass }
}

test('one event when something stalls, another when it is over, none for normal steps', async () => {
  const { reasons } = world()
  assert.deepEqual(await reasons(undefined, well), [])
  assert.deepEqual(await reasons(well, stalled('SecretMissing')), ['Warning SecretMissing'])
  assert.deepEqual(await reasons(stalled('SecretMissing'), stalled('SecretMissing', 'more of it')), [])
  assert.deepEqual(await reasons(stalled('SecretMissing'), stalled('NameTaken')), ['Warning NameTaken'])
  assert.deepEqual(await reasons(stalled('NameTaken'), well), ['Normal Recovered'])
  assert.deepEqual(await reasons(undefined, stalled('InvalidSpec')), ['Warning InvalidSpec'])
  assert.deepEqual(await reasons(well, well, repaired), ['Warning ChildChanged'])
})

test('the same is not told twice within ten minutes', async () => {
  const { reasons, pass } = world()
  const flap = () => reasons(well, stalled('ImagePullBackOff'))
  assert.equal((await flap()).length, 1)
  pass(599_999)
  assert.equal((await flap()).length, 0)
  pass(2)
  assert.equal((await flap()).length, 1)
  assert.equal((await reasons(well, stalled('ImagePullBackOff', 'of another pod'))).length, 1)
})

test('an event is what the API server takes', async () => {
  const { of } = world('x'.repeat(300))
  const [event] = await of(well, stalled('ApplyFailed', 'y'.repeat(3000)))
  const { metadata, ...rest } = event!
  assert.match(metadata.name, /^one\.[0-9a-f]{16}$/)
  assert.equal(metadata.namespace, 'team')
  assert.equal(String(rest.note).length, 1024)
  assert.deepEqual(
    { ...rest, note: '' },
    {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      eventTime: '2026-01-01T00:00:00.123000Z',
      reportingController: 'healthconsumer-operator',
      reportingInstance: 'x'.repeat(128),
      type: 'Warning',
      reason: 'ApplyFailed',
      action: 'Reconcile',
      note: '',
      regarding: {
        ...{ apiVersion: 'healthdata.dev/v1alpha1', kind: 'HealthConsumer' },
        ...{ name: 'one', namespace: 'team', uid: 'u', resourceVersion: '7' },
      },
    },
  )
})

test('an event that cannot be written costs a line of the log, in a namespace that ends not even that', async () => {
  const { kubernetes, logger, reasons, pass } = world()
  kubernetes.intercept = ({ verb }) => {
    if (verb === 'create') throw new KubernetesError('Unavailable', 503, 'away')
  }
  assert.deepEqual(await reasons(well, stalled('NameTaken')), [])
  assert.deepEqual(
    logger.lines.map(({ level }) => level),
    ['warning'],
  )
  kubernetes.intercept = ({ verb }) => {
    if (verb === 'create') throw new KubernetesError('Forbidden', 403, 'namespace team because it is being terminated')
  }
  pass(1_000_000)
  await reasons(well, stalled('NameTaken'))
  assert.equal(logger.lines.length, 1)
})

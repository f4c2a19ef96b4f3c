/** The controller over a cluster in memory, in time that a test drives: what brings a HealthConsumer back, and what it tells. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { operatorConfig } from '../../operator/config.ts'
import { Controller } from '../../operator/controller.ts'
import { childKinds } from '../../operator/desired/index.ts'
import { eventKind } from '../../operator/events.ts'
import { fenced } from '../../operator/fencedKubernetes.ts'
import { InMemoryKubernetes, type InMemoryRequest } from '../../operator/inMemoryKubernetes.ts'
import { KubernetesError, type KubernetesObject } from '../../operator/kubernetes.ts'
import { createOperatorMetrics } from '../../operator/metrics.ts'
import { dependencyKinds } from '../../operator/providedObjects.ts'
import { FakeClock } from '../runtime/fakeClock.ts'
import { claim, consumer, told } from './consumers.ts'
import { kinds } from './kinds.ts'
import { podKind } from './kubelet.ts'
import { recordingLogger } from './recordingLogger.ts'

const optional = Object.values(childKinds).filter(kind => kind.optional)
const served = [
  ...[kinds.HealthConsumer, podKind, eventKind],
  ...Object.values(childKinds).filter(kind => !kind.optional),
  dependencyKinds.Secret,
  dependencyKinds.PersistentVolumeClaim,
]

const notServed = new KubernetesError('NotFound', 404, 'the server could not find the requested resource')

async function started(
  t: TestContext,
  before: (kubernetes: InMemoryKubernetes) => void = () => undefined,
  environment: Readonly<Record<string, string>> = {},
) {
  const clock = new FakeClock()
  const kubernetes = new InMemoryKubernetes(served, clock.now)
  const logger = recordingLogger()
  const metrics = createOperatorMetrics('lease')
  before(kubernetes)
  const controller = new Controller({
    ...{ kubernetes, logger, metrics, clock },
    config: operatorConfig({ RUNTIME_IMAGE: 'image', ...environment }, 'me'),
    random: () => 0.5,
    ask: async () => told(),
  })
  const stopping = new AbortController()
  const running = controller.run(stopping.signal)
  t.after(async () => {
    stopping.abort()
    await running
  })
  await kubernetes.write(claim('team'))
  const status = async (name = 'one') =>
    (await kubernetes.get({ kind: kinds.HealthConsumer, namespace: 'team', name })).status as
      | { readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[] }
      | undefined
  const condition = async (wanted: string) => {
    await clock.until(wanted, async () => {
      const { conditions = [] } = (await status()) ?? {}
      return conditions.some(({ type, status: is, reason }) => `${type}=${is}/${reason}` === wanted)
    })
  }
  /** Requests that change anything since the last time. */
  const writes = () => {
    const all = kubernetes.requests.splice(0)
    return all.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb)).map(({ verb, kind }) => `${verb} ${kind}`)
  }
  return { clock, kubernetes, logger, metrics, controller, condition, writes, stopping, running }
}

/** As the Deployment controller and a node would have it. */
async function rollOut(kubernetes: InMemoryKubernetes): Promise<void> {
  const name = 'one-consumer'
  const { metadata, spec } = await kubernetes.get({ kind: childKinds.Deployment, namespace: 'team', name })
  const replicas = (spec as { replicas: number }).replicas
  const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas }
  const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'team' } }
  const status = { ...counts, observedGeneration: metadata.generation }
  await kubernetes.apply({ ...object, status }, { fieldManager: 'kube-controller-manager', subresource: 'status' })
}

test('from a HealthConsumer to its status; an idle day costs nothing', async t => {
  const { clock, kubernetes, condition, writes, controller, metrics } = await started(t)
  assert.deepEqual(controller.ready(), { ok: false, message: 'listing what there is' })
  await kubernetes.write(consumer('team', 'one'))
  await condition('Ready=False/Progressing')
  assert.deepEqual(controller.ready(), { ok: true, message: 'leading' })
  await rollOut(kubernetes)
  await condition('Ready=True/Ready')
  writes()
  kubernetes.compact()
  kubernetes.endWatches()
  for (let hour = 0; hour < 4; hour++) {
    await clock.pass(400_000)
    kubernetes.endWatches()
  }
  assert.deepEqual(writes(), [])
  assert.deepEqual(controller.live(), { ok: true, message: 'leading' })
  controller.measure()
  const text = await metrics.registry.metrics()
  assert.match(text, /^healthconsumer_condition\{namespace="team",name="one",type="Ready"\} 1$/m)
  assert.match(text, /^healthconsumer_condition\{namespace="team",name="one",type="ConsumerHealthy"\} -1$/m)
  assert.match(text, /^healthconsumer_operator_last_watch_event_timestamp_seconds\{kind="ScaledObject"\} 17\d+/m)
})

for (const namespaces of ['', 'team,other'])
  test(`without the definition it is not ready, and says so once, in ${namespaces || 'the cluster'}`, async t => {
    const isMissing = ({ verb, kind }: InMemoryRequest) => {
      if (kind === 'HealthConsumer' && ['list', 'watch'].includes(verb)) throw notServed
    }
    const before = (kubernetes: InMemoryKubernetes) => {
      kubernetes.intercept = isMissing
    }
    const { clock, kubernetes, logger, controller, condition } = await started(t, before, {
      WATCH_NAMESPACES: namespaces,
    })
    const missing = { ok: false, message: 'the definition of HealthConsumers is not installed' }
    const said = 'The definition of HealthConsumers is not installed. It is looked for again and again'
    const times = () => logger.lines.filter(({ level, message }) => level === 'warning' && message === said).length
    await clock.until('it is missed', async () => controller.ready().message === missing.message)
    await clock.pass(600_000)
    assert.deepEqual(controller.ready(), missing)
    assert.equal(controller.live().ok, true)
    assert.equal(times(), 1)
    kubernetes.intercept = undefined
    await kubernetes.write(consumer('team', 'one'))
    await condition('Ready=False/Progressing')
    await clock.until('it is ready', async () => controller.ready().message === 'leading')
    kubernetes.intercept = isMissing
    kubernetes.endWatches()
    await clock.until('it is missed again', async () => !controller.ready().ok)
    assert.equal(times(), 2)
  })

test('a status that somebody else writes is put right', async t => {
  const { kubernetes, condition } = await started(t)
  await kubernetes.write(consumer('team', 'one'))
  await condition('Ready=False/Progressing')
  const { apiVersion, kind, metadata } = consumer('team', 'one')
  const conditions = [{ type: 'Ready', status: 'True', reason: 'Trust' }]
  await kubernetes.apply(
    { apiVersion, kind, metadata, status: { conditions } },
    { fieldManager: 'x', subresource: 'status' },
  )
  await condition('Ready=False/Progressing')
})

test('an API that is installed later, or again, is used then', async t => {
  const { kubernetes, condition } = await started(t)
  await kubernetes.write(consumer('team', 'one'))
  await condition('MonitoringReady=False/CRDNotInstalled')
  for (const kind of optional) kubernetes.install(kind)
  await condition('MonitoringReady=True/Applied')
})

test('what nothing tells is looked at again', async t => {
  const { kubernetes, condition, clock } = await started(t)
  const name = { name: 'one-consumer', namespace: 'team' }
  const foreign = await kubernetes.write({ apiVersion: 'v1', kind: 'Service', metadata: name })
  await kubernetes.write(consumer('team', 'one'))
  await condition('Stalled=True/NameTaken')
  await kubernetes.remove({ kind: childKinds.Service, ...name }, foreign.metadata.uid!)
  await condition('Stalled=False/NotStalled')
  // A refusal likewise: quota or rules may have been widened.
  const refuse = ({ verb, kind }: InMemoryRequest) => {
    if (verb === 'apply' && kind === 'NetworkPolicy') throw new KubernetesError('Forbidden', 403, 'no')
  }
  kubernetes.intercept = refuse
  const policy = await kubernetes.get({ kind: childKinds.NetworkPolicy, ...name })
  await kubernetes.remove({ kind: childKinds.NetworkPolicy, ...name }, policy.metadata.uid!)
  await condition('Stalled=True/ApplyFailed')
  kubernetes.intercept = undefined
  await condition('Stalled=False/NotStalled')
  assert.ok(clock.now() < 1_700_000_000_000 + 200_000)
})

test('an API server that fails is asked again and again, more rarely each time', async t => {
  const { kubernetes, condition, clock, metrics } = await started(t)
  let refused = 0
  kubernetes.intercept = ({ verb, kind }) => {
    if (verb !== 'apply' || kind !== 'Deployment') return
    refused++
    throw new KubernetesError('Unavailable', 503, 'away')
  }
  await kubernetes.write(consumer('team', 'one'))
  await clock.pass(600_000)
  assert.ok(refused > 8 && refused < 40, `${refused}`)
  assert.match(
    await metrics.registry.metrics(),
    new RegExp(`^controller_runtime_reconcile_errors_total\\{controller="healthconsumer"\\} ${refused}$`, 'm'),
  )
  kubernetes.intercept = undefined
  await condition('Ready=False/Progressing')
})

test('a namespace that ends, and a HealthConsumer that is deleted meanwhile, are no failures', async t => {
  const { kubernetes, logger, clock, metrics } = await started(t)
  kubernetes.intercept = ({ verb, kind }) => {
    if (verb === 'apply' && kind !== 'HealthConsumer')
      throw new KubernetesError('Forbidden', 403, 'unable to create new content because it is being terminated')
  }
  await kubernetes.write(consumer('team', 'one'))
  await clock.pass(5_000)
  kubernetes.intercept = ({ subresource }) => {
    if (subresource) throw new KubernetesError('NotFound', 404, 'not found')
  }
  await kubernetes.write(consumer('team', 'two'))
  await clock.pass(5_000)
  assert.deepEqual(
    logger.lines.filter(({ level }) => level !== 'debug' && level !== 'info'),
    [],
  )
  assert.match(await metrics.registry.metrics(), /reconcile_errors_total\{controller="healthconsumer"\} 0$/m)
})

test('one that hangs is told from one that is idle', async t => {
  const { kubernetes, clock, controller } = await started(t)
  const { promise: hanging, resolve: release } = Promise.withResolvers<void>()
  await clock.pass(30_000)
  kubernetes.intercept = ({ verb }) => (verb === 'apply' ? hanging : undefined)
  // As many as there are workers.
  for (let index = 0; index < 8; index++) await kubernetes.write(consumer('team', `c-${index}`))
  await clock.pass(500_000)
  assert.equal(controller.live().ok, true)
  await clock.pass(200_000)
  assert.deepEqual(controller.live(), { ok: false, message: 'the queue of work does not move' })
  release()
  await clock.pass(100_000)
  assert.equal(controller.live().ok, true)
  kubernetes.intercept = ({ verb, kind }) => {
    if (kind === 'Pod' && verb !== 'get') throw new KubernetesError('Unavailable', 0, 'away')
  }
  for (let quarter = 0; quarter < 4; quarter++) {
    kubernetes.endWatches()
    await clock.pass(5 * 60_000)
  }
  assert.deepEqual(controller.live(), { ok: false, message: 'the watch of Pod has been silent too long' })
})

test('it ends when what was begun has ended', async t => {
  const { kubernetes, clock, stopping, running } = await started(t)
  const { promise: hanging, resolve: release } = Promise.withResolvers<void>()
  kubernetes.intercept = ({ verb }) => (verb === 'apply' ? hanging : undefined)
  await kubernetes.write(consumer('team', 'one'))
  await clock.pass(1_000)
  stopping.abort()
  let hasEnded = false
  void running.then(() => {
    hasEnded = true
  })
  await clock.pass(1_000)
  assert.equal(hasEnded, false)
  release()
  await running
})

test('who does not lead any more writes nothing, and what it was writing is cut off', async () => {
  const kubernetes = new InMemoryKubernetes([dependencyKinds.ConfigMap])
  const losing = new AbortController()
  let isLeading = true
  const only = fenced(kubernetes, { isLeading: () => isLeading, lost: losing.signal })
  const object: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'team' } }
  const { metadata } = await only.write(object)
  const signals: (AbortSignal | undefined)[] = []
  const spied = fenced(
    {
      ...only,
      async apply(given, { signal }) {
        signals.push(signal)
        return given
      },
    },
    { isLeading: () => isLeading, lost: losing.signal },
  )
  const own = new AbortController()
  await spied.apply(object, { fieldManager: 'x', signal: own.signal })
  await spied.apply(object, { fieldManager: 'x' })
  isLeading = false
  losing.abort()
  assert.deepEqual(
    signals.map(signal => signal?.aborted),
    [true, true],
  )
  const reference = { kind: dependencyKinds.ConfigMap, namespace: 'team', name: 'a' }
  for (const write of [
    () => only.apply(object, { fieldManager: 'x' }),
    () => only.write(object),
    () => only.remove(reference, metadata.uid!),
  ])
    await assert.rejects(write, { code: 'Refused' })
  assert.deepEqual(
    kubernetes.requests.map(({ verb }) => verb),
    ['create'],
  )
  assert.equal((await only.get(reference)).metadata.uid, metadata.uid)
  assert.equal((await only.list(reference.kind, {})).items.length, 1)
})

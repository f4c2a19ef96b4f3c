/** Namespaces that may not be watched, over a cluster in memory: the others go on without them, and they come back. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { HealthConsumerStatus } from '../../crds/healthconsumer.ts'
import { operatorConfig } from '../../operator/config.ts'
import { Controller } from '../../operator/controller.ts'
import { childKinds } from '../../operator/desired/index.ts'
import { eventKind } from '../../operator/events.ts'
import { InMemoryKubernetes, type InMemoryRequest } from '../../operator/inMemoryKubernetes.ts'
import { KubernetesError } from '../../operator/kubernetes.ts'
import { createOperatorMetrics } from '../../operator/metrics.ts'
import { dependencyKinds } from '../../operator/providedObjects.ts'
import { FakeClock } from '../runtime/fakeClock.ts'
import { claim, consumer, told } from './consumers.ts'
import { kinds } from './kinds.ts'
import { podKind } from './kubelet.ts'
import { recordingLogger } from './recordingLogger.ts'

const served = [
  ...[kinds.HealthConsumer, podKind, eventKind, dependencyKinds.Secret, dependencyKinds.PersistentVolumeClaim],
  ...Object.values(childKinds),
]
const minuteMs = 60_000

const forbidden = new KubernetesError('Forbidden', 403, 'no')

/** With a HealthConsumer in `one` and in `two`; `isRefused` says which lists and watches are refused. */
async function started(
  t: TestContext,
  watched: string,
  isRefused: (request: InMemoryRequest) => boolean,
  refusal = forbidden,
) {
  const clock = new FakeClock()
  const kubernetes = new InMemoryKubernetes(served, clock.now)
  const logger = recordingLogger()
  const metrics = createOperatorMetrics('lease')
  const forbid = (which: (request: InMemoryRequest) => boolean) => {
    kubernetes.intercept = request => {
      if (['list', 'watch'].includes(request.verb) && which(request)) throw refusal
    }
  }
  for (const namespace of ['one', 'two'])
    for (const object of [claim(namespace), consumer(namespace, 'vitals')]) await kubernetes.write(object)
  forbid(isRefused)
  const controller = new Controller({
    ...{ kubernetes, logger, metrics, clock },
    config: operatorConfig({ RUNTIME_IMAGE: 'image', WATCH_NAMESPACES: watched }, 'me'),
    random: () => 0.5,
    ask: async () => told(),
  })
  const stopping = new AbortController()
  const running = controller.run(stopping.signal)
  t.after(async () => {
    stopping.abort()
    await running
  })
  const status = async (namespace: string) =>
    (await kubernetes.get({ kind: kinds.HealthConsumer, namespace, name: 'vitals' })).status as
      | HealthConsumerStatus
      | undefined
  return {
    ...{ clock, kubernetes, controller, forbid, status },
    /** Resolves once the newest spec of its HealthConsumer has been looked at. */
    reconciled: (namespace: string) =>
      clock.until(`the HealthConsumer in ${namespace} is reconciled`, async () => {
        const { metadata } = await kubernetes.get({ kind: kinds.HealthConsumer, namespace, name: 'vitals' })
        return (await status(namespace))?.observedGeneration === metadata.generation
      }),
    change: (namespace: string, replicas: number) =>
      kubernetes.apply(consumer(namespace, 'vitals', { scaling: { replicas } }), { fieldManager: 'user' }),
    /** Watches end and begin anew every few minutes, as on a real API server. */
    async pass(ms: number) {
      for (let passedMs = 0; passedMs < ms; passedMs += 5 * minuteMs) {
        kubernetes.endWatches()
        await clock.pass(Math.min(5 * minuteMs, ms - passedMs))
      }
    },
    writesIn: (namespace: string) =>
      kubernetes.requests.filter(
        ({ verb, namespace: within }) => within === namespace && !['get', 'list', 'watch'].includes(verb),
      ).length,
    /** Of what is told at WARNING or above. */
    warnings: () =>
      logger.lines.flatMap(({ level, message, context }) =>
        ['debug', 'info'].includes(level) ? [] : `${message}: ${context?.namespace ?? context?.kind}`,
      ),
    /** Namespaces of which the metrics tell conditions. */
    async told() {
      const text = await metrics.registry.metrics()
      return [
        ...new Set([...text.matchAll(/^healthconsumer_condition\{.*namespace="(\w+)"/gm)].map(match => match[1])),
      ].sort()
    },
    async setAside() {
      controller.measure()
      return Number(/^healthconsumer_operator_namespaces_set_aside (\d+)$/m.exec(await metrics.registry.metrics())?.[1])
    },
  }
}

const gone = 'A namespace is set aside: it, or a right in it, is missing. It is tried again and again: two'
const back = 'A namespace is no longer set aside: it may be watched: two'
const without = (...namespaces: readonly string[]) =>
  `; set aside, as they may not be watched: ${namespaces.join(', ')}`
const inTwo = ({ namespace }: InMemoryRequest) => namespace === 'two'

test('one of two may not be watched: the other is looked after, and it is too once it may', async t => {
  const world = await started(t, 'one,two', inTwo)
  const { controller, kubernetes } = world
  await world.reconciled('one')
  const { resources = [] } = (await world.status('one'))!
  assert.deepEqual(
    resources.filter(({ state }) => state === 'Missing'),
    [],
    'what the namespace does not tell is no missing API',
  )
  assert.ok(resources.some(({ kind }) => kind === 'ServiceMonitor'))
  assert.deepEqual(controller.ready(), { ok: true, message: `leading${without('two')}` })
  assert.equal(await world.setAside(), 1)

  kubernetes.requests.length = 0
  await world.pass(60 * minuteMs)
  assert.deepEqual(controller.live(), { ok: true, message: `leading${without('two')}` })
  assert.deepEqual(world.warnings(), [gone])
  const asked = kubernetes.requests.filter(inTwo).length
  // Each kind every 15 seconds.
  assert.ok(asked > 0 && asked < 60 * 4 * 1.1 * served.length, `${asked}`)
  await world.change('one', 3)
  await world.reconciled('one')
  assert.equal((await world.status('two'))?.observedGeneration, undefined)

  world.forbid(() => false)
  await world.reconciled('two')
  assert.deepEqual(controller.ready(), { ok: true, message: 'leading' })
  assert.deepEqual(controller.live(), { ok: true, message: 'leading' })
  assert.deepEqual(world.warnings(), [gone, back])
  assert.equal(await world.setAside(), 0)
})

test('what is known of a namespace is not acted on once it may no longer be watched', async t => {
  const world = await started(t, 'one,two', () => false)
  const { controller, kubernetes, clock } = world
  await world.reconciled('one')
  await world.reconciled('two')
  // One kind is enough: without its pods nobody knows how a consumer stands.
  world.forbid(({ namespace, kind }) => namespace === 'two' && kind === 'Pod')
  await clock.pass(10 * minuteMs)
  kubernetes.endWatches()
  await clock.until('it is set aside', () => controller.ready().message === `leading${without('two')}`)
  assert.deepEqual(await world.told(), ['one'])
  const before = world.writesIn('two')
  await world.change('two', 3)
  await world.change('one', 3)
  await world.reconciled('one')
  await world.pass(60 * minuteMs)
  assert.equal(world.writesIn('two'), before + 1, 'the change of the test alone')
  assert.equal(controller.live().ok, true)
  assert.deepEqual(world.warnings(), [gone])
  world.forbid(() => false)
  await world.pass(6 * minuteMs)
  await world.reconciled('two')
  assert.deepEqual(controller.ready(), { ok: true, message: 'leading' })
  assert.deepEqual(world.warnings(), [gone, back])
  assert.deepEqual(await world.told(), ['one', 'two'])
})

test('an operator that may watch none of its namespaces is not ready, and not alive for long', async t => {
  const world = await started(t, 'one,two', () => true)
  const { controller, clock } = world
  await clock.pass(minuteMs)
  assert.deepEqual(controller.ready(), { ok: false, message: `listing what there is${without('one', 'two')}` })
  assert.equal(controller.live().ok, true)
  await clock.pass(15 * minuteMs)
  assert.match(controller.live().message, /^the watch of \w+ has been silent too long$/)
  world.forbid(inTwo)
  await world.reconciled('one')
  assert.deepEqual(controller.ready(), { ok: true, message: `leading${without('two')}` })
  assert.equal(controller.live().ok, true)
  world.forbid(() => true)
  await world.pass(6 * minuteMs)
  assert.equal(controller.ready().ok, false)
})

test('a namespace that is only slow is waited for', async t => {
  const later = new KubernetesError('Unavailable', 503, 'later')
  const world = await started(t, 'one,two', request => inTwo(request) && request.kind === 'Pod', later)
  await world.clock.pass(minuteMs)
  assert.deepEqual(world.controller.ready(), { ok: false, message: 'listing what there is' })
  assert.equal(await world.status('one'), undefined)
})

test('an operator of all namespaces that may not watch a kind waits for it, and says so each time', async t => {
  const world = await started(t, '', ({ kind }) => kind === 'Pod')
  await world.clock.pass(5 * minuteMs)
  assert.deepEqual(world.controller.ready(), { ok: false, message: 'listing what there is' })
  assert.equal(await world.setAside(), 0)
  assert.ok(world.warnings().length > 10)
  assert.deepEqual([...new Set(world.warnings())], ['the watch is interrupted: Pod'])
  world.forbid(() => false)
  await world.reconciled('two')
  assert.deepEqual(world.controller.ready(), { ok: true, message: 'leading' })
})

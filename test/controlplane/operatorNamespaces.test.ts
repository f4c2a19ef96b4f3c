/** An operator with Roles in two namespaces of which one goes and comes back, on a real API server. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import { healthConsumerKind } from '../../operator/clusterState.ts'
import { childKinds } from '../../operator/desired/index.ts'
import { eventKind } from '../../operator/events.ts'
import { dependencyKinds } from '../../operator/providedObjects.ts'
import { kubeConfigOf } from '../operator/cluster.ts'
import { consumer } from '../operator/consumers.ts'
import { createOperatorAccount } from '../operator/operatorAccount.ts'
import { type RunningOperator, startWorld, type World } from '../operator/operatorWorld.ts'
import { until } from '../until.ts'

const account = { namespace: 'system', name: 'narrow', watched: ['stays', 'goes'] }
const kinds = [healthConsumerKind, eventKind, ...Object.values(childKinds), ...Object.values(dependencyKinds)]
/** Watches end every second, as they do every few minutes, and what fails is tried again soon. */
const restless = { watchSeconds: [1, 1], healthyMs: 500, backoff: { leastMs: 200, mostMs: 1000 } } as const

let world: World
before(async () => {
  world = await startWorld()
  await world.cluster.createNamespace(account.namespace)
})
after(() => world?.down())

/** As the account of the chart, whose Roles go with their namespaces. */
async function started(agent: string, kubeconfig: string): Promise<RunningOperator> {
  const access = new ClusterAccess(kubeConfigOf(kubeconfig), systemClock)
  const client = world.cluster.client({ access, kinds, version: agent })
  return world.operator({ agent, client, limits: restless, environment: { WATCH_NAMESPACES: account.watched.join() } })
}

const leading = 'leading\n'
const without = 'leading; set aside, as they may not be watched: goes\n'
const tells = (operator: RunningOperator, text: string) =>
  until(`/readyz says ${text}`, async () => (await operator.get('/readyz')).text === text)
const setAside = 'A namespace is set aside'
const back = 'A namespace is no longer set aside'
/** Of namespaces; work that was begun there when its rights went may fail as well. */
const warnings = ({ logger }: RunningOperator) =>
  logger.lines.flatMap(({ level, message }) => {
    const [told = ''] = message.split(':', 1)
    return level === 'warning' && [setAside, back].includes(told) ? [told] : []
  })

/** A change of its spec is looked at; a pod cannot become ready here. */
async function isLookedAfter(namespace: string, replicas: number): Promise<void> {
  await world.apply(consumer(namespace, 'vitals', { scaling: { replicas } }))
  await world.condition(namespace, 'vitals', 'Reconciling=True/Progressing')
  const { spec } = (await world.get(childKinds.Deployment, namespace, 'vitals-consumer'))!
  assert.equal((spec as { replicas: number }).replicas, replicas)
}

test('a watched namespace is deleted with its Role and made again: the other is looked after all the time', async () => {
  for (const namespace of account.watched) await world.namespace(namespace)
  const kubeconfig = await createOperatorAccount(world.cluster, account)
  const first = await started('first', kubeconfig)
  for (const namespace of account.watched) await isLookedAfter(namespace, 1)
  assert.deepEqual(await first.get('/readyz'), { status: 200, text: leading })

  await world.cluster.kubectl('delete', 'namespace', 'goes')
  await tells(first, without)
  await isLookedAfter('stays', 2)
  assert.deepEqual(warnings(first), [setAside])
  await first.stop()

  const second = await started('second', kubeconfig)
  await tells(second, without)
  assert.deepEqual(await second.get('/readyz'), { status: 200, text: without })
  assert.deepEqual(await second.get('/livez'), { status: 200, text: without })
  await isLookedAfter('stays', 3)
  assert.match((await second.get('/metrics')).text, /^healthconsumer_operator_namespaces_set_aside 1$/m)

  await world.namespace('goes')
  await createOperatorAccount(world.cluster, account)
  await isLookedAfter('goes', 1)
  await tells(second, leading)
  assert.deepEqual(warnings(second), [setAside, back])
  assert.match((await second.get('/metrics')).text, /^healthconsumer_operator_namespaces_set_aside 0$/m)
  await second.stop()
})

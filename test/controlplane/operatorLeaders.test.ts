/** Several operators as processes, with the chart's rules and Roles in one namespace only; on a real API server. */
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { childKinds } from '../../operator/desired/index.ts'
import { consumer } from '../operator/consumers.ts'
import { createOperatorAccount } from '../operator/operatorAccount.ts'
import { type OperatorProcess, startOperator } from '../operator/operatorProcess.ts'
import { startWorld, type World } from '../operator/operatorWorld.ts'
import { until } from '../until.ts'

const system = 'operators'
const namespace = 'watched'
let world: World
before(async () => {
  world = await startWorld()
  for (const each of [namespace, 'elsewhere']) await world.namespace(each)
  await world.cluster.createNamespace(system)
  await world.kubelet.decide(namespace, { ready: true })
})
after(() => world?.down())

/** Under an account of its own, so that the API server's record says who wrote. */
async function started(t: TestContext, name: string): Promise<OperatorProcess> {
  const kubeconfig = await createOperatorAccount(world.cluster, { namespace: system, name, watched: [namespace] })
  const environment = { WATCH_NAMESPACES: namespace, POD_NAMESPACE: system, POD_NAME: name }
  const operator = await startOperator({ kubeconfig, environment })
  t.after(() => operator.stop('SIGKILL'))
  return operator
}

const leads = (operator: OperatorProcess) => async () => (await operator.get('/readyz')).text === 'leading\n'

/** Who wrote anything but leases, in order; each once where nobody wrote in between. */
async function writers(): Promise<readonly string[]> {
  const writes = (await world.cluster.audit()).filter(
    ({ verb, user, objectRef }) =>
      user.username.startsWith(`system:serviceaccount:${system}:`) &&
      !['get', 'list', 'watch'].includes(verb) &&
      objectRef?.resource !== 'leases',
  )
  const names = writes.map(({ user }) => user.username.split(':').at(-1)!)
  return names.filter((name, index) => name !== names[index - 1])
}

/** The lease's time, what passes between two looks at it, and what a machine under load takes. */
const takeoverSeconds = 15 + 4.4 + 10

test('one leads at a time, within its namespace; a killed, a sleeping and a leaving one are followed by another', async t => {
  let made = 0
  const makingMore = setInterval(async () => {
    if (made < 60) await world.apply(consumer(namespace, `one-${++made}`)).catch(() => undefined)
  }, 1000)
  t.after(() => clearInterval(makingMore))
  await world.apply(consumer('elsewhere', 'one'))

  const a = await started(t, 'a')
  await until('a leads', leads(a))
  const b = await started(t, 'b')
  assert.deepEqual(await b.get('/readyz'), { status: 200, text: 'waiting to lead\n' })
  assert.deepEqual(await b.get('/livez'), { status: 200, text: 'waiting to lead\n' })
  assert.equal(await a.metric('leader_election_master_status'), 1)
  assert.equal(await b.metric('leader_election_master_status'), 0)
  await until('a has written', async () => (await writers()).includes('a'))

  await a.stop('SIGKILL')
  await until('b leads', leads(b), takeoverSeconds)
  await until('b writes', async () => (await writers()).at(-1) === 'b')

  const c = await started(t, 'c')
  process.kill(b.pid, 'SIGSTOP')
  await until('c leads', leads(c), takeoverSeconds)
  await until('c writes', async () => (await writers()).at(-1) === 'c')
  process.kill(b.pid, 'SIGCONT')
  await until('b has ended', () => b.exit() !== undefined)
  assert.equal(b.exit(), 1)
  assert.match(b.lines.at(-1)!, /^error\[FAILED\]: another process may hold the lease healthconsumer-operator/)

  const d = await started(t, 'd')
  await c.stop('SIGTERM')
  assert.equal(c.exit(), 0)
  // The lease was given back: nobody waits for it to run out.
  await until('d leads', leads(d), 10)
  await until('d writes', async () => (await writers()).at(-1) === 'd')
  assert.deepEqual(await writers(), ['a', 'b', 'c', 'd'])

  clearInterval(makingMore)
  const last = `one-${made}`
  await world.condition(namespace, last, 'Ready=True')
  const ready = { namespace, name: last, type: 'Ready' }
  await until('the metric tells it', async () => (await d.metric('healthconsumer_condition', ready)) === 1)
  assert.ok((await d.metric('healthconsumer_operator_last_watch_event_timestamp_seconds', { kind: 'Pod' })) > 1e9)
  assert.equal((await d.get('/livez')).status, 200)
  // Not in its namespaces: not even looked at.
  assert.equal((await world.status('elsewhere', 'one'))?.observedGeneration, -1)
  assert.equal(await world.get(childKinds.Deployment, 'elsewhere', 'one-consumer'), undefined)
  const refused = (await world.cluster.audit()).filter(
    ({ user, responseStatus }) => user.username.endsWith(`${system}:d`) && responseStatus?.code === 403,
  )
  assert.deepEqual(refused, [])
  await d.stop('SIGINT')
  assert.equal(d.exit(), 0)
})

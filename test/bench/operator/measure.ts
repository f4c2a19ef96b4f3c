/** Runs the operator against a control plane of its own and measures it from outside. */
import { setTimeout as delay } from 'node:timers/promises'
import { type AuditEntry, startCluster, type TestCluster } from '../../operator/cluster.ts'
import { createOperatorAccount } from '../../operator/operatorAccount.ts'
import { type OperatorProcess, startOperator } from '../../operator/operatorProcess.ts'
import { installApi } from '../../operator/optionalApis.ts'
import { until } from '../../until.ts'
import type { Measured } from './figures.ts'
import { createConsumers, loadClient, measureChanges, prepareNamespaces, watchApplied } from './load.ts'

export interface BenchOptions {
  readonly count: number
  readonly changes: number
  readonly idleSeconds: number
  /** Folder for CPU profiles of the operator. */
  readonly profiles?: string
  say(text: string): void
}

const namespace = 'healthconsumer-system'
const account = 'healthconsumer-operator'
const patienceSeconds = 600

class Bench {
  readonly cluster: TestCluster
  readonly #options: BenchOptions
  readonly #kubeconfig: string

  private constructor(cluster: TestCluster, kubeconfig: string, options: BenchOptions) {
    this.cluster = cluster
    this.#options = options
    this.#kubeconfig = kubeconfig
  }

  static async start(controllers: boolean, options: BenchOptions): Promise<Bench> {
    options.say(`starting a control plane, controllers ${controllers ? 'running' : 'stopped'}`)
    const cluster = await startCluster({ controllers })
    try {
      await cluster.installCrd()
      await installApi(cluster, 'monitoring')
      await cluster.createNamespace(namespace)
      // As in a cluster, where priority and fairness count: the administrator is exempt from them.
      const kubeconfig = await createOperatorAccount(cluster, { namespace, name: account })
      await prepareNamespaces(loadClient(cluster))
      return new Bench(cluster, kubeconfig, options)
    } catch (error) {
      await cluster.down()
      throw error
    }
  }

  async operator(): Promise<OperatorProcess> {
    const { profiles } = this.#options
    return startOperator({
      kubeconfig: this.#kubeconfig,
      environment: { POD_NAMESPACE: namespace },
      nodeOptions: profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
    })
  }

  /** The operator's requests so far, its lease aside. */
  async requests(): Promise<readonly AuditEntry[]> {
    const user = `system:serviceaccount:${namespace}:${account}`
    return (await this.cluster.audit()).filter(
      entry => entry.user.username === user && entry.objectRef?.resource !== 'leases',
    )
  }
}

const ready = (operator: OperatorProcess) =>
  until('the operator leads', async () => (await operator.get('/readyz')).text === 'leading\n', 60)

/** Resolves when nothing was looked at for five seconds. */
async function settled(operator: OperatorProcess): Promise<void> {
  for (let before = -1; ; ) {
    const reconciled = await operator.metric('controller_runtime_reconcile_total')
    if (reconciled === before) return
    before = reconciled
    await delay(5_000)
  }
}

interface Filled {
  readonly wall: number
  readonly cpu: number
  readonly requests: number
}

async function fill(bench: Bench, operator: OperatorProcess, { count, say }: BenchOptions): Promise<Filled> {
  const client = loadClient(bench.cluster)
  const stop = new AbortController()
  const applied = await watchApplied(client, stop.signal)
  const [cpuBefore, requestsBefore] = [await operator.cpuSeconds(), (await bench.requests()).length]
  say(`creating ${count} HealthConsumers`)
  const beganMs = performance.now()
  await createConsumers(client, count)
  say(`created after ${seconds(performance.now() - beganMs)} s`)
  const lastMs = await Promise.race([applied.all(count, patienceSeconds), operator.died])
  const wall = seconds(lastMs - beganMs)
  stop.abort()
  await settled(operator)
  say(`reconciled ${await operator.metric('controller_runtime_reconcile_total')} times`)
  return {
    wall,
    cpu: tenth((await operator.cpuSeconds()) - cpuBefore),
    requests: (await bench.requests()).length - requestsBefore,
  }
}

async function measureIdle(bench: Bench, operator: OperatorProcess, { idleSeconds, say }: BenchOptions) {
  say(`idle for ${idleSeconds} s`)
  const [cpu, requests] = [await operator.cpuSeconds(), (await bench.requests()).length]
  await delay(idleSeconds * 1000)
  return {
    idleRequests: Math.round((((await bench.requests()).length - requests) * 60) / idleSeconds),
    idleCpu: Number(((((await operator.cpuSeconds()) - cpu) * 100) / idleSeconds).toFixed(2)),
  }
}

async function measureRestart(bench: Bench, operator: OperatorProcess, { count, say }: BenchOptions) {
  say('restarting the operator')
  await operator.stop()
  const before = (await bench.requests()).length
  const beganMs = performance.now()
  const next = await bench.operator()
  await until(
    'everything was looked at',
    async () =>
      (await next.metric('controller_runtime_reconcile_total', { result: 'success' })) >= count &&
      (await next.metric('workqueue_depth')) === 0,
    patienceSeconds,
  )
  const restart = seconds(performance.now() - beganMs)
  await settled(next)
  await next.stop()
  const made = (await bench.requests()).slice(before)
  const writes = made.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb))
  return { restart, restartRequests: made.length, restartWrites: writes.length }
}

/** Nothing but the operator acts: what it does by itself. */
export async function measureAlone(options: BenchOptions): Promise<Measured> {
  const bench = await Bench.start(false, options)
  try {
    const operator = await bench.operator()
    try {
      await ready(operator)
      const { wall, cpu, requests } = await fill(bench, operator, options)
      const peakRss = Math.round((await operator.peakRssBytes()) / 2 ** 20)
      const idle = await measureIdle(bench, operator, options)
      options.say(`${options.changes} quiet changes`)
      const times = await measureChanges(loadClient(bench.cluster), options.count, options.changes)
      const at = (share: number) => Math.round(times[Math.ceil(times.length * share) - 1] ?? 0)
      const restart = await measureRestart(bench, operator, options)
      const filled = { wallStopped: wall, cpuStopped: cpu, requestsStopped: requests }
      return { ...filled, peakRss, ...idle, changeP50: at(0.5), changeP99: at(0.99), ...restart }
    } finally {
      await operator.stop()
    }
  } finally {
    await bench.cluster.down()
  }
}

/** Controllers make ReplicaSets and pods of what the operator makes, and tell about them. */
export async function measureAmongControllers(options: BenchOptions): Promise<Measured> {
  const bench = await Bench.start(true, options)
  try {
    const operator = await bench.operator()
    try {
      await ready(operator)
      const { wall, cpu, requests } = await fill(bench, operator, options)
      return { wallRunning: wall, cpuRunning: cpu, requestsRunning: requests }
    } finally {
      await operator.stop()
    }
  } finally {
    await bench.cluster.down()
  }
}

const tenth = (value: number) => Math.round(value * 10) / 10
const seconds = (ms: number) => tenth(ms / 1000)

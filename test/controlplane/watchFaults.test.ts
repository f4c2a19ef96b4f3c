/** Watches on a real API server behind a proxy that breaks them: nothing is missed, nothing storms, nothing grows. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import type { KubernetesErrorCode, KubernetesObject } from '../../operator/kubernetes.ts'
import { KubernetesClient } from '../../operator/kubernetesClient.ts'
import { ListWatch, type ListWatchLimits } from '../../operator/listWatch.ts'
import { silentLogger } from '../kafka/broker.ts'
import { type ApiServerProxy, proxiedKubeConfig, startProxy } from '../operator/apiServerProxy.ts'
import { startCluster, type TestCluster } from '../operator/cluster.ts'
import { kinds } from '../operator/kinds.ts'
import { until } from '../until.ts'

let cluster: TestCluster
let direct: KubernetesClient
let namespaces = 0

before(async () => {
  cluster = await startCluster({ controllers: false })
  direct = cluster.client({ requestsPerSecond: 1000, burst: 1000 })
})
after(() => cluster?.down())

/** Those of the program, but for a bound on the pauses that tests have time for. */
const limits: Partial<ListWatchLimits> = { backoff: { leastMs: 500, mostMs: 4000 } }

interface World {
  readonly proxy: ApiServerProxy
  readonly failures: KubernetesErrorCode[]
  readonly watches: readonly ListWatch<string>[]
  /** Creates, changes and deletes, past the proxy. */
  change(changes: number): Promise<void>
  /** Resolves when every watch knows exactly what the server has. */
  settled(): Promise<void>
  /** Requests since the last call. */
  asked(): { readonly lists: number; readonly watches: number }
}

async function world(t: TestContext, more: Partial<ListWatchLimits> = {}, tokenFile?: string): Promise<World> {
  const namespace = `faults-${++namespaces}`
  await cluster.createNamespace(namespace)
  const proxy = await startProxy(cluster)
  const access = new ClusterAccess(proxiedKubeConfig(cluster, proxy, tokenFile), systemClock)
  const kubernetes = new KubernetesClient({ access, kinds: Object.values(kinds), version: 'test', clock: systemClock })
  const failures: KubernetesErrorCode[] = []
  const stopping = new AbortController()
  // By what is told, not by what is kept: a change that is not told is missed.
  const told = [false, true].map(metadataOnly => {
    const known = new Map<string, string>()
    const watch = new ListWatch({
      kubernetes,
      kind: kinds.ConfigMap,
      selection: { namespace, labelSelector: 'test=yes' },
      metadataOnly,
      project: ({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`,
      changed: now => known.set(now.split(' ')[0]!, now),
      gone: last => {
        assert.equal(known.get(last.split(' ')[0]!), last)
        known.delete(last.split(' ')[0]!)
      },
      logger: { ...silentLogger, error: (message, fields) => assert.fail(`${message}: ${fields?.error}`) },
      clock: systemClock,
      random: Math.random,
      observer: { failed: code => failures.push(code) },
      limits: { ...limits, ...more },
    })
    return { known, watch }
  })
  const running = told.map(({ watch }) => watch.run(stopping.signal))
  t.after(async () => {
    stopping.abort()
    await Promise.all(running)
    await proxy.close()
  })

  const live = new Map<string, KubernetesObject>()
  let made = 0
  async function change(changes: number): Promise<void> {
    for (let i = 0; i < changes; i++) {
      const name = made % 3 === 0 || live.size === 0 ? `map-${made}` : [...live.keys()][made % live.size]!
      if (++made % 7 === 0 && live.has(name)) {
        await direct.remove({ kind: kinds.ConfigMap, namespace, name }, live.get(name)!.metadata.uid!)
        live.delete(name)
        continue
      }
      const metadata = { name, namespace, labels: { test: 'yes' } }
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { made: String(made) } }
      live.set(name, await direct.apply(object, { fieldManager: 'test' }))
    }
  }
  const settled = () =>
    until(
      'the watches know what the server has',
      async () => {
        const { items } = await direct.list(kinds.ConfigMap, { namespace, labelSelector: 'test=yes' })
        const there = items.map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`).sort()
        return told.every(({ known }) => JSON.stringify([...known.values()].sort()) === JSON.stringify(there))
      },
      90,
    )
  let counted = 0
  const asked = () => {
    const since = proxy.requests.slice(counted)
    counted = proxy.requests.length
    const watches = since.filter(each => each.includes('watch=true')).length
    return { lists: since.length - watches, watches }
  }
  const watches = told.map(({ watch }) => watch)
  await Promise.all(watches.map(watch => watch.synced))
  await change(20)
  await settled()
  assert.deepEqual(asked(), { lists: 2, watches: 2 })
  return { proxy, failures, watches, change, settled, asked }
}

test('connections are dropped again and again while objects change', async t => {
  const { proxy, failures, change, settled, asked } = await world(t)
  for (let i = 0; i < 8; i++) {
    await change(40)
    proxy.dropConnections()
  }
  await change(40)
  await settled()
  const { lists, watches } = asked()
  assert.equal(lists, 0)
  // No more than one new watch for each that was dropped.
  assert.ok(watches <= 16, `${watches}`)
  assert.ok(failures.every(code => code === 'Unavailable'))
})

test('a version is too old: answered 410, and told within the watch', async t => {
  const { proxy, failures, change, settled, asked } = await world(t)
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code: 410,
    reason: 'Expired',
    message: 'too old',
  }
  for (const answer of [
    { status: 410, body: JSON.stringify(status) },
    { status: 200, body: `${JSON.stringify({ type: 'ERROR', object: status })}\n` },
  ]) {
    let left = 2
    proxy.fault = request => (request.url!.includes('watch=true') && left-- > 0 ? answer : undefined)
    proxy.dropConnections()
    await change(40)
    await until('both were told', () => left <= 0)
    await change(40)
    await settled()
  }
  const { lists, watches } = asked()
  assert.ok(lists >= 2 && lists <= 4 && watches <= 8, `${lists} lists, ${watches} watches`)
  assert.equal(failures.filter(code => code === 'Expired').length, 4)
})

test('too many requests: nobody asks before the time the server named', async t => {
  const { proxy, failures, change, settled, asked } = await world(t)
  const body = JSON.stringify({ kind: 'Status', reason: 'TooManyRequests', message: 'later' })
  const atMs: number[] = []
  proxy.fault = () => {
    atMs.push(Date.now())
    return { status: 429, headers: { 'retry-after': '2' }, body }
  }
  proxy.dropConnections()
  await change(40)
  await until('each was refused twice', () => atMs.length >= 4)
  proxy.fault = undefined
  await settled()
  assert.ok(failures.includes('TooManyRequests'))
  const { lists, watches } = asked()
  assert.ok(lists === 0 && watches <= 8, `${lists} lists, ${watches} watches`)
  // The third refusal is the second of one of the two.
  assert.ok(atMs[2]! - atMs[0]! >= 2000)
})

test('the server fails for seconds', async t => {
  const { proxy, watches, failures, change, settled, asked } = await world(t)
  proxy.fault = () => ({ status: 500, body: 'internal error' })
  proxy.dropConnections()
  await change(40)
  await until('each failed several times', () => failures.length >= 10)
  assert.ok(watches.every(watch => watch.state === 'failing'))
  proxy.fault = undefined
  await settled()
  await until('they are well', () => watches.every(watch => watch.state === 'synced'))
  const count = asked()
  assert.ok(count.lists === 0 && count.watches <= 20, JSON.stringify(count))
})

test('a stream hangs: it is cut, and what it held back is known then', async t => {
  const { proxy, watches, failures, change, settled, asked } = await world(t, { watchSeconds: [3, 4], graceMs: 1000 })
  asked()
  proxy.freezeStreams()
  await change(100)
  assert.ok(watches.every(watch => watch.state === 'synced'))
  await settled()
  assert.equal(failures.length, 2)
  const { lists } = asked()
  assert.equal(lists, 0)
})

test('the API server is killed and comes back', async t => {
  const { watches, failures, change, settled, asked } = await world(t)
  const outageMs = process.env.HC_TEST_LONG ? 60_000 : 8_000
  await change(20)
  const pid = Number(await readFile(join(cluster.directory, 'pids/kube-apiserver'), 'utf8'))
  process.kill(pid, 'SIGKILL')
  await until('it is noticed', () => watches.every(watch => watch.state === 'failing'))
  await delay(outageMs)
  await cluster.stop('kube-apiserver')
  await cluster.start('kube-apiserver')
  await cluster.ready()
  await change(60)
  await settled()
  const count = asked()
  t.diagnostic(`an outage of ${outageMs / 1000} s: ${count.lists} lists and ${count.watches} watches by two`)
  // One every 2 s and one on average while it is long, some more at first, and again while it starts.
  const most = 2 * (10 + outageMs / 1000)
  assert.ok(count.lists + count.watches <= most, JSON.stringify(count))
  assert.ok(failures.includes('Unavailable'))
})

test('a token expires and is renewed in its file', async t => {
  await cluster.kubectl('create', 'serviceaccount', 'operator')
  await cluster.kubectl(
    'create',
    'clusterrolebinding',
    'operator',
    '--clusterrole=cluster-admin',
    '--serviceaccount=default:operator',
  )
  // A token ends with the Secret that it is bound to.
  const renew = async (secret: string) => {
    await cluster.kubectl('create', 'secret', 'generic', secret)
    return cluster.kubectl('create', 'token', 'operator', '--bound-object-kind=Secret', `--bound-object-name=${secret}`)
  }
  const tokenFile = join(cluster.directory, 'token')
  await writeFile(tokenFile, (await renew('first')).trim())
  const { proxy, failures, change, settled, asked } = await world(t, {}, tokenFile)
  await cluster.kubectl('delete', 'secret', 'first')
  await until(
    'the token is refused',
    async () => {
      proxy.dropConnections()
      await delay(1000)
      return failures.filter(code => code === 'Unauthorized').length >= 4
    },
    60,
  )
  await change(40)
  asked()
  await writeFile(tokenFile, (await renew('second')).trim())
  await settled()
  const count = asked()
  assert.ok(count.lists === 0 && count.watches <= 8, JSON.stringify(count))
})

test('thousands of events and hundreds of faults leave nothing in memory', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heapBytes = async () => {
    for (let i = 0; i < 3; i++) {
      collect()
      await delay(50)
    }
    return process.memoryUsage().heapUsed
  }
  const { proxy, change, settled } = await world(t, { backoff: { leastMs: 10, mostMs: 20 } })
  await change(400)
  await settled()
  const before = await heapBytes()
  for (let i = 0; i < 100; i++) {
    await change(20)
    proxy.fault = request =>
      i % 3 === 0 && request.url!.includes('watch=true') ? { status: 500, body: '' } : undefined
    proxy.dropConnections()
  }
  proxy.fault = undefined
  await settled()
  const grownMb = ((await heapBytes()) - before) / 2 ** 20
  t.diagnostic(`heap after 2,000 changes and 100 faults: ${grownMb.toFixed(1)} MB more`)
  // About 300 more objects, known twice here and once more by the test itself, with the requests that the proxy counts.
  assert.ok(grownMb < 8, `${grownMb}`)
})

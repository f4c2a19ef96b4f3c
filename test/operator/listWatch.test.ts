import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { InMemoryKubernetes } from '../../operator/inMemoryKubernetes.ts'
import { KubernetesError, type KubernetesErrorCode, type KubernetesObject } from '../../operator/kubernetes.ts'
import { ListWatch, type ListWatchOptions } from '../../operator/listWatch.ts'
import { silentLogger } from '../kafka/broker.ts'
import { FakeClock } from '../runtime/fakeClock.ts'
import { kinds } from './kinds.ts'

const configMap = (name: string, value = '', labels = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'x', labels },
  data: { value },
})
const textOf = (object: KubernetesObject) =>
  `${object.metadata.name}=${(object.data as { value: string } | undefined)?.value}`

function world(t: TestContext, options: Partial<ListWatchOptions<string>> = {}, served = Object.values(kinds)) {
  const clock = new FakeClock()
  const kubernetes = new InMemoryKubernetes(served, clock.now)
  const told: string[] = []
  const failures: KubernetesErrorCode[] = []
  const stopping = new AbortController()
  const listWatch = new ListWatch({
    kubernetes,
    kind: kinds.ConfigMap,
    project: textOf,
    changed: (now, before) => told.push(before === undefined ? `new ${now}` : `${before} -> ${now}`),
    gone: last => told.push(`gone ${last}`),
    logger: silentLogger,
    clock,
    random: () => 0.5,
    observer: { failed: code => failures.push(code) },
    ...options,
  })
  const start = () => {
    const running = listWatch.run(stopping.signal)
    t.after(async () => {
      stopping.abort()
      await running
    })
    return running
  }
  const write = (name: string, value: string, labels = {}) =>
    kubernetes.apply(configMap(name, value, labels), { fieldManager: 'test' })
  const remove = async (name: string) => {
    const reference = { kind: kinds.ConfigMap, namespace: 'x', name }
    await kubernetes.remove(reference, (await kubernetes.get(reference)).metadata.uid!)
  }
  const requests = (verb: string) => kubernetes.requests.filter(each => each.verb === verb).length
  return { clock, kubernetes, told, failures, stopping, listWatch, start, write, remove, requests }
}

test('what is there is told, and then what changes', async t => {
  const { clock, told, listWatch, start, write, remove } = world(t)
  await write('a', '1')
  await write('b', '1')
  start()
  await listWatch.synced
  assert.deepEqual(told.splice(0), ['new a=1', 'new b=1'])
  await write('a', '2')
  await write('c', '1')
  await remove('b')
  await clock.pass(100)
  assert.deepEqual(told.splice(0), ['a=1 -> a=2', 'new c=1', 'gone b=1'])
  assert.deepEqual([...listWatch.values()].sort(), ['a=2', 'c=1'])
  assert.equal(listWatch.get('c', 'x'), 'c=1')
  assert.equal(listWatch.state, 'synced')
})

test('only what is selected, in pages, and metadata alone where that is enough', async t => {
  const options = { selection: { labelSelector: 'app=x' }, metadataOnly: true, limits: { pageSize: 2 } }
  const { clock, told, listWatch, start, write, requests } = world(t, options)
  for (const name of ['a', 'b', 'c', 'd', 'e']) await write(name, '1', { app: 'x' })
  await write('other', '1')
  start()
  await listWatch.synced
  assert.equal(requests('list'), 3)
  assert.deepEqual(
    told.splice(0),
    ['a', 'b', 'c', 'd', 'e'].map(name => `new ${name}=undefined`),
  )
  await write('a', '1', { app: 'y' })
  await clock.pass(100)
  assert.deepEqual(told, ['gone a=undefined'])
})

test('nothing that happens while a watch is broken is missed, nor told twice', async t => {
  const { clock, kubernetes, told, failures, listWatch, start, write, remove, requests } = world(t)
  await write('a', '1')
  await write('b', '1')
  start()
  await listWatch.synced
  await clock.pass(100)
  told.length = 0
  kubernetes.endWatches(new KubernetesError('Unavailable', 0, 'connection reset'))
  await write('a', '2')
  await remove('b')
  await write('b', '3')
  await clock.pass(60_000)
  assert.deepEqual(told, ['a=1 -> a=2', 'gone b=1', 'new b=3'])
  assert.deepEqual(failures, ['Unavailable'])
  assert.equal(requests('list'), 1)
  assert.equal(listWatch.state, 'synced')
})

test('a forgotten version calls for a list, whose difference is told', async t => {
  const { clock, kubernetes, told, failures, listWatch, start, write, remove, requests } = world(t)
  for (const name of ['same', 'changed', 'removed', 'replaced']) await write(name, '1')
  start()
  await listWatch.synced
  await clock.pass(100)
  told.length = 0
  kubernetes.endWatches(new KubernetesError('Unavailable', 0, 'connection reset'))
  await write('changed', '2')
  await remove('removed')
  await remove('replaced')
  await write('replaced', '2')
  kubernetes.compact()
  await clock.pass(60_000)
  assert.deepEqual(told.sort(), ['changed=1 -> changed=2', 'gone removed=1', 'gone replaced=1', 'new replaced=2'])
  assert.deepEqual(failures, ['Unavailable', 'Expired'])
  assert.equal(requests('list'), 2)
})

test('a server that goes on failing is asked ever more rarely, and at once when it is well again', async t => {
  const { clock, kubernetes, told, failures, listWatch, start, write, requests } = world(t)
  await write('a', '1')
  kubernetes.intercept = () => {
    throw new KubernetesError('Unavailable', 503, 'no')
  }
  start()
  await clock.pass(600_000)
  const asked = requests('list')
  // 0.25, 0.5, 1, 2, 4, 8 s and then every 15 s.
  assert.ok(asked >= 40 && asked <= 50, `${asked}`)
  assert.equal(failures.length, asked)
  assert.equal(listWatch.state, 'starting')
  kubernetes.intercept = undefined
  await clock.pass(16_000)
  assert.deepEqual(told, ['new a=1'])
})

test('a server that says how long to wait is not asked sooner', async t => {
  const { clock, kubernetes, start, requests } = world(t)
  kubernetes.intercept = () => {
    throw new KubernetesError('TooManyRequests', 429, 'later', { retryAfterMs: 20_000 })
  }
  start()
  await clock.pass(19_900)
  assert.equal(requests('list'), 1)
  await clock.pass(1000)
  assert.equal(requests('list'), 2)
})

test('watches that end at once do not make a storm', async t => {
  const { clock, kubernetes, listWatch, start, requests } = world(t)
  start()
  await listWatch.synced
  kubernetes.intercept = ({ verb }) => {
    if (verb === 'watch') setImmediate(() => kubernetes.endWatches())
  }
  kubernetes.endWatches()
  await clock.pass(300_000)
  assert.ok(requests('watch') <= 30, `${requests('watch')}`)
})

test('versions that are forgotten again and again do not make a storm of lists', async t => {
  const { clock, kubernetes, listWatch, start, requests } = world(t)
  start()
  await listWatch.synced
  kubernetes.intercept = ({ verb }) => {
    if (verb === 'watch') throw new KubernetesError('Expired', 410, 'too old')
  }
  kubernetes.endWatches()
  await clock.pass(300_000)
  assert.ok(requests('list') <= 30, `${requests('list')}`)
})

test('a watch that lived makes the failures before it forgotten', async t => {
  const { clock, kubernetes, listWatch, start, requests } = world(t)
  start()
  await listWatch.synced
  const broken = new KubernetesError('Unavailable', 0, 'connection reset')
  kubernetes.intercept = () => {
    throw broken
  }
  kubernetes.endWatches(broken)
  await clock.pass(60_000)
  kubernetes.intercept = undefined
  await clock.pass(30_000)
  const before = requests('watch')
  kubernetes.endWatches(broken)
  await clock.pass(500)
  assert.equal(requests('watch'), before + 1)
})

test('a watch that hangs beyond its time is cut', async t => {
  const { clock, kubernetes, failures, listWatch, start, write, told, requests } = world(t, {
    limits: { watchSeconds: [60, 60], graceMs: 5000 },
  })
  start()
  await listWatch.synced
  await clock.pass(64_000)
  assert.equal(requests('watch'), 1)
  await clock.pass(3000)
  assert.equal(requests('watch'), 2)
  assert.deepEqual(failures, ['Unavailable'])
  await write('a', '1')
  await clock.pass(100)
  assert.deepEqual(told, ['new a=1'])
  assert.equal(kubernetes.requests.length, 4)
})

test('a watch that ends in its time goes on where it was, with no pause and no list', async t => {
  const { clock, kubernetes, failures, listWatch, start, write, told, requests } = world(t)
  start()
  await listWatch.synced
  await clock.pass(300_000)
  kubernetes.bookmark()
  await clock.pass(100)
  kubernetes.compact()
  kubernetes.endWatches()
  await write('a', '1')
  await clock.pass(100)
  assert.deepEqual(told, ['new a=1'])
  assert.deepEqual([failures, requests('list'), requests('watch')], [[], 1, 2])
})

test('a bookmark is heard, and where the watch goes on from', async t => {
  const { clock, kubernetes, listWatch, start, write, requests } = world(t)
  start()
  await listWatch.synced
  await clock.pass(60_000)
  assert.ok(clock.now() - listWatch.lastEventMs >= 60_000)
  // Another kind moves the version.
  await kubernetes.write({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l', namespace: 'x' },
  })
  kubernetes.bookmark()
  await clock.pass(100)
  assert.ok(clock.now() - listWatch.lastEventMs <= 100)
  kubernetes.compact()
  kubernetes.endWatches()
  await write('a', '1')
  await clock.pass(1000)
  assert.deepEqual([requests('list'), listWatch.size], [1, 1])
})

test('an API that is not there is looked for calmly, and found when it comes', async t => {
  const { clock, kubernetes, told, failures, listWatch, start, write, requests } = world(t, {}, [])
  start()
  await listWatch.synced
  assert.equal(listWatch.state, 'absent')
  await clock.pass(300_000)
  assert.ok(requests('list') >= 9 && requests('list') <= 12, `${requests('list')}`)
  kubernetes.install(kinds.ConfigMap)
  await write('a', '1')
  await clock.pass(34_000)
  assert.deepEqual(told, ['new a=1'])
  assert.deepEqual([listWatch.state, failures], ['synced', []])
})

test('what an API had is gone with it', async t => {
  const { clock, kubernetes, told, listWatch, start, write } = world(t)
  await write('a', '1')
  start()
  await listWatch.synced
  kubernetes.intercept = () => {
    throw new KubernetesError('NotFound', 404, 'the server could not find the requested resource')
  }
  kubernetes.endWatches()
  await clock.pass(2000)
  assert.deepEqual(told, ['new a=1', 'gone a=1'])
  assert.equal(listWatch.state, 'absent')
})

test('a list that breaks off takes nothing away', async t => {
  const { clock, kubernetes, told, listWatch, start, write } = world(t, { limits: { pageSize: 1, relistMs: 60_000 } })
  for (const name of ['a', 'b', 'c']) await write(name, '1')
  start()
  await listWatch.synced
  told.length = 0
  let lists = 0
  kubernetes.intercept = ({ verb }) => {
    if (verb === 'list' && ++lists === 2) throw new KubernetesError('Expired', 410, 'continue')
  }
  await clock.pass(59_000)
  kubernetes.endWatches()
  await clock.pass(60_000)
  assert.ok(lists >= 5)
  assert.deepEqual([told, listWatch.size], [[], 3])
})

test('it lists again now and then where that is asked for', async t => {
  const { clock, kubernetes, listWatch, start, requests } = world(t, { limits: { relistMs: 60_000 } })
  start()
  await listWatch.synced
  for (let i = 0; i < 5; i++) {
    await clock.pass(61_000)
    kubernetes.endWatches()
  }
  await clock.pass(100)
  assert.equal(requests('list'), 6)
})

test('a handler that throws loses nothing of what follows', async t => {
  const errors: string[] = []
  const seen: string[] = []
  const { clock, listWatch, start, write, remove } = world(t, {
    changed: now => {
      if (now === 'a=1') throw new Error('no')
      seen.push(now)
    },
    gone: last => {
      throw new Error(last)
    },
    logger: { ...silentLogger, error: (_, fields) => errors.push(String(fields?.error)) },
  })
  await write('a', '1')
  await write('b', '1')
  start()
  await listWatch.synced
  await remove('a')
  await write('c', '1')
  await clock.pass(100)
  assert.deepEqual(
    [seen, errors],
    [
      ['b=1', 'c=1'],
      ['Error: no', 'Error: a=1'],
    ],
  )
})

test('a list that is under way at a stop is not told', async t => {
  const { clock, kubernetes, told, stopping, start, write, requests } = world(t)
  await write('a', '1')
  kubernetes.intercept = () => clock.sleep(1000, new AbortController().signal)
  const running = start()
  await clock.pass(100)
  assert.equal(requests('list'), 1)
  stopping.abort()
  await clock.pass(2000)
  await running
  assert.deepEqual(told, [])
})

test('nothing is told after a stop, and nothing is left behind', async t => {
  const { clock, told, stopping, listWatch, start, write } = world(t)
  const running = start()
  await listWatch.synced
  await write('a', '1')
  stopping.abort()
  await running
  await write('b', '1')
  await clock.pass(100)
  assert.deepEqual([told, clock.waiting], [[], 0])
})

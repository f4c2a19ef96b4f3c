import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { KubeConfig } from '@kubernetes/client-node'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import {
  KubernetesError,
  type KubernetesErrorCode,
  type KubernetesObject,
  type WatchEvent,
} from '../../operator/kubernetes.ts'
import { KubernetesClient, type KubernetesClientOptions } from '../../operator/kubernetesClient.ts'
import { until } from '../until.ts'
import { kinds } from './kinds.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An API server that answers as the test says, and a client of it. */
async function world(
  t: TestContext,
  answer: Answer,
  options: Partial<KubernetesClientOptions> = {},
  user: object = {},
) {
  const seen: Seen[] = []
  let connections = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = String(Buffer.concat(chunks))
    seen.push({ method: request.method!, url: request.url!, headers: request.headers, body })
    answer(request, response, body)
  })
  server.on('connection', () => connections++)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const load = () => {
    const config = new KubeConfig()
    config.loadFromClusterAndUser({ name: 'test', server: address, skipTLSVerify: true }, { name: 'test', ...user })
    return config
  }
  const access = new ClusterAccess(load, options.clock ?? systemClock)
  const all = { access, kinds: Object.values(kinds), version: '1.2.3', clock: systemClock, ...options }
  const client = new KubernetesClient(all)
  return { client, seen, server, access, connections: () => connections }
}

const configMap: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'x' } }
const reference = { kind: kinds.ConfigMap, namespace: 'x', name: 'a' }
const json =
  (status: number, body: unknown, headers = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
  }
const found = json(200, configMap)
const errorOf = async (promise: Promise<unknown>): Promise<KubernetesError> => {
  const error = await promise.then(
    () => assert.fail('resolved'),
    error => error,
  )
  assert.ok(error instanceof KubernetesError, String(error))
  return error
}

test('requests say who asks, for what, and how', async t => {
  const { client, seen } = await world(t, found, {}, { token: 'secret' })
  await client.get(reference)
  await client
    .list(kinds.ConfigMap, { labelSelector: 'a in (b,c)', limit: 10, metadataOnly: true })
    .catch(() => undefined)
  await client.apply(configMap, { fieldManager: 'me', subresource: 'status', dryRun: true })
  await client.write(configMap)
  await client.write({ ...configMap, metadata: { ...configMap.metadata, resourceVersion: '7' } })
  await client.remove(reference, 'uid-1')
  assert.deepEqual(
    seen.map(each => `${each.method} ${each.url}`),
    [
      'GET /api/v1/namespaces/x/configmaps/a',
      'GET /api/v1/configmaps?labelSelector=a%20in%20(b%2Cc)&limit=10',
      'PATCH /api/v1/namespaces/x/configmaps/a/status?fieldManager=me&force=true&fieldValidation=Strict&dryRun=All',
      'POST /api/v1/namespaces/x/configmaps?fieldValidation=Strict',
      'PUT /api/v1/namespaces/x/configmaps/a?fieldValidation=Strict',
      'DELETE /api/v1/namespaces/x/configmaps/a',
    ],
  )
  for (const { headers } of seen) {
    assert.equal(headers['user-agent'], 'healthconsumer-operator/1.2.3')
    assert.equal(headers.authorization, 'Bearer secret')
  }
  assert.equal(seen[1]!.headers.accept, 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1')
  assert.equal(seen[2]!.headers['content-type'], 'application/apply-patch+yaml')
  assert.deepEqual(JSON.parse(seen[5]!.body).preconditions, { uid: 'uid-1' })
  assert.equal(seen[5]!.headers['content-length'], String(seen[5]!.body.length))
})

test('a refusal is told by its code', async t => {
  const status = (reason: string | undefined, code: number) => ({
    kind: 'Status',
    status: 'Failure',
    message: 'why',
    reason,
    code,
  })
  const cases: readonly [number, unknown, KubernetesErrorCode][] = [
    [404, status('NotFound', 404), 'NotFound'],
    [404, 'no JSON: 404 page not found', 'NotFound'],
    [409, status('AlreadyExists', 409), 'AlreadyExists'],
    [409, status('Conflict', 409), 'Conflict'],
    [410, status('Expired', 410), 'Expired'],
    [410, status('Gone', 410), 'Expired'],
    [422, status('Invalid', 422), 'Invalid'],
    [401, status('Unauthorized', 401), 'Unauthorized'],
    [403, status('Forbidden', 403), 'Forbidden'],
    [429, status('TooManyRequests', 429), 'TooManyRequests'],
    [500, status('InternalError', 500), 'Unavailable'],
    [
      500,
      { kind: 'Status', message: 'failed to create typed patch object (x): .spec.y: field not declared' },
      'Invalid',
    ],
    [
      403,
      {
        ...status('Forbidden', 403),
        message: 'a is forbidden: cannot set blockOwnerDeletion: cannot find RESTMapping for Kind HealthConsumer',
      },
      'Unavailable',
    ],
    [503, '<html>', 'Unavailable'],
    [504, status('Timeout', 504), 'Unavailable'],
    [400, status('BadRequest', 400), 'Refused'],
    [302, '', 'Refused'],
  ]
  let next = 0
  const { client } = await world(t, (_, response) => {
    const [code, body] = cases[next]!
    response.writeHead(code).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  for (const [code, , expected] of cases) {
    const error = await errorOf(client.get(reference))
    assert.deepEqual([error.code, error.status], [expected, code])
    assert.match(error.message, /^GET \/api\/v1\/namespaces\/x\/configmaps\/a: /)
    next++
  }
})

test('how long to wait is passed on', async t => {
  const answers: Answer[] = [
    json(429, { kind: 'Status', reason: 'TooManyRequests' }, { 'retry-after': '7' }),
    json(503, { kind: 'Status', details: { retryAfterSeconds: 3 } }),
    json(429, {}, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }),
  ]
  const { client } = await world(t, (...parameters) => answers.shift()!(...parameters))
  const asked = []
  for (let i = 0; i < 3; i++) asked.push((await errorOf(client.get(reference))).retryAfterMs)
  assert.deepEqual(asked, [7000, 3000, undefined])
})

test('a server that does not answer, breaks off, answers too much or no JSON is Unavailable', async t => {
  const answers: readonly [Answer, RegExp][] = [
    [() => undefined, /: no answer within 0\.2 s$/],
    [(_, response) => void response.writeHead(200).write('{'), /: no answer within 0\.2 s$/],
    [request => request.socket.destroy(), /socket hang up|ECONNRESET/],
    [
      (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
      /aborted/,
    ],
    [json(200, { data: 'x'.repeat(5000) }), /: the answer is larger than 4000 bytes$/],
    [(_, response) => response.end('hello'), /: the answer is no JSON$/],
  ]
  let next = 0
  const { client } = await world(t, (...parameters) => answers[next]![0](...parameters), {
    timeoutMs: 200,
    maxBytes: 4000,
  })
  for (const [, message] of answers) {
    const error = await errorOf(client.get(reference))
    assert.deepEqual([error.code, error.status], ['Unavailable', 0])
    assert.match(error.message, message)
    next++
  }
})

test('no message holds a credential or a body', async t => {
  const { client } = await world(t, request => request.socket.destroy(), { timeoutMs: 500 }, { token: 'hunter2' })
  const secret: KubernetesObject = { ...configMap, data: { password: 'hunter2' } }
  for (const refused of [client.get(reference), client.apply(secret, { fieldManager: 'me' }), client.write(secret)]) {
    const error = await errorOf(refused)
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, /hunter2/)
  }
})

test('a request ends when its signal aborts, also while it waits for its turn', async t => {
  const { client, seen } = await world(t, () => undefined, { writesInFlight: 1, requestsPerSecond: 0.001, burst: 2 })
  const stopping = new AbortController()
  const { signal } = stopping
  const all = [
    client.write(configMap, signal),
    client.write(configMap, signal), // waits for the first
    client.get(reference, signal),
    client.get(reference, signal), // waits for the rate
  ].map(errorOf)
  await until('two are under way', () => seen.length === 2)
  stopping.abort()
  for (const error of await Promise.all(all)) assert.equal(error.code, 'Unavailable')
  assert.equal(seen.length, 2)
  assert.equal((await errorOf(client.get(reference, signal))).code, 'Unavailable')
})

test('a watch that is open ends when its signal aborts', async t => {
  const { client } = await world(
    t,
    (_, response) => void response.writeHead(200).write(`${JSON.stringify({ type: 'ADDED', object: configMap })}\n`),
  )
  const stopping = new AbortController()
  const options = { resourceVersion: '1', timeoutSeconds: 60, signal: stopping.signal }
  const watch = client.watch(kinds.ConfigMap, options)[Symbol.asyncIterator]()
  assert.equal((await watch.next()).value.type, 'ADDED')
  const next = watch.next()
  stopping.abort()
  assert.equal((await errorOf(next)).code, 'Unavailable')
})

test('200 requests use few connections, and a watch none of them', async t => {
  const { client, connections, seen } = await world(t, (request, response, body) =>
    request.url!.includes('watch=') ? void response.writeHead(200).write('\n') : found(request, response, body),
  )
  const signal = AbortSignal.timeout(60_000)
  const watches = Array.from({ length: 20 }, () =>
    client.watch(kinds.ConfigMap, { resourceVersion: '1', timeoutSeconds: 60, signal })[Symbol.asyncIterator]().next(),
  )
  for (const watch of watches) watch.catch(() => undefined)
  await until('the watches are open', () => seen.length === 20)
  await Promise.all(Array.from({ length: 200 }, () => client.get(reference)))
  assert.ok(connections() <= 20 + 16, `${connections()}`)
  const before = connections()
  for (let i = 0; i < 20; i++) await client.get(reference)
  assert.equal(connections(), before)
})

test('writes in flight and requests a second are bounded', async t => {
  let inFlight = 0
  let most = 0
  const { client } = await world(
    t,
    (request, response, body) => {
      most = Math.max(most, ++inFlight)
      setImmediate(() => {
        inFlight--
        found(request, response, body)
      })
    },
    { writesInFlight: 3 },
  )
  await Promise.all(Array.from({ length: 40 }, () => client.apply(configMap, { fieldManager: 'me' })))
  assert.ok(most <= 3, `${most}`)

  const sleeps: number[] = []
  const clock = { now: () => 0, sleep: async (ms: number) => void sleeps.push(ms) }
  const { client: limited } = await world(t, found, { requestsPerSecond: 10, burst: 5, clock })
  await Promise.all(Array.from({ length: 8 }, () => limited.get(reference)))
  assert.deepEqual(sleeps, [100, 200, 300])
})

test('a connection that the server closed meanwhile is none of the asker’s business', async t => {
  let requests = 0
  const { client, seen } = await world(t, (request, response, body) => {
    // The second request on a connection meets a server that is just closing it.
    if (++requests % 2 === 0) request.socket.resetAndDestroy()
    else found(request, response, body)
  })
  await client.get(reference)
  await client.get(reference)
  assert.equal(seen.length, 3)
  requests = 1
  assert.equal((await errorOf(client.write(configMap))).code, 'Unavailable', 'a create is not repeated')
})

test('every request is told to the observer', async t => {
  const told: string[] = []
  const answers: Answer[] = [found, json(409, {})]
  const dropped: Answer = request => void request.socket.destroy()
  const observer = (method: string, status: number) => told.push(`${method} ${status}`)
  const { client } = await world(t, (...parameters) => (answers.shift() ?? dropped)(...parameters), { observer })
  await client.get(reference)
  await errorOf(client.write(configMap))
  await errorOf(client.get({ ...reference, name: 'b' }))
  assert.deepEqual(told, ['GET 200', 'POST 409', 'GET 0'])
})

test('an object of a kind that is not known is refused before anything is sent', async t => {
  const { client, seen } = await world(t, found)
  const error = await errorOf(
    client.apply({ ...configMap, kind: 'Secret' }, { fieldManager: 'me' }).then(value => value),
  )
  assert.equal(error.code, 'Refused')
  assert.deepEqual(seen, [])
})

test('a watch tells its events however they are cut into pieces, and then what broke it', async t => {
  const event = (type: string, name: string) =>
    JSON.stringify({ type, object: { metadata: { name, resourceVersion: '5' } } })
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }
  const text = `${event('ADDED', 'ä')}\n${event('BOOKMARK', '')}\n${event('DELETED', 'ö')}\n${JSON.stringify({ type: 'ERROR', object: status })}\n`
  let cut = 1
  const { client } = await world(t, async (_, response) => {
    const bytes = Buffer.from(text)
    response.writeHead(200)
    for (let at = 0; at < bytes.length; at += cut)
      await new Promise(resolve => response.write(bytes.subarray(at, at + cut), resolve))
    response.end()
  })
  const signal = AbortSignal.timeout(60_000)
  for (cut of [7, 1000]) {
    const events: WatchEvent[] = []
    const watching = (async () => {
      for await (const each of client.watch(kinds.ConfigMap, { resourceVersion: '1', timeoutSeconds: 60, signal }))
        events.push(each)
    })()
    assert.equal((await errorOf(watching)).code, 'Expired')
    const told = events.map(each =>
      each.type === 'BOOKMARK' ? each.resourceVersion : `${each.type} ${each.object.metadata.name} ${each.object.kind}`,
    )
    assert.deepEqual(told, ['ADDED ä ConfigMap', '5', 'DELETED ö ConfigMap'])
  }
})

test('a watch that breaks off, is refused or sends too much says so', async t => {
  const answers: readonly [Answer, KubernetesErrorCode, RegExp][] = [
    [
      (_, response) => void response.writeHead(200).write('{"type":', () => response.destroy()),
      'Unavailable',
      /aborted/,
    ],
    [(_, response) => response.writeHead(200).end('{}x\n'), 'Unavailable', /JSON/],
    [(_, response) => response.writeHead(200).end('x'.repeat(5000)), 'Unavailable', /an event is longer/],
    [
      json(429, { kind: 'Status', reason: 'TooManyRequests', message: 'later' }, { 'retry-after': '2' }),
      'TooManyRequests',
      /later/,
    ],
    [() => undefined, 'Unavailable', /no answer within 0\.2 s/],
  ]
  let next = 0
  const { client } = await world(t, (...parameters) => answers[next]![0](...parameters), {
    timeoutMs: 200,
    maxBytes: 4000,
  })
  const signal = AbortSignal.timeout(60_000)
  for (const [, code, message] of answers) {
    const options = { resourceVersion: '1', timeoutSeconds: 60, signal }
    const error = await errorOf(client.watch(kinds.ConfigMap, options)[Symbol.asyncIterator]().next())
    assert.equal(error.code, code)
    assert.match(error.message, message)
    next++
  }
})

test('a token file is read anew when the API server refuses what was read', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'token-'))
  t.after(() => rm(directory, { recursive: true }))
  const tokenFile = join(directory, 'token')
  await writeFile(tokenFile, 'old')
  let valid = 'Bearer old'
  let nowMs = 0
  const clock = { now: () => nowMs, sleep: systemClock.sleep }
  const answer: Answer = (request, response, body) =>
    (request.headers.authorization === valid ? found : json(401, {}))(request, response, body)
  const { client } = await world(t, answer, { clock }, { authProvider: { name: 'tokenFile', config: { tokenFile } } })
  await client.get(reference)
  valid = 'Bearer new'
  await writeFile(tokenFile, 'new')
  nowMs += 5000
  assert.equal((await errorOf(client.get(reference))).code, 'Unauthorized')
  await client.get(reference)
})

test('an exec plugin runs once for all who ask, and what it says wrong is not told', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'plugin-'))
  t.after(() => rm(directory, { recursive: true }))
  const runs = join(directory, 'runs')
  const exec = (printed: string) => ({
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', `echo run >>'${runs}'; echo '${printed}'`],
    },
  })
  const credential = JSON.stringify({ kind: 'ExecCredential', status: { token: 'hunter2' } })
  const { client, seen } = await world(t, found, {}, exec(credential))
  await Promise.all(Array.from({ length: 20 }, () => client.get(reference)))
  assert.equal(seen.filter(each => each.headers.authorization === 'Bearer hunter2').length, 20)
  assert.equal(await readFile(runs, 'utf8'), 'run\n')
  const { client: misled } = await world(t, found, {}, exec('hunter2'))
  const error = await errorOf(misled.get(reference))
  assert.match(error.message, /no credentials for the API server: what the exec plugin printed is no JSON/)
  assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /hunter2/)
})

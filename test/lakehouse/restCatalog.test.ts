/** The REST catalog client against Iceberg's own server: the contract of every catalog, names, logins, crashes, credentials. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { TableIdentifier } from '../../runtime/iceberg/catalog.ts'
import { type RestCatalogOptions, restCatalog } from '../../runtime/iceberg/restCatalog.ts'
import { s3Storage } from '../../runtime/iceberg/s3Storage.ts'
import { errorsDefinition, rawDefinition } from '../../runtime/iceberg/tables.ts'
import { VendedCredentials } from '../../runtime/iceberg/vendedCredentials.ts'
import { catalogContract } from '../runtime/iceberg/catalogContract.ts'
import { appended, counting, definition, identifier, snapshotOf } from '../runtime/iceberg/fixtures.ts'
import { startRestCatalog } from './restCatalogServer.ts'
import { startS3 } from './s3Server.ts'

const server = await startRestCatalog()
after(() => server.stop())

const open = (uri: string, options: Partial<RestCatalogOptions> = {}) =>
  restCatalog({
    uri,
    properties: {},
    now: Date.now,
    sleep: async ms => void (await delay(ms)),
    random: Math.random,
    newId: randomUUID,
    ...options,
  })

catalogContract('REST', async () => {
  const { namespace, name } = identifier
  await open(server.uri).ensureNamespace(namespace)
  // Every test begins without the table.
  await fetch(`${server.uri}/v1/namespaces/${namespace}/tables/${name}`, { method: 'DELETE' })
  return () => open(server.uri)
})

const names: readonly TableIdentifier[] = [
  { namespace: ['plain'], name: 'table' },
  { namespace: ['outer', 'inner'], name: 'table' },
  { namespace: ['with space', 'ü/ß'], name: 'a/b+c %41?&=#é' },
]

for (const table of names)
  test(`${JSON.stringify([...table.namespace, table.name])} names a table at the server, and no other`, async () => {
    const catalog = open(server.uri)
    await catalog.ensureNamespace(table.namespace)
    await catalog.ensureNamespace(table.namespace)
    const created = await catalog.createTable(table, definition)
    const listed = await fetch(
      `${server.uri}/v1/namespaces/${table.namespace.map(encodeURIComponent).join('%2E')}/tables`,
    )
    assert.deepEqual(await listed.json(), { identifiers: [table], 'next-page-token': null })
    assert.deepEqual(await catalog.loadTable(table), created)
  })

test('our tables keep their field ids, and every update of ours is taken', async () => {
  const catalog = open(server.uri)
  await catalog.ensureNamespace(['ids'])
  const raw = await catalog.createTable({ namespace: ['ids'], name: 'raw' }, rawDefinition)
  assert.deepEqual(raw.schemas[0]?.fields, rawDefinition.schema.fields)
  assert.deepEqual(raw['partition-specs'][0]?.fields, rawDefinition.spec.fields)
  const errors = await catalog.createTable({ namespace: ['ids'], name: 'errors' }, errorsDefinition)
  assert.deepEqual(errors.schemas[0]?.fields, errorsDefinition.schema.fields)

  const largest = 2n ** 63n - 1n
  const table = { namespace: ['ids'], name: 'raw' }
  const tag = { 'ref-name': 'hc-group', type: 'tag', 'max-ref-age-ms': largest } as const
  const first = snapshotOf(1, largest - 1n, raw['last-updated-ms'])
  await catalog.commitTable(
    table,
    [
      { type: 'assert-table-uuid', uuid: raw['table-uuid'] },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': null },
      { type: 'assert-ref-snapshot-id', ref: 'hc-group', 'snapshot-id': null },
    ],
    [...appended(first), { action: 'set-snapshot-ref', ...tag, 'snapshot-id': largest - 1n }],
  )
  const second = { ...snapshotOf(2, largest, Date.now() + 1000), 'parent-snapshot-id': largest - 1n }
  await catalog.commitTable(
    table,
    [{ type: 'assert-ref-snapshot-id', ref: 'hc-group', 'snapshot-id': largest - 1n }],
    [
      ...appended(second),
      { action: 'set-snapshot-ref', ...tag, 'snapshot-id': largest },
      { action: 'remove-snapshots', 'snapshot-ids': [largest - 1n] },
      { action: 'set-properties', updates: { 'hc.initialised': '{}' } },
    ],
  )
  const now = await open(server.uri).loadTable(table)
  assert.deepEqual(now?.refs, {
    main: { 'snapshot-id': largest, type: 'branch' },
    'hc-group': { 'snapshot-id': largest, type: 'tag', 'max-ref-age-ms': largest },
  })
  assert.deepEqual(
    now?.snapshots.map(snapshot => snapshot['snapshot-id']),
    [largest],
  )
  assert.equal(now?.properties['hc.initialised'], '{}')
})

test('what has not changed is not sent again: after a load, a creation and a commit', async () => {
  const statuses: string[] = []
  const catalog = open(server.uri, { observer: (operation, status) => statuses.push(`${operation} ${status}`) })
  const table = { namespace: ['etag'], name: 'table' }
  await catalog.ensureNamespace(table.namespace)
  await catalog.createTable(table, definition)
  await catalog.loadTable(table)
  await catalog.commitTable(table, [], [{ action: 'set-properties', updates: { a: 'b' } }])
  assert.equal((await catalog.loadTable(table))?.properties.a, 'b')
  await open(server.uri).commitTable(table, [], [{ action: 'set-properties', updates: { a: 'c' } }])
  assert.equal((await catalog.loadTable(table))?.properties.a, 'c')
  assert.deepEqual(statuses.slice(-5), [
    ...['createTable 200', 'loadTable 304', 'commitTable 200', 'loadTable 304', 'loadTable 200'],
  ])
})

test('a killed server is a failure of its own, and its tables are there again afterwards', async () => {
  const own = await startRestCatalog()
  after(() => own.stop())
  const catalog = open(own.uri)
  await catalog.ensureNamespace(identifier.namespace)
  const created = await catalog.createTable(identifier, definition)
  await own.kill()
  await assert.rejects(catalog.loadTable(identifier), { code: 'UNAVAILABLE' })
  await assert.rejects(catalog.commitTable(identifier, [], []), { code: 'UNAVAILABLE' })
  await own.start()
  assert.deepEqual(await catalog.loadTable(identifier), created)
})

describe('behind a login', () => {
  /** Hands out tokens that last for `uses` requests, and passes on what shows a good one. */
  async function gate(uses: number) {
    const issued = new Map<string, number>()
    const newToken = counting('token-')
    const token = async (incoming: IncomingMessage, response: ServerResponse) => {
      const form = new URLSearchParams((await incoming.toArray()).join(''))
      const isKnown = form.get('client_id') === 'pipeline' && form.get('client_secret') === 'pass&word'
      const access_token = newToken()
      if (isKnown) issued.set(access_token, uses)
      response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' })
      response.end(JSON.stringify(isKnown ? { access_token, token_type: 'bearer' } : { error: 'invalid_client' }))
    }
    const pass = (incoming: IncomingMessage, response: ServerResponse) => {
      const shown = incoming.headers.authorization?.replace('Bearer ', '') ?? ''
      const left = issued.get(shown) ?? 0
      issued.set(shown, left - 1)
      if (left <= 0) return void response.writeHead(401).end()
      const { method, headers, url } = incoming
      const onward = request(server.uri + url, { method, headers }, answer => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      })
      incoming.pipe(onward)
    }
    const http = createServer((incoming, response) => (incoming.url === '/token' ? token : pass)(incoming, response))
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    after(() => http.close())
    return { uri: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, issued }
  }

  test('a table is created, committed and loaded over tokens that expire again and again', async () => {
    const { uri, issued } = await gate(3)
    const secret = () => ({ clientId: 'pipeline', clientSecret: 'pass&word' })
    const catalog = open(uri, { secret, properties: { 'oauth2-server-uri': `${uri}/token` } })
    const table = { namespace: ['secured'], name: 'table' }
    await catalog.ensureNamespace(table.namespace)
    await catalog.createTable(table, definition)
    for (let n = 0; n < 9; n++)
      await catalog.commitTable(table, [], [{ action: 'set-properties', updates: { n: String(n) } }])
    assert.equal((await catalog.loadTable(table))?.properties.n, '8')
    assert.equal(issued.size, 5)
  })

  test('a wrong login is refused by name', async () => {
    const { uri } = await gate(3)
    const secret = () => ({ clientId: 'pipeline', clientSecret: 'canary' })
    const catalog = open(uri, { secret, properties: { 'oauth2-server-uri': `${uri}/token` } })
    await assert.rejects(catalog.loadTable(identifier), {
      code: 'DENIED',
      message: /401 invalid_client; check clientId/,
    })
  })

  test('the fixture gives tokens itself', async () => {
    const catalog = open(server.uri, { secret: () => ({ clientId: 'pipeline', clientSecret: 'any' }) })
    assert.equal(await catalog.loadTable({ namespace: ['none'], name: 'none' }), undefined)
  })
})

test('credentials that the catalog vends open the files of its tables', async () => {
  const s3 = await startS3()
  const vending = await startRestCatalog({ warehouse: `s3://${s3.bucket}/vended`, s3, vendCredentials: true })
  const vended = new VendedCredentials()
  const catalog = open(vending.uri, { vended })
  await catalog.ensureNamespace(identifier.namespace)
  const { location } = await catalog.createTable(identifier, definition)
  const refused = async () => ({ accessKeyId: 'nobody', secretAccessKey: 'nothing' })
  const storage = s3Storage({ endpoint: s3.endpoint, pathStyle: true, credentials: refused, vended })
  await storage.create(`${location}/data/file`, Buffer.from('bytes'))
  assert.equal(String(await storage.read(`${location}/data/file`)), 'bytes')
  await assert.rejects(storage.read(`s3://${s3.bucket}/elsewhere`), { code: 'DENIED' })
  storage.close()
  catalog.close()
  await vending.stop()
  await s3.stop()
})

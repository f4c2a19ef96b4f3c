/** What each answer to a request means to the caller, and how often it is sent. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Catalog, CatalogErrorCode } from '../../../../runtime/iceberg/catalog.ts'
import { definition, identifier } from '../fixtures.ts'
import { catalogOf, errorOf, type Reply, startCatalogStub, tableResult, testClock } from './catalogStub.ts'

const stub = await startCatalogStub()
after(() => stub.stop())
beforeEach(() => {
  stub.asked.length = 0
  stub.configuration = { body: { defaults: {}, overrides: {} } }
})

const commit = (catalog: Catalog) =>
  catalog.commitTable(
    identifier,
    [
      { type: 'assert-table-uuid', uuid: 'uuid-1' },
      { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 9_223_372_036_854_775_807n },
      { type: 'assert-ref-snapshot-id', ref: 'hc-group', 'snapshot-id': null },
    ],
    [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': 9_007_199_254_740_993n }],
  )

const html: Reply = { status: 404, body: '<html>no such route</html>' }
const redirect: Reply = { status: 302, headers: { location: 'https://elsewhere.example/?token=abc' } }
const v3 = { ...tableResult(), metadata: { ...tableResult().metadata, 'format-version': 3 } }

const commitOutcomes: readonly (readonly [what: string, reply: Reply, code: CatalogErrorCode])[] = [
  ['409', errorOf(409, 'CommitFailedException'), 'CONFLICT'],
  ['409 without the envelope', { status: 409 }, 'CONFLICT'],
  ['500', errorOf(500, 'CommitStateUnknownException'), 'UNKNOWN_OUTCOME'],
  ['502', { status: 502, body: '<html>' }, 'UNKNOWN_OUTCOME'],
  ['504', { status: 504 }, 'UNKNOWN_OUTCOME'],
  ['408', { status: 408 }, 'UNKNOWN_OUTCOME'],
  ['a broken connection', { fault: 'drop' }, 'UNKNOWN_OUTCOME'],
  ['no answer in time', { fault: 'hang' }, 'UNKNOWN_OUTCOME'],
  ['200 that breaks off', { body: tableResult(), fault: 'cut' }, 'UNKNOWN_OUTCOME'],
  ['200 with a half of its JSON', { body: JSON.stringify(tableResult()).slice(0, 200) }, 'UNKNOWN_OUTCOME'],
  ['200 without a body', {}, 'UNKNOWN_OUTCOME'],
  ['200 without metadata', { body: {} }, 'UNKNOWN_OUTCOME'],
  ['200 with metadata of a version that is not read', { body: v3 }, 'UNKNOWN_OUTCOME'],
  ['503', errorOf(503, 'SlowDownException'), 'UNAVAILABLE'],
  ['429', { status: 429 }, 'UNAVAILABLE'],
  ['a redirect', redirect, 'UNAVAILABLE'],
  ['400', errorOf(400, 'BadRequestException'), 'DENIED'],
  ['401', errorOf(401, 'NotAuthorizedException'), 'DENIED'],
  ['403', errorOf(403, 'ForbiddenException'), 'DENIED'],
  ['419', errorOf(419, 'AuthenticationTimeoutException'), 'DENIED'],
  ['404 of the catalog', errorOf(404, 'NoSuchTableException'), 'NOT_FOUND'],
  ['404 of a proxy', html, 'UNAVAILABLE'],
]

describe('a commit', () => {
  for (const [what, reply, code] of commitOutcomes)
    test(`${what} is ${code}, and it is sent once`, async () => {
      stub.answers(reply)
      const catalog = catalogOf(stub.uri, { timeoutMs: 500 })
      await assert.rejects(commit(catalog), (error: Error) => {
        assert.equal((error as Error & { code: string }).code, code)
        assert.match(error.message, /^POST \/v1\/namespaces\/db\/tables\/samples: /)
        assert.doesNotMatch(error.message, /elsewhere|token/)
        return error.name === 'CatalogError'
      })
      assert.equal(stub.asked.length, 1)
      catalog.close()
    })

  test('is spelled as the specification says, ids whole, and its answer is the new metadata', async () => {
    stub.answers({ body: tableResult() })
    const table = await commit(catalogOf(stub.uri))
    assert.equal(table['table-uuid'], 'uuid-1')
    assert.equal(stub.asked[0]?.headers['idempotency-key'], undefined)
    assert.equal(
      stub.asked[0]?.body,
      '{"identifier":{"namespace":["db"],"name":"samples"},' +
        '"requirements":[{"type":"assert-table-uuid","uuid":"uuid-1"},' +
        '{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":9223372036854775807},' +
        '{"type":"assert-ref-snapshot-id","ref":"hc-group","snapshot-id":null}],' +
        '"updates":[{"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":9007199254740993}]}',
    )
  })

  test('that was never sent is UNAVAILABLE', async () => {
    const gone = await startCatalogStub()
    const catalog = catalogOf(gone.uri)
    gone.answers({ body: tableResult() })
    await catalog.loadTable(identifier)
    await gone.stop()
    await assert.rejects(catalog.loadTable(identifier), { code: 'UNAVAILABLE' })
    await assert.rejects(commit(catalog), { code: 'UNAVAILABLE', message: /ECONNREFUSED.*spec\.iceberg\.catalog\.uri/ })
  })

  test('waits as long as the server asked for, also after another request', async () => {
    const clock = testClock()
    const catalog = catalogOf(stub.uri, clock)
    stub.answers({ status: 503, headers: { 'retry-after': '7' } }, { body: tableResult() })
    await assert.rejects(commit(catalog), { code: 'UNAVAILABLE' })
    await commit(catalog)
    assert.deepEqual(clock.sleeps, [7000])
  })
})

describe('a commit to a server that keeps idempotency keys', () => {
  beforeEach(() => {
    stub.configuration = { body: { defaults: {}, overrides: {}, 'idempotency-key-lifetime': 'PT30M' } }
  })

  test('is sent again with the same key until its outcome is known', async () => {
    stub.answers({ fault: 'drop' }, { status: 502 }, { body: tableResult() })
    await commit(catalogOf(stub.uri))
    const keys = stub.asked.map(({ headers }) => headers['idempotency-key'])
    assert.equal(new Set(keys).size, 1)
    assert.match(keys[0] as string, /^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(new Set(stub.asked.map(({ body }) => body)).size, 1)
  })

  test('is given up after three', async () => {
    stub.answers({ status: 500 })
    await assert.rejects(commit(catalogOf(stub.uri)), { code: 'UNKNOWN_OUTCOME' })
    assert.equal(stub.asked.length, 3)
  })

  test('is not sent again once the key may be forgotten', async () => {
    stub.configuration = { body: { defaults: {}, overrides: {}, 'idempotency-key-lifetime': 'PT0.3S' } }
    stub.answers({ status: 500 })
    await assert.rejects(commit(catalogOf(stub.uri)), { code: 'UNKNOWN_OUTCOME' })
    assert.equal(stub.asked.length, 2)
  })
})

describe('a load', () => {
  const trying: readonly (readonly [string, Reply])[] = [
    ['500', { status: 500 }],
    ['503', errorOf(503, 'SlowDownException')],
    ['429', { status: 429 }],
    ['a broken connection', { fault: 'drop' }],
    ['200 that breaks off', { body: tableResult(), fault: 'cut' }],
  ]
  for (const [what, reply] of trying)
    test(`is tried again after ${what}, three times in all, with waits that grow`, async () => {
      const clock = testClock()
      stub.answers(reply, reply, { body: tableResult() })
      assert.equal((await catalogOf(stub.uri, clock).loadTable(identifier))?.['table-uuid'], 'uuid-1')
      assert.deepEqual(clock.sleeps, [500, 1000])
      stub.answers(reply)
      await assert.rejects(catalogOf(stub.uri).loadTable(identifier), { code: 'UNAVAILABLE' })
      assert.equal(stub.asked.length, 6)
    })

  test('waits as long as the server asks for, half a minute at most', async () => {
    const clock = testClock()
    stub.answers({ status: 429, headers: { 'retry-after': '3600' } }, { body: tableResult() })
    await catalogOf(stub.uri, { ...clock, random: () => 0 }).loadTable(identifier)
    assert.deepEqual(clock.sleeps, [0, 30_000])
  })

  test('is not tried again where that is no use', async () => {
    for (const status of [400, 401, 403, 302, 501]) {
      stub.asked.length = 0
      stub.answers({ status })
      await assert.rejects(catalogOf(stub.uri).loadTable(identifier))
      assert.equal(stub.asked.length, 1, String(status))
    }
  })

  test('finds no table only where the catalog says so', async () => {
    const none = [errorOf(404, 'NoSuchTableException'), errorOf(404, 'NoSuchNamespaceException'), errorOf(404, '')]
    for (const reply of none) {
      stub.answers(reply)
      assert.equal(await catalogOf(stub.uri).loadTable(identifier), undefined)
    }
    const others = [html, errorOf(404, 'NotFoundException', 'no file 1.metadata.json'), errorOf(404, 'NoSuchWarehouse')]
    for (const reply of [...others, { status: 404, body: { message: 'no Route matched' } }]) {
      stub.answers(reply)
      await assert.rejects(catalogOf(stub.uri).loadTable(identifier), { name: 'CatalogError' })
    }
  })

  test('takes no answer beyond 64 MiB, packed or not, and does not ask for it again', async () => {
    const large = 'x'.repeat(65 * 2 ** 20)
    for (const reply of [{ body: large }, { body: gzipSync(large), headers: { 'content-encoding': 'gzip' } }]) {
      stub.asked.length = 0
      stub.answers(reply)
      const expected = { code: 'UNAVAILABLE', message: /larger than 67108864 bytes; expire snapshots/ }
      await assert.rejects(catalogOf(stub.uri).loadTable(identifier), expected)
      assert.equal(stub.asked.length, 1)
    }
  })

  test('takes packed answers', async () => {
    stub.answers({ body: gzipSync(JSON.stringify(tableResult())), headers: { 'content-encoding': 'gzip' } })
    assert.equal((await catalogOf(stub.uri).loadTable(identifier))?.['table-uuid'], 'uuid-1')
    assert.equal(stub.asked[0]?.headers['accept-encoding'], 'gzip')
    stub.answers({
      body: gzipSync(JSON.stringify(tableResult())).subarray(0, 99),
      headers: { 'content-encoding': 'gzip' },
    })
    await assert.rejects(catalogOf(stub.uri).loadTable(identifier), { code: 'UNAVAILABLE' })
  })

  test('of a table of another version says so', async () => {
    stub.answers({ body: v3 })
    await assert.rejects(catalogOf(stub.uri).loadTable(identifier), { code: 'UNSUPPORTED_FORMAT' })
  })
})

describe('a creation', () => {
  const create = (catalog: Catalog) => catalog.createTable(identifier, definition)

  test('always says the format version', async () => {
    stub.answers({ body: tableResult() })
    await create(catalogOf(stub.uri))
    const { name, properties, 'partition-spec': spec, schema } = JSON.parse(stub.asked[0]!.body)
    assert.deepEqual({ name, spec, schema }, { name: 'samples', spec: definition.spec, schema: definition.schema })
    assert.deepEqual(properties, { ...definition.properties, 'format-version': '2' })
    assert.equal(stub.asked[0]?.path, '/v1/namespaces/db/tables')
  })

  const outcomes: readonly (readonly [string, Reply, CatalogErrorCode])[] = [
    ['409', errorOf(409, 'AlreadyExistsException'), 'ALREADY_EXISTS'],
    ['404', errorOf(404, 'NoSuchNamespaceException'), 'NOT_FOUND'],
    ['500', { status: 500 }, 'UNKNOWN_OUTCOME'],
    ['a broken connection', { fault: 'drop' }, 'UNKNOWN_OUTCOME'],
    ['503', { status: 503 }, 'UNAVAILABLE'],
  ]
  for (const [what, reply, code] of outcomes)
    test(`${what} is ${code}, and it is sent once`, async () => {
      stub.answers(reply)
      await assert.rejects(create(catalogOf(stub.uri)), { name: 'CatalogError', code })
      assert.equal(stub.asked.length, 1)
    })
})

describe('a namespace', () => {
  test('that is there is not created', async () => {
    stub.answers({ body: { namespace: ['db'] } })
    await catalogOf(stub.uri).ensureNamespace(['db'])
    assert.deepEqual(
      stub.asked.map(({ method, path }) => `${method} ${path}`),
      ['GET /v1/namespaces/db'],
    )
  })

  test('is created after its parents, also by another at the same time, and through a failure', async () => {
    const missing = errorOf(404, 'NoSuchNamespaceException')
    stub.answers(missing, missing, { body: {} }, { fault: 'drop' }, errorOf(409, 'AlreadyExistsException'))
    await catalogOf(stub.uri).ensureNamespace(['a', 'b'])
    assert.deepEqual(
      stub.asked.map(({ method, path, body }) => `${method} ${path} ${body}`),
      [
        'GET /v1/namespaces/a%1Fb ',
        'GET /v1/namespaces/a ',
        'POST /v1/namespaces {"namespace":["a"],"properties":{}}',
        'POST /v1/namespaces {"namespace":["a","b"],"properties":{}}',
        'POST /v1/namespaces {"namespace":["a","b"],"properties":{}}',
      ],
    )
  })
})

describe('the configuration', () => {
  test('decides prefix and separator, before and after what the manifest says', async () => {
    stub.configuration = { body: { defaults: { prefix: 'd' }, overrides: { 'namespace-separator': '%2E' } } }
    stub.answers({ body: tableResult() })
    await catalogOf(stub.uri).loadTable({ namespace: ['a.b', 'c/d e'], name: 'ü+%' })
    await catalogOf(stub.uri, { properties: { prefix: 'own/x', 'namespace-separator': '|' } }).loadTable(identifier)
    assert.deepEqual(
      stub.asked.map(({ path }) => path),
      [
        '/v1/d/namespaces/a.b%2Ec%2Fd%20e/tables/%C3%BC%2B%25?snapshots=all',
        '/v1/own/x/namespaces/db/tables/samples?snapshots=all',
      ],
    )
  })

  test('is asked for once, unless it fails', async () => {
    const asked: string[] = []
    const catalog = catalogOf(stub.uri, {
      warehouse: 'w&1',
      observer: (operation, status) => asked.push(`${operation} ${status}`),
    })
    stub.answers({ body: tableResult() })
    stub.configuration = {
      status: 404,
      body: { error: { code: 404, type: 'NoSuchWarehouseException', message: 'w&1' } },
    }
    await assert.rejects(catalog.loadTable(identifier), { code: 'NOT_FOUND', message: /^GET \/v1\/config: 404/ })
    stub.configuration = { body: { defaults: {}, overrides: {} } }
    await Promise.all([catalog.loadTable(identifier), catalog.loadTable(identifier)])
    assert.deepEqual(asked, ['config 404', 'config 200', 'loadTable 200', 'loadTable 200'])
  })

  test('that offers no commits makes them fail by name', async () => {
    stub.configuration = {
      body: { defaults: {}, overrides: {}, endpoints: ['GET /v1/{prefix}/namespaces/{namespace}/tables/{table}'] },
    }
    stub.answers({ body: tableResult() })
    const catalog = catalogOf(stub.uri)
    await catalog.loadTable(identifier)
    await assert.rejects(commit(catalog), { code: 'DENIED', message: /does not offer POST \/v1\/\{prefix\}/ })
    assert.equal(stub.asked.length, 1)
  })

  test('that sends the client to another host is not followed', async () => {
    const other = await startCatalogStub()
    stub.configuration = { body: { defaults: {}, overrides: { uri: other.uri } } }
    stub.answers({ body: tableResult() })
    await catalogOf(stub.uri).loadTable(identifier)
    assert.equal(other.asked.length, 0)
    stub.configuration = { body: { defaults: {}, overrides: { uri: `${stub.uri}/deeper/` } } }
    await catalogOf(stub.uri).loadTable(identifier)
    assert.match(stub.asked[1]!.path, /^\/deeper\/v1\/namespaces/)
    await other.stop()
  })
})

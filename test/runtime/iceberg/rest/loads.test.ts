/** What a load brings along: metadata that need not be sent again, and credentials for the files. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import { VendedCredentials } from '../../../../runtime/iceberg/vendedCredentials.ts'
import { identifier } from '../fixtures.ts'
import { catalogOf, errorOf, startCatalogStub, tableResult, testClock } from './catalogStub.ts'

const stub = await startCatalogStub()
after(() => stub.stop())
beforeEach(() => {
  stub.asked.length = 0
})
const conditions = () => stub.asked.map(({ headers }) => headers['if-none-match'])
const tagged = (etag: string, more: object = {}, properties: Record<string, string> = {}) => ({
  headers: { etag },
  body: tableResult(more, properties),
})

describe('metadata', () => {
  test('that has not changed is not sent again', async () => {
    const catalog = catalogOf(stub.uri)
    stub.answers(tagged('W/"1"', {}, { of: 'load' }), { status: 304 }, tagged('"2"', {}, { of: 'another' }), {
      status: 304,
    })
    const seen: unknown[] = []
    for (let load = 0; load < 4; load++) seen.push((await catalog.loadTable(identifier))?.properties.of)
    assert.deepEqual(seen, ['load', 'load', 'another', 'another'])
    assert.deepEqual(conditions(), [undefined, 'W/"1"', 'W/"1"', '"2"'])
  })

  test('of a commit is what the next load compares with', async () => {
    const catalog = catalogOf(stub.uri)
    stub.answers(tagged('1'), tagged('2', {}, { of: 'commit' }), { status: 304 })
    await catalog.loadTable(identifier)
    await catalog.commitTable(identifier, [], [])
    assert.equal((await catalog.loadTable(identifier))?.properties.of, 'commit')
    assert.deepEqual(conditions(), [undefined, undefined, '2'])
  })

  test('is sent whole after a commit that failed, after a table that was gone, and without an ETag', async () => {
    const catalog = catalogOf(stub.uri)
    const gone = errorOf(404, 'NoSuchTableException')
    stub.answers(
      tagged('1'),
      errorOf(409, 'CommitFailedException'),
      tagged('1'),
      gone,
      { body: tableResult() },
      tagged('1'),
    )
    await catalog.loadTable(identifier)
    await assert.rejects(catalog.commitTable(identifier, [], []), { code: 'CONFLICT' })
    for (let load = 0; load < 4; load++) await catalog.loadTable(identifier)
    assert.deepEqual(conditions(), [undefined, undefined, undefined, '1', undefined, undefined])
  })

  test('is kept for each table', async () => {
    const catalog = catalogOf(stub.uri)
    stub.answers(tagged('1'), tagged('2'), { status: 304 })
    await catalog.loadTable(identifier)
    await catalog.loadTable({ ...identifier, name: 'other' })
    await catalog.loadTable(identifier)
    assert.deepEqual(conditions(), [undefined, undefined, '1'])
  })

  test('that nobody has is not "not modified"', async () => {
    stub.answers({ status: 304 })
    await assert.rejects(catalogOf(stub.uri).loadTable(identifier), { code: 'UNAVAILABLE' })
  })
})

describe('credentials for files', () => {
  const delegations = () => stub.asked.map(({ headers }) => headers['x-iceberg-access-delegation'])
  const keys = { 's3.access-key-id': 'AK', 's3.secret-access-key': 'canary-secret', 's3.session-token': 'ST' }

  test('are asked for where somebody takes them, unless the manifest says otherwise', async () => {
    stub.answers({ body: tableResult() })
    const properties = { 'header.X-Iceberg-Access-Delegation': '' }
    await catalogOf(stub.uri).loadTable(identifier)
    await catalogOf(stub.uri, { vended: new VendedCredentials() }).loadTable(identifier)
    await catalogOf(stub.uri, { vended: new VendedCredentials(), properties }).loadTable(identifier)
    assert.deepEqual(delegations(), [undefined, 'vended-credentials', undefined])
    assert.throws(
      () => catalogOf(stub.uri, { properties: { 'header.X-Iceberg-Access-Delegation': 'remote-signing' } }),
      {
        code: 'DENIED',
        message: /spec\.iceberg\.catalog\.properties\.header\.X-Iceberg-Access-Delegation/,
      },
    )
  })

  test('are found by the longest prefix, with what the table says of the storage', async () => {
    const vended = new VendedCredentials()
    const config = { 'client.region': 'eu-1', 's3.endpoint': 'http://s3', token: 'no storage', ...keys }
    const listed = [
      { prefix: 's3://bucket/', config: keys },
      { prefix: 's3://bucket/db/', config: { ...keys, 's3.access-key-id': 'NEAR' } },
      { prefix: 'gs://bucket/db/', config: { 'gcs.oauth2.token': 'x' } },
    ]
    stub.answers({ body: tableResult({ config, 'storage-credentials': listed }) })
    await catalogOf(stub.uri, { vended }).loadTable(identifier)
    assert.deepEqual(vended.of('s3://bucket/db/samples/data/1.parquet'), {
      prefix: 's3://bucket/db/',
      config: { 'client.region': 'eu-1', 's3.endpoint': 'http://s3', ...keys, 's3.access-key-id': 'NEAR' },
    })
    assert.equal(vended.of('s3://bucket/x')?.config['s3.access-key-id'], 'AK')
    assert.equal(vended.of('s3://other/x'), undefined)
  })

  test('of the table itself open its folders alone, and go when the table comes without', async () => {
    const vended = new VendedCredentials()
    const catalog = catalogOf(stub.uri, { vended })
    stub.answers({ body: tableResult({ config: keys }, { 'write.data.path': 's3://data/x' }) }, { body: tableResult() })
    await catalog.loadTable(identifier)
    assert.equal(vended.of('s3://bucket/db/samples/metadata/1')?.config['s3.secret-access-key'], 'canary-secret')
    assert.equal(vended.of('s3://data/x/1.parquet')?.config['s3.session-token'], 'ST')
    assert.ok(vended.of('s3://bucket/db/samples'))
    for (const other of ['s3://bucket/db/other/1', 's3://bucket/db/samples2/1', 's3://data/x2/1'])
      assert.equal(vended.of(other), undefined, other)
    await catalog.loadTable(identifier)
    assert.equal(vended.of('s3://bucket/db/samples/metadata/1'), undefined)
  })

  test('come with a creation, stay over a commit, and are vended anew well before they expire', async () => {
    const clock = testClock()
    const vended = new VendedCredentials()
    const catalog = catalogOf(stub.uri, { ...clock, vended })
    const expiring = { ...keys, 's3.session-token-expires-at-ms': String(clock.now() + 3_600_000) }
    stub.answers(tagged('1', { config: expiring }), tagged('2'), { status: 304 }, tagged('2', { config: expiring }))
    await catalog.createTable(identifier, {
      schema: tableResult().metadata.schemas[0]!,
      spec: { 'spec-id': 0, fields: [] },
      properties: {},
    })
    await catalog.commitTable(identifier, [], [])
    await catalog.loadTable(identifier)
    assert.ok(vended.of('s3://bucket/db/samples/x'))
    clock.pass(3_000_000)
    await catalog.loadTable(identifier)
    assert.deepEqual(conditions(), [undefined, undefined, '2', undefined])
    assert.deepEqual(delegations(), ['vended-credentials', undefined, 'vended-credentials', 'vended-credentials'])
  })

  test('that do not say when they expire are vended anew after five minutes', async () => {
    const clock = testClock()
    const catalog = catalogOf(stub.uri, { ...clock, vended: new VendedCredentials() })
    stub.answers(tagged('1', { config: keys }))
    await catalog.loadTable(identifier)
    clock.pass(299_000)
    await catalog.loadTable(identifier)
    clock.pass(300_000)
    await catalog.loadTable(identifier)
    assert.deepEqual(conditions(), [undefined, '1', undefined])
  })
})

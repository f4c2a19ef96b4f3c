/** Logins: which are sent, when they are fetched again, and that no secret is ever shown. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, test } from 'node:test'
import { inspect } from 'node:util'
import type { RestCatalogOptions } from '../../../../runtime/iceberg/restCatalog.ts'
import { identifier } from '../fixtures.ts'
import { type Asked, catalogOf, errorOf, type Reply, startCatalogStub, tableResult, testClock } from './catalogStub.ts'

const stub = await startCatalogStub()
const tokens = await startCatalogStub()
after(() => Promise.all([stub.stop(), tokens.stop()]))
beforeEach(() => {
  for (const { asked } of [stub, tokens]) asked.length = 0
  stub.answers({ body: tableResult() })
  stub.configuration = { body: { defaults: {}, overrides: {} } }
})

const sent = () => stub.asked.map(({ headers }) => headers.authorization)
const client = { clientId: 'pipeline', clientSecret: 'canary+secret/ 1' }
const tokenServer = { 'oauth2-server-uri': `${tokens.uri}/realm/token` }
const oauth = (options: Partial<RestCatalogOptions> = {}) =>
  catalogOf(stub.uri, { secret: () => client, properties: tokenServer, ...options })
const issued = (access_token: string, more: object = {}): Reply => ({
  body: { access_token, token_type: 'bearer', ...more },
})
const onlyFor =
  (token: string) =>
  (asked: Asked): Reply =>
    asked.headers.authorization === `Bearer ${token}` ? { body: tableResult() } : errorOf(401, 'NotAuthorizedException')

describe('without OAuth2', () => {
  test('nothing is sent where no Secret is named', async () => {
    await catalogOf(stub.uri).loadTable(identifier)
    await catalogOf(stub.uri, { secret: () => ({ token: 't' }), properties: { 'rest.auth.type': 'none' } }).loadTable(
      identifier,
    )
    assert.deepEqual(sent(), [undefined, undefined])
  })

  test('a token of the Secret is sent with every request, and its successor within a minute or once it is refused', async () => {
    const clock = testClock()
    let token = 'first'
    const catalog = catalogOf(stub.uri, { ...clock, secret: () => ({ token }) })
    await catalog.loadTable(identifier)
    token = 'second'
    await catalog.loadTable(identifier)
    clock.pass(60_000)
    await catalog.loadTable(identifier)
    token = 'third'
    stub.answers(onlyFor('third'))
    await catalog.loadTable(identifier)
    assert.deepEqual(sent(), ['Bearer first', 'Bearer first', 'Bearer second', 'Bearer second', 'Bearer third'])
  })

  test('a token that stays refused is sent once', async () => {
    stub.answers(errorOf(401, 'NotAuthorizedException'))
    await assert.rejects(catalogOf(stub.uri, { secret: () => ({ token: 'wrong' }) }).loadTable(identifier), {
      code: 'DENIED',
    })
    assert.equal(stub.asked.length, 1)
  })

  test('headers of the manifest are sent, and not to the token server of another', async () => {
    tokens.answers(issued('t'))
    await oauth({ properties: { ...tokenServer, 'header.X-Tenant': 'clinic' } }).loadTable(identifier)
    assert.equal(stub.asked[0]?.headers['x-tenant'], 'clinic')
    assert.equal(tokens.asked[0]?.headers['x-tenant'], undefined)
  })

  test('a Secret without a login that is taken, or that cannot be read, is told', async () => {
    const none = catalogOf(stub.uri, { secret: () => ({ accessKeyId: 'a', secretAccessKey: 'b' }) })
    await assert.rejects(none.loadTable(identifier), { code: 'DENIED', message: /token, or clientId and clientSecret/ })
    const broken = catalogOf(stub.uri, {
      secret() {
        throw new Error('key token of Secret login is missing')
      },
    })
    await assert.rejects(broken.loadTable(identifier), {
      code: 'DENIED',
      message: /key token of Secret login is missing/,
    })
  })
})

describe('OAuth2 client credentials', () => {
  test('are exchanged for a token, once for all that ask at a time', async () => {
    tokens.answers(issued('t1', { expires_in: 3600 }))
    const properties = { ...tokenServer, scope: 'lake', audience: 'a&b', resource: 'urn:r' }
    const catalog = oauth({ properties })
    await Promise.all([catalog.loadTable(identifier), catalog.loadTable(identifier), catalog.loadTable(identifier)])
    assert.deepEqual(sent(), ['Bearer t1', 'Bearer t1', 'Bearer t1'])
    assert.deepEqual(
      tokens.asked.map(({ method, path, headers }) => [method, path, headers['content-type']]),
      [['POST', '/realm/token', 'application/x-www-form-urlencoded']],
    )
    assert.deepEqual(Object.fromEntries(new URLSearchParams(tokens.asked[0]!.body)), {
      grant_type: 'client_credentials',
      client_id: 'pipeline',
      client_secret: 'canary+secret/ 1',
      scope: 'lake',
      audience: 'a&b',
      resource: 'urn:r',
    })
  })

  test('go to the catalog itself where no token server is named, before anything else', async () => {
    const server = { ...tokenServer, 'oauth2-server-uri': 'v1/oauth/tokens' }
    for (const properties of [{}, server]) {
      stub.asked.length = 0
      stub.answers(issued('t'), { body: tableResult() })
      await oauth({ properties }).loadTable(identifier)
      assert.deepEqual(
        stub.asked.map(({ method, path }) => `${method} ${path}`),
        ['POST /v1/oauth/tokens', 'GET /v1/namespaces/db/tables/samples?snapshots=all'],
      )
      assert.equal(new URLSearchParams(stub.asked[0]!.body).get('scope'), 'catalog')
    }
  })

  test('are never sent where only the catalog wants them sent', async () => {
    const other = await startCatalogStub()
    stub.configuration = { body: { defaults: {}, overrides: { 'oauth2-server-uri': `${other.uri}/steal` } } }
    tokens.answers(issued('t1', { expires_in: 10 }))
    const clock = testClock()
    const catalog = oauth(clock)
    await catalog.loadTable(identifier)
    clock.pass(60_000)
    await catalog.loadTable(identifier)
    assert.deepEqual([tokens.asked.length, other.asked.length], [2, 0])
    await other.stop()
  })

  test('are exchanged again before the token expires, at a time of its own', async () => {
    for (const [random, afterMs] of [
      [0, 700_000],
      [1, 850_000],
    ] as const) {
      const clock = testClock()
      tokens.answers(issued('t1', { expires_in: 1000 }), issued('t2', { expires_in: 1000 }))
      const catalog = oauth({ ...clock, random: () => random })
      stub.asked.length = 0
      await catalog.loadTable(identifier)
      clock.pass(afterMs - 1)
      await catalog.loadTable(identifier)
      clock.pass(1)
      await catalog.loadTable(identifier)
      assert.deepEqual(sent(), ['Bearer t1', 'Bearer t1', 'Bearer t2'])
    }
  })

  test('are not missed while a token is still good and the token server is not', async () => {
    const clock = testClock()
    tokens.answers(issued('t1', { expires_in: 1000 }), { status: 503 })
    const catalog = oauth(clock)
    await catalog.loadTable(identifier)
    clock.pass(900_000)
    await catalog.loadTable(identifier)
    clock.pass(100_000)
    await assert.rejects(catalog.loadTable(identifier), { code: 'UNAVAILABLE', message: /\/realm\/token: 503/ })
    assert.deepEqual(sent(), ['Bearer t1', 'Bearer t1'])
  })

  test('take the time of expiry from the token where the answer does not say it, else an hour', async () => {
    const clock = testClock()
    const claims = Buffer.from(JSON.stringify({ exp: clock.now() / 1000 + 100 })).toString('base64url')
    tokens.answers(issued(`e30.${claims}.x`), issued('opaque'), issued('next'))
    const catalog = oauth(clock)
    for (const ms of [0, 90_000, 3_000_000, 100_000]) {
      clock.pass(ms)
      await catalog.loadTable(identifier)
    }
    assert.deepEqual(sent(), [`Bearer e30.${claims}.x`, 'Bearer opaque', 'Bearer opaque', 'Bearer next'])
  })

  for (const status of [401, 419])
    test(`are exchanged once more after ${status}, for all at once, and the request is repeated, a commit too`, async () => {
      tokens.answers(issued('t1'), issued('t2'))
      const catalog = oauth()
      await catalog.loadTable(identifier)
      stub.answers(asked => (asked.headers.authorization === 'Bearer t2' ? { body: tableResult() } : { status }))
      await Promise.all([catalog.loadTable(identifier), catalog.commitTable(identifier, [], [])])
      assert.equal(tokens.asked.length, 2)
      stub.answers({ status })
      stub.asked.length = 0
      await assert.rejects(catalog.commitTable(identifier, [], []), { code: 'DENIED' })
      assert.ok(stub.asked.length <= 2)
    })

  test('that were rotated are taken up', async () => {
    let secret = { clientId: 'pipeline', clientSecret: 'old' }
    tokens.answers(asked => issued(`of-${new URLSearchParams(asked.body).get('client_secret')}`))
    const catalog = oauth({ secret: () => secret })
    await catalog.loadTable(identifier)
    secret = { clientId: 'pipeline', clientSecret: 'new' }
    stub.answers(onlyFor('of-new'))
    await catalog.loadTable(identifier)
    assert.deepEqual(sent(), ['Bearer of-old', 'Bearer of-old', 'Bearer of-new'])
  })

  test('that are wrong are told by what the token server says, and the catalog is not asked', async () => {
    tokens.answers({ status: 401, body: { error: 'invalid_client', error_description: 'unknown client' } })
    await assert.rejects(oauth().loadTable(identifier), {
      code: 'DENIED',
      message: /^POST http:\/\/127\.0\.0\.1:\d+\/realm\/token: 401 invalid_client: unknown client; check clientId/,
    })
    assert.deepEqual([stub.asked.length, tokens.asked.length], [0, 1])
  })

  test('for which the token server gives nothing that is a token are told', async () => {
    for (const body of [{}, '<html>', { access_token: '' }, { access_token: 'two words' }, { access_token: 7 }]) {
      tokens.answers({ body })
      await assert.rejects(oauth().loadTable(identifier), { code: 'UNAVAILABLE', message: /200 without a token/ })
    }
    tokens.answers({ fault: 'drop' })
    await assert.rejects(oauth().loadTable(identifier), { code: 'UNAVAILABLE', message: /realm\/token/ })
  })
})

test('SigV4 signs every request with the keys of the Secret as it is now', async () => {
  let accessKeyId = 'AKIDOLD'
  const properties = { 'rest.sigv4-enabled': 'true', 'rest.signing-region': 'eu-1', 'rest.signing-name': 'glue' }
  const secret = () => ({ accessKeyId, secretAccessKey: 'canary-secret', sessionToken: 'ST' })
  const catalog = catalogOf(stub.uri, { secret, properties })
  await catalog.loadTable(identifier)
  accessKeyId = 'AKIDNEW'
  await catalog.commitTable(identifier, [], [])
  assert.match(sent()[0]!, /^AWS4-HMAC-SHA256 Credential=AKIDOLD\/20231114\/eu-1\/glue\/aws4_request, SignedHeaders=/)
  assert.match(
    sent()[1]!,
    /Credential=AKIDNEW\/.*SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token,/,
  )
  assert.equal(stub.asked[1]?.headers['x-amz-security-token'], 'ST')
})

describe('no secret is shown', () => {
  const header = 'canary-header'
  const properties = { 'header.X-Key': header, ...tokenServer }
  const signing = { ...properties, 'rest.sigv4-enabled': 'true', 'rest.signing-region': 'r' }
  const logins: Readonly<Record<string, Partial<RestCatalogOptions> & { readonly canaries: readonly string[] }>> = {
    bearer: { secret: () => ({ token: 'canary-token' }), properties, canaries: [header, 'canary-token'] },
    oauth2: { secret: () => client, properties, canaries: [header, client.clientSecret, 'canary-issued'] },
    sigv4: {
      secret: () => ({ accessKeyId: 'canary-id', secretAccessKey: 'canary-key', sessionToken: 'canary-session' }),
      properties: signing,
      canaries: [header, 'canary-key', 'canary-session'],
    },
  }
  const repliesWith = (leak: string): readonly Reply[] => [
    errorOf(400, leak, leak),
    errorOf(403, 'Forbidden', leak),
    errorOf(500, 'Failure', `Authorization: Bearer ${leak}`),
    { body: `{"config":{"s3.secret-access-key":${leak}` },
    { body: { config: { token: leak }, metadata: { 'format-version': 2, location: leak } } },
    { status: 302, headers: { location: `http://x/?${encodeURIComponent(leak)}` } },
    { status: 401, headers: { 'www-authenticate': leak }, body: leak },
    { fault: 'drop' },
  ]
  const showsNone = (canaries: readonly string[]) => (error: Error) => {
    const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)
    for (const canary of canaries) assert.ok(!shown.includes(canary), shown)
    return error.name === 'CatalogError'
  }

  for (const [name, { canaries, ...options }] of Object.entries(logins))
    test(`in any error of a ${name} login`, async () => {
      for (const reply of repliesWith(canaries.join(' '))) {
        tokens.answers(issued('canary-issued'))
        stub.answers(reply)
        const catalog = catalogOf(stub.uri, options)
        await assert.rejects(catalog.loadTable(identifier), showsNone(canaries))
        await assert.rejects(catalog.commitTable(identifier, [], []), showsNone(canaries))
      }
    })

  test('where the token server repeats it', async () => {
    const leak = client.clientSecret
    for (const reply of [
      { status: 400, body: { error: leak, error_description: leak } },
      { status: 500, body: leak },
    ]) {
      tokens.answers(reply)
      await assert.rejects(oauth().loadTable(identifier), showsNone([leak]))
    }
  })
})

/** What is sent to a token endpoint, and what each kind of answer, or none, becomes: by host and status, never by its text. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { fetchToken, type OAuthLogin } from '../../../runtime/source/oauthEndpoint.ts'
import { OAuthError, type OAuthErrorCode } from '../../../runtime/source/oauthError.ts'
import { createAuthority } from '../../authority.ts'

const servers: Server[] = []
after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

/** `host:port`. */
async function listening(server: Server): Promise<string> {
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const serving = async (listener: RequestListener): Promise<OAuthLogin> =>
  loginAt(`http://${await listening(createServer(listener))}`)
const loginAt = (origin: string): OAuthLogin => ({
  tokenEndpoint: `${origin}/realms/health/token?tenant=1`,
  clientId: 'me: and+you',
  clientSecret: 'hidden~ü%/',
  scope: 'api://kafka/.default openid',
})

const answering = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  serving((_, response) => {
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
  })

async function rejects(login: OAuthLogin, code: OAuthErrorCode, message: RegExp, timeoutMs?: number): Promise<void> {
  const { host } = new URL(login.tokenEndpoint)
  await assert.rejects(fetchToken(login, timeoutMs), (error: unknown) => {
    assert.ok(error instanceof OAuthError, String(error))
    assert.equal(error.code, code, error.message)
    assert.ok(error.message.startsWith(`the token endpoint ${host}`), error.message)
    assert.match(error.message, message)
    assert.doesNotMatch(error.message + error.stack, /hidden|canary/)
    return true
  })
}

test('the request is a form, and the client is in its header, form-encoded', async () => {
  let seen: { request: IncomingMessage; form: string } | undefined
  const login = await serving(async (request, response) => {
    seen = { request, form: await text(request) }
    response.end('{"access_token":"abc.def-_~+/=","token_type":"Bearer","expires_in":300}')
  })
  assert.deepEqual(await fetchToken(login), { value: 'abc.def-_~+/=', lifetimeMs: 300_000 })
  const { request, form } = seen!
  assert.equal(request.method, 'POST')
  assert.equal(request.url, '/realms/health/token?tenant=1')
  assert.equal(request.headers['content-type'], 'application/x-www-form-urlencoded')
  const basic = Buffer.from(request.headers.authorization!.replace('Basic ', ''), 'base64').toString()
  assert.equal(basic, 'me%3A%20and%2Byou:hidden~%C3%BC%25%2F')
  assert.deepEqual(Object.fromEntries(new URLSearchParams(form)), {
    grant_type: 'client_credentials',
    scope: 'api://kafka/.default openid',
  })
})

test('without a scope none is asked for', async () => {
  let form = ''
  const login = await serving(async (request, response) => {
    form = await text(request)
    response.end('{"access_token":"abc"}')
  })
  await fetchToken({ ...login, scope: undefined })
  assert.equal(form, 'grant_type=client_credentials')
})

for (const [what, given, lifetimeMs] of [
  ['a number as text, as some write it', '"3599"', 3_599_000],
  ['missing', undefined, 0],
  ['no number', '"soon"', 0],
  ['negative', '-1', 0],
] as const)
  test(`a lifetime that is ${what}`, async () => {
    const lifetime = given === undefined ? '' : `,"expires_in":${given}`
    const token = await fetchToken(await answering(200, `{"access_token":"abc"${lifetime}}`))
    assert.deepEqual(token, { value: 'abc', lifetimeMs })
  })

for (const [what, status, body, code, message] of [
  [
    'a refused client',
    401,
    { error: 'invalid_client', error_description: 'canary' },
    'TOKEN_DENIED',
    /answers 401 \(invalid_client\): check tokenEndpoint, clientId, clientSecret and scope/,
  ],
  ['a refused scope', 400, { error: 'invalid_scope' }, 'TOKEN_DENIED', /answers 400 \(invalid_scope\)/],
  ['a word of its own', 400, { error: 'canary' }, 'TOKEN_DENIED', /answers 400: /],
  ['a wrong path', 404, '<html>canary</html>', 'TOKEN_DENIED', /answers 404: /],
  ['a server that fails', 503, 'canary', 'NO_TOKEN', /answers 503: see the state/],
  ['too many requests', 429, {}, 'NO_TOKEN', /answers 429/],
  ['no JSON', 200, 'canary', 'NO_TOKEN', /answers 200 without a bearer token/],
  ['no object', 200, '["canary"]', 'NO_TOKEN', /without a bearer token/],
  ['null', 200, 'null', 'NO_TOKEN', /without a bearer token/],
  ['an empty answer', 200, '', 'NO_TOKEN', /without a bearer token/],
  ['a token that is no text', 200, { access_token: 7 }, 'NO_TOKEN', /without a bearer token/],
  ['a token that would end the message to the broker', 200, { access_token: 'canary\x01a=b' }, 'NO_TOKEN', /without/],
  ['a huge answer', 200, 'canary'.repeat(100_000), 'NO_TOKEN', /larger than 262144 bytes/],
] as const)
  test(`${what} is told without its text`, async () => rejects(await answering(status, body), code, message))

test('a redirect is not followed', async () => {
  let asked = 0
  const target = await serving((_, response) => {
    asked++
    response.end('{"access_token":"canary"}')
  })
  const login = await answering(307, '', { location: target.tokenEndpoint })
  await rejects(login, 'TOKEN_DENIED', /answers 307: /)
  assert.equal(asked, 0)
})

test('a server that says nothing, or stops in the middle, is not waited for', async () => {
  await rejects(await serving(() => {}), 'NO_TOKEN', /does not answer \(no whole answer within 50 ms\)/, 50)
  const half = await serving((_, response) => void response.write('{"access_token":'))
  await rejects(half, 'NO_TOKEN', /does not answer \(no whole answer within 50 ms\)/, 50)
})

test('a connection that breaks, and a server that is not there', async () => {
  await rejects(await serving(request => request.socket.destroy()), 'NO_TOKEN', /does not answer \(ECONNRESET\)/)
  const breaking = await serving((request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{', () => request.socket.destroy())
  })
  await rejects(breaking, 'NO_TOKEN', /does not answer \(ECONNRESET\)/)
  const server = createServer()
  const gone = loginAt(`http://${await listening(server)}`)
  await once(server.close(), 'close')
  await rejects(gone, 'NO_TOKEN', /does not answer \(ECONNREFUSED\): check tokenEndpoint/)
})

test('over TLS it is checked against the authority that the Secret names, or the system’s', async () => {
  const { ca, issue } = await createAuthority()
  const { certificate: cert, key } = await issue('token server')
  const server = createHttpsServer({ cert, key }, (_, response) => response.end('{"access_token":"abc"}'))
  const login = loginAt(`https://${await listening(server)}`)
  assert.equal((await fetchToken({ ...login, authorities: ca })).value, 'abc')
  await rejects(login, 'NO_TOKEN', /TLS handshake failed \(\w+\): .*its authority into key ca\.crt/)
  await rejects({ ...login, authorities: (await createAuthority()).ca }, 'NO_TOKEN', /TLS handshake failed/)
})

/**
 * An authorization server that gives signed tokens for a client's secret, as real ones do (RFC 6749 section 4.4, RFC 7519),
 * over TLS under an authority of its own.
 */
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createAuthority } from '../authority.ts'

export const issuer = 'https://issuer.test'
export const audience = 'kafka'
export const clientId = 'reader'
export const scope = 'read:health'

export interface IssuedToken {
  readonly token: string
  readonly lifetimeSeconds: number
  readonly atMs: number
}

export interface TokenServer {
  /** With `?lifetime=20` tokens are good for 20 s, else for 300. */
  readonly url: string
  /** Certificate of its authority, PEM. */
  readonly ca: string
  /** The public key, as brokers read it (RFC 7517). */
  readonly jwks: string
  clientSecret: string
  /** Who tokens are for. */
  audience: string
  /** Answers everyone with 503. */
  isDown: boolean
  /** What was given out, in order. */
  readonly issued: readonly IssuedToken[]
  /** How many were refused for their secret. */
  readonly refusals: number
  stop(): Promise<void>
}

export async function startTokenServer(clientSecret: string): Promise<TokenServer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const authority = await createAuthority()
  const { certificate: cert, key } = await authority.issue('token server')
  const issued: IssuedToken[] = []

  function tokenOf(lifetimeSeconds: number): string {
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: issuer, aud: state.audience, sub: clientId, iat, exp: iat + lifetimeSeconds }
    const parts = [{ alg: 'RS256', typ: 'JWT', kid: 'test' }, claims]
    const signed = parts.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`
  }

  const basic = () => `Basic ${Buffer.from(`${clientId}:${encodeURIComponent(state.clientSecret)}`).toString('base64')}`
  const answerTo = (url: string, authorization: string | undefined, form: string): readonly [number, object] => {
    if (state.isDown) return [503, { error: 'temporarily_unavailable' }]
    if (authorization !== basic()) {
      refusals++
      return [401, { error: 'invalid_client', error_description: `fr33-text of ${authorization}` }]
    }
    if (new URLSearchParams(form).get('scope') !== scope) return [400, { error: 'invalid_scope' }]
    const lifetimeSeconds = Number(new URL(url, state.url).searchParams.get('lifetime') ?? 300)
    const token = tokenOf(lifetimeSeconds)
    issued.push({ token, lifetimeSeconds, atMs: Date.now() })
    return [200, { access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds }]
  }

  let refusals = 0
  const server = createServer({ cert, key }, (request, response) => {
    void text(request).then(form => {
      const [status, answer] = answerTo(request.url!, request.headers.authorization, form)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const state = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    ca: authority.ca,
    jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' }] }),
    clientSecret,
    audience,
    isDown: false,
    issued,
    get refusals() {
      return refusals
    },
    async stop() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
  return state
}

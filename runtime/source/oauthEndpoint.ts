/**
 * A token for a client id and its secret, from the token endpoint of an authorization server: one request, bounded in time
 * and size. It follows no redirect, keeps nothing, and tells of an answer only its status and the words of the RFC.
 *
 * Source: RFC 6749 sections 2.3.1 (HTTP Basic), 4.4 (client credentials), 5 (answers); KIP-768.
 */
import { type HttpRequest, httpClient, NoAnswerError } from '../httpExchange.ts'
import { isTlsFailure } from '../tlsContext.ts'
import { OAuthError } from './oauthError.ts'

export interface OAuthLogin {
  /** `https://host/path` or `http://host/path`, without a login in it. */
  readonly tokenEndpoint: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope?: string | undefined
  /** Certificates (PEM) that the endpoint is checked against, in place of the system's. */
  readonly authorities?: string | undefined
}

export interface OAuthToken {
  readonly value: string
  /** From when it was asked for; 0 where the endpoint does not say. */
  readonly lifetimeMs: number
}

const usualTimeoutMs = 10_000
const maxAnswerBytes = 256 * 1024

/** RFC 6749 section 5.2. */
const errorWords: readonly unknown[] = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
]

const secret = 'the Secret of spec.kafka.sasl.secretRef'
const secretFix = `check tokenEndpoint, clientId, clientSecret and scope in ${secret}`
const serverFix = 'see the state of the token server'
const reachFix = `check tokenEndpoint in ${secret}, and that it can be reached from here`
const authorityFix = `see its certificate, or put those of its authority into key ca.crt of ${secret}`

/** Rejects with OAuthError. */
export async function fetchToken(login: OAuthLogin, timeoutMs = usualTimeoutMs): Promise<OAuthToken> {
  const request = requestOf(login)
  const endpoint = `the token endpoint ${request.url.host}`
  // Connections of its own: others may have been checked against other authorities, or stand for hours unused.
  const client = httpClient({ connectTimeoutMs: timeoutMs, timeoutMs, maxBytes: maxAnswerBytes }, login.authorities)
  const { status, body } = await client
    .exchange(request)
    .catch((error: unknown) => {
      throw error instanceof NoAnswerError ? unanswered(endpoint, error) : error
    })
    .finally(() => client.close())
  const document = objectOf(body)
  if (status !== 200) throw refusal(endpoint, status, document?.error)
  const { access_token: value, expires_in: seconds } = document ?? {}
  // Nothing else may stand in a header, or in the message to a broker (RFC 6750 section 2.1).
  if (typeof value !== 'string' || !/^[\w.~+/-]+=*$/.test(value))
    throw new OAuthError('NO_TOKEN', `${endpoint} answers 200 without a bearer token: ${serverFix}`)
  const lifetimeMs = Number(seconds) * 1000
  return { value, lifetimeMs: lifetimeMs > 0 ? lifetimeMs : 0 }
}

function refusal(endpoint: string, status: number, error: unknown): OAuthError {
  const word = errorWords.includes(error) ? ` (${error})` : ''
  const isTransient = status >= 500 || status === 429 || status === 408
  return isTransient
    ? new OAuthError('NO_TOKEN', `${endpoint} answers ${status}${word}: ${serverFix}`)
    : new OAuthError('TOKEN_DENIED', `${endpoint} answers ${status}${word}: ${secretFix}`)
}

function unanswered(endpoint: string, error: NoAnswerError): OAuthError {
  const { kind, message, cause } = error
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException
  if (kind === 'oversize') return new OAuthError('NO_TOKEN', `${endpoint}: ${message}: ${serverFix}`, error)
  return isTlsFailure(code)
    ? new OAuthError('NO_TOKEN', `${endpoint}: TLS handshake failed (${code}): ${authorityFix}`, error)
    : new OAuthError('NO_TOKEN', `${endpoint} does not answer (${message}): ${reachFix}`, error)
}

function requestOf(login: OAuthLogin): HttpRequest {
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  if (login.scope !== undefined) form.set('scope', login.scope)
  return {
    method: 'POST',
    url: new URL(login.tokenEndpoint),
    headers: {
      authorization: basic(login),
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: form.toString(),
  }
}

/** The user's parts are form-encoded first; what need not be encoded stays as it is, for servers that do not decode. */
const basic = ({ clientId, clientSecret }: OAuthLogin): string =>
  `Basic ${Buffer.from([clientId, clientSecret].map(encodeURIComponent).join(':')).toString('base64')}`

/** Undefined for what is no JSON object. */
function objectOf(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const document: unknown = JSON.parse(String(body))
    return typeof document === 'object' && document !== null ? { ...document } : undefined
  } catch {
    return undefined
  }
}

/**
 * A token for a client id and its secret, from the token endpoint of an authorization server: one request, bounded in time
 * and size. It follows no redirect, keeps nothing, and tells of an answer only its status and the words of the RFC.
 *
 * Source: RFC 6749 sections 2.3.1 (HTTP Basic), 4.4 (client credentials), 5 (answers); KIP-768.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tlsContext } from '../tlsContext.ts'
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

interface Answer {
  readonly status: number
  /** Undefined for what is no JSON object. */
  readonly document: Readonly<Record<string, unknown>> | undefined
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
  const url = new URL(login.tokenEndpoint)
  const endpoint = `the token endpoint ${url.host}`
  const deadline = AbortSignal.timeout(timeoutMs)
  const { status, document } = await post(url, login, deadline).catch((error: unknown) => {
    const late = `${endpoint} gave no whole answer within ${timeoutMs} ms: ${reachFix}`
    throw deadline.aborted ? new OAuthError('NO_TOKEN', late, error) : unanswered(endpoint, error)
  })
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

function unanswered(endpoint: string, error: unknown): OAuthError {
  const { name, code = '' } = error as NodeJS.ErrnoException
  if (error instanceof RangeError) return new OAuthError('NO_TOKEN', `${endpoint}: ${error.message}: ${serverFix}`)
  const isUntrusted = /CERT|SIGNATURE|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME/.test(code)
  return isUntrusted
    ? new OAuthError('NO_TOKEN', `${endpoint}: TLS handshake failed (${code}): ${authorityFix}`, error)
    : new OAuthError('NO_TOKEN', `${endpoint} does not answer (${code || name}): ${reachFix}`, error)
}

async function post(url: URL, login: OAuthLogin, signal: AbortSignal): Promise<Answer> {
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  if (login.scope !== undefined) form.set('scope', login.scope)
  const isEncrypted = url.protocol === 'https:'
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = (isEncrypted ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      headers: {
        authorization: basic(login),
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
      },
      // A connection of its own: those of Node's agent may have been checked against other authorities.
      agent: false,
      signal,
      ...(isEncrypted && { secureContext: tlsContext({ ca: login.authorities }) }),
    })
    request.on('response', resolve)
    request.on('error', reject)
    request.end(form.toString())
  })
  return { status: response.statusCode ?? 0, document: objectOf(await read(response)) }
}

/** The user's parts are form-encoded first; what need not be encoded stays as it is, for servers that do not decode. */
const basic = ({ clientId, clientSecret }: OAuthLogin): string =>
  `Basic ${Buffer.from([clientId, clientSecret].map(encodeURIComponent).join(':')).toString('base64')}`

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Ends with an error where less comes than the headers say.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new RangeError(`the answer is larger than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return String(Buffer.concat(chunks))
}

function objectOf(body: string): Answer['document'] {
  try {
    const document: unknown = JSON.parse(body)
    return typeof document === 'object' && document !== null ? { ...document } : undefined
  } catch {
    return undefined
  }
}

/**
 * A session with a REST catalog: its connections, its login and what the server said of itself, asked for once. It knows
 * which requests may be sent again, and nothing of tables.
 */

import { type HttpAnswer, type HttpRequest, httpClient, NoAnswerError } from '../../httpExchange.ts'
import { CatalogError } from '../catalog.ts'
import { stringifyJson } from '../metadataJson.ts'
import { type Intent, type JsonObject, jsonObjectOf, refusal, unreadable } from './answers.ts'
import { authorization, type Secret } from './authorization.ts'
import { idempotencyKey } from './idempotencyKey.ts'
import { fetchToken } from './oauth2.ts'
import { Redaction } from './redaction.ts'
import { type CatalogRequest, catalogRequests, nameOf, type RestOperation } from './requests.ts'
import { catalogUri, endpoints, type ServerConfiguration, serverConfiguration } from './serverConfiguration.ts'
import { type RestSettings, restSettings } from './settings.ts'

/** The HTTP status, or why there is none. */
export type RestStatus = number | NoAnswerError['kind']

export interface RestSessionOptions {
  /** `https://host/path`, above `/v1`. */
  readonly uri: string
  /** As the server calls it. */
  readonly warehouse?: string
  /** `rest.*`, `oauth2-server-uri`, `scope`, `header.*`, … as Iceberg Java names them. */
  readonly properties: Readonly<Record<string, string>>
  /** Certificates (PEM) that the catalog and the server of its tokens are checked against, in place of the system's. */
  readonly authorities?: string | undefined
  /**
   * Keys and contents of the mounted Secret: `token`, or `clientId` and `clientSecret`, or `accessKeyId` and
   * `secretAccessKey`. Read anew whenever a login is made. What it throws is shown, and must name no secret.
   */
  readonly secret?: () => Secret
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly random: () => number
  /** Random UUIDs, version 4. */
  readonly newId: () => string
  /** Of a whole request, 30 s unless told. */
  readonly timeoutMs?: number
  /** 5 s unless told. */
  readonly connectTimeoutMs?: number
  /** Told of each HTTP request, repeated ones and those for tokens too. */
  readonly observer?: (operation: RestOperation, status: RestStatus, ms: number) => void
}

export interface RequestContent {
  readonly intent: Intent
  readonly headers?: Readonly<Record<string, string>>
  /** To be sent as JSON. */
  readonly body?: unknown
}

export interface RestSession {
  readonly settings: RestSettings
  /** Rejects with CatalogError. */
  configuration(): Promise<ServerConfiguration>
  /** Throws CatalogError DENIED where the server does not offer it. */
  request(
    server: ServerConfiguration,
    operation: keyof typeof endpoints,
    path: string,
    content: RequestContent,
  ): CatalogRequest
  /** Resolves with a success or one of `expected`. Rejects with CatalogError. */
  send(request: CatalogRequest, expected?: readonly number[]): Promise<HttpAnswer>
  /** The error that an answer is. */
  refusal(request: CatalogRequest, answer: HttpAnswer): CatalogError
  close(): void
}

const usualTimeoutMs = 30_000
const usualConnectTimeoutMs = 5_000
const maxAnswerBytes = 64 * 2 ** 20

/** The JSON object that a success is. Throws CatalogError. */
export function objectIn(request: CatalogRequest, answer: HttpAnswer): JsonObject {
  const object = jsonObjectOf(answer.body)
  if (object === undefined) throw unreadable(nameOf(request), answer, request.intent, 'no JSON object')
  return object
}

/** @throws CatalogError DENIED for options that cannot be used */
export function restSession(options: RestSessionOptions): RestSession {
  const { now, newId } = options
  const uri = catalogUri(options.uri)
  const settings = restSettings(options.properties)
  const timeoutMs = settings.timeoutMs ?? options.timeoutMs ?? usualTimeoutMs
  const connectTimeoutMs = settings.connectTimeoutMs ?? options.connectTimeoutMs ?? usualConnectTimeoutMs
  const http = httpClient({ connectTimeoutMs, timeoutMs, maxBytes: maxAnswerBytes }, options.authorities)
  const exchange = observed(options, http.exchange)
  const redaction = new Redaction()
  for (const value of Object.values(settings.headers)) redaction.add(value)
  const oauth2 = { uri, settings: settings.oauth2, redaction, now }
  const send = catalogRequests({
    ...options,
    exchange,
    headers: Object.fromEntries(Object.entries(settings.headers).filter(([, value]) => value !== '')),
    redaction,
    authorization: authorization({
      ...options,
      settings,
      redaction,
      fetchToken: secret => fetchToken({ ...oauth2, exchange: request => exchange('fetchToken', request) }, secret),
    }),
  })

  async function configure(): Promise<ServerConfiguration> {
    const url = new URL(`${uri}/v1/config`)
    if (options.warehouse !== undefined) url.searchParams.set('warehouse', options.warehouse)
    const repeatUntilMs = now() + timeoutMs
    const request: CatalogRequest = { operation: 'config', intent: 'read', method: 'GET', url, repeatUntilMs }
    return serverConfiguration(objectIn(request, await send(request)), options.properties, uri)
  }

  let configuring: Promise<ServerConfiguration> | undefined

  return {
    settings,
    send,
    refusal: (request, answer) => refusal(nameOf(request), answer, request.intent, redaction),
    close: http.close,

    configuration() {
      // A failure is not kept.
      configuring ??= configure().catch(error => {
        configuring = undefined
        throw error
      })
      return configuring
    },

    request(server, operation, path, { intent, headers, body }) {
      const endpoint = endpoints[operation]
      if (!server.serves(endpoint))
        throw new CatalogError('DENIED', `the catalog does not offer ${endpoint}; use a catalog that does`)
      const method = endpoint.startsWith('GET ') ? 'GET' : 'POST'
      const lifetimeMs = method === 'POST' ? server.idempotencyLifetimeMs : undefined
      // A namespace that is created twice is there; any other change is sent again only where the server knows it again.
      const mayRepeat = method === 'GET' || operation === 'createNamespace' || lifetimeMs !== undefined
      return {
        operation,
        intent,
        method,
        url: new URL(server.uri + path),
        headers: { ...headers, ...(lifetimeMs && { 'idempotency-key': idempotencyKey(now(), newId()) }) },
        body: body === undefined ? undefined : stringifyJson(body),
        repeatUntilMs: mayRepeat ? now() + Math.min(timeoutMs, lifetimeMs ?? timeoutMs) : 0,
      }
    },
  }
}

type Exchange = (request: HttpRequest) => Promise<HttpAnswer>

const observed =
  ({ observer, now }: RestSessionOptions, exchange: Exchange) =>
  async (operation: RestOperation, request: HttpRequest): Promise<HttpAnswer> => {
    const startMs = now()
    try {
      const answer = await exchange(request)
      observer?.(operation, answer.status, now() - startMs)
      return answer
    } catch (error) {
      if (error instanceof NoAnswerError) observer?.(operation, error.kind, now() - startMs)
      throw error
    }
  }

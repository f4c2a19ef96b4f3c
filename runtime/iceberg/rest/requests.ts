/**
 * Requests to a catalog: with its headers and login, observed, and repeated where that is safe: a new login after a refusal,
 * a pause where the server asks for one, a few tries with full jitter for what may be asked twice. It never repeats a change
 * of its own accord.
 */

import { type HttpAnswer, type HttpRequest, NoAnswerError } from '../../httpExchange.ts'
import { type Intent, noAnswer, type RequestName, refusal } from './answers.ts'
import type { Authorization } from './authorization.ts'
import type { Redaction } from './redaction.ts'

export type RestOperation =
  | 'config'
  | 'loadNamespace'
  | 'createNamespace'
  | 'loadTable'
  | 'createTable'
  | 'commitTable'
  | 'fetchToken'

export interface CatalogRequest {
  readonly operation: RestOperation
  readonly intent: Intent
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Until when it may be sent again, milliseconds since the epoch. */
  readonly repeatUntilMs: number
}

export interface RequestsOptions {
  /** Rejects with NoAnswerError. */
  readonly exchange: (operation: RestOperation, request: HttpRequest) => Promise<HttpAnswer>
  readonly authorization: Authorization
  readonly headers: Readonly<Record<string, string>>
  readonly redaction: Redaction
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly random: () => number
}

const attempts = 3
const firstWaitMs = 250
const maxWaitMs = 2_000
const longestPauseMs = 30_000

/** Answers that another try may change. */
const passing: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
/** Answers that another login may change. */
const loginRefused: ReadonlySet<number> = new Set([401, 419])

/** Milliseconds from now; undefined where the header says nothing (RFC 9110 section 10.2.3). */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return ms > 0 ? Math.min(ms, longestPauseMs) : undefined
}

export const nameOf = ({ method, url }: Pick<CatalogRequest, 'method' | 'url'>): RequestName => ({
  method,
  path: url.pathname,
})

/** Resolves with a success or one of `expected`; rejects with CatalogError. */
export type Send = (request: CatalogRequest, expected?: readonly number[]) => Promise<HttpAnswer>

export function catalogRequests(options: RequestsOptions): Send {
  const { exchange, authorization, redaction, now, sleep, random } = options
  /** The server asked to be left alone until then. */
  let pausedUntilMs = 0

  async function once(request: CatalogRequest): Promise<HttpAnswer> {
    const plain: HttpRequest = {
      method: request.method,
      url: request.url,
      headers: {
        accept: 'application/json',
        ...(request.body !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
        ...request.headers,
      },
      body: request.body,
    }
    for (let renewed = false; ; renewed = true) {
      const login = await authorization.headersFor(plain)
      const answer = await exchange(request.operation, { ...plain, headers: { ...plain.headers, ...login } })
      // A refused login means that nothing was done, also for a change.
      if (!loginRefused.has(answer.status) || renewed || !(await authorization.renew(login))) return answer
    }
  }

  const attempt = (request: CatalogRequest): Promise<HttpAnswer | NoAnswerError> =>
    once(request).catch(error => {
      if (error instanceof NoAnswerError) return error
      throw error
    })

  return async (request, expected = []) => {
    for (let number = 1; ; number++) {
      if (pausedUntilMs > now()) await sleep(pausedUntilMs - now())
      const answer = await attempt(request)
      if (!(answer instanceof NoAnswerError)) {
        if (answer.status === 200 || expected.includes(answer.status)) return answer
        pausedUntilMs = Math.max(pausedUntilMs, now() + (retryAfterMs(answer.retryAfter, now()) ?? 0))
      }
      const mayChange = answer instanceof NoAnswerError ? answer.kind !== 'oversize' : passing.has(answer.status)
      if (!mayChange || number === attempts || now() >= request.repeatUntilMs) {
        if (answer instanceof NoAnswerError) throw noAnswer(nameOf(request), answer, request.intent)
        throw refusal(nameOf(request), answer, request.intent, redaction)
      }
      await sleep(random() * Math.min(maxWaitMs, firstWaitMs * 2 ** number))
    }
  }
}

/**
 * One HTTP request to the API server and its answer: bounded in time and size, errors told without headers or bodies.
 * It knows JSON and nothing of Kubernetes; it repeats nothing but what never left.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Connection } from './clusterAccess.ts'
import { unanswered } from './statusError.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly retryAfter?: string
  /** Undefined where the body is no JSON. */
  readonly body: unknown
}

export interface HttpLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** Without the query, which may be a continue token as long as a page. */
export const nameOfRequest = ({ method, path }: Pick<HttpRequest, 'method' | 'path'>): string =>
  `${method} ${path.split('?')[0]}`

/** Rejects with KubernetesError, `Unavailable`, without a complete answer. */
export function exchange(connection: Connection, request: HttpRequest, limits: HttpLimits): Promise<HttpAnswer> {
  return withinTime(request, limits.timeoutMs, async signal => {
    const response = await send(connection, { ...request, signal }, 'requests')
    const body = parsed(await read(response, limits.maxBytes))
    return { status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body }
  })
}

/** Resolves when the answer begins, to what reads it; the time limit counts until then. The caller destroys it. */
export async function openStream(
  connection: Connection,
  request: HttpRequest,
  { timeoutMs }: HttpLimits,
): Promise<IncomingMessage> {
  const response = await withinTime(request, timeoutMs, signal => send(connection, { ...request, signal }, 'watches'))
  // From here on the caller's own signal ends it.
  const end = () => response.destroy()
  if (request.signal?.aborted) end()
  request.signal?.addEventListener('abort', end, { once: true })
  response.once('close', () => request.signal?.removeEventListener('abort', end))
  return response
}

/** The whole body. Throws where it is larger than `maxBytes`. */
export async function read(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) {
      response.destroy()
      throw new Error(`the answer is larger than ${maxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Calls `work` with a signal that follows the request's own and the time limit. */
async function withinTime<Result>(
  request: HttpRequest,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ending = new AbortController()
  const timer = setTimeout(() => ending.abort(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
  const abort = () => ending.abort(new Error('aborted'))
  request.signal?.addEventListener('abort', abort)
  try {
    if (request.signal?.aborted) abort()
    return await work(ending.signal)
  } catch (error) {
    throw unanswered(nameOfRequest(request), ((ending.signal.reason ?? error) as Error).message, error)
  } finally {
    clearTimeout(timer)
    request.signal?.removeEventListener('abort', abort)
  }
}

/** A create or a replacement is not repeated: the API server may have taken it. */
const mayRepeat = ({ method }: HttpRequest) => method !== 'POST' && method !== 'PUT'

/** A kept connection that the server closed just when the request left says nothing about the server: once more then. */
async function send(connection: Connection, request: HttpRequest, pool: 'requests' | 'watches') {
  try {
    return await sendOnce(connection, request, pool)
  } catch (error) {
    const { code, reused } = error as { code?: string; reused?: boolean }
    if (!reused || code !== 'ECONNRESET' || !mayRepeat(request)) throw error
    return await sendOnce(connection, request, pool)
  }
}

function sendOnce(
  { server, headers, auth, ...agents }: Connection,
  request: HttpRequest,
  pool: 'requests' | 'watches',
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const url = new URL(server + request.path)
    // Node gives no length to the body of a DELETE by itself: the server would take it for the next request.
    const length = request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }
    const outgoing = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, {
      method: request.method,
      headers: { ...headers, ...request.headers, ...length },
      auth,
      agent: agents[pool],
      signal: request.signal,
    })
    outgoing.on('response', resolve)
    outgoing.on('error', error => reject(Object.assign(error, { reused: outgoing.reusedSocket })))
    outgoing.end(request.body)
  })
}

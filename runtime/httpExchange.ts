/**
 * One HTTP request and its whole answer: bounded in time and size, over connections of its own that are kept. It follows no
 * redirect and repeats nothing.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { tlsContext } from './tlsContext.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly etag?: string
  readonly retryAfter?: string
  readonly body: Buffer
}

export interface HttpLimits {
  readonly connectTimeoutMs: number
  /** From the first byte sent to the last received, waiting for a connection included. */
  readonly timeoutMs: number
  /** Of an answer, unpacked. */
  readonly maxBytes: number
}

/** There is no whole answer. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
  readonly kind: 'unreachable' | 'timeout' | 'lost' | 'oversize'
  /** Whether the server may have got the request. */
  readonly sent: boolean
  constructor(kind: NoAnswerError['kind'], sent: boolean, message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
    this.sent = sent
  }
}

export interface HttpClient {
  /** Rejects with NoAnswerError. */
  exchange(request: HttpRequest): Promise<HttpAnswer>
  close(): void
}

const unpack = promisify(gunzip)
const connections = 16

/** @param authorities certificates (PEM) that servers are checked against, in place of the system's */
export function httpClient(limits: HttpLimits, authorities?: string): HttpClient {
  const http = new HttpAgent({ keepAlive: true, maxSockets: connections })
  let https: HttpsAgent | undefined
  return {
    async exchange(request) {
      if (request.url.protocol === 'http:') return exchange(request, http, limits)
      https ??= new HttpsAgent({
        keepAlive: true,
        maxSockets: connections,
        secureContext: tlsContext({ ca: authorities }),
      })
      return exchange(request, https, limits)
    },
    close() {
      http.destroy()
      https?.destroy()
    },
  }
}

async function exchange(request: HttpRequest, agent: HttpAgent | HttpsAgent, limits: HttpLimits): Promise<HttpAnswer> {
  const ending = new AbortController()
  let sent = false
  const end = (kind: NoAnswerError['kind'], what: string) => ending.abort(new NoAnswerError(kind, sent, what))
  const timer = setTimeout(() => end('timeout', `no whole answer within ${limits.timeoutMs} ms`), limits.timeoutMs)
  try {
    const response = await send(request, agent, ending.signal, socket => {
      watchConnecting(socket, request.url, limits.connectTimeoutMs, end, () => {
        sent = true
      })
    })
    const packed = await read(response, limits.maxBytes)
    const isPacked = response.headers['content-encoding']?.toLowerCase() === 'gzip'
    return {
      status: response.statusCode ?? 0,
      etag: response.headers.etag,
      retryAfter: response.headers['retry-after'],
      body: isPacked && packed.length > 0 ? await unpacked(packed, limits.maxBytes) : packed,
    }
  } catch (error) {
    if (ending.signal.reason instanceof NoAnswerError) throw ending.signal.reason
    if (error instanceof NoAnswerError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new NoAnswerError(sent ? 'lost' : 'unreachable', sent, code ?? message, error)
  } finally {
    clearTimeout(timer)
  }
}

function send(
  { method, url, headers, body }: HttpRequest,
  agent: HttpAgent | HttpsAgent,
  signal: AbortSignal,
  onSocket: (socket: Socket) => void,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const outgoing = (url.protocol === 'http:' ? httpRequest : httpsRequest)(url, {
      method,
      headers: { ...headers, 'accept-encoding': 'gzip', ...length },
      agent,
      signal,
    })
    outgoing.on('socket', onSocket)
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Nothing of a request leaves before the connection stands, which for https is after the handshake. */
function watchConnecting(
  socket: Socket,
  { protocol }: URL,
  timeoutMs: number,
  end: (kind: 'unreachable', what: string) => void,
  connected: () => void,
): void {
  if (!socket.connecting) {
    connected()
    return
  }
  const timer = setTimeout(() => end('unreachable', `no connection within ${timeoutMs} ms`), timeoutMs)
  socket.once('close', () => clearTimeout(timer))
  socket.once(protocol === 'http:' ? 'connect' : 'secureConnect', () => {
    clearTimeout(timer)
    connected()
  })
}

const tooLarge = (maxBytes: number, cause?: unknown): NoAnswerError =>
  new NoAnswerError('oversize', true, `the answer is larger than ${maxBytes} bytes`, cause)

const unpacked = (bytes: Buffer, maxOutputLength: number): Promise<Buffer> =>
  unpack(bytes, { maxOutputLength }).catch(error => {
    throw error.code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxOutputLength, error) : error
  })

async function read(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Ends with an error where less comes than the headers say.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

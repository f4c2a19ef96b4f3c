/**
 * The HTTP server of a consumer: /metrics, /livez, /readyz and /status. It answers with what the given functions say
 * and knows nothing of the pipeline. Only GET and HEAD; nothing can be changed through it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../contract/logger.ts'
import type { RuntimeStatus } from '../contract/status.ts'

export interface Health {
  readonly ok: boolean
  /** For people: why not. */
  readonly message: string
}

export interface TelemetrySources {
  /** Prometheus text format 0.0.4. */
  metricsText(): Promise<string>
  live(): Health
  ready(): Health
  status(): RuntimeStatus
}

export interface TelemetryServerOptions extends TelemetrySources {
  /** Address to listen on, e.g. `0.0.0.0` in a pod. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly logger: Logger
}

export interface TelemetryServer {
  /** The real port. */
  readonly port: number
  /** Takes no new request, lets running ones end (a second at most), and frees the port. */
  close(): Promise<void>
}

export type TelemetryServerErrorCode = 'PORT_IN_USE' | 'CANNOT_LISTEN'

export class TelemetryServerError extends Error {
  override readonly name = 'TelemetryServerError'
  readonly code: TelemetryServerErrorCode
  constructor(code: TelemetryServerErrorCode, message: string, cause: unknown) {
    super(message, { cause })
    this.code = code
  }
}

const plainText = 'text/plain; charset=utf-8'
/** Always, whatever Accept says: OpenMetrics would rename the counters without `_total`. */
const expositionFormat = 'text/plain; version=0.0.4; charset=utf-8'
const closeDeadlineMs = 1_000

interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
}

/** Resolves once it listens. Rejects with TelemetryServerError. */
export async function startTelemetryServer(options: TelemetryServerOptions): Promise<TelemetryServer> {
  const { host, port, logger } = options
  const server = createServer((request, response) => void handle(options, request, response))
  await listen(server, host, port)
  const realPort = (server.address() as AddressInfo).port
  logger.info(`PrometheusReporter listening on :${realPort}`, { context: { host, port: realPort } })
  return { port: realPort, close: () => close(server) }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(host, port, cause)))
    server.listen({ host, port }, resolve)
  })
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): TelemetryServerError {
  return cause.code === 'EADDRINUSE'
    ? new TelemetryServerError(
        'PORT_IN_USE',
        `metrics port ${port} on ${host} is in use · free it, or set another port (0 takes a free one)`,
        cause,
      )
    : new TelemetryServerError(
        'CANNOT_LISTEN',
        `metrics port ${port} on ${host} cannot be listened on (${cause.code}) · set an address of this machine and a port that this user may open`,
        cause,
      )
}

async function close(server: Server): Promise<void> {
  const deadline = setTimeout(() => server.closeAllConnections(), closeDeadlineMs)
  await new Promise<void>(resolve => server.close(() => resolve()))
  clearTimeout(deadline)
}

async function handle(
  options: TelemetryServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let answer: Answer
  try {
    answer = await answerTo(options, request)
  } catch (error) {
    options.logger.error('A telemetry request failed', { context: { path: pathOf(request) }, error })
    answer = { code: 500, type: plainText, body: 'internal error; the log says more\n' }
  }
  const headers = {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    ...(answer.code === 405 && { allow: 'GET, HEAD' }),
  }
  response.writeHead(answer.code, headers).end(request.method === 'HEAD' ? undefined : answer.body)
}

async function answerTo(sources: TelemetrySources, request: IncomingMessage): Promise<Answer> {
  const answers: Record<string, () => Answer | Promise<Answer>> = {
    '/metrics': async () => ({ code: 200, type: expositionFormat, body: await sources.metricsText() }),
    '/livez': () => healthAnswer(sources.live()),
    '/readyz': () => healthAnswer(sources.ready()),
    '/status': () => ({ code: 200, type: 'application/json', body: `${JSON.stringify(sources.status())}\n` }),
  }
  const path = pathOf(request)
  if (!Object.hasOwn(answers, path)) {
    return { code: 404, type: plainText, body: `not found; try ${Object.keys(answers).join(', ')}\n` }
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { code: 405, type: plainText, body: 'only GET and HEAD\n' }
  }
  return answers[path]!()
}

const healthAnswer = ({ ok, message }: Health): Answer => ({
  code: ok ? 200 : 503,
  type: plainText,
  body: `${message}\n`,
})

const pathOf = (request: IncomingMessage) => (request.url ?? '/').split('?', 1)[0]!

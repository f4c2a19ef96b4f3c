/** The operator's HTTP server: /metrics, /livez and /readyz. Only GET and HEAD; nothing can be changed through it. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Health {
  readonly ok: boolean
  /** For people. */
  readonly message: string
}

export interface ServerSources {
  /** Prometheus text format 0.0.4. */
  metricsText(): Promise<string>
  live(): Health
  ready(): Health
}

export interface OperatorServer {
  readonly port: number
  close(): Promise<void>
}

/** Resolves once it listens; rejects where it cannot. Port 0 takes a free one. */
export async function startServer(host: string, port: number, sources: ServerSources): Promise<OperatorServer> {
  const server = createServer(async (request, response) => {
    const { code, type, body } = await answer(request.url ?? '/', sources).catch(() => failed)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    response.writeHead(isRead ? code : 405, { 'content-type': type, 'cache-control': 'no-store' })
    response.end(request.method === 'GET' ? body : undefined)
  })
  await listen(server, host, port)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, resolve)
  })
}

interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
}

const plain = 'text/plain; charset=utf-8'
const failed: Answer = { code: 500, type: plain, body: 'internal error\n' }

async function answer(url: string, sources: ServerSources): Promise<Answer> {
  const health = ({ ok, message }: Health): Answer => ({ code: ok ? 200 : 503, type: plain, body: `${message}\n` })
  switch (url.split('?', 1)[0]) {
    case '/metrics':
      return { code: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await sources.metricsText() }
    case '/livez':
      return health(sources.live())
    case '/readyz':
      return health(sources.ready())
    default:
      return { code: 404, type: plain, body: 'not found; try /metrics, /livez, /readyz\n' }
  }
}

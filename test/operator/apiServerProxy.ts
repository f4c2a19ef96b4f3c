/**
 * Stands before a cluster's API server, with the API server's own certificate, and does to its clients what networks and
 * balancers do. Requests without a token are passed on as the administrator's.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { KubeConfig } from '@kubernetes/client-node'
import type { TestCluster } from './cluster.ts'

/** `hang`: no answer ever. `drop`: the connection ends. */
export type Fault =
  | 'hang'
  | 'drop'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body: string }

export interface ApiServerProxy {
  /** To be put in a kubeconfig. */
  readonly server: string
  /** Method and address of every request so far. */
  readonly requests: string[]
  /** Asked at every request; undefined passes it on. */
  fault: ((request: IncomingMessage) => Fault | undefined) | undefined
  /** Connections of clients so far. */
  readonly connections: number
  /** Ends all connections of clients. */
  dropConnections(): void
  /** Whatever is answered on the streams of now no longer arrives; their connections stay open. */
  freezeStreams(): void
  close(): Promise<void>
}

const isWatch = (request: IncomingMessage) => request.url!.includes('watch=true')

export async function startProxy(cluster: TestCluster): Promise<ApiServerProxy> {
  const pki = (name: string) => readFileSync(join(cluster.directory, 'pki', name))
  const config = new KubeConfig()
  config.loadFromFile(cluster.kubeconfig)
  const target = config.getCurrentCluster()!.server
  const agentOf = (identity: object) => new Agent({ ca: pki('ca.crt'), keepAlive: true, ...identity })
  const administrator = agentOf({ cert: pki('admin.crt'), key: pki('admin.key') })
  const bearer = agentOf({})
  const sockets = new Set<Duplex>()
  const frozen = new WeakSet<ServerResponse>()
  const streams = new Set<ServerResponse>()
  const requests: string[] = []
  let connections = 0

  const server = createServer({ cert: pki('apiserver.crt'), key: pki('apiserver.key') }, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const fault = proxy.fault?.(request)
    if (fault === 'hang') return
    if (fault === 'drop') return void request.socket.destroy()
    if (fault) return void response.writeHead(fault.status, fault.headers).end(fault.body)
    pass(request, response)
  })

  function pass(request: IncomingMessage, response: ServerResponse): void {
    const { host: _, ...headers } = request.headers
    const agent = headers.authorization === undefined ? administrator : bearer
    const outgoing = httpsRequest(target + request.url, { method: request.method, headers, agent }, answer => {
      response.writeHead(answer.statusCode!, answer.headers)
      if (isWatch(request)) response.flushHeaders()
      answer.on('data', chunk => frozen.has(response) || response.write(chunk))
      answer.on('end', () => frozen.has(response) || response.end())
      answer.on('error', () => frozen.has(response) || response.destroy())
    })
    outgoing.on('error', () => response.destroy())
    if (isWatch(request)) streams.add(response)
    response.on('close', () => {
      streams.delete(response)
      outgoing.destroy()
    })
    request.pipe(outgoing)
  }

  server.on('connection', socket => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))

  const proxy: ApiServerProxy = {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fault: undefined,
    get connections() {
      return connections
    },
    dropConnections() {
      for (const socket of sockets) socket.destroy()
    },
    freezeStreams() {
      for (const stream of streams) frozen.add(stream)
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      proxy.dropConnections()
      administrator.destroy()
      bearer.destroy()
      await closed
    },
  }
  return proxy
}

/** `load` for ClusterAccess: the cluster through the proxy, as the administrator or with the token in a file. */
export const proxiedKubeConfig = (cluster: TestCluster, proxy: ApiServerProxy, tokenFile?: string) => () => {
  const config = new KubeConfig()
  const user = tokenFile === undefined ? {} : { authProvider: { name: 'tokenFile', config: { tokenFile } } }
  const caFile = join(cluster.directory, 'pki/ca.crt')
  config.loadFromClusterAndUser(
    { name: 'proxied', server: proxy.server, caFile, skipTLSVerify: false },
    { name: 'test', ...user },
  )
  return config
}

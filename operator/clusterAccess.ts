/**
 * How to reach a cluster and as whom: TLS material, credentials and the connections that are kept, from a kubeconfig or
 * from a pod's service account. Never a request, and nothing of it is ever logged.
 *
 * client-node's KubeConfig does the authenticating (token files, exec plugins, OIDC). Its index is imported as a whole:
 * its dist/config.js alone pulls in the same generated code (85 MB and 0.3 s either way, client-node 2.0.1).
 * Token files are read anew after a minute, and at once when the API server refused the credentials.
 */
import { Agent as HttpAgent } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, type RequestOptions } from 'node:https'
import { isDeepStrictEqual } from 'node:util'
import { KubeConfig } from '@kubernetes/client-node'
import type { Clock } from './clock.ts'

export interface Connection {
  /** `https://host:port`, perhaps with a path before the API's own. */
  readonly server: string
  /** Authorization and the like. */
  readonly headers: Readonly<Record<string, string>>
  /** `user:password`. */
  readonly auth?: string
  /** Of ordinary requests: bounded. */
  readonly requests: HttpAgent
  /** Of watches, each of which holds a connection for minutes. */
  readonly watches: HttpAgent
}

/** Connections of ordinary requests. */
const mostConnections = 16
/** Connections that lie idle this long are closed: sooner than the API server (90 s) and balancers (60 s) do it. */
const idleMs = 50_000
/** Refused credentials are not got anew more often than this: it may mean to start a program. */
const renewalMs = 5_000

/** As kubectl looks for it: $KUBECONFIG, ~/.kube/config, the pod's service account. */
export function defaultKubeConfig(): KubeConfig {
  const config = new KubeConfig()
  config.loadFromDefault()
  return config
}

interface Agents {
  readonly tls: AgentOptions
  readonly requests: HttpAgent
  readonly watches: HttpAgent
}

export class ClusterAccess {
  readonly #load: () => KubeConfig
  readonly #clock: Pick<Clock, 'now'>
  #config: KubeConfig | undefined
  #loadedAtMs = 0
  #agents: Agents | undefined
  #pending: Promise<Connection> | undefined

  /** `load` is called again when credentials were refused. */
  constructor(load: () => KubeConfig, clock: Pick<Clock, 'now'>) {
    this.#load = load
    this.#clock = clock
  }

  /** With the credentials of now. Those who ask at the same time get one answer: an exec plugin runs once. */
  connection(): Promise<Connection> {
    this.#pending ??= this.#connect().finally(() => {
      this.#pending = undefined
    })
    return this.#pending
  }

  /** The API server refused the credentials: the next connection gets them anew. */
  refused(): void {
    if (this.#clock.now() - this.#loadedAtMs >= renewalMs) this.#config = undefined
  }

  async #connect(): Promise<Connection> {
    const config = this.#loaded()
    const cluster = config.getCurrentCluster()
    if (!cluster) throw new Error('the kubeconfig has no cluster for its current context; set current-context')
    const options = await httpsOptions(config)
    const { requests, watches } = this.#agentsOf(cluster.server, cluster.proxyUrl, options)
    const headers = { ...(options.headers as Record<string, string> | undefined) }
    return { server: cluster.server, headers, auth: options.auth ?? undefined, requests, watches }
  }

  #loaded(): KubeConfig {
    if (!this.#config) {
      this.#config = this.#load()
      this.#loadedAtMs = this.#clock.now()
    }
    return this.#config
  }

  /** The same agents, and with them connections, until the TLS material changes. */
  #agentsOf(server: string, proxyUrl: string | undefined, options: RequestOptions): Agents {
    const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options
    const tls = { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized }
    if (this.#agents && isDeepStrictEqual(this.#agents.tls, tls)) return this.#agents
    // Connections through a proxy are client-node's business, and one a request.
    const proxied = proxyUrl ? (options.agent as HttpAgent) : undefined
    const Agent = server.startsWith('http:') ? HttpAgent : HttpsAgent
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined))
    const agent = (maxSockets: number) => new Agent({ ...given, keepAlive: true, timeout: idleMs, maxSockets })
    this.#agents = { tls, requests: proxied ?? agent(mostConnections), watches: proxied ?? agent(Infinity) }
    return this.#agents
  }
}

async function httpsOptions(config: KubeConfig): Promise<RequestOptions> {
  const options: RequestOptions = {}
  try {
    await config.applyToHTTPSOptions(options)
  } catch (error) {
    // The message of a failed parse quotes what was parsed: a token perhaps. Therefore no cause either.
    const why = error instanceof SyntaxError ? 'what the exec plugin printed is no JSON' : (error as Error).message
    throw new Error(`no credentials for the API server: ${why}`)
  }
  return options
}

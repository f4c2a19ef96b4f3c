/**
 * Stands before an HTTP server (a catalog, an S3 service) and does to its clients what networks, balancers and busy servers
 * do. Everything else it passes on as it came, `Host` included, which an AWS signature covers, and it counts every request.
 * It never does anything of its own accord: faults are injected by whoever started it.
 */
import { once } from 'node:events'
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A request as rules see it. */
export interface Asked {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Answer {
  readonly status: number
  readonly headers?: IncomingHttpHeaders
  readonly body?: string | Buffer
}

export type Fault =
  /** The connection ends; the server sees nothing. */
  | { readonly fault: 'reset' }
  /** Answered here; the server sees nothing. */
  | ({ readonly fault: 'refuse' } & Answer)
  /** The server does it; its answer is lost with the connection, or replaced. */
  | { readonly fault: 'loseAnswer'; readonly instead?: Answer }
  /** The server gets it twice, as from a balancer that tries again; the client sees one of the answers. */
  | { readonly fault: 'resend'; readonly answer: 'first' | 'second' }
  /** The client waits `heldMs` at most and is cut off; the server gets the request `afterMs` after that. */
  | { readonly fault: 'late'; readonly heldMs: number; readonly afterMs: number }
  /** The server does it; half of the answer's body arrives, under the headers of the whole. */
  | { readonly fault: 'truncate' }

export interface Rule {
  /** One of these kinds; any request where left out. */
  readonly kinds?: readonly string[]
  readonly on?: (asked: Asked) => boolean
  readonly do: Fault
  /** That many of the matching requests pass first. */
  readonly skip?: number
  readonly times?: number
  /** Probability for each matching request, 1 where left out. */
  readonly share?: number
}

export interface Injected {
  readonly hits: number
  end(): void
}

export interface Exchange {
  /** When it arrived, milliseconds since the epoch. */
  readonly atMs: number
  readonly kind: string
  readonly fault?: Fault['fault']
  /** What the server answered (the first time); undefined where it did not, or not yet. */
  status?: number
}

export interface FaultProxy {
  readonly url: string
  readonly exchanges: readonly Exchange[]
  /** Rules are asked in the order in which they came; the first that applies decides. */
  inject(rule: Rule): Injected
  /** Ends all that was injected. */
  calm(): void
  /** Resolves when the next request of the kind arrives, or when the server has done it and nobody was told. */
  sight(kind: string, moment: 'arrived' | 'done', seconds?: number): Promise<void>
  close(): Promise<void>
}

export interface FaultProxyOptions {
  /** Asked at each request, because a server may come back at another port. */
  readonly target: () => string
  readonly kindOf: (asked: Asked) => string
  /** In [0, 1). */
  readonly random: () => number
}

interface Live extends Injected {
  applies(kind: string, asked: Asked): boolean
  readonly fault: Fault
}

export async function startFaultProxy({ target, kindOf, random }: FaultProxyOptions): Promise<FaultProxy> {
  const agent = new Agent()
  const rules = new Set<Live>()
  const exchanges: Exchange[] = []
  const waiting = new Set<{ kind: string; moment: string; seen: () => void }>()
  const late = new Set<Promise<unknown>>()

  const tell = (kind: string, moment: 'arrived' | 'done') => {
    for (const one of [...waiting]) if (one.kind === kind && one.moment === moment) one.seen()
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray())
    const asked = { method: request.method!, path: request.url!, headers: request.headers, body }
    const kind = kindOf(asked)
    const fault = rules.values().find(rule => rule.applies(kind, asked))?.fault
    const exchange: Exchange = { atMs: Date.now(), kind, ...(fault && { fault: fault.fault }) }
    exchanges.push(exchange)
    tell(kind, 'arrived')
    const pass = async () => {
      const answer = await forward(target(), agent, asked)
      exchange.status ??= answer.status
      tell(kind, 'done')
      return answer
    }
    if (fault === undefined) return send(response, await pass())
    if (fault.fault === 'reset') return void response.destroy()
    if (fault.fault === 'refuse') return send(response, fault)
    if (fault.fault === 'late') {
      const gone = new AbortController()
      response.on('close', () => gone.abort())
      await delay(fault.heldMs, undefined, { signal: gone.signal }).catch(() => undefined)
      response.destroy()
      await delay(fault.afterMs)
      return void (await pass())
    }
    const answer = await pass()
    if (fault.fault === 'truncate') return sendHalf(response, answer)
    if (fault.fault === 'loseAnswer') return fault.instead ? send(response, fault.instead) : void response.destroy()
    const second = await pass()
    send(response, fault.answer === 'first' ? answer : second)
  }

  const server = createServer((request, response) => {
    const served = serve(request, response).catch(() => response.destroy())
    late.add(served)
    served.finally(() => late.delete(served))
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    inject(rule) {
      const live = createLive(rule, random, () => rules.delete(live))
      rules.add(live)
      return live
    },
    calm: () => rules.clear(),
    sight(kind, moment, seconds = 60) {
      return new Promise((resolve, reject) => {
        const one = { kind, moment, seen: () => end(resolve) }
        const end = (settle: () => void) => {
          clearTimeout(timer)
          waiting.delete(one)
          settle()
        }
        const timer = setTimeout(
          () => end(() => reject(new Error(`no '${kind}' ${moment} in ${seconds} s`))),
          seconds * 1000,
        )
        waiting.add(one)
      })
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await Promise.all(late)
      agent.destroy()
    },
  }
}

function createLive(
  { kinds, on, do: fault, skip = 0, times = Infinity, share = 1 }: Rule,
  random: () => number,
  end: () => void,
) {
  let matching = 0
  let hits = 0
  return {
    fault,
    end,
    get hits() {
      return hits
    },
    applies(kind: string, asked: Asked): boolean {
      if (kinds !== undefined && !kinds.includes(kind)) return false
      if (on !== undefined && !on(asked)) return false
      if (matching++ < skip || hits >= times || random() >= share) return false
      hits++
      return true
    },
  }
}

/** The server's whole answer. Rejects where it does not answer. */
function forward(target: string, agent: Agent, { method, path, headers, body }: Asked): Promise<Required<Answer>> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(target)
    // The body is whole already: nobody has to be asked to go on, and it has a length.
    const { expect: _, connection: __, 'transfer-encoding': ___, ...rest } = headers
    const length = body.length > 0 || headers['content-length'] ? { 'content-length': String(body.length) } : {}
    const outgoing = httpRequest({ hostname, port, method, path, agent, headers: { ...rest, ...length } }, answer => {
      answer
        .toArray()
        .then(
          chunks => resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }),
          reject,
        )
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  const { connection: _, 'transfer-encoding': __, ...rest } = headers
  response.writeHead(status, rest).end(body)
}

function sendHalf(response: ServerResponse, { status, headers, body }: Required<Answer>): void {
  const { connection: _, 'transfer-encoding': __, ...rest } = headers
  response.writeHead(status, { ...rest, 'content-length': String(Math.max(1, body.length)) })
  response.write(body.slice(0, body.length >> 1), () => response.destroy())
}

/** Before a catalog: refuses every token until a client has fetched another, or until the time is over. Resolves with how often. */
export async function untilNewToken(proxy: FaultProxy, ms: number): Promise<number> {
  const from = proxy.exchanges.length
  const isRenewed = () => proxy.exchanges.slice(from).some(({ kind }) => kind === 'token')
  const injected = proxy.inject({
    on: ({ path }) => !path.includes('/oauth/') && !isRenewed(),
    do: {
      fault: 'refuse',
      status: 401,
      body: '{"error":{"message":"expired","type":"NotAuthorizedException","code":401}}',
    },
  })
  await delay(ms)
  injected.end()
  return injected.hits
}

/** E.g. `late heldMs=200 afterMs=0`. */
export const printFault = ({ fault, ...rest }: Fault): string =>
  [
    fault,
    ...Object.entries(rest).map(
      ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
    ),
  ].join(' ')

/** Most of them that arrived within any one second: what a tight loop would show in. */
export function busiestSecond(exchanges: readonly Exchange[]): number {
  let most = 0
  for (let first = 0, last = 0; last < exchanges.length; last++) {
    while (exchanges[last]!.atMs - exchanges[first]!.atMs >= 1000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

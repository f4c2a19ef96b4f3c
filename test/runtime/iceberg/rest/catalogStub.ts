/** A REST catalog in this process that answers what a test says, and the client under test with a clock of the test. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { newTableMetadata } from '../../../../runtime/iceberg/metadataUpdates.ts'
import { type RestCatalogOptions, restCatalog } from '../../../../runtime/iceberg/restCatalog.ts'
import { definition } from '../fixtures.ts'

export interface Asked {
  readonly method: string
  /** With its query, as it came. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Text, bytes, or an object, which is sent as JSON. */
  readonly body?: unknown
  /** `cut`: only a half of the body, then the connection ends. `drop`: no answer. `hang`: none, for ever. */
  readonly fault?: 'cut' | 'drop' | 'hang'
}

export interface CatalogStub {
  readonly uri: string
  /** Every request but those for the configuration, in order. */
  readonly asked: Asked[]
  /** The answers to come, one each; the last one stays. */
  answers(...replies: readonly (Reply | ((asked: Asked) => Reply))[]): void
  /** The answer to GET /v1/config. */
  configuration: Reply
  stop(): Promise<void>
}

const bytesOf = (body: unknown): Buffer =>
  Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'object' ? JSON.stringify(body) : String(body ?? ''))

function reply(response: ServerResponse, { status = 200, headers = {}, body, fault }: Reply): void {
  if (fault === 'hang') return
  if (fault === 'drop') return void response.destroy()
  const bytes = bytesOf(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': bytes.length })
  if (fault !== 'cut') return void response.end(bytes)
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
}

async function asked(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const { method = '', url = '', headers } = request
  return { method, path: url, headers, body: Buffer.concat(chunks).toString() }
}

export async function startCatalogStub(): Promise<CatalogStub> {
  let coming: readonly (Reply | ((asked: Asked) => Reply))[] = [{ status: 500 }]
  const server = createServer(async (request, response) => {
    const what = await asked(request)
    if (what.path.startsWith('/v1/config')) return reply(response, stub.configuration)
    stub.asked.push(what)
    const next = coming[0]!
    if (coming.length > 1) coming = coming.slice(1)
    reply(response, typeof next === 'function' ? next(what) : next)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const stub: CatalogStub = {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answers(...replies) {
      coming = replies
    },
    configuration: { body: { defaults: {}, overrides: {} } },
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return stub
}

export const uuidV4 = '6f1f3fd0-53b1-4a8e-9d7c-0f4a5a3ffb21'

/** A clock that moves by what the client sleeps, and the sleeps. */
export function testClock() {
  const sleeps: number[] = []
  let nowMs = 1_700_000_000_000
  return {
    sleeps,
    pass(ms: number) {
      nowMs += ms
    },
    now: () => nowMs,
    async sleep(ms: number) {
      sleeps.push(ms)
      nowMs += ms
    },
  }
}

/** The client under test; `random` is 1, so that jitter is at its most. */
export const catalogOf = (uri: string, options: Partial<RestCatalogOptions> = {}) =>
  restCatalog({ ...testClock(), uri, properties: {}, random: () => 1, newId: () => uuidV4, ...options })

/** The answer to a load, a creation or a commit. */
export const tableResult = (more: object = {}, properties: Readonly<Record<string, string>> = {}) => {
  const metadata = newTableMetadata({ ...definition, properties }, 's3://bucket/db/samples', 'uuid-1', 1)
  return { 'metadata-location': 's3://bucket/db/samples/metadata/1.metadata.json', metadata, ...more }
}

/** The specification's envelope. */
export const errorOf = (code: number, type: string, message = 'as the server says'): Reply => ({
  status: code,
  body: { error: { code, type, message } },
})

/**
 * A small S3 service in this process that fails as it is told to, for tests of the storage over it. It checks who asks, not
 * whether signatures are right: real servers do that in test/lakehouse.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface Received {
  /** As S3 names it. */
  readonly operation: string
  readonly key: string
  readonly accessKeyId: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/**
 * `lost`: applied, and no answer. `dropped`: not applied, and no answer. `silent`: never answered, the connection stays.
 * `cut`, `stalled`: applied, and the answer ends, or stops, half way. `resent`: applied twice, as by a proxy; the second answer is given.
 */
export type Fault = 'lost' | 'dropped' | 'silent' | 'cut' | 'stalled' | 'resent' | Answer

interface StoredObject {
  readonly bytes: Buffer
  readonly metadata: Readonly<Record<string, string>>
}

export interface S3Stub {
  readonly endpoint: string
  /** By key, of the bucket `lake`. */
  readonly objects: Map<string, StoredObject>
  /** Parts of uploads that are neither finished nor aborted. */
  readonly uploads: Map<
    string,
    { readonly parts: Map<number, Buffer>; readonly metadata: Readonly<Record<string, string>> }
  >
  readonly received: Received[]
  /** Operations received, in order. */
  operations(): readonly string[]
  /** What goes wrong with a request, `nth` of its operation, counted from 1. */
  fault: (request: Received, nth: number) => Fault | undefined
  close(): void
}

export const s3Error = (status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers,
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>a person's name</Message></Error>`,
})

const xml = (body: string): Answer => ({ status: 200, body: `<?xml version="1.0" encoding="UTF-8"?>${body}` })

function operationOf(method: string, query: URLSearchParams, key: string): string {
  if (query.has('uploads')) return 'CreateMultipartUpload'
  if (query.has('delete')) return 'DeleteObjects'
  if (query.has('partNumber')) return 'UploadPart'
  if (query.has('uploadId')) return method === 'POST' ? 'CompleteMultipartUpload' : 'AbortMultipartUpload'
  if (key === '' && method === 'GET') return 'ListObjectsV2'
  return { GET: 'GetObject', PUT: 'PutObject', DELETE: 'DeleteObject' }[method] ?? method
}

const metadataOf = (headers: IncomingMessage['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (name.startsWith('x-amz-meta-') ? [[name, String(value)]] : [])),
  )

export async function s3Stub(): Promise<S3Stub> {
  const objects: S3Stub['objects'] = new Map()
  const uploads: S3Stub['uploads'] = new Map()
  const received: Received[] = []
  const stub = { objects, uploads, received, fault: (): Fault | undefined => undefined }

  function put(request: Received, object: StoredObject, done: Answer): Answer {
    if (request.headers['if-none-match'] === '*' && objects.has(request.key)) return s3Error(412, 'PreconditionFailed')
    objects.set(request.key, object)
    return done
  }

  function get({ key, headers }: Received): Answer {
    const object = objects.get(key)
    if (object === undefined) return s3Error(404, 'NoSuchKey')
    if (headers.range === undefined) return { status: 200, headers: object.metadata, body: object.bytes }
    if (object.bytes.length === 0) return s3Error(416, 'InvalidRange')
    const range = { ...object.metadata, 'content-range': `bytes 0-0/${object.bytes.length}` }
    return { status: 206, headers: range, body: object.bytes.subarray(0, 1) }
  }

  function apply(request: Received, query: URLSearchParams): Answer {
    const { operation, key, body, headers } = request
    const id = query.get('uploadId') ?? ''
    const upload = uploads.get(id)
    switch (operation) {
      case 'GetObject':
        return get(request)
      case 'PutObject':
        return put(request, { bytes: body, metadata: metadataOf(headers) }, { status: 200, headers: { etag: '"e"' } })
      case 'DeleteObject':
        return objects.delete(key) ? { status: 204 } : s3Error(404, 'NoSuchKey')
      case 'CreateMultipartUpload': {
        const created = `upload-${received.length}`
        uploads.set(created, { parts: new Map(), metadata: metadataOf(headers) })
        return xml(`<InitiateMultipartUploadResult><UploadId>${created}</UploadId></InitiateMultipartUploadResult>`)
      }
      case 'ListObjectsV2':
        return xml('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>')
    }
    if (upload === undefined) return s3Error(404, 'NoSuchUpload')
    if (operation === 'UploadPart') {
      upload.parts.set(Number(query.get('partNumber')), body)
      return { status: 200, headers: { etag: `"${query.get('partNumber')}"` } }
    }
    if (operation === 'AbortMultipartUpload') {
      uploads.delete(id)
      return { status: 204 }
    }
    const named = [...String(body).matchAll(/<PartNumber>(\d+)</g)].map(
      ([, number]) => upload.parts.get(Number(number))!,
    )
    const object = { bytes: Buffer.concat(named), metadata: upload.metadata }
    const answer = put(request, object, xml('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>'))
    if (answer.status === 200) uploads.delete(id)
    return answer
  }

  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'http://stub')
    const key = decodeURIComponent(url.pathname).replace(/^\/lake\/?/, '')
    const request: Received = {
      operation: operationOf(incoming.method ?? '', url.searchParams, key),
      key,
      accessKeyId: /Credential=([^/]+)/.exec(incoming.headers.authorization ?? '')?.[1] ?? '',
      headers: incoming.headers,
      body: await buffer(incoming),
    }
    received.push(request)
    const nth = received.filter(({ operation }) => operation === request.operation).length
    const fault = api.fault(request, nth)
    if (fault === 'silent') return
    if (fault === 'dropped') return void incoming.socket.destroy()
    let answer = typeof fault === 'object' ? fault : apply(request, url.searchParams)
    if (fault === 'lost') return void incoming.socket.destroy()
    if (fault === 'resent') answer = apply(request, url.searchParams)
    const body = Buffer.from(answer.body ?? '')
    response.writeHead(answer.status, { ...answer.headers, 'content-length': body.length })
    if (fault !== 'cut' && fault !== 'stalled') return void response.end(body)
    response.write(body.subarray(0, body.length / 2), () => fault === 'cut' && incoming.socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const api: S3Stub = {
    ...stub,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    operations: () => received.map(({ operation }) => operation),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return api
}

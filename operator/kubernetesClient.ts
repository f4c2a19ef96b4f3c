/**
 * The port to the API server over HTTPS: HTTP/1.1 on few connections that are kept, at a bounded rate. It repeats no
 * request by itself: who asks knows when to ask again. Neither a header nor a body gets into a message.
 */

import type { Clock } from './clock.ts'
import type { ClusterAccess, Connection } from './clusterAccess.ts'
import { exchange, type HttpRequest, nameOfRequest, openStream, parsed, read } from './httpExchange.ts'
import {
  type ApplyOptions,
  type Kind,
  type Kubernetes,
  KubernetesError,
  type KubernetesObject,
  type List,
  type ListOptions,
  type Reference,
  type WatchEvent,
  type WatchOptions,
} from './kubernetes.ts'
import { Slots, TokenBucket } from './rateLimit.ts'
import {
  apiVersionOf,
  collectionPath,
  isOfKind,
  listPath,
  objectPath,
  referenceOf,
  watchPath,
  withQuery,
} from './requestPath.ts'
import { answeredError, unanswered } from './statusError.ts'
import { linesOf, watchEvent } from './watchStream.ts'

export interface KubernetesClientOptions {
  readonly access: ClusterAccess
  /** Of the objects that are applied and written: by them the path is found. */
  readonly kinds: readonly Kind[]
  /** The operator's, told to the API server. */
  readonly version: string
  readonly clock: Clock
  readonly requestsPerSecond?: number
  readonly burst?: number
  readonly writesInFlight?: number
  readonly timeoutMs?: number
  /** Of an answer, or of an event of a watch. */
  readonly maxBytes?: number
  /** Told of every request that was sent; `status` is 0 without an answer. */
  readonly observer?: (method: string, status: number, durationMs: number) => void
}

type Method = HttpRequest['method']

interface Call {
  readonly accept?: string
  readonly contentType?: string
  readonly body?: unknown
  readonly signal?: AbortSignal
}

const partial = (name: string) => `application/json;as=${name};g=meta.k8s.io;v=v1`
const json = 'application/json'
const applyPatch = 'application/apply-patch+yaml'

export class KubernetesClient implements Kubernetes {
  readonly #options: KubernetesClientOptions
  readonly #limits: { readonly timeoutMs: number; readonly maxBytes: number }
  readonly #bucket: TokenBucket
  readonly #writes: Slots

  constructor(options: KubernetesClientOptions) {
    const {
      requestsPerSecond = 100,
      burst = 200,
      writesInFlight = 12,
      timeoutMs = 30_000,
      maxBytes = 64 << 20,
    } = options
    this.#options = options
    this.#limits = { timeoutMs, maxBytes }
    this.#bucket = new TokenBucket(requestsPerSecond, burst, options.clock)
    this.#writes = new Slots(writesInFlight)
  }

  get(reference: Reference, signal?: AbortSignal): Promise<KubernetesObject> {
    return this.#object('GET', objectPath(reference), { signal })
  }

  async list(kind: Kind, options: ListOptions): Promise<List> {
    const accept = options.metadataOnly ? partial('PartialObjectMetadataList') : undefined
    const body = await this.#request('GET', listPath(kind, options), { accept, signal: options.signal })
    const { items, metadata } = body as {
      items: KubernetesObject[] | null
      metadata: { resourceVersion: string; continue?: string }
    }
    return {
      items: (items ?? []).map(item => typed(item, kind)),
      resourceVersion: metadata.resourceVersion,
      continue: metadata.continue || undefined,
    }
  }

  async *watch(kind: Kind, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const { signal } = options
    const accept = options.metadataOnly ? partial('PartialObjectMetadata') : json
    const request = { method: 'GET', path: watchPath(kind, options), headers: this.#headers(accept), signal } as const
    const what = nameOfRequest(request)
    const response = await this.#sent(request, async connection => {
      const opened = await openStream(connection, request, this.#limits)
      if (opened.statusCode === 200) return { status: 200, opened }
      const body = parsed(await read(opened, this.#limits.maxBytes).catch(() => ''))
      throw answeredError(what, opened.statusCode ?? 0, body, opened.headers['retry-after'])
    }).catch(told(what))
    try {
      for await (const line of linesOf(response.opened, this.#limits.maxBytes)) {
        const event = watchEvent(what, line)
        yield event.type === 'BOOKMARK' ? event : { type: event.type, object: typed(event.object, kind) }
      }
    } catch (error) {
      if (error instanceof KubernetesError) throw error
      throw unanswered(what, `the watch broke: ${(error as Error).message}`, error)
    } finally {
      response.opened.destroy()
    }
    // A stream that was destroyed before its end ends without an error.
    if (!response.opened.complete) throw unanswered(what, signal.aborted ? String(signal.reason) : 'the watch broke')
  }

  async apply(
    object: KubernetesObject,
    { fieldManager, subresource, dryRun, signal }: ApplyOptions,
  ): Promise<KubernetesObject> {
    const path = objectPath(this.#referenceOf(object)) + (subresource ? `/${subresource}` : '')
    const query = { fieldManager, force: true, fieldValidation: 'Strict', dryRun: dryRun ? 'All' : undefined }
    return this.#object('PATCH', withQuery(path, query), { contentType: applyPatch, body: object, signal })
  }

  async write(object: KubernetesObject, signal?: AbortSignal): Promise<KubernetesObject> {
    const reference = this.#referenceOf(object)
    const strict = (path: string) => withQuery(path, { fieldValidation: 'Strict' })
    return object.metadata.resourceVersion === undefined
      ? this.#object('POST', strict(collectionPath(reference.kind, reference.namespace)), { body: object, signal })
      : this.#object('PUT', strict(objectPath(reference)), { body: object, signal })
  }

  async remove(reference: Reference, uid: string, signal?: AbortSignal): Promise<void> {
    const options = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions: { uid } }
    try {
      await this.#request('DELETE', objectPath(reference), { body: options, signal })
    } catch (error) {
      // Conflict: another object has the name by now, and the one that was meant is gone.
      if (error instanceof KubernetesError && (error.code === 'NotFound' || error.code === 'Conflict')) return
      throw error
    }
  }

  #referenceOf(object: KubernetesObject): Reference {
    const kind = this.#options.kinds.find(each => isOfKind(object, each))
    if (!kind)
      throw new KubernetesError('Refused', 0, `${object.apiVersion} ${object.kind} is no kind that the operator writes`)
    return referenceOf(kind, object.metadata)
  }

  async #object(method: Method, path: string, call: Call): Promise<KubernetesObject> {
    return (await this.#request(method, path, call)) as KubernetesObject
  }

  /** Resolves to the body of a 2xx answer. */
  async #request(
    method: Method,
    path: string,
    { accept = json, contentType = json, body, signal }: Call,
  ): Promise<unknown> {
    const headers = this.#headers(accept, body === undefined ? undefined : contentType)
    const request = { method, path, headers, body: body === undefined ? undefined : JSON.stringify(body), signal }
    const what = nameOfRequest(request)
    const send = () => this.#sent(request, connection => exchange(connection, request, this.#limits))
    const answer = await (method === 'GET' ? send() : this.#writes.use(signal, send)).catch(told(what))
    if (answer.status < 200 || answer.status > 299)
      throw answeredError(what, answer.status, answer.body, answer.retryAfter)
    if (typeof answer.body !== 'object' || answer.body === null) throw unanswered(what, 'the answer is no JSON')
    return answer.body
  }

  #headers(accept: string, contentType?: string): Record<string, string> {
    return {
      accept,
      'user-agent': `healthconsumer-operator/${this.#options.version}`,
      ...(contentType && { 'content-type': contentType }),
    }
  }

  /** When the rate allows it, with the credentials of that moment, and told to the observer. */
  async #sent<Answer extends { readonly status: number }>(
    request: HttpRequest,
    send: (connection: Connection) => Promise<Answer>,
  ): Promise<Answer> {
    const { access, clock, observer } = this.#options
    let status = 0
    let sentMs: number | undefined
    try {
      const waitMs = this.#bucket.take()
      if (waitMs > 0) await clock.sleep(waitMs, request.signal ?? neverAborted)
      const connection = await access.connection()
      sentMs = clock.now()
      const answer = await send(connection)
      status = answer.status
      return answer
    } catch (error) {
      if (error instanceof KubernetesError) status = error.status
      throw error
    } finally {
      if (status === 401) access.refused()
      if (sentMs !== undefined) observer?.(request.method, status, clock.now() - sentMs)
    }
  }
}

const neverAborted = new AbortController().signal

/** The API leaves apiVersion and kind out of items, and metadata alone has kinds of its own. */
const typed = (object: KubernetesObject, kind: Kind): KubernetesObject => ({
  ...object,
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
})

/** Whatever kept a request from being sent, as the port tells it. */
const told = (what: string) => (error: unknown) => {
  throw error instanceof KubernetesError ? error : unanswered(what, (error as Error).message, error)
}

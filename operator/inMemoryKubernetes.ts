/**
 * The port to the API server in memory, for tests: resource versions, watches with a history that can be forgotten,
 * finalizers, children that go with their owner, server-side apply. It defaults and validates nothing, has no other
 * controllers and never takes time.
 */
import { isDeepStrictEqual } from 'node:util'
import { applyFields, type Owned, type Owners, replaceFields } from './fieldOwnership.ts'
import { type Change, InMemoryHistory } from './inMemoryHistory.ts'
import { fieldsOf, metadataOf, systemFields, updateManager, withoutStatus } from './inMemoryObject.ts'
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
import { collectionPath, isOfKind, nameOf, objectPath, referenceOf } from './requestPath.ts'
import { selects } from './selection.ts'

export interface InMemoryRequest {
  readonly verb: 'get' | 'list' | 'watch' | 'apply' | 'create' | 'update' | 'delete'
  readonly kind: string
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: 'status'
  readonly dryRun?: boolean
  /** What was applied or written. */
  readonly object?: KubernetesObject
}

interface Stored {
  readonly kind: Kind
  readonly object: KubernetesObject
  readonly owners: Owners
}

export class InMemoryKubernetes implements Kubernetes {
  /** Every request so far, refused ones too. */
  readonly requests: InMemoryRequest[] = []
  /** Called before each request: throws a KubernetesError to refuse it, or takes its time. */
  intercept: ((request: InMemoryRequest) => void | Promise<void>) | undefined
  readonly #kinds: Set<Kind>
  readonly #now: () => number
  readonly #history = new InMemoryHistory()
  readonly #stored = new Map<string, Stored>()
  /** What is left of paged lists, by token. */
  #pages = new Map<string, { readonly items: readonly KubernetesObject[]; readonly resourceVersion: string }>()
  #uids = 0

  constructor(kinds: readonly Kind[], now: () => number = () => 1_700_000_000_000) {
    this.#kinds = new Set(kinds)
    this.#now = now
  }

  /** As if the kind's API were installed by now. */
  install(kind: Kind): void {
    this.#kinds.add(kind)
  }

  /** Forgets what was: watches and pages of before are Expired. */
  compact(): void {
    this.#pages = new Map()
    this.#history.compact()
  }

  /** Ends all watches, as the API server does from time to time, or breaks them. */
  endWatches(error?: KubernetesError): void {
    this.#history.endWatches(error)
  }

  /** Tells all watches how far they are. */
  bookmark(): void {
    this.#history.bookmark()
  }

  async get(reference: Reference): Promise<KubernetesObject> {
    await this.#request('get', reference)
    return this.#existing(reference).object
  }

  async list(kind: Kind, options: ListOptions): Promise<List> {
    await this.#request('list', { kind, namespace: options.namespace })
    const page = options.continue === undefined ? this.#all(kind, options) : this.#pages.get(options.continue)
    if (!page) throw new KubernetesError('Expired', 410, 'The provided continue parameter is too old')
    const { items, resourceVersion } = page
    const limit = options.limit ?? items.length
    let rest: string | undefined
    if (items.length > limit) {
      rest = `${resourceVersion}:${this.#pages.size}`
      this.#pages.set(rest, { items: items.slice(limit), resourceVersion })
    }
    const shown = items.slice(0, limit).map(item => (options.metadataOnly ? metadataOf(item) : item))
    return { items: shown, resourceVersion, continue: rest }
  }

  async *watch(kind: Kind, options: WatchOptions): AsyncGenerator<WatchEvent> {
    await this.#request('watch', { kind, namespace: options.namespace })
    const isSelected = selects(options)
    const only = (change: Change) => change.kind === kind.kind && change.group === kind.group
    for await (const event of this.#history.watch(options, only, isSelected))
      yield event.type === 'BOOKMARK' || !options.metadataOnly
        ? event
        : { type: event.type, object: metadataOf(event.object) }
  }

  async apply(object: KubernetesObject, options: ApplyOptions): Promise<KubernetesObject> {
    const { fieldManager, subresource, dryRun } = options
    const reference = this.#referenceOf(object)
    await this.#request('apply', reference, { subresource, dryRun, object })
    const stored = subresource ? this.#existing(reference) : this.#stored.get(objectPath(reference))
    const { resourceVersion, uid } = object.metadata
    if (stored) this.#sameVersion(reference, stored, resourceVersion, uid)
    const manager = `${fieldManager}${subresource ? '/status' : ''}`
    const before = { fields: fieldsOf(stored?.object ?? {}), owners: stored?.owners ?? new Map() }
    const after = applyFields(
      before,
      subresource ? { status: object.status } : withoutStatus(fieldsOf(object)),
      manager,
    )
    return this.#store(reference, stored, after, dryRun)
  }

  async write(object: KubernetesObject): Promise<KubernetesObject> {
    const reference = this.#referenceOf(object)
    const { resourceVersion, uid } = object.metadata
    await this.#request(resourceVersion === undefined ? 'create' : 'update', reference, { object })
    const stored = this.#stored.get(objectPath(reference))
    if (resourceVersion === undefined && stored)
      throw new KubernetesError('AlreadyExists', 409, `${described(reference)} already exists`)
    if (resourceVersion !== undefined) this.#sameVersion(reference, this.#existing(reference), resourceVersion, uid)
    const before = { fields: fieldsOf(stored?.object ?? {}), owners: stored?.owners ?? new Map() }
    const status = before.fields.status
    const fields = { ...withoutStatus(fieldsOf(structuredClone(object))), ...(status !== undefined && { status }) }
    return this.#store(reference, stored, replaceFields(before, fields, updateManager))
  }

  async remove(reference: Reference, uid: string): Promise<void> {
    await this.#request('delete', reference)
    const stored = this.#stored.get(objectPath(reference))
    if (stored?.object.metadata.uid === uid) this.#remove(stored)
  }

  async #request(
    verb: InMemoryRequest['verb'],
    { kind, namespace, name }: Omit<Reference, 'name'> & { readonly name?: string },
    more: Partial<InMemoryRequest> = {},
  ): Promise<void> {
    const request = { verb, kind: kind.kind, namespace, name, ...more }
    this.requests.push(request)
    await this.intercept?.(request)
    const isServed = [...this.#kinds].some(each => each.group === kind.group && each.plural === kind.plural)
    if (!isServed) throw new KubernetesError('NotFound', 404, 'the server could not find the requested resource')
  }

  #referenceOf(object: KubernetesObject): Reference {
    const kind = [...this.#kinds].find(each => isOfKind(object, each))
    if (!kind) throw new KubernetesError('NotFound', 404, `${object.apiVersion} has no ${object.kind}`)
    return referenceOf(kind, object.metadata)
  }

  #existing(reference: Reference): Stored {
    const stored = this.#stored.get(objectPath(reference))
    if (!stored) throw new KubernetesError('NotFound', 404, `${described(reference)} not found`)
    return stored
  }

  #sameVersion(reference: Reference, { object }: Stored, resourceVersion?: string, uid?: string): void {
    const { metadata } = object
    if (
      (resourceVersion ?? metadata.resourceVersion) === metadata.resourceVersion &&
      (uid ?? metadata.uid) === metadata.uid
    )
      return
    throw new KubernetesError('Conflict', 409, `${described(reference)} has been modified`)
  }

  #all(kind: Kind, options: ListOptions) {
    const isSelected = selects(options)
    const root = `${collectionPath(kind)}/`
    const own = [...this.#stored].filter(([, stored]) => `${collectionPath(stored.kind)}/` === root)
    const items = own.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { object }]) => object)
    return { items: items.filter(isSelected), resourceVersion: this.#history.resourceVersion }
  }

  /** Stores what changed, if anything did. Returns what is stored then. */
  #store(
    reference: Reference,
    stored: Stored | undefined,
    { fields, owners }: Owned,
    dryRun = false,
  ): KubernetesObject {
    const before = stored?.object
    const after = systemFields(reference, before, { fields, owners }, () => `uid-${++this.#uids}`, this.#timestamp())
    if (before && isDeepStrictEqual(before, after) && isDeepStrictEqual(stored.owners, owners)) return before
    if (dryRun) return after
    const isGone = after.metadata.deletionTimestamp !== undefined && (after.metadata.finalizers ?? []).length === 0
    if (isGone && stored) return this.#remove({ ...stored, object: after })
    return this.#put({ kind: reference.kind, object: after, owners }, before)
  }

  #put(stored: Stored, before: KubernetesObject | undefined): KubernetesObject {
    const object = this.#history.add(stored.kind, before, stored.object)
    this.#stored.set(objectPath(referenceOf(stored.kind, object.metadata)), { ...stored, object })
    return object
  }

  /** Or marks it as going where a finalizer holds it. */
  #remove(stored: Stored): KubernetesObject {
    const { kind, object } = stored
    if ((object.metadata.finalizers ?? []).length > 0) {
      if (object.metadata.deletionTimestamp !== undefined) return object
      return this.#put(
        { ...stored, object: { ...object, metadata: { ...object.metadata, deletionTimestamp: this.#timestamp() } } },
        object,
      )
    }
    this.#stored.delete(objectPath(referenceOf(kind, object.metadata)))
    const gone = this.#history.add(kind, object, undefined)
    const uids = new Set([...this.#stored.values()].map(each => each.object.metadata.uid))
    for (const child of [...this.#stored.values()]) {
      const owners = child.object.metadata.ownerReferences ?? []
      if (owners.length > 0 && !owners.some(owner => uids.has(owner.uid))) this.#remove(child)
    }
    return gone
  }

  #timestamp(): string {
    return new Date(this.#now()).toISOString().replace(/\.\d+Z$/, 'Z')
  }
}

const described = (reference: Reference) => `${reference.kind.plural} "${nameOf(reference)}"`

/**
 * The port to the API server: what the operator needs of it, in the API's own words. Implemented by
 * kubernetesClient.ts over HTTPS and by inMemoryKubernetes.ts for unit tests; one contract test runs on both.
 * Types, the closed list of errors, and the table of kinds; it performs nothing.
 */

/** What every object has. Fields beyond these are the kind's own. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMetadata
  readonly [field: string]: unknown
}

export interface ObjectMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
  readonly managedFields?: readonly ManagedFields[]
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export interface ManagedFields {
  readonly manager?: string
  readonly operation?: 'Apply' | 'Update'
  readonly subresource?: string
}

/** A kind as it stands in a path. `group` is empty for the core group. */
export interface Kind {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
}

export interface Reference {
  readonly kind: Kind
  readonly namespace?: string
  readonly name: string
}

export interface Selection {
  /** All namespaces where it is undefined. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ListOptions extends Selection {
  /** Metadata alone (PartialObjectMetadata); `spec` and the like are then absent. */
  readonly metadataOnly?: boolean
  /** Items a page at most. */
  readonly limit?: number
  /** Of the page before. */
  readonly continue?: string
  /** `0` takes whatever the API server has cached; by default the newest. */
  readonly resourceVersion?: string
  readonly signal?: AbortSignal
}

export interface List {
  /** apiVersion and kind are filled in; the API leaves them out of items. */
  readonly items: readonly KubernetesObject[]
  readonly resourceVersion: string
  readonly continue?: string
}

export interface WatchOptions extends Selection {
  readonly metadataOnly?: boolean
  readonly resourceVersion: string
  /** The server ends the watch after this long. */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubernetesObject }
  /** Says only how far the watch has come. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

export interface ApplyOptions {
  readonly fieldManager: string
  readonly subresource?: 'status'
  /** Nothing is stored. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

/** Every method rejects with KubernetesError. A request that got no answer within 30 s rejects as Unavailable. */
export interface Kubernetes {
  get(reference: Reference, signal?: AbortSignal): Promise<KubernetesObject>
  list(kind: Kind, options: ListOptions): Promise<List>
  /** Ends when the server ends it; throws KubernetesError, `Expired` where the version is too old to go on from. */
  watch(kind: Kind, options: WatchOptions): AsyncIterable<WatchEvent>
  /** Server-side apply, forced: https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
  apply(object: KubernetesObject, options: ApplyOptions): Promise<KubernetesObject>
  /** Creates where `metadata.resourceVersion` is absent; else replaces exactly that version (Conflict otherwise). */
  write(object: KubernetesObject, signal?: AbortSignal): Promise<KubernetesObject>
  /** Deletes exactly the object with that uid; its own children follow in the background. NotFound is no error. */
  remove(reference: Reference, uid: string, signal?: AbortSignal): Promise<void>
}

/** By the `reason` of the API's Status, or by what the connection did. */
export type KubernetesErrorCode =
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  /** The resource version is too old (410 Gone). */
  | 'Expired'
  | 'Invalid'
  | 'Unauthorized'
  | 'Forbidden'
  | 'TooManyRequests'
  /** 5xx, no connection, no answer, an answer that is none. */
  | 'Unavailable'
  /** Any other refusal. */
  | 'Refused'

export class KubernetesError extends Error {
  override readonly name = 'KubernetesError'
  readonly code: KubernetesErrorCode
  /** HTTP status; 0 without an answer. */
  readonly status: number
  /** What the server asked to wait, in milliseconds. */
  readonly retryAfterMs?: number
  /** `message` is the server's own, which names object and field; it holds no header and no body of ours. */
  constructor(
    code: KubernetesErrorCode,
    status: number,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.status = status
    this.retryAfterMs = options.retryAfterMs
  }
}

/** A namespace on its way out takes nothing new; that is no fault of anybody's. */
export const isNamespaceEnding = (error: unknown): boolean =>
  error instanceof KubernetesError && error.code === 'Forbidden' && /because it is being terminated/.test(error.message)

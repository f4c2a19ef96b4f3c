/**
 * Makes the children of one HealthConsumer what they should be: server-side apply of those that differ, then removal of
 * what it owns and should no longer have. What is as it should be costs no request. It never touches an object that
 * somebody else made, and never decides what the children are.
 */
import { createHash } from 'node:crypto'
import { type AvailableKinds, type Children, hashAnnotation, type ObservedChild } from './children.ts'
import { managedBy, operatorName } from './desired/child.ts'
import { type ChildKindName, childKinds } from './desired/index.ts'
import { type Kubernetes, KubernetesError, type KubernetesObject } from './kubernetes.ts'

export type ChildState =
  | 'Applied'
  | 'Unchanged'
  /** Its API is not installed. */
  | 'Missing'
  /** Held back until what it needs is there. */
  | 'Waiting'
  /** An object of somebody else has the name. */
  | 'NameTaken'
  | 'Failed'

export interface ChildOutcome {
  readonly kind: ChildKindName
  readonly name: string
  readonly state: ChildState
  /** Of a failure. */
  readonly error?: KubernetesError
}

export interface ApplyOutcome {
  /** In the order of the desired children. */
  readonly children: readonly ChildOutcome[]
  readonly pruned: readonly { readonly kind: ChildKindName; readonly name: string }[]
  /** Children that somebody else had changed, and that are as they were. */
  readonly repaired: readonly { readonly kind: ChildKindName; readonly name: string }[]
}

export interface ApplyPorts {
  readonly kubernetes: Kubernetes
  readonly children: Children
  available(): AvailableKinds
  readonly occupied: OccupiedNames
  /** Called with the answer to each write of a child. */
  written(kind: ChildKindName, stored: KubernetesObject): void
}

export interface ApplyRequest {
  readonly ownerUid: string
  readonly desired: readonly KubernetesObject[]
  /** Children that are left as they are, made or changed by no one. */
  readonly waiting: (kind: ChildKindName) => boolean
  /** Owned, no longer desired, and kept all the same. */
  readonly keep: (child: ObservedChild) => boolean
}

/** Rejects only with an error that is worth another attempt (connection, conflict, throttling). */
export async function applyChildren(request: ApplyRequest, ports: ApplyPorts): Promise<ApplyOutcome> {
  const children: ChildOutcome[] = []
  const repaired: ChildOutcome[] = []
  for (const object of request.desired) {
    const kind = object.kind as ChildKindName
    const name = object.metadata.name
    const { state, error, repaired: mended } = await applyChild(object, kind, request, ports)
    children.push({ kind, name, state, ...(error && { error }) })
    if (mended) repaired.push({ kind, name, state })
  }
  return { children, repaired, pruned: await prune(request, ports) }
}

interface Applied {
  readonly state: ChildState
  readonly error?: KubernetesError
  /** Somebody else had changed it. */
  readonly repaired?: boolean
}

async function applyChild(
  object: KubernetesObject,
  kind: ChildKindName,
  { ownerUid, waiting }: ApplyRequest,
  ports: ApplyPorts,
): Promise<Applied> {
  const { kubernetes, children, occupied } = ports
  if (!ports.available().has(kind)) return { state: 'Missing' }
  if (waiting(kind)) return { state: 'Waiting' }
  const { name, namespace = '' } = object.metadata
  const hash = createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 16)
  const known = children.get(kind, namespace, name)
  const sameHash = known?.appliedHash === hash
  const wasChanged = known !== undefined && children.wasChanged(known)
  if (known !== undefined && known.ownerUid !== ownerUid) return { state: 'NameTaken' }
  if (sameHash && !wasChanged) return { state: 'Unchanged' }
  try {
    if (known === undefined && (await occupied.byOther(kind, namespace, name, ownerUid))) return { state: 'NameTaken' }
    const annotations = { ...object.metadata.annotations, [hashAnnotation]: hash }
    const hashed = { ...object, metadata: { ...object.metadata, annotations } }
    const stored = await kubernetes.apply(hashed, { fieldManager: operatorName })
    ports.written(kind, stored)
    return { state: 'Applied', repaired: sameHash && wasChanged }
  } catch (error) {
    return refused(error, childKinds[kind].optional)
  }
}

/** What another attempt cannot mend is an outcome; the rest is thrown. */
function refused(error: unknown, optional: boolean): Applied {
  if (!(error instanceof KubernetesError)) throw error
  if (error.code === 'NotFound' && optional) return { state: 'Missing' }
  if (['Invalid', 'Forbidden', 'Refused', 'NotFound'].includes(error.code)) return { state: 'Failed', error }
  throw error
}

async function prune({ ownerUid, desired, keep }: ApplyRequest, { kubernetes, children }: ApplyPorts) {
  const wanted = new Set(desired.map(({ kind, metadata }) => `${kind}/${metadata.name}`))
  const superfluous = children
    .ownedBy(ownerUid)
    .filter(child => !wanted.has(`${child.kind}/${child.name}`) && !keep(child))
  for (const child of superfluous) {
    const { kind, namespace, name, uid } = child
    await kubernetes.remove({ kind: childKinds[kind], namespace, name }, uid)
    children.remove(child)
  }
  return superfluous.map(({ kind, name }) => ({ kind, name }))
}

/** How long a look at the names of a namespace counts. */
const lookMs = 5_000

/**
 * Names in use by objects that are not ours, asked for before a child is made: server-side apply would merge into a
 * stranger's object. One list a kind and namespace answers for many children that are made together.
 */
export class OccupiedNames {
  readonly #kubernetes: Kubernetes
  readonly #now: () => number
  readonly #looks = new Map<string, { readonly atMs: number; readonly owners: Promise<ReadonlyMap<string, string>> }>()

  /** `now` is a clock in milliseconds. */
  constructor(kubernetes: Kubernetes, now: () => number) {
    this.#kubernetes = kubernetes
    this.#now = now
  }

  /** Whether an object of that name is there and does not belong to the HealthConsumer with that uid. */
  async byOther(kind: ChildKindName, namespace: string, name: string, ownerUid: string): Promise<boolean> {
    const key = `${kind}/${namespace}`
    let look = this.#looks.get(key)
    if (look === undefined || this.#now() - look.atMs > lookMs) {
      look = { atMs: this.#now(), owners: this.#look(kind, namespace) }
      this.#looks.set(key, look)
      look.owners.catch(() => this.#looks.delete(key))
    }
    const owner = (await look.owners).get(name)
    return owner !== undefined && owner !== ownerUid
  }

  /** Name to the uid of its controller; empty for one without. */
  async #look(kind: ChildKindName, namespace: string): Promise<ReadonlyMap<string, string>> {
    const owners = new Map<string, string>()
    const [[label, value]] = Object.entries(managedBy) as [[string, string]]
    const labelSelector = `${label}!=${value}`
    let next: string | undefined
    do {
      const page = await this.#kubernetes.list(childKinds[kind], {
        namespace,
        labelSelector,
        metadataOnly: true,
        limit: 500,
        continue: next,
      })
      for (const { metadata } of page.items)
        owners.set(metadata.name, metadata.ownerReferences?.find(({ controller }) => controller)?.uid ?? '')
      next = page.continue
    } while (next)
    return owners
  }
}

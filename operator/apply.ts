/**
 * Makes the children of one HealthConsumer what they should be: server-side apply of those that differ, then removal of
 * what it owns and should no longer have. What is as it should be costs no request. It never touches an object that
 * somebody else made, and never decides what the children are.
 */
import { type Children, hashAnnotation, type ObservedChild, observe } from './children.ts'
import { operatorName } from './desired/child.ts'
import { type ChildKindName, childKinds } from './desired/index.ts'
import type { DesiredChild } from './digests.ts'
import { isNamespaceEnding, type Kubernetes, KubernetesError, type KubernetesObject } from './kubernetes.ts'
import type { OccupiedNames } from './occupiedNames.ts'
import type { Repairs } from './repairs.ts'

export type ChildState =
  | 'Applied'
  | 'Unchanged'
  /** Its API is not installed. */
  | 'Missing'
  /** Held back until what it needs is there, until its predecessor is gone, or because others keep changing it. */
  | 'Waiting'
  /** An object of somebody else has the name. */
  | 'NameTaken'
  | 'Failed'

export interface ChildName {
  readonly kind: ChildKindName
  readonly name: string
}

export interface ChildOutcome extends ChildName {
  readonly state: ChildState
  /** Of a failure. */
  readonly error?: KubernetesError
  /** Somebody else had changed or deleted it; it is as it was. */
  readonly repaired?: boolean
  /** Milliseconds after which another look may find it otherwise, though no watch tells. */
  readonly lookAgainMs?: number
}

export interface ApplyOutcome {
  /** In the order of the desired children. */
  readonly children: readonly ChildOutcome[]
  readonly pruned: readonly ChildName[]
}

export interface ApplyPorts {
  readonly kubernetes: Kubernetes
  readonly children: Children
  readonly occupied: OccupiedNames
  readonly repairs: Repairs
  /** Kinds that the API server has now; optional ones come and go. */
  available(): ReadonlySet<ChildKindName>
  /** Called with the answer to each write of a child. */
  written(kind: ChildKindName, stored: KubernetesObject): void
}

export interface ApplyRequest {
  readonly owner: { readonly name: string; readonly uid: string }
  readonly desired: readonly DesiredChild[]
  /** Children that are left as they are, made or changed by no one. */
  readonly waiting: (kind: ChildKindName) => boolean
  /** Owned, no longer desired, and kept all the same. */
  readonly keep: (child: ObservedChild) => boolean
  /** Children that were there when the status was written last: one that is missing now was deleted. */
  readonly wasApplied: (child: ChildName) => boolean
}

/** What nothing tells the end of is looked at again after this long. */
const patienceMs = 30_000

/** Rejects only with an error that is worth another attempt (connection, conflict, throttling). */
export async function applyChildren(request: ApplyRequest, ports: ApplyPorts): Promise<ApplyOutcome> {
  const children: ChildOutcome[] = []
  for (const child of request.desired) {
    const { kind, name } = child
    const outcome = await applyChild(child, request, ports).catch(refused(childKinds[kind].optional))
    children.push({ kind, name, ...outcome })
  }
  return { children, pruned: await prune(request, ports) }
}

type Applied = Omit<ChildOutcome, keyof ChildName>

async function applyChild(
  desired: DesiredChild,
  { owner, waiting, wasApplied }: ApplyRequest,
  ports: ApplyPorts,
): Promise<Applied> {
  const { children, occupied, repairs } = ports
  const { kind, namespace, name, hash } = desired
  if (!ports.available().has(kind)) return { state: 'Missing' }
  if (waiting(kind)) return { state: 'Waiting' }
  const known = children.get(kind, namespace, name)
  if (known !== undefined && known.ownerUid !== owner.uid)
    // A HealthConsumer of the same name was deleted just now, and its children follow.
    return { state: known.consumer === owner.name ? 'Waiting' : 'NameTaken', lookAgainMs: patienceMs }
  if (known?.appliedHash === hash && !children.wasChanged(known)) return { state: 'Unchanged' }
  const isRepair = known === undefined ? wasApplied({ kind, name }) : children.settledHash(known) === hash
  const child = `${kind}/${namespace}/${name}`
  const waitMs = isRepair ? repairs.waitMs(child) : 0
  if (waitMs > 0) return { state: 'Waiting', lookAgainMs: waitMs }
  if (known === undefined && (await occupied.byOther(kind, namespace, name, owner.uid)))
    return { state: 'NameTaken', lookAgainMs: patienceMs }
  const object = desired.object()
  const annotations = { ...object.metadata.annotations, [hashAnnotation]: hash }
  const hashed = { ...object, metadata: { ...object.metadata, annotations } }
  const stored = await ports.kubernetes.apply(hashed, { fieldManager: operatorName })
  ports.written(kind, stored)
  // Of what others touched before this process began, it shows only now whether it was ours. Who changes the hash, such as
  // another operator, changes what is ours.
  const wasIntact = known?.appliedHash === hash && known.ours === observe(stored).ours
  if (!isRepair || wasIntact) return { state: 'Applied' }
  repairs.done(child)
  return { state: 'Applied', repaired: true }
}

/** What another attempt cannot mend is an outcome; the rest is thrown. */
const refused =
  (optional: boolean) =>
  (error: unknown): Applied => {
    if (!(error instanceof KubernetesError) || isNamespaceEnding(error)) throw error
    if (error.code === 'NotFound' && optional) return { state: 'Missing' }
    if (['Invalid', 'Forbidden', 'Refused', 'NotFound'].includes(error.code))
      return { state: 'Failed', error, lookAgainMs: patienceMs }
    throw error
  }

async function prune(
  { owner, desired, keep }: ApplyRequest,
  { kubernetes, children }: ApplyPorts,
): Promise<readonly ChildName[]> {
  const wanted = new Set(desired.map(({ kind, name }) => `${kind}/${name}`))
  const superfluous = children
    .ownedBy(owner.uid)
    .filter(child => !wanted.has(`${child.kind}/${child.name}`) && !keep(child))
  for (const child of superfluous) {
    const { kind, namespace, name, uid } = child
    await kubernetes.remove({ kind: childKinds[kind], namespace, name }, uid)
    children.remove(child)
  }
  return superfluous.map(({ kind, name }) => ({ kind, name }))
}

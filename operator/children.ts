/**
 * The children that exist, as far as list-watches and our own writes have told: metadata alone, by owner. It decides
 * nothing and asks nobody.
 */
import { createHash } from 'node:crypto'
import { kind as ownerKind } from '../crds/healthconsumer.ts'
import { operatorName } from './desired/child.ts'
import type { ChildKindName } from './desired/index.ts'
import type { KubernetesObject, ManagedFields } from './kubernetes.ts'

/** On every child: digest of what was last applied. */
export const hashAnnotation = 'healthdata.dev/applied-hash'

/** What is kept of a child. */
export interface ObservedChild {
  readonly kind: ChildKindName
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  /** Of what controls it. */
  readonly ownerUid: string | undefined
  /** Name of the HealthConsumer that controls it, in the same namespace. */
  readonly consumer: string | undefined
  readonly appliedHash: string | undefined
  /** Digest of the fields that are ours by server-side apply; it changes when somebody else sets or removes one. */
  readonly ours: string
  /** Somebody else owns fields beside ours, other than status. */
  readonly touched: boolean
  /** The number of pods is among our fields. */
  readonly ownsReplicas: boolean
}

const childKey = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`
const keyOf = ({ kind, namespace, name }: ObservedChild) => childKey(kind, namespace, name)

/** Who sets fields of children as a matter of course: they are no reason to look twice. */
const expectedManagers = /^(kube-controller-manager|k3s|keda.*|healthconsumer-operator.*)$/

export function observe(object: KubernetesObject): ObservedChild {
  const { metadata } = object
  const fields = metadata.managedFields ?? []
  const applied = fields.find(({ manager, operation, subresource }) => {
    return manager === operatorName && operation === 'Apply' && !subresource
  })
  const owner = metadata.ownerReferences?.find(({ controller }) => controller)
  const ownFields = JSON.stringify((applied as { fieldsV1?: unknown } | undefined)?.fieldsV1 ?? null)
  return {
    kind: object.kind as ChildKindName,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '0',
    ownerUid: owner?.uid,
    consumer: owner?.kind === ownerKind ? owner.name : undefined,
    appliedHash: metadata.annotations?.[hashAnnotation],
    ours: createHash('sha1').update(ownFields).digest('base64'),
    touched: fields.some(isForeign),
    ownsReplicas: ownFields.includes('"f:replicas"'),
  }
}

const isForeign = ({ manager = '', subresource }: ManagedFields) => !subresource && !expectedManagers.test(manager)

/** Resource versions of one API server are decimal numbers that grow (KEP-5504). */
export const isNewer = (one: string, other: string): boolean => BigInt(one) > BigInt(other)

const factsOf = (child: ObservedChild): string => JSON.stringify({ ...child, resourceVersion: '' })

export class Children {
  readonly #byKey = new Map<string, ObservedChild>()
  readonly #keysByOwner = new Map<string, Set<string>>()
  /** As our last write left them, by uid. */
  readonly #settled = new Map<string, Pick<ObservedChild, 'ours' | 'appliedHash'>>()

  get(kind: ChildKindName, namespace: string, name: string): ObservedChild | undefined {
    return this.#byKey.get(childKey(kind, namespace, name))
  }

  ownedBy(uid: string): readonly ObservedChild[] {
    return [...(this.#keysByOwner.get(uid) ?? [])].map(key => this.#byKey.get(key)!)
  }

  /** From the answer to our write. */
  recordWrite(child: ObservedChild): void {
    this.#settle(child)
    this.record(child)
  }

  /**
   * Whether somebody else set or removed a field of ours since we wrote it. Of a child that this process has not
   * written, only that others set fields in it: then it is written once more.
   */
  wasChanged(child: ObservedChild): boolean {
    const settled = this.#settled.get(child.uid)
    if (settled !== undefined) return settled.ours !== child.ours
    if (!child.touched) this.#settle(child)
    return child.touched
  }

  /** Hash of what was last applied, whatever the annotation says by now. */
  settledHash(child: ObservedChild): string | undefined {
    return (this.#settled.get(child.uid) ?? child).appliedHash
  }

  /** From a watch or from the answer to a write, whichever comes first. Returns whether anything that is kept has changed. */
  record(child: ObservedChild): boolean {
    const key = keyOf(child)
    const known = this.#byKey.get(key)
    // Also of another uid: what was here before may still be told after what we made in its place.
    if (known !== undefined && !isNewer(child.resourceVersion, known.resourceVersion)) return false
    if (known !== undefined) this.#unlink(key, known)
    this.#byKey.set(key, child)
    if (child.ownerUid !== undefined) {
      const keys = this.#keysByOwner.get(child.ownerUid) ?? new Set()
      this.#keysByOwner.set(child.ownerUid, keys.add(key))
    }
    return known === undefined || factsOf(known) !== factsOf(child)
  }

  /** Forgets it, unless another object has its name by now. */
  remove(child: ObservedChild): void {
    const key = keyOf(child)
    const known = this.#byKey.get(key)
    if (known?.uid !== child.uid) return
    this.#unlink(key, known)
    this.#byKey.delete(key)
    this.#settled.delete(child.uid)
  }

  #settle({ uid, ours, appliedHash }: ObservedChild): void {
    this.#settled.set(uid, { ours, appliedHash })
  }

  #unlink(key: string, { ownerUid }: ObservedChild): void {
    if (ownerUid === undefined) return
    const keys = this.#keysByOwner.get(ownerUid)
    keys?.delete(key)
    if (keys?.size === 0) this.#keysByOwner.delete(ownerUid)
  }
}

/** What the API server adds to an object, keeps for itself or leaves out, for inMemoryKubernetes.ts. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Fields, Owned } from './fieldOwnership.ts'
import type { KubernetesObject, ManagedFields, ObjectMetadata, Reference } from './kubernetes.ts'
import { apiVersionOf } from './requestPath.ts'

/** Manager of what a replacement changed. */
export const updateManager = 'update'

/** What users say of an object: all but what the API server keeps for itself. */
export function fieldsOf({ apiVersion: _, kind: __, metadata, ...fields }: Fields): Fields {
  const { labels, annotations, ownerReferences, finalizers } = (metadata ?? {}) as ObjectMetadata
  const own = { labels, annotations, ownerReferences, finalizers }
  const given = Object.entries(own).filter(([, value]) => value !== undefined)
  return given.length === 0 ? fields : { ...fields, metadata: Object.fromEntries(given) }
}

export const withoutStatus = ({ status: _, ...fields }: Fields): Fields => fields

export const metadataOf = ({ apiVersion, kind, metadata }: KubernetesObject): KubernetesObject => ({
  apiVersion,
  kind,
  metadata,
})

/** The object of these fields, as it would be stored after `before`; its resource version is still that of `before`. */
export function systemFields(
  { kind, namespace, name }: Reference,
  before: KubernetesObject | undefined,
  { fields, owners }: Owned,
  newUid: () => string,
  timestamp: string,
): KubernetesObject {
  const old = before?.metadata
  const isSpecChanged = !isDeepStrictEqual(specOf(fields), specOf(before ?? {}))
  const metadata: ObjectMetadata = {
    ...(fields.metadata as object | undefined),
    name,
    ...(namespace !== undefined && { namespace }),
    uid: old?.uid ?? newUid(),
    creationTimestamp: old?.creationTimestamp ?? timestamp,
    generation: before ? (old?.generation ?? 0) + (isSpecChanged ? 1 : 0) : 1,
    ...(old?.deletionTimestamp !== undefined && { deletionTimestamp: old.deletionTimestamp }),
    ...(old?.resourceVersion !== undefined && { resourceVersion: old.resourceVersion }),
    managedFields: [...owners.keys()].sort().map(managedFields),
  }
  return { ...fields, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata }
}

/** What counts for the generation. */
const specOf = ({ apiVersion: _, kind: __, metadata: ___, status: ____, ...fields }: Fields): Fields => fields

function managedFields(owner: string): ManagedFields {
  const [manager, subresource] = owner.split('/')
  return {
    manager,
    operation: owner === updateManager ? 'Update' : 'Apply',
    ...(subresource !== undefined && { subresource }),
  }
}

/**
 * Where objects and collections lie in the API: https://kubernetes.io/docs/reference/using-api/api-concepts/. Pure.
 */
import type { Kind, KubernetesObject, ListOptions, ObjectMetadata, Reference, WatchOptions } from './kubernetes.ts'

export const apiVersionOf = ({ group, version }: Kind): string => (group === '' ? version : `${group}/${version}`)

export const isOfKind = (object: Pick<KubernetesObject, 'apiVersion' | 'kind'>, kind: Kind): boolean =>
  object.kind === kind.kind && object.apiVersion === apiVersionOf(kind)

/** With the namespace only where the kind has one. */
export const referenceOf = (kind: Kind, { namespace, name }: ObjectMetadata): Reference =>
  kind.namespaced ? { kind, namespace: namespace ?? 'default', name } : { kind, name }

/** What a reference is called in messages and as a key. */
export const nameOf = (reference: Pick<Reference, 'namespace' | 'name'>): string =>
  reference.namespace === undefined ? reference.name : `${reference.namespace}/${reference.name}`

export function collectionPath(kind: Kind, namespace?: string): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  const within = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${within}/${kind.plural}`
}

export const objectPath = ({ kind, namespace, name }: Reference): string =>
  `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`

/** Leaves out what is undefined. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return given.length === 0 ? path : `${path}?${given.join('&')}`
}

export const listPath = (kind: Kind, options: ListOptions): string =>
  withQuery(collectionPath(kind, options.namespace), {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    continue: options.continue,
    resourceVersion: options.resourceVersion,
  })

export const watchPath = (kind: Kind, options: WatchOptions): string =>
  withQuery(collectionPath(kind, options.namespace), {
    watch: true,
    allowWatchBookmarks: true,
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    resourceVersion: options.resourceVersion,
    timeoutSeconds: options.timeoutSeconds,
  })

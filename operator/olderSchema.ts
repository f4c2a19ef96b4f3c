/**
 * What one of definition and operator does not know of the other yet, in the middle of an upgrade: a status without its
 * newest fields is better than none, and so is a consumer without the newest field of its spec. Pure.
 */

/** Paths below the root that a refusal of server-side apply names, such as `.status.failedHash`. */
export const undeclaredFields = (message: string): readonly (readonly string[])[] =>
  [...message.matchAll(/\.(\w+(?:\.\w+)*): field not declared in schema/g)].map(match => match[1]!.split('.'))

export const fieldAt = (object: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce((parent, name) => (parent as Record<PropertyKey, unknown> | undefined)?.[name], object)

/** The object without the fields at these paths. */
export function withoutFields<T>(object: T, paths: readonly (readonly PropertyKey[])[]): T {
  const copy = structuredClone(object)
  for (const path of paths) {
    const parent = fieldAt(copy, path.slice(0, -1))
    if (typeof parent === 'object' && parent !== null) delete (parent as Record<PropertyKey, unknown>)[path.at(-1)!]
  }
  return copy
}

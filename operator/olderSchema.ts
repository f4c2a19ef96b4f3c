/**
 * What a CustomResourceDefinition that is older than this operator does not know yet: Helm does not upgrade definitions
 * by itself, and a status without its newest fields is better than none. Pure.
 */

/** Paths below the root that a refusal of server-side apply names, such as `.status.failedHash`. */
export const undeclaredFields = (message: string): readonly (readonly string[])[] =>
  [...message.matchAll(/\.(\w+(?:\.\w+)*): field not declared in schema/g)].map(match => match[1]!.split('.'))

/** The object without the fields at these paths. */
export function withoutFields<T>(object: T, paths: readonly (readonly string[])[]): T {
  const copy = structuredClone(object)
  for (const path of paths) {
    let parent: unknown = copy
    for (const name of path.slice(0, -1)) parent = (parent as Record<string, unknown> | undefined)?.[name]
    if (typeof parent === 'object' && parent !== null) delete (parent as Record<string, unknown>)[path.at(-1)!]
  }
  return copy
}

/**
 * Server-side apply as far as one manager that forces needs it
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/): maps are merged, each field has owners, a field
 * that its last owner no longer applies vanishes. Lists are replaced as a whole, also those that the API merges by key.
 * Pure; for tests in memory, never in the way of a real request.
 */

export type Fields = { readonly [name: string]: unknown }
/** What each manager owns: paths of leaves, as JSON. */
export type Owners = ReadonlyMap<string, ReadonlySet<string>>

export interface Owned {
  readonly fields: Fields
  readonly owners: Owners
}

const isMap = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isLeaf = (value: unknown) => !isMap(value) || Object.keys(value).length === 0
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** Path → value of whatever is no map with something in it. */
function leavesOf(fields: Fields): Map<string, unknown> {
  const leaves = new Map<string, unknown>()
  const walk = (map: Fields, path: readonly string[]) => {
    for (const [name, value] of Object.entries(map)) {
      if (value === undefined || value === null) continue
      const at = [...path, name]
      if (isLeaf(value)) leaves.set(JSON.stringify(at), value)
      else walk(value as Fields, at)
    }
  }
  walk(fields, [])
  return leaves
}

function valueAt(fields: Fields, path: readonly string[]): unknown {
  let value: unknown = fields
  for (const name of path) value = isMap(value) ? value[name] : undefined
  return value
}

function withValue(fields: Fields, [name, ...rest]: readonly string[], value: unknown): Fields {
  const inner = fields[name!]
  return { ...fields, [name!]: rest.length === 0 ? value : withValue(isMap(inner) ? inner : {}, rest, value) }
}

/** Maps that have nothing left in them go as well. */
function without(fields: Fields, [name, ...rest]: readonly string[]): Fields {
  const { [name!]: inner, ...others } = fields
  if (rest.length === 0 || !isMap(inner)) return others
  const left = without(inner, rest)
  return Object.keys(left).length === 0 ? others : { ...fields, [name!]: left }
}

/** The manager's fields are now exactly `applied`; what others had and it changed is no longer theirs. */
export function applyFields(stored: Owned, applied: Fields, manager: string): Owned {
  const leaves = leavesOf(applied)
  const owners = new Map([...stored.owners].map(([name, paths]) => [name, new Set(paths)]))
  const before = owners.get(manager) ?? new Set()
  owners.delete(manager)
  let fields = stored.fields
  for (const path of before) {
    const isOthers = [...owners.values()].some(paths => paths.has(path))
    if (!leaves.has(path) && !isOthers) fields = without(fields, JSON.parse(path))
  }
  for (const [path, value] of leaves) {
    const at: string[] = JSON.parse(path)
    const current = valueAt(fields, at)
    // An empty map asks for the map, not for its being empty.
    if (same(current, value) || (isMap(value) && isMap(current))) continue
    for (const paths of owners.values()) paths.delete(path)
    fields = withValue(fields, at, value)
  }
  if (leaves.size > 0) owners.set(manager, new Set(leaves.keys()))
  return { fields, owners }
}

/** As an update does it: the fields are replaced, and what changed is the manager's alone. */
export function replaceFields(stored: Owned, fields: Fields, manager: string): Owned {
  const before = leavesOf(stored.fields)
  const after = leavesOf(fields)
  const kept = (path: string) => after.has(path) && same(before.get(path), after.get(path))
  const owners = new Map([...stored.owners].map(([name, paths]) => [name, new Set([...paths].filter(kept))]))
  const own = owners.get(manager) ?? new Set()
  for (const path of after.keys()) if (!kept(path)) own.add(path)
  owners.set(manager, own)
  return { fields, owners: new Map([...owners].filter(([, paths]) => paths.size > 0)) }
}

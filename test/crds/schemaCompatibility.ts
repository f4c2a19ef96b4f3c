/**
 * Compares a CustomResourceDefinition with the released one: would anything that was stored or applied then be refused,
 * dropped or read otherwise now? What it finds has to be taken back, or be a new version of the API.
 */
import { isDeepStrictEqual } from 'node:util'
import { rootSchema, type Schema } from './schema.ts'

interface Definition {
  readonly spec: {
    readonly group: string
    readonly scope: string
    readonly names: {
      readonly kind: string
      readonly plural: string
      readonly shortNames?: readonly string[]
      readonly categories?: readonly string[]
    }
    readonly versions: readonly { readonly name: string; readonly served: boolean; readonly subresources?: object }[]
  }
}

/** What breaks, in the order of the released fields. Empty where `now` takes all that `released` took. */
export function incompatibilities(released: unknown, now: unknown): readonly string[] {
  return [
    ...definition((released as Definition).spec, (now as Definition).spec),
    ...compare(rootSchema(released), rootSchema(now), [], true),
  ]
}

function* definition(released: Definition['spec'], now: Definition['spec']): Generator<string> {
  for (const field of ['group', 'scope'] as const) if (released[field] !== now[field]) yield `${field} changed`
  for (const name of ['kind', 'plural'] as const)
    if (released.names[name] !== now.names[name]) yield `names.${name} changed`
  for (const names of ['shortNames', 'categories'] as const)
    for (const gone of without(released.names[names], now.names[names])) yield `names.${names}: ${gone} removed`
  for (const version of released.versions) {
    const same = now.versions.find(({ name }) => name === version.name)
    if (!same?.served) yield `version ${version.name} is no longer served`
    else if (!isDeepStrictEqual(same.subresources, version.subresources)) yield 'subresources changed'
  }
}

const without = <T>(some: readonly T[] = [], others: readonly T[] = []) => some.filter(each => !others.includes(each))

/** `ratchets`: the API server lets a value that was stored and does not change break a new rule (KEP-4008). */
function* compare(released: Schema, now: Schema, path: readonly string[], ratchets: boolean): Generator<string> {
  const at = path.join('.')
  for (const problem of [...kind(released, now), ...bounds(released, now), ...rules(released, now, ratchets)])
    yield `${at}: ${problem}`
  const same = now['x-kubernetes-list-type']
  // Entries of other lists have no identity by which the old one could be found.
  const within = ratchets && (same === undefined || same === 'map')
  for (const [name, field] of Object.entries(released.properties ?? {})) {
    const field2 = now.properties?.[name]
    if (field2) yield* compare(field, field2, [...path, name], within)
    else yield `${[...path, name].join('.')}: removed`
  }
  if (released.items && now.items) yield* compare(released.items, now.items, [...path, '[]'], within)
  if (released.additionalProperties && now.additionalProperties)
    yield* compare(released.additionalProperties, now.additionalProperties, [...path, '*'], within)
}

function* kind(released: Schema, now: Schema): Generator<string> {
  const widened = released.type === 'integer' && now.type === 'number'
  if (released.type !== now.type && !widened) yield `type ${released.type} became ${now.type}`
  const extensions = ['list-type', 'list-map-keys', 'map-type', 'int-or-string', 'preserve-unknown-fields'] as const
  for (const name of extensions.map(each => `x-kubernetes-${each}` as const))
    if (!isDeepStrictEqual(released[name], now[name])) yield `${name} changed`
  if (!released.additionalProperties !== !now.additionalProperties) yield 'a map is no longer one'
  if (!isDeepStrictEqual(released.default, now.default))
    yield `default ${text(released.default)} became ${text(now.default)}`
  for (const name of without(now.required, released.required))
    if (now.properties?.[name]?.default === undefined) yield `${name} became required`
}

const text = (value: unknown) => (value === undefined ? 'none' : JSON.stringify(value))

function* bounds(released: Schema, now: Schema): Generator<string> {
  for (const name of ['minimum', 'minLength', 'minItems'] as const)
    if ((now[name] ?? -Infinity) > (released[name] ?? -Infinity)) yield narrower(name, released[name], now[name])
  for (const name of ['maximum', 'maxLength', 'maxItems', 'maxProperties'] as const)
    if ((now[name] ?? Infinity) < (released[name] ?? Infinity)) yield narrower(name, released[name], now[name])
  // Whether one pattern takes all that another takes is for people to decide.
  for (const name of ['pattern', 'format'] as const)
    if (now[name] !== undefined && now[name] !== released[name]) yield narrower(name, released[name], now[name])
  if (now.enum && !released.enum) yield narrower('enum', undefined, now.enum)
  for (const choice of without(released.enum, now.enum)) if (now.enum) yield `enum lost ${choice}`
}

const narrower = (name: string, before: unknown, now: unknown) => `${name} ${text(before)} became ${text(now)}`

function* rules(released: Schema, now: Schema, ratchets: boolean): Generator<string> {
  const known = (released['x-kubernetes-validations'] ?? []).map(({ rule }) => rule)
  const wary = ratchets
    ? 'what is stored keeps it until the value changes'
    : 'what is stored and breaks it can no longer be written at all'
  for (const { rule } of now['x-kubernetes-validations'] ?? [])
    if (!known.includes(rule)) yield `new rule ${rule} (${wary})`
}

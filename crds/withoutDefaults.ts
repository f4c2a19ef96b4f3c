/**
 * A spec without the fields that say what is so anyway, by the defaults of the schema: what somebody has decided, as an
 * older and a newer version both understand it. Pure.
 */
import { customResourceDefinition } from './customResourceDefinition.ts'
import type { HealthConsumerSpec } from './healthconsumer.ts'

/** The part of a structural schema that defaults depend on. */
interface Schema {
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema
}

type Fields = Readonly<Record<string, unknown>>
type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T
export type SpecWithoutDefaults = DeepPartial<HealthConsumerSpec>

let specSchema: Schema | undefined

/** Read again with the same schema, it is the same spec. */
export function withoutDefaults(spec: SpecWithoutDefaults): SpecWithoutDefaults {
  specSchema ??= readSchema()
  return reduced(spec, specSchema) as SpecWithoutDefaults
}

function readSchema(): Schema {
  const { spec } = customResourceDefinition() as {
    spec: { versions: readonly [{ schema: { openAPIV3Schema: { properties: { spec: Schema } } } }] }
  }
  return spec.versions[0].schema.openAPIV3Schema.properties.spec
}

function reduced(value: unknown, schema: Schema | undefined): unknown {
  if (Array.isArray(value)) return value.map(item => reduced(item, schema?.items))
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value as Fields).flatMap(([name, each]): [string, unknown][] => {
    const field = schema?.properties?.[name] ?? schema?.additionalProperties
    const rest = reduced(each, field)
    return same(rest, reduced(field?.default, field)) ? [] : [[name, rest]]
  })
  return Object.fromEntries(fields)
}

/** `one` is a value; nothing is the same as the default of a field that has none. */
const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

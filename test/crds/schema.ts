/** The schema of the CRD as tests walk it, and dotted paths into resources. */
import { customResourceDefinition } from '../../crds/customResourceDefinition.ts'

export interface Validation {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
}

/** The part of apiextensions.k8s.io/v1 JSONSchemaProps that structural schemas of this project have. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly description?: string
  readonly default?: unknown
  readonly format?: string
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema
  readonly 'x-kubernetes-validations'?: readonly Validation[]
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: 'atomic'
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
}

interface Definition {
  readonly spec: {
    readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }]
  }
}

export const rootSchema = (definition: unknown = customResourceDefinition()): Schema =>
  (definition as Definition).spec.versions[0].schema.openAPIV3Schema

/** Every schema below with its path: `[]` for the items of a list, `*` for the values of a map. */
export function* walk(schema: Schema, path: readonly string[] = []): Generator<[readonly string[], Schema]> {
  yield [path, schema]
  for (const [name, field] of Object.entries(schema.properties ?? {})) yield* walk(field, [...path, name])
  if (schema.items) yield* walk(schema.items, [...path, '[]'])
  if (schema.additionalProperties) yield* walk(schema.additionalProperties, [...path, '*'])
}

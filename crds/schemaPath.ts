/**
 * Finding one's way in a zod schema by the path of a field: its schema, its known names, and where else a name is known.
 * Pure.
 */
import { z } from 'zod'

export type FieldPath = readonly (string | number)[]

/** `spec.kafka.topics[0]`; a key that is no plain word is quoted and cut. The empty path is the document. */
export function fieldName(path: FieldPath): string {
  const plain = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/
  const parts = path.map(segment => {
    if (typeof segment === 'number') return `[${segment}]`
    return plain.test(segment) ? `.${segment}` : `[${JSON.stringify(cut(segment))}]`
  })
  return parts.join('').replace(/^\./, '') || 'the document'
}

/** The text with its end left out where it is long. */
export const cut = (text: string, most = 60): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`)

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault)
    inner = inner.unwrap()
  return inner
}

function child(schema: z.core.$ZodType | undefined, segment: string | number): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject) {
    const field = Object.hasOwn(schema.shape, segment) ? schema.shape[segment] : undefined
    return field && unwrap(field)
  }
  if (schema instanceof z.ZodArray) return unwrap(schema.element)
  if (schema instanceof z.ZodRecord) return unwrap(schema.valueType)
  return undefined
}

/** The schema of a field, without its defaults; undefined for a field that the schema does not know. */
export const schemaAt = (root: z.core.$ZodType, path: FieldPath): z.core.$ZodType | undefined =>
  path.reduce(child, unwrap(root) as z.core.$ZodType | undefined)

/** The names that an object's schema knows; none where it is no object. */
export const knownNames = (schema: z.core.$ZodType | undefined): readonly string[] =>
  schema instanceof z.ZodObject ? Object.keys(schema.shape) : []

/** The first path at which the schema knows a name, in the order of declaration. */
export function findName(schema: z.core.$ZodType, name: string, under: FieldPath = []): FieldPath | undefined {
  const object = unwrap(schema)
  if (!(object instanceof z.ZodObject)) return undefined
  if (Object.hasOwn(object.shape, name)) return [...under, name]
  for (const [field, inner] of Object.entries(object.shape)) {
    const found = findName(inner as z.core.$ZodType, name, [...under, field])
    if (found) return found
  }
  return undefined
}

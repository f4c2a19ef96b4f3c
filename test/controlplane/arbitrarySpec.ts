/**
 * Changes of a HealthConsumer for property tests, made from the CRD's schema: each puts a value at a path, most of them
 * sound, some of them slightly broken. Nothing is null: an API server drops those, a manifest is told about them.
 */

import { rootSchema, type Schema } from '../crds/schema.ts'
import fc from '../properties.ts'

/** Where a change may be made: every field of the spec that is reached without the index of a list or the key of a map. */
function* places(schema: Schema, path: string): Generator<[string, Schema]> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    yield [`${path}.${name}`, field]
    yield* places(field, `${path}.${name}`)
  }
}

const allPlaces = [...places(rootSchema().properties!.spec!, 'spec')]

const change = fc
  .constantFrom(...allPlaces)
  .chain(([path, schema]) =>
    fc
      .oneof({ arbitrary: sound(schema), weight: 4 }, { arbitrary: broken(schema), weight: 1 })
      .map(value => [path, value] as const),
  )

/** Values by dotted path, none of them within another. */
export const changes: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc
  .array(change, { minLength: 1, maxLength: 4 })
  .map(all => {
    const isWithin = (path: string) => all.some(([other]) => path.startsWith(`${other}.`))
    return Object.fromEntries(all.filter(([path]) => !isWithin(path)))
  })

/** Of the right type, and mostly within its bounds. */
function sound(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema['x-kubernetes-int-or-string']) return fc.oneof(fc.integer({ min: 0 }), textOf(schema))
  if (schema['x-kubernetes-preserve-unknown-fields'])
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), json, { maxKeys: 3 })
  switch (schema.type) {
    case 'string':
      return textOf(schema)
    case 'integer':
      return fc.integer({ min: schema.minimum, max: schema.maximum })
    case 'number':
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? 0, max: 1000 }),
        fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1e9, noNaN: true }),
      )
    case 'boolean':
      return fc.boolean()
    case 'array':
      return listOf(schema)
    default:
      return schema.additionalProperties ? mapOf(schema.additionalProperties) : objectOf(schema)
  }
}

const json = fc
  .jsonValue({ maxDepth: 2 })
  .map(value => JSON.parse(JSON.stringify(value), (_, inner) => inner ?? 'none'))

/** Durations and times are what their pattern takes only now and then. */
const times = fc
  .tuple(
    fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
    fc.constantFrom('Z', '+02:00', '-23:59'),
  )
  .map(([date, zone]) => date.toISOString().replace('Z', zone))
const durations = fc
  .tuple(fc.integer({ min: 0, max: 400 }), fc.constantFrom('s', 'm', 'h', 'd'))
  .map(parts => parts.join(''))

function textOf({ format, pattern, maxLength = 64, minLength = 0 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return times
  if (pattern?.includes('[smhd]')) return durations
  if (pattern) return fc.stringMatching(new RegExp(pattern, 'u'), { size: 'small' })
  return fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) })
}

function listOf({ items, minItems = 0, maxItems = 3 }: Schema): fc.Arbitrary<unknown[]> {
  const lengths = { minLength: minItems, maxLength: Math.min(maxItems, 3) }
  return fc.array(sound(items!), lengths)
}

const keys = fc.oneof(
  { arbitrary: fc.constantFrom('zone', 'example.com/zone', 'heartRate', 'cpu', 'a_b.c-d', 'A'), weight: 8 },
  {
    arbitrary: fc.constantFrom(
      'Example.com/zone',
      '-a',
      'a/',
      '/a',
      'a/b/c',
      'é',
      '',
      `${'a'.repeat(64)}`,
      `${'a'.repeat(254)}/a`,
    ),
    weight: 1,
  },
)
const mapOf = (value: Schema) => fc.dictionary(keys, sound(value), { maxKeys: 3 })

function objectOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<object> {
  const fields = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, sound(field)]))
  return fc.record(fields, { requiredKeys: [...required] })
}

const wrongTimes = [
  ...['2026-02-30T12:00:00Z', '2026-01-31', '2026-01-31T12:00Z', '2026-01-31t12:00:00z', '2026-01-31 12:00:00Z'],
  ...['2026-01-31T24:00:00Z', '2026-01-31T12:00:00', '2026-01-31T12:00:00,5Z', '2026-01-31T12:00:00+0200', ''],
]
const wrongTexts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom(
    '',
    ' ',
    'a b',
    'a\u00a0b',
    'é',
    '😀',
    '\u2028',
    '\t',
    'a\n',
    '..',
    '/',
    'http://a\u00a0b',
    's3://\u3000',
    ...wrongTimes,
  ),
)

/** Of a wrong type, out of bounds, of a wrong form, incomplete, or with a field that nobody knows. */
function broken(schema: Schema): fc.Arbitrary<unknown> {
  const { type, minimum, maximum, maxLength, maxItems, minItems, properties, required = [] } = schema
  const wrongType = fc.constantFrom<unknown>('text', 1.5, true, [], {}, ['a'], { a: 1 })
  if (schema['x-kubernetes-int-or-string'])
    return fc.oneof(
      wrongType,
      fc.constantFrom<unknown>('1Gb', '-1', '', '1.', '.5', '1 Gi', '1e3', '1E3', -1, 0.5, '9'.repeat(33)),
    )
  const beyond: unknown[] = []
  if (minimum !== undefined) beyond.push(minimum - 1, minimum)
  if (maximum !== undefined) beyond.push(maximum + 1, maximum)
  if (maxLength !== undefined) beyond.push('a'.repeat(maxLength + 1), 'a'.repeat(maxLength), '😀'.repeat(maxLength))
  const item = schema.items && fc.sample(sound(schema.items), { numRuns: 1, seed: 7 })[0]
  if (maxItems !== undefined) beyond.push(Array(maxItems + 1).fill(item), [item, item])
  if (minItems !== undefined) beyond.push([])
  const more = beyond.length > 0 ? [fc.constantFrom(...beyond)] : []
  if (type === 'string') return fc.oneof(wrongType, wrongTexts, ...more)
  if (properties === undefined) return fc.oneof(wrongType, ...more)
  const whole = objectOf(schema)
  const incomplete = required.map(name => whole.map(value => ({ ...value, [name]: undefined })))
  return fc.oneof(
    wrongType,
    whole.map(value => ({ ...value, unknown: 1 })),
    ...incomplete,
  )
}

/** docs/api.md: every field of the HealthConsumer, its rules and its conditions, as tables. Pure text from the schema. */
import { conditionReasons } from '../../crds/conditionReasons.ts'
import { describedSchema } from '../../crds/customResourceDefinition.ts'
import { apiVersion, kind, plural, shortName } from '../../crds/healthconsumer.ts'
import { conditionTypes } from '../../crds/status.ts'

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly form?: string
  readonly range?: string
  readonly enum?: readonly string[]
  readonly anyOf?: readonly Schema[]
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
  readonly additionalProperties?: Schema | false
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly {
    readonly rule: string
    readonly message: string
    readonly fieldPath?: string
  }[]
}

interface Row {
  readonly name: string
  readonly schema: Schema
  readonly required: boolean
}

const introduction = `# The HealthConsumer API

Written by \`hack/generate\` from the schema in [crds](../crds): change it there. \`kubectl explain ${shortName}.spec\` tells
the same; [examples/everything.yaml](../examples/everything.yaml) sets every field.

\`apiVersion: ${apiVersion}\`, \`kind: ${kind}\`, \`${plural}\` or \`${shortName}\` for kubectl; namespaced. The API server
refuses what breaks a type, a bound or a rule, and so does \`healthconsumer validate\`, without a cluster and with the line.

How to read the tables: a name in **bold** has to be given wherever its parent is. \`list[].field\` is a field of each entry,
\`map.*\` the value of each key. Durations are a whole number and one unit: \`s\`, \`m\`, \`h\` or \`d\`.
`

export function apiReference(): string {
  const { spec, status } = (describedSchema() as Schema).properties!
  const name = (describedSchema() as Schema)['x-kubernetes-validations']!.map(({ message }) => `- ${message}`)
  return [
    introduction,
    `## metadata\n\nStandard object metadata. \`metadata.name\` is refused where it\n\n${name.join('\n')}\n`,
    ...sections('spec', spec!),
    ...sections('status', status!),
    conditions(),
  ].join('\n')
}

/** An object with its own table, then those of the large objects in it. */
function sections(path: string, schema: Schema): readonly string[] {
  const rows = rowsOf(schema, '')
  const large = rows.filter(row => isLarge(row.schema))
  const lines = rows.map(row => `| ${cells(path, row).join(' | ')} |`)
  const rules = rulesOf(rows, schema)
  return [
    `## ${path}\n\n${schema.description}\n`,
    ['| field | type | default | bounds | meaning |', '|---|---|---|---|---|', ...lines, ''].join('\n'),
    ...(rules.length > 0 ? [`Rules:\n\n${rules.map(rule => `- ${rule}`).join('\n')}\n`] : []),
    ...large.flatMap(row => sections(`${path}.${row.name}`, row.schema)),
  ]
}

/** What gets a table of its own; smaller objects are lines of their parent's. */
const isLarge = (schema: Schema): boolean => schema.type === 'object' && rowsOf(schema, '').length > 3

function rowsOf(schema: Schema, prefix: string): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const row = { name: `${prefix}${name}`, schema: field, required: schema.required?.includes(name) ?? false }
    if (isLarge(field)) return [row]
    const [inner, suffix] = innerOf(field)
    return [row, ...rowsOf(inner, `${row.name}${suffix}.`)]
  })
}

/** The object that the fields are in, of a list or a map that of its entries. */
function innerOf(field: Schema): readonly [Schema, string] {
  if (field.items) return [field.items, '[]']
  if (field.additionalProperties) return [field.additionalProperties, '.*']
  return [field, '']
}

function cells(path: string, { name, schema, required }: Row): readonly string[] {
  const link = isLarge(schema) ? `[${name}](#${`${path}.${name}`.toLowerCase().replaceAll('.', '')})` : name
  const shown = isLarge(schema) ? link : `\`${name}\``
  return [
    required ? `**${shown}**` : shown,
    typeOf(schema),
    defaultOf(schema),
    boundsOf(schema),
    schema.description ?? '',
  ].map(text => text.replaceAll('|', '\\|').replaceAll(/(`[^`]*`)|</g, (_, code) => code ?? '&lt;'))
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map(value => `\`${value}\``).join(', ')
  if (schema.anyOf) return 'quantity'
  if (schema.items) return `list of ${typeOf(schema.items)}`
  if (schema.additionalProperties && Object.keys(schema.additionalProperties).length > 0)
    return `map of ${typeOf(schema.additionalProperties)}`
  if (schema.form?.startsWith('a whole number and one unit')) return 'duration'
  if (schema.form?.startsWith('a time ')) return 'time'
  return schema.type ?? ''
}

const defaultOf = ({ default: standard }: Schema): string =>
  standard === undefined || JSON.stringify(standard) === '{}'
    ? ''
    : `\`${JSON.stringify(standard).replaceAll('"', '')}\``

function boundsOf(schema: Schema): string {
  const { items, additionalProperties, type, enum: choices } = schema
  const entries = items ? between(schema.minItems, schema.maxItems, 'entries') : undefined
  const keys = between(undefined, schema.maxProperties, 'entries')
  const inner = items ?? (additionalProperties || undefined)
  const own = type === 'object' ? [] : [...ownBounds(schema, choices !== undefined)]
  const each = inner && inner.type !== 'object' && !inner.enum ? ownBounds(inner, false) : []
  const isValue = inner !== undefined || type !== 'object'
  const rules = schema.range ? [schema.range] : isValue ? (schema['x-kubernetes-validations'] ?? []).map(fixOf) : []
  return [entries, keys, onceOf(schema), ...own, ...each, ...rules].filter(text => text !== undefined).join('; ')
}

function onceOf(schema: Schema): string | undefined {
  const keys = schema['x-kubernetes-list-map-keys']
  return keys && `one for each ${keys.join(' and ')}`
}

function ownBounds(schema: Schema, isChoice: boolean): readonly string[] {
  const isSpecial = typeOf(schema) === 'duration' || typeOf(schema) === 'time'
  const characters = isChoice || isSpecial ? undefined : between(schema.minLength, schema.maxLength, 'characters')
  const numbers = between(schema.minimum, schema.maximum === Number.MAX_SAFE_INTEGER ? undefined : schema.maximum)
  return [isSpecial ? undefined : schema.form, characters, numbers].filter(text => text !== undefined)
}

function between(least: number | undefined, most: number | undefined, unit = ''): string | undefined {
  const number = (value: number) => (Math.abs(value) >= 1e15 ? String(value) : value.toLocaleString('en-US'))
  if (least === undefined && most === undefined) return undefined
  if (most === undefined) return `at least ${number(least!)} ${unit}`.trim()
  return (
    least === undefined ? `at most ${number(most)} ${unit}` : `${number(least)} to ${number(most)} ${unit}`
  ).trim()
}

const fixOf = ({ message }: { readonly message: string }) => message.slice(message.indexOf(': ') + 2)

/** Of the object itself and of the objects that share its table: what is refused, and what to do instead. */
function rulesOf(rows: readonly Row[], schema: Schema): readonly string[] {
  const objects = [{ name: '', schema }, ...rows.filter(row => !isLarge(row.schema))].flatMap(({ name, schema }) => {
    const [inner, suffix] = innerOf(schema)
    return inner.type === 'object' && inner.properties ? [{ name: `${name}${suffix}`, schema: inner }] : []
  })
  return objects.flatMap(({ name, schema }) =>
    (schema['x-kubernetes-validations'] ?? []).map(({ message, fieldPath }) => {
      const subject = `${name}${fieldPath ?? ''}`.replace(/^\./, '')
      const named = `${subject.split('.').at(-1)} `
      const what = message.startsWith(named) ? message.slice(named.length) : message
      return `${subject === '' ? 'It' : `\`${subject}\``} ${what}.`
    }),
  )
}

function conditions(): string {
  const lines = conditionTypes.flatMap(type => {
    const { meaning, ...byStatus } = conditionReasons[type]
    const reasons = Object.entries(byStatus).flatMap(([status, all]) =>
      Object.entries(all).map(([reason, what]) => `| | ${status} | ${reason} | ${what} |`),
    )
    return [`| **${type}** | | | ${meaning} |`, ...reasons]
  })
  return [
    '## Conditions\n\nOne of each type is always there. `Ready`, `Reconciling` and `Stalled` are those of kstatus: Flux, Argo CD and',
    '`kubectl wait --for=condition=Ready` read them. Every message names the object concerned and the next step.\n',
    '| condition | status | reason | meaning |\n|---|---|---|---|',
    ...lines,
    '',
  ].join('\n')
}

/**
 * Checks a HealthConsumer and says everything that is wrong with it at once: which field, what, how to fix it. The same
 * for the command, the operator and the runtime. It shows the value of a field only where that cannot be a secret.
 */
import { z } from 'zod'
import { apiVersion, type HealthConsumer, healthConsumer, kind } from './healthconsumer.ts'
import { nearest } from './nearest.ts'
import type { BrokenRule } from './rules.ts'
import { cut, type FieldPath, fieldName, findName, knownNames, schemaAt } from './schemaPath.ts'

export type ProblemCode =
  | 'WRONG_KIND'
  | 'UNKNOWN_FIELD'
  | 'MISSING_FIELD'
  | 'WRONG_TYPE'
  | 'OUT_OF_BOUNDS'
  | 'INVALID_FORMAT'
  | 'INVALID_CHOICE'
  | 'BROKEN_RULE'
  | 'NOT_SUPPORTED'
  | 'TOO_MANY_PROBLEMS'

export interface Problem {
  readonly code: ProblemCode
  readonly path: FieldPath
  /** The path as people read it. */
  readonly field: string
  /** JSON text of the value, cut; absent where there is none or where it might be a secret. */
  readonly value?: string
  /** What is wrong, as it follows the name of the field. */
  readonly what: string
  readonly fix: string
}

export type Checked =
  | { readonly resource: HealthConsumer; readonly problems?: undefined }
  | { readonly resource?: undefined; readonly problems: readonly Problem[] }

/** More are not worth reading, and a file of garbage has no end of them. */
const mostProblems = 100

/** The HealthConsumer with its defaults, or all that is wrong with it, in the order of the API's fields. */
export function checkHealthConsumer(input: unknown): Checked {
  const result = healthConsumer.safeParse(input)
  if (result.success) return { resource: result.data }
  const issues = result.error.issues.flatMap(perUnknownKey)
  const foreign = issues.filter(issue => isKind(issue.path))
  const problems = firstPerField(foreign.length > 0 ? foreign : issues)
  const shown = problems.slice(0, mostProblems).map(issue => problemOf(issue, input))
  return { problems: problems.length > mostProblems ? [...shown, tooMany(problems.length)] : shown }
}

const isKind = (path: readonly PropertyKey[]) => path.length === 1 && (path[0] === 'apiVersion' || path[0] === 'kind')

/** One issue per unknown key, with the key as the end of its path. */
function perUnknownKey(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'unrecognized_keys') return [issue]
  return issue.keys.map(key => ({ ...issue, keys: [key], path: [...issue.path, key] }))
}

function firstPerField(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const byField = new Map<string, z.core.$ZodIssue>()
  for (const issue of issues) {
    const key = JSON.stringify(issue.path)
    if (!byField.has(key)) byField.set(key, issue)
  }
  return [...byField.values()]
}

const tooMany = (count: number): Problem => ({
  code: 'TOO_MANY_PROBLEMS',
  path: [],
  field: fieldName([]),
  what: `has ${count - mostProblems} more problems`,
  fix: `correct the first ${mostProblems} and check again`,
})

function problemOf(issue: z.core.$ZodIssue, input: unknown): Problem {
  const path = issue.path as FieldPath
  const value = valueAt(input, path)
  const shown = shownValue(value, path)
  return {
    ...explain(issue, path, value),
    path,
    field: fieldName(path),
    ...(shown === undefined ? {} : { value: shown }),
  }
}

type Explanation = Pick<Problem, 'code' | 'what' | 'fix'>

function explain(issue: z.core.$ZodIssue, path: FieldPath, value: unknown): Explanation {
  if (isKind(path)) return wrongKind(path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownField(path)
    case 'invalid_type':
      return value === undefined ? missing(path, issue.expected) : wrongType(issue.expected, value)
    case 'invalid_union':
      return wrongType('quantity', value)
    case 'invalid_value':
      return wrongChoice(issue.values.map(String), path, value)
    case 'too_small':
    case 'too_big':
      return outOfBounds(issue)
    case 'invalid_format':
      return { code: 'INVALID_FORMAT', what: 'has the wrong form', fix: `write ${issue.message}` }
    case 'custom':
      return { code: 'BROKEN_RULE', ...(issue.params as unknown as BrokenRule) }
    default:
      return { code: 'WRONG_TYPE', what: 'is not valid', fix: issue.message }
  }
}

const wrongKind = (path: FieldPath): Explanation => ({
  code: 'WRONG_KIND',
  what: 'is not that of a HealthConsumer',
  fix: `write ${path[0]}: ${path[0] === 'kind' ? kind : apiVersion}`,
})

function unknownField(path: FieldPath): Explanation {
  const name = String(path.at(-1))
  const known = knownNames(schemaAt(healthConsumer, path.slice(0, -1)))
  const near = nearest(name, known)
  const elsewhere = findName(healthConsumer, name)
  const fix = near
    ? `did you mean ${near}?`
    : elsewhere
      ? `did you mean ${fieldName(elsewhere)}?`
      : `remove it, or use one of ${known.join(', ')}`
  return { code: 'UNKNOWN_FIELD', what: 'is not a known field', fix }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a finite number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object with fields',
  record: 'an object with fields',
  array: 'a list',
  quantity: 'a quantity such as 500m, 2 or 1Gi, in quotes where it is no whole number',
}
const typeName = (expected: string) => typeNames[expected] ?? 'a value'

function missing(path: FieldPath, expected: string): Explanation {
  const schema = schemaAt(healthConsumer, path)
  const wanted = schema instanceof z.ZodEnum ? `one of ${schema.options.join(', ')}` : typeName(expected)
  return { code: 'MISSING_FIELD', what: 'is missing', fix: `add ${path.at(-1) ?? kind}: ${wanted}` }
}

const wrongType = (expected: string, value: unknown): Explanation => ({
  code: 'WRONG_TYPE',
  what: `is ${kindOfValue(value)}`,
  fix: value === null ? `write ${typeName(expected)}, or remove the field` : `write ${typeName(expected)}`,
})

function kindOfValue(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'true or false'
  if (!Number.isFinite(value)) return 'not a finite number'
  return Number.isInteger(value) ? 'a number' : 'a number with a fraction'
}

function wrongChoice(choices: readonly string[], path: FieldPath, value: unknown): Explanation {
  if (value === undefined) return missing(path, 'choice')
  const fix = `write one of ${choices.join(', ')}`
  if (value === null) return { code: 'WRONG_TYPE', what: 'is empty', fix: `${fix}, or remove the field` }
  const near = typeof value === 'string' ? nearest(value, choices) : undefined
  return {
    code: 'INVALID_CHOICE',
    what: 'is not one of the choices',
    fix: near ? `${fix}; did you mean ${near}?` : fix,
  }
}

const unitsOf: Readonly<Record<string, readonly [string, string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
}

function outOfBounds(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): Explanation {
  const bound = issue.code === 'too_small' ? issue.minimum : issue.maximum
  const unit = unitsOf[issue.origin]
  const amount = unit ? `${bound} ${unit[Number(bound) === 1 ? 0 : 1]}` : String(bound)
  const small = issue.code === 'too_small'
  const what = unit ? (small ? 'is too short' : 'is too long') : small ? 'is too small' : 'is too large'
  return { code: 'OUT_OF_BOUNDS', what, fix: `give at ${small ? 'least' : 'most'} ${amount}` }
}

function valueAt(input: unknown, path: FieldPath): unknown {
  let value = input
  for (const segment of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined
    value = (value as Record<string | number, unknown>)[segment]
  }
  return value
}

/** A scalar of a known scalar field that has nothing to do with credentials. */
function shownValue(value: unknown, path: FieldPath): string | undefined {
  const schema = schemaAt(healthConsumer, path)
  const scalar = schema !== undefined && !['object', 'record', 'array'].includes(schema._zod.def.type)
  const secret =
    path.some(segment => /secret|password|token|credential/i.test(String(segment))) ||
    (schema instanceof z.ZodType && schema.meta()?.format === 'password')
  if (!scalar || secret || value === undefined || value === null || typeof value === 'object') return undefined
  if (typeof value === 'number') return String(value)
  return JSON.stringify(cut(String(value).replace(/^.*@/s, '…@')))
}

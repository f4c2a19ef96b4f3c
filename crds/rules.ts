/**
 * Rules between fields, each declared once: the CEL expression that the API server evaluates and its TypeScript twin.
 * `withRules` puts the first into the schema's metadata, where the CRD generator finds it, and runs the second with
 * zod. Nothing here knows a field of the HealthConsumer.
 *
 * Source: Kubernetes documentation, "Validation rules" of CustomResourceDefinitions (x-kubernetes-validations).
 */
import { z } from 'zod'

export interface Rule<T> {
  /** CEL over `self` (and `oldSelf`), the value that the rule is attached to. Reserved words are written `__word__`. */
  readonly cel: string
  /** What is wrong, as it follows the name of the field: "needs a warehouse". */
  readonly what: string
  readonly fix: string
  /** Fields that the rule reads, dotted; it is not asked while one of them is wrong by itself. Empty: the value as such. */
  readonly reads: readonly string[]
  /** Field that is shown; without it, the value that the rule is attached to. */
  readonly at?: string
  /** True where the rule holds. A rule about changes holds where there is no old value. */
  readonly check: (self: T, old?: T) => boolean
}

/** The form of a rule in a CRD. */
export interface KubernetesValidation {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
}

/** How a broken rule travels in a zod issue (`params` of a custom issue). */
export interface BrokenRule {
  readonly what: string
  readonly fix: string
}

const celReservedWords = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return'.split(' '),
)

/** A field's name inside CEL: `self.namespace` is written `self.__namespace__`. */
export const celField = (name: string): string => (celReservedWords.has(name) ? `__${name}__` : name)

const segments = (dotted: string): readonly string[] => (dotted === '' ? [] : dotted.split('.'))

const begins = (path: readonly PropertyKey[], start: readonly PropertyKey[]) =>
  start.every((segment, index) => path[index] === segment)

/** True where the issue is about what the rule reads, something around it or something inside it. */
function concerns(issue: z.core.$ZodRawIssue, read: readonly string[]): boolean {
  if (issue.code === 'unrecognized_keys') return false
  const path = issue.path ?? []
  return begins(read, path) || (read.length > 0 && begins(path, read))
}

function refinement<T>(rule: Rule<T>) {
  const reads = rule.reads.length === 0 ? [[]] : rule.reads.map(segments)
  const params: BrokenRule = { what: rule.what, fix: rule.fix }
  return z.refine<T>(value => rule.check(value), {
    path: [...segments(rule.at ?? '')],
    message: `${rule.what}: ${rule.fix}`,
    params,
    when: payload => !payload.issues.some(issue => reads.some(read => concerns(issue, read))),
  })
}

const validation = <T>(rule: Rule<T>): KubernetesValidation => ({
  rule: rule.cel,
  message: `${rule.what}: ${rule.fix}`,
  ...(rule.at === undefined ? {} : { fieldPath: `.${rule.at}` }),
})

/** The schema with its rules, both for zod and for the CRD (`x-kubernetes-validations` in its metadata). */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  let checked = schema
  for (const rule of rules) checked = checked.check(refinement(rule))
  return checked.meta({ 'x-kubernetes-validations': rules.map(validation) })
}

/** The field keeps its first value, and is neither added nor dropped later. */
export function immutable<T extends object>(field: keyof T & string, why: string): Rule<T> {
  const name = celField(field)
  return {
    cel: `has(self.${name}) == has(oldSelf.${name}) && (!has(self.${name}) || self.${name} == oldSelf.${name})`,
    what: `${field} cannot change`,
    fix: why,
    reads: [field],
    at: field,
    check: (self, old) => old === undefined || self[field] === old[field],
  }
}

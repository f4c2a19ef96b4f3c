/**
 * The kinds of field that the HealthConsumer is made of: durations, quantities, Kubernetes names, references, sets and
 * maps. Each is bounded, as the API server asks of everything that a rule reaches. Knows no field by name.
 */
import { z } from 'zod'
import { type Rule, withRules } from './rules.ts'

/** Text of bounded length, counted in characters as the API server counts; zod's own `max` counts UTF-16 units. */
export const bounded = (maxLength: number) =>
  z
    .string()
    .check(({ value, issues }) => {
      if (value.length > maxLength && [...value].length > maxLength)
        issues.push({ code: 'too_big', origin: 'string', maximum: maxLength, inclusive: true, input: value })
    })
    .meta({ maxLength })

/** A form that a string must have; `form` names it for people: "a duration such as 60s". RE2 only: no look-ahead. */
export const text = (pattern: RegExp, form: string, maxLength: number) =>
  bounded(maxLength).regex(pattern, { error: form }).meta({ form })

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const durationForm = 'a whole number and one unit, such as 60s, 5m, 1h or 7d'

/** Milliseconds of a duration that the schema has accepted, such as `5m`. */
export const durationMs = (duration: string): number =>
  Number(duration.slice(0, -1)) * secondsOf[duration.slice(-1)]! * 1000

/** A duration between two others, bounds included. */
export function duration(least: string, most: string) {
  const seconds =
    "(self.endsWith('d') ? 86400 : self.endsWith('h') ? 3600 : self.endsWith('m') ? 60 : 1)" +
    ' * int(self.substring(0, size(self) - 1))'
  const bounds: Rule<string> = {
    cel: `${seconds} >= ${durationMs(least) / 1000} && ${seconds} <= ${durationMs(most) / 1000}`,
    what: 'is out of bounds',
    fix: `choose a duration from ${least} to ${most}`,
    reads: [],
    check: self => durationMs(self) >= durationMs(least) && durationMs(self) <= durationMs(most),
  }
  return withRules(text(/^[0-9]{1,9}[smhd]$/, durationForm, 10), [bounds]).meta({ range: `${least} to ${most}` })
}

export const int32 = (least: number, most: number) => z.int().min(least).max(most).meta({ format: 'int32' })
export const int64 = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  z.int().min(least).max(most).meta({ format: 'int64' })

/** A Kubernetes resource quantity; the API server's int-or-string. Its bounds hold for the one, its form for the other. */
export const quantity = () =>
  z
    .union([
      z.int().min(0),
      text(
        /^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[0-9]{1,2})?$/,
        'a quantity such as 500m, 2 or 1Gi',
        32,
      ),
    ])
    .meta({ 'x-kubernetes-int-or-string': true })

/** Name of a Kubernetes object (RFC 1123 subdomain). */
export const objectName = () =>
  text(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    'a Kubernetes name: lower-case letters, digits, "-" and "."',
    253,
  )

/** Key of a Secret or ConfigMap. */
export const dataKey = () => text(/^[-._a-zA-Z0-9]+$/, 'a key of a Secret: letters, digits, "-", "_" and "."', 253)

export const labelValue = () =>
  text(
    /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/,
    'a label value: letters, digits, "-", "_" and ".", a letter or digit at both ends',
    63,
  )

/** Key of a label (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set). */
const labelKeyPattern =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const longestPrefix = 253

export const labelKey = () => text(labelKeyPattern, 'a label key such as example.com/zone', longestPrefix + 64)

/** A map whose keys are those of labels; annotations and resources have the same. */
export const keyedMapOf = <S extends z.ZodType>(value: S, most: number) =>
  withRules(mapOf(value, most), [
    {
      cel: `self.all(key, key.indexOf('/') <= ${longestPrefix} && key.matches(r'${labelKeyPattern.source}'))`,
      what: 'has a key of a wrong form',
      fix: 'write keys such as zone or example.com/zone: letters, digits, "-", "_" and ".", at most 63',
      reads: [],
      check: self => Object.keys(self).every(key => key.indexOf('/') <= longestPrefix && labelKeyPattern.test(key)),
    },
  ])

/**
 * A web address without credentials in it, and without braces, which would begin a template in an annotation. What RE2
 * and JavaScript take for white space differs; `\p` is the same to both.
 */
export const webAddress = () =>
  text(
    /^https?:\/\/[^\p{Cc}\p{Z}@/{}]+(\/[^\p{Cc}\p{Z}@{}]*)?$/u,
    'an address such as https://host:port/path, without user or password',
    2048,
  )

/** Name of an environment variable, or the beginning of one. */
export const environmentPrefix = () => text(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and "_", no digit first', 128)

const monthAndDay =
  '((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))'
const leapDay = '([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29'
const hourAndMinute = '([01][0-9]|2[0-3]):[0-5][0-9]'
const dateTimePattern = new RegExp(
  `^([0-9]{4}-${monthAndDay}|${leapDay})T${hourAndMinute}:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]${hourAndMinute})$`,
)

/** A point in time (RFC 3339). In full, as the API server takes more than that, and lists too, for `format: date-time`. */
export const dateTime = () => text(dateTimePattern, 'a time such as 2026-01-31T12:00:00Z', 35)

/** An object that is one value: who applies it owns all of it. */
export const reference = <S extends z.ZodObject>(schema: S) => schema.meta({ 'x-kubernetes-map-type': 'atomic' })

export const secretReference = (what: string) =>
  reference(
    z.strictObject({ name: objectName().describe('Name of the Secret, in the namespace of the HealthConsumer.') }),
  ).describe(what)

const withoutDuplicates = (of: (item: unknown) => unknown) =>
  z.refine<unknown[]>(items => new Set(items.map(of)).size === items.length, {
    message: 'holds a value twice',
    params: { what: 'holds a value twice', fix: 'remove the duplicate' },
  })

/**
 * A list of texts without duplicates, one value as a whole (list type `atomic`): who applies it names all of it. In a `set`
 * each entry has an owner of its own, and what came by default or by hand stays beside what is applied.
 */
export const uniqueListOf = <S extends z.ZodType<string>>(item: S, least: number, most: number) =>
  withRules(z.array(item).min(least).max(most), [
    {
      cel: 'self.all(one, self.exists_one(other, one == other))',
      what: 'holds a value twice',
      fix: 'remove the duplicate',
      reads: [],
      check: self => new Set(self).size === self.length,
    },
  ]).meta({ 'x-kubernetes-list-type': 'atomic', range: 'none twice' })

/** A list of objects that some of their fields tell apart; each may be applied by somebody else (list type `map`). */
export const listMapOf = <S extends z.ZodObject>(item: S, keys: readonly (keyof S['shape'] & string)[], most: number) =>
  z
    .array(item)
    .max(most)
    .check(withoutDuplicates(each => JSON.stringify(keys.map(key => (each as Record<string, unknown>)[key]))))
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys })

/** A list that is one value, in which order counts (list type `atomic`). */
export const listOf = <S extends z.ZodType>(item: S, most: number) =>
  z.array(item).max(most).meta({ 'x-kubernetes-list-type': 'atomic' })

/** A map with a bounded number of entries; keys are strings. */
export const mapOf = <S extends z.ZodType>(value: S, most: number) =>
  z
    .record(z.string(), value)
    .check(
      z.refine<Record<string, unknown>>(map => Object.keys(map).length <= most, {
        message: `has more than ${most} entries`,
        params: { what: `has more than ${most} entries`, fix: `keep at most ${most}` },
      }),
    )
    .meta({ maxProperties: most })

/** Text that must never be shown: the value of a property that may hold a credential. */
export const sensitiveText = (maxLength: number) => bounded(maxLength).meta({ format: 'password' })

/** A part of the Kubernetes API that is passed on as it is; the API server checks it with the pods. */
export const passedOn = () => z.looseObject({}).meta({ 'x-kubernetes-preserve-unknown-fields': true })

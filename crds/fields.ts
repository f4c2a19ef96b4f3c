/**
 * The kinds of field that the HealthConsumer is made of: durations, quantities, Kubernetes names, references, sets and
 * maps. Each is bounded, as the API server asks of everything that a rule reaches. Knows no field by name.
 */
import { z } from 'zod'
import { type Rule, withRules } from './rules.ts'

/** A form that a string must have; `form` names it for people: "a duration such as 60s". RE2 only: no look-ahead. */
export const text = (pattern: RegExp, form: string, maxLength: number) =>
  z.string().max(maxLength).regex(pattern, { error: form })

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
  return withRules(text(/^[0-9]{1,9}[smhd]$/, durationForm, 10), [bounds])
}

export const int32 = (least: number, most: number) => z.int().min(least).max(most).meta({ format: 'int32' })
export const int64 = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  z.int().min(least).max(most).meta({ format: 'int64' })

/** A Kubernetes resource quantity; the API server's int-or-string. */
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

/** A web address without credentials in it. */
export const webAddress = () =>
  text(/^https?:\/\/[^\s@/]+(\/[^\s@]*)?$/, 'an address such as https://host:port/path, without user or password', 2048)

/** Name of an environment variable, or the beginning of one. */
export const environmentPrefix = () => text(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and "_", no digit first', 128)

export const secretReference = (what: string) =>
  z
    .strictObject({ name: objectName().describe('Name of the Secret, in the namespace of the HealthConsumer.') })
    .describe(what)

/** A list without duplicates, whose order means nothing (list type `set`). */
export const setOf = <S extends z.ZodType>(item: S, least: number, most: number) =>
  z
    .array(item)
    .min(least)
    .max(most)
    .check(
      z.refine<unknown[]>(items => new Set(items).size === items.length, {
        message: 'holds a value twice',
        params: { what: 'holds a value twice', fix: 'remove the duplicate' },
      }),
    )
    .meta({ 'x-kubernetes-list-type': 'set' })

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
export const sensitiveText = (maxLength: number) => z.string().max(maxLength).meta({ format: 'password' })

/** A part of the Kubernetes API that is passed on as it is; the API server checks it with the pods. */
export const passedOn = () => z.looseObject({}).meta({ 'x-kubernetes-preserve-unknown-fields': true })

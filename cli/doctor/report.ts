/**
 * What doctor says: checks in the groups of the monitoring guide's troubleshooting section. Every text goes through
 * `toldText`, because much of it comes from other servers. Pure; it judges nothing.
 */
import { withoutSecrets } from './address.ts'

export { age as ago } from '../columns.ts'

/** In the order of the report. The first, third, fifth and sixth are headings of the guide. */
export const checkGroups = [
  'Metrics Not Appearing',
  'Consumer Not Working',
  'High Latency',
  'Kafka, Catalog and Storage',
  'Logs Not Structured',
  'Missing Context in Logs',
  'Alerts Not Firing',
  'Dashboard Not Found',
  'Kubernetes',
] as const
export type CheckGroup = (typeof checkGroups)[number]

export interface Check {
  readonly group: CheckGroup
  readonly name: string
  /** `skipped`: not asked for, or not to be told. */
  readonly state: 'ok' | 'problem' | 'skipped'
  /** What was seen; where it was skipped, the reason. */
  readonly seen: string
  /** Why it matters. */
  readonly why: string
  /** What to do; null unless there is a problem. */
  readonly fix: string | null
}

export interface CheckOutcomes {
  ok(seen: string): Check
  problem(seen: string, fix: string): Check
  skipped(reason: string): Check
}

/** The outcomes that a check can have. */
export function defineCheck(group: CheckGroup, name: string, why: string): CheckOutcomes {
  const outcome = (state: Check['state'], seen: string, fix: string | null): Check => ({
    group,
    name,
    state,
    seen: toldText(seen),
    why,
    fix: fix === null ? null : toldText(fix),
  })
  return {
    ok: seen => outcome('ok', seen, null),
    problem: (seen, fix) => outcome('problem', seen, fix),
    skipped: reason => outcome('skipped', reason, null),
  }
}

const longestText = 600

/** One bounded line without control characters, and without what addresses keep secret. */
export function toldText(text: string): string {
  const line = withoutSecrets(text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim())
  return line.length <= longestText ? line : `${line.slice(0, longestText)}…`
}

/** `3 partitions`, `1 partition`. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`

/** The first few, and how many more. */
export function listed(names: readonly string[], most = 5): string {
  const more = names.length - most
  return names.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

export const percent = (share: number): string =>
  `${(share * 100).toLocaleString('en', { maximumFractionDigits: 1 })} %`
export const milliseconds = (ms: number): string => `${Math.round(ms).toLocaleString('en')} ms`

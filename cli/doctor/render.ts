/** Prints checks: a table for people, one object for programs. Pure. */
import type { Check } from './report.ts'

export interface Summary {
  readonly ok: number
  readonly problems: number
  readonly skipped: number
}

export function summaryOf(checks: readonly Check[]): Summary {
  const count = (state: Check['state']) => checks.filter(check => check.state === state).length
  return { ok: count('ok'), problems: count('problem'), skipped: count('skipped') }
}

/** One line of JSON. `nowMs` is milliseconds since the epoch. */
export const renderJson = (checks: readonly Check[], nowMs: number): string =>
  `${JSON.stringify({ checkedAt: new Date(nowMs).toISOString(), summary: summaryOf(checks), checks })}\n`

/** Groups with their checks; a problem with why it matters and what to do. */
export function renderTable(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const groups = Map.groupBy(checks, ({ group }) => group)
  const tables = [...groups].map(([group, members]) => `${group}\n${rowsOf(members, width).join('')}`)
  const { ok, problems, skipped } = summaryOf(checks)
  const conclusion = `${problems} ${problems === 1 ? 'problem' : 'problems'}, ${ok} ok, ${skipped} skipped`
  return `${tables.join('\n')}\n${conclusion}\n`
}

const row = (state: string, name: string, text: string, width: number) =>
  `  ${state.padEnd(8)} ${name.padEnd(width)}  ${text}\n`

/** What was skipped for one reason is one line: most of it was not asked for. */
function rowsOf(checks: readonly Check[], width: number): string[] {
  const judged = checks.filter(({ state }) => state !== 'skipped')
  const skipped = Map.groupBy(
    checks.filter(({ state }) => state === 'skipped'),
    ({ seen }) => seen,
  )
  return [
    ...judged.map(({ state, name, seen, why, fix }) => {
      const reasons = fix === null ? '' : row('', 'why', why, width) + row('', 'fix', fix, width)
      return row(state, name, seen, width) + reasons
    }),
    ...[...skipped].map(([reason, members]) =>
      members.length === 1
        ? row('skipped', members[0]!.name, reason, width)
        : row(
            'skipped',
            `${members.length} checks`,
            `${reason} (${members.map(({ name }) => name).join(', ')})`,
            width,
          ),
    ),
  ]
}

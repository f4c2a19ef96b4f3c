/**
 * `--accept-rollback raw`, and `--accept-committed`, which is the same for a table that lost commits without a trace. First
 * errors takes what raw still announces, then it loses the rows at or past raw's offsets, which will be read again, and
 * its seq is raised past every number that a lost commit may have used; last, raw goes on above that number. A process
 * that still holds the lost commits finds its batches applied and appends nothing; in between every pod stays halted.
 */
import type { CommitContext } from '../../commit/context.ts'
import { type ErrorsKeys, printErrorsKeys, printRawKeys, type RawKeys } from '../../commit/keys.ts'
import { unapplied } from '../../commit/plan.ts'
import type { Snapshot } from '../../iceberg/tableMetadata.ts'
import { isWhole, manifestOf, seeIntent } from '../intents.ts'
import { findLostErrors } from '../lostErrors.ts'
import { ancestors, isSound, type Own, type Situation, type Sound } from '../situation.ts'
import {
  acceptedWith,
  baseOf,
  committedAhead,
  type Offer,
  rangeText,
  recoveredKey,
  rowsText,
  type Step,
} from '../way.ts'

/** Names the raw snapshot whose offsets errors was cut to. */
const cutKey = 'hc.cut-for'
/** More than the commits that anybody could have made and lost. */
const seqMargin = 1_000_000

type Flag = '--accept-rollback raw' | '--accept-committed'

export async function acceptRollback(
  context: CommitContext,
  situation: Situation,
  flag: Flag,
): Promise<Offer | undefined> {
  const { raw, errors, group } = situation
  const { own } = raw
  if (own === undefined || raw.initialised?.group !== group || raw.table === undefined) return undefined
  const ends =
    flag === '--accept-committed' ? (['CommittedAhead'] as const) : (['LineageBroken', 'RawRolledBack'] as const)
  if (flag === '--accept-committed' ? !lostWithoutTrace(situation, own) : !wasRolledBack(situation, own))
    return undefined
  const refuse = (refused: string): Offer => ({ flag, ends, refused })
  if (raw.problems.length > 0) return refuse(`${raw.name}: ${raw.problems.join('; ')}`)
  if (!isSound(errors, group)) return refuse(`${errors.name} must be in order first: it is halted too`)
  if (errors.own.keys.rawUuid !== raw.table['table-uuid'] || own.keys.errorsUuid !== errors.table['table-uuid'])
    return refuse(`${raw.name} and ${errors.name} were not filled beside each other`)
  // Raising its number would hide that.
  if (own.keys.errorsAckedSeq > errors.own.keys.appliedSeq)
    return refuse(
      `${errors.name} lost rows too: it has applied seq ${errors.own.keys.appliedSeq}, raw saw ${own.keys.errorsAckedSeq}; --undo raw, then recover ${errors.name} first`,
    )
  const cutFor = errors.own.snapshot.summary[cutKey]
  const here = idOf(own)
  if (cutFor !== undefined && cutFor !== here && errors.own.keys.appliedSeq > own.keys.seq)
    return refuse(
      `${errors.name} was cut to the offsets of raw snapshot ${cutFor} and raw was moved since: set main of ${raw.name} to ${cutFor} again`,
    )
  const steps = await stepsOf(context, situation, own, errors, flag)
  if (typeof steps === 'string') return refuse(steps)
  const lost = raw.tagged && raw.tagged !== own.snapshot ? raw.tagged : undefined
  return {
    flag,
    ends,
    does: `takes raw snapshot ${here} of ${instant(own.snapshot)} for right and reads everything from its offsets again`,
    loses: [...leaving(situation, own, lost), ...unread(situation, own)],
    doubles:
      flag === '--accept-committed'
        ? ['records that another table of yours was filled from: they are in this one, too']
        : [],
    steps,
  }
}

const wasRolledBack = ({ raw, errors }: Situation, own: Own<RawKeys>): boolean =>
  raw.tagged !== own.snapshot || (errors.own?.keys.appliedSeq ?? 0) > own.keys.seq

function lostWithoutTrace(situation: Situation, own: Own<RawKeys>): boolean {
  const summary = situation.errors.own?.snapshot.summary
  // Begun before: errors is cut.
  if (summary?.[cutKey] === idOf(own) && summary[recoveredKey] === '--accept-committed')
    return wasRolledBack(situation, own)
  const { offsets, acceptedCommitted } = own.keys
  const ahead = [...committedAhead(situation.kafka, offsets)]
  return !wasRolledBack(situation, own) && ahead.some(([key, offset]) => offset > (acceptedCommitted?.get(key) ?? -1))
}

const idOf = (own: Own<RawKeys>): string => String(own.snapshot['snapshot-id'])

async function stepsOf(
  context: CommitContext,
  { raw, kafka }: Situation,
  own: Own<RawKeys>,
  errors: Sound<ErrorsKeys>,
  flag: Flag,
): Promise<readonly Step[] | string> {
  const { storage, newId } = context.ports
  const here = idOf(own)
  const known = Math.max(own.keys.seq, ...raw.retained.map(({ keys }) => keys.seq))
  const recovered = { [recoveredKey]: flag }
  const resume = (applied: number): Step => {
    const keys: RawKeys = {
      ...own.keys,
      seq: applied + 1,
      pending: [],
      errorsAckedSeq: applied,
      commitId: newId(),
      acceptedCommitted: acceptedWith(
        kafka,
        own.keys.offsets,
        raw.retained.map(({ keys }) => keys.offsets),
      ),
    }
    return {
      kind: 'append',
      table: 'raw',
      does: `commit the offsets of snapshot ${here} to ${raw.name} again, without rows`,
      base: baseOf(raw),
      keys: { ...printRawKeys(keys), ...recovered },
      manifests: [],
      also: [],
    }
  }
  const { appliedSeq } = errors.own.keys
  if (errors.own.snapshot.summary[cutKey] === here && appliedSeq >= known) return [resume(appliedSeq)]
  const due = await Promise.all(unapplied(own.keys.pending, errors.own.keys).map(intent => seeIntent(storage, intent)))
  const broken = due.find(intent => !isWhole(intent))
  if (broken !== undefined) return `announced error rows are gone: ${broken.missing[0]}`
  const lost = await findLostErrors({ raw }, own, errors, storage)
  if (typeof lost === 'string') return lost
  const steps: Step[] = []
  const base = baseOf(errors)
  if (due.length > 0) {
    const rows = due.reduce((sum, { intent }) => sum + intent.count, 0)
    steps.push({
      kind: 'append',
      table: 'errors',
      does: `append ${rowsText(rows)} to ${errors.name} that raw announces`,
      base,
      keys: {
        ...printErrorsKeys({ ...errors.own.keys, appliedSeq: due.at(-1)!.intent.seq, commitId: newId() }),
        ...recovered,
      },
      manifests: due.map(intent => manifestOf(intent, errors.table)),
      also: [],
    })
  }
  const applied = Math.max(appliedSeq, known) + seqMargin
  steps.push({
    kind: 'drop',
    table: 'errors',
    does: `drop ${rowsText(lost.rows)} in ${lost.locations.size} files from ${errors.name}, at or past these offsets`,
    base,
    keys: {
      ...printErrorsKeys({ ...errors.own.keys, appliedSeq: applied, commitId: newId() }),
      ...recovered,
      [cutKey]: here,
    },
    ...lost,
  })
  steps.push(resume(applied))
  return steps
}

const instant = (snapshot: Snapshot): string => new Date(snapshot['timestamp-ms']).toISOString()

/** What the rollback took away already, which this way makes final. */
function leaving({ raw, kafka }: Situation, own: Own<RawKeys>, lost: Snapshot | undefined): readonly string[] {
  if (lost === undefined || raw.table === undefined) return []
  const count = [...ancestors(raw.table, lost)].indexOf(own.snapshot)
  const [now, before] = [own.snapshot, lost].map(({ summary }) => Number(summary['total-records'] ?? Number.NaN))
  const rows = before! - now!
  const newest = raw.retained.find(({ snapshot }) => snapshot === lost)
  const ranges = [...(newest?.keys.offsets ?? [])]
    .map(([key, end]) => [key, own.keys.offsets.get(key) ?? 0, end] as const)
    .filter(([, start, end]) => end > start)
  return ranges.map(([key, start, end]) => {
    const low = typeof kafka === 'string' ? undefined : kafka.watermarks.get(key)?.low
    const again = low === undefined ? 'Kafka was not asked whether it retains them' : low <= start ? 'read again' : ''
    const where = `rows of ${rangeText(key, start, end)}`
    const what =
      count > 0
        ? ` (${count} snapshots up to ${instant(lost)}${Number.isNaN(rows) ? '' : `, ${rowsText(rows)} in all`})`
        : ''
    return `${where}${what}: ${again || `offsets below ${low} are gone from Kafka, too; the others are read again`}`
  })
}

/** Offsets that Kafka does not retain any more: a gap will halt the consumer next. */
function unread({ kafka }: Situation, own: Own<RawKeys>): readonly string[] {
  if (typeof kafka === 'string') return []
  return [...kafka.watermarks].flatMap(([key, { low }]) => {
    const next = own.keys.offsets.get(key)
    return next !== undefined && low > next
      ? [`${rangeText(key, next, low)}: Kafka retains them no more (--accept-gap follows)`]
      : []
  })
}

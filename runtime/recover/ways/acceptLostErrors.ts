/**
 * `--accept-rollback errors` appends again what errors lost, from the batches that raw's retained snapshots announced;
 * `--accept-lost-errors` does so as far as files are there, and gives up the rest, which it notes in the table. Neither
 * touches a row that is there.
 */
import type { CommitContext } from '../../commit/context.ts'
import { type ErrorsKeys, type Intent, printErrorsKeys, printRawKeys, type RawKeys } from '../../commit/keys.ts'
import { unapplied } from '../../commit/plan.ts'
import {
  announcedSince,
  isWhole,
  lostKey,
  lostRows,
  manifestOf,
  printLost,
  type SeenIntent,
  salvage,
  seeIntent,
} from '../intents.ts'
import { againKey } from '../lostErrors.ts'
import { isSound, type Own, type Situation, type Sound, type TableSeen } from '../situation.ts'
import { baseOf, type Offer, rangeText, recoveredKey, rowsText, type Step, type Way } from '../way.ts'

type RolledBack = TableSeen<ErrorsKeys> & { readonly own: Own<ErrorsKeys>; readonly table: Sound<ErrorsKeys>['table'] }

/** Errors with keys on main that are behind what was applied, beside a raw table that is in order. */
function rolledBack({ raw, errors, group }: Situation): { raw: Sound<RawKeys>; errors: RolledBack } | undefined {
  if (!isSound(raw, group) || errors.own === undefined || errors.table === undefined) return undefined
  if (errors.problems.length > 0 || errors.initialised?.group !== group) return undefined
  if (errors.own.keys.rawUuid !== raw.table['table-uuid']) return undefined
  const behind = errors.own.keys.appliedSeq < raw.own.keys.errorsAckedSeq
  if (!behind && errors.tagged === errors.own.snapshot) return undefined
  return { raw, errors: errors as RolledBack }
}

export async function acceptErrorsRollback(context: CommitContext, situation: Situation): Promise<Offer | undefined> {
  const flag = '--accept-rollback errors'
  const ends = ['ErrorsRolledBack', 'LineageBroken'] as const
  const seen = rolledBack(situation)
  if (seen === undefined) return undefined
  const { intents, doubt } = announcedSince(seen.raw, seen.errors.own.keys.appliedSeq)
  const batches = await seeAll(context, intents)
  const broken = batches.filter(batch => !isWhole(batch))
  if (doubt !== undefined || broken.length > 0)
    return {
      flag,
      ends,
      refused: `${doubt ?? `${broken.length} of its files are gone`}; to be replayed: ${toReplay(seen, broken)}`,
    }
  return {
    flag,
    ends,
    does: `appends ${rowsText(rowsOf(batches))} of ${batches.length} batches to ${seen.errors.name} again`,
    loses: [],
    doubles: [],
    steps: [appendAgain(context, seen, batches, flag)],
  }
}

/** Offsets whose error rows are not in the table and not in storage. */
function toReplay({ raw, errors }: { raw: Sound<RawKeys>; errors: RolledBack }, broken: readonly SeenIntent[]): string {
  if (broken.length > 0)
    return broken
      .flatMap(({ intent }) => [...intent.ranges].map(([key, { start, end }]) => rangeText(key, start, end)))
      .join(', ')
  const before = raw.retained
    .filter(({ keys }) => keys.seq <= errors.own.keys.appliedSeq)
    .reduce<Own<RawKeys> | undefined>(
      (best, own) => (best === undefined || own.keys.seq > best.keys.seq ? own : best),
      undefined,
    )
  return [...raw.own.keys.offsets]
    .map(([key, end]) => rangeText(key, before?.keys.offsets.get(key) ?? 0, end))
    .join(', ')
}

const seeAll = ({ ports }: CommitContext, intents: readonly Intent[]): Promise<readonly SeenIntent[]> =>
  Promise.all(intents.map(intent => seeIntent(ports.storage, intent)))

const rowsOf = (batches: readonly SeenIntent[]): number => batches.reduce((sum, { intent }) => sum + intent.count, 0)

function appendAgain(
  { ports }: CommitContext,
  { raw, errors }: { raw: Sound<RawKeys>; errors: RolledBack },
  batches: readonly SeenIntent[],
  flag: string,
  noted: Readonly<Record<string, string>> = {},
): Step {
  const newest = Math.max(errors.own.keys.appliedSeq, raw.own.keys.errorsAckedSeq, ...batches.map(it => it.intent.seq))
  return {
    kind: 'append',
    table: 'errors',
    does: `append ${rowsText(rowsOf(batches))} to ${errors.name} again`,
    base: baseOf(errors),
    keys: {
      ...printErrorsKeys({ ...errors.own.keys, appliedSeq: newest, commitId: ports.newId() }),
      ...noted,
      [againKey]: String(batches.length),
      [recoveredKey]: flag,
    },
    manifests: batches.map(batch => manifestOf(batch, errors.table)),
    also: [],
  }
}

export async function acceptLostErrors(context: CommitContext, situation: Situation): Promise<Offer | undefined> {
  return (await acceptUnreachable(context, situation)) ?? (await acceptPendingLost(context, situation))
}

const flag = '--accept-lost-errors'

async function acceptUnreachable(context: CommitContext, situation: Situation): Promise<Offer | undefined> {
  const seen = rolledBack(situation)
  if (seen === undefined) return undefined
  const ends = ['ErrorsRolledBack'] as const
  const { intents, doubt } = announcedSince(seen.raw, seen.errors.own.keys.appliedSeq)
  // What is pending is told apart file by file once this is over.
  const acked = intents.filter(intent => intent.seq <= seen.raw.own.keys.errorsAckedSeq)
  const batches = await seeAll(context, acked)
  const broken = batches.filter(batch => !isWhole(batch))
  if (doubt === undefined && broken.length === 0) return undefined
  if (doubt?.includes('rolled back'))
    return { flag, ends, refused: `${doubt}: error rows would be doubled; --undo errors` }
  const noted = { [lostKey]: printLost(broken) }
  return {
    flag,
    ends,
    does: `appends the error rows that are still there to ${seen.errors.name}, and gives up the others`,
    loses: [`error rows of ${toReplay(seen, doubt === undefined ? broken : [])}, as far as there were any`],
    doubles: [],
    steps: [appendAgain(context, seen, batches.filter(isWhole), flag, noted)],
  }
}

async function acceptPendingLost(context: CommitContext, situation: Situation): Promise<Offer | undefined> {
  const { raw, errors, group } = situation
  if (!isSound(raw, group) || !isSound(errors, group)) return undefined
  const batches = await seeAll(context, unapplied(raw.own.keys.pending, errors.own.keys))
  const broken = batches.filter(batch => !isWhole(batch))
  if (broken.length === 0) return undefined
  const { ports } = context
  const salvaged = new Map<number, Intent | undefined>()
  for (const batch of broken) {
    const folder = batch.intent.manifest.slice(0, batch.intent.manifest.lastIndexOf('/'))
    salvaged.set(batch.intent.seq, await salvage(ports.storage, batch, `${folder}/${ports.newId()}-m0.avro`))
  }
  const pending = raw.own.keys.pending.flatMap(intent =>
    salvaged.has(intent.seq) ? (salvaged.get(intent.seq) ?? []) : intent,
  )
  const keys: RawKeys = { ...raw.own.keys, seq: raw.own.keys.seq + 1, pending, commitId: ports.newId() }
  const way: Way = {
    flag,
    ends: ['PendingLost'],
    does: `gives up error rows that ${raw.name} announced and whose files are gone, and notes them in the table`,
    loses: broken.map(
      batch =>
        `${rowsText(lostRows(batch))} of ${rowsText(batch.intent.count)} of ${[...batch.intent.ranges].map(([key, { start, end }]) => rangeText(key, start, end)).join(', ')} (missing: ${batch.missing.join(', ')})`,
    ),
    doubles: [],
    steps: [
      {
        kind: 'append',
        table: 'raw',
        does: `commit to ${raw.name} what is left of the announced error rows`,
        base: baseOf(raw),
        keys: { ...printRawKeys(keys), [lostKey]: printLost(broken), [recoveredKey]: flag },
        manifests: [],
        also: [],
      },
    ],
  }
  return way
}

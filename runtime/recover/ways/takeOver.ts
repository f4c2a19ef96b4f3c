/**
 * `--take-over GROUP`: the tables of a former group become this group's, offsets and all. Errors first; each is an empty
 * commit with the keys, the property and the tag of this group, and the former tag goes, so that the former group halts.
 * No row is touched. Pure.
 */
import { initialisedProperty, printErrorsKeys, printInitialised, printRawKeys, tagName } from '../../commit/keys.ts'
import type { Requirement, Update } from '../../iceberg/tableMetadata.ts'
import { isSound, type Situation, type Sound } from '../situation.ts'
import { acceptedWith, baseOf, type Offer, recoveredKey, type Step } from '../way.ts'

/**
 * @param ours the situation as this group sees it
 * @param theirs the same as the former group sees it
 */
export function takeOver(ours: Situation, theirs: Situation, commitId: string): Offer | undefined {
  const { group } = ours
  const former = theirs.group
  if (former === group || ours.raw.initialised?.group === group) return undefined
  const flag = `--take-over ${former}`
  const ends = ['TableOwned'] as const
  const { raw, errors } = theirs
  if (!isSound(raw, former))
    return {
      flag,
      ends,
      refused: `${raw.name} is not in order as a table of group ${former}: recover it as that group first`,
    }
  const steps: Step[] = []
  if (isSound(errors, former)) {
    const keys = printErrorsKeys({ ...errors.own.keys, commitId })
    steps.push(take(ours, errors, former, { ...keys, [recoveredKey]: flag }))
  } else if (!isSound(ours.errors, group))
    return {
      flag,
      ends,
      refused: `${errors.name} is not in order as a table of group ${former}: recover it as that group first`,
    }
  const { keys } = raw.own
  const acceptedCommitted = acceptedWith(ours.kafka, keys.offsets)
  const next = printRawKeys({ ...keys, seq: keys.seq + 1, group, commitId, acceptedCommitted })
  steps.push(take(ours, raw, former, { ...next, [recoveredKey]: flag }))
  return {
    flag,
    ends,
    does: `makes ${raw.name} and ${errors.name} tables of group ${group}, which goes on at the offsets in them; group ${former} halts`,
    loses: [],
    doubles: [],
    steps,
  }
}

function take(
  { group, raw, errors }: Situation,
  seen: Sound<unknown>,
  former: string,
  keys: Readonly<Record<string, string>>,
): Step {
  const requires: Requirement = {
    type: 'assert-ref-snapshot-id',
    ref: tagName(former),
    'snapshot-id': seen.own.snapshot['snapshot-id'],
  }
  const also: Update[] = [
    {
      action: 'set-properties',
      updates: { [initialisedProperty]: printInitialised({ ...seen.initialised!, group }) },
    },
    { action: 'remove-snapshot-ref', 'ref-name': tagName(former) },
  ]
  return {
    kind: 'append',
    table: seen.which,
    does: `take ${seen.name} over, without rows`,
    base: baseOf(seen.which === 'raw' ? raw : errors),
    keys,
    manifests: [],
    also,
    requires: [requires],
  }
}

/** What `healthconsumer recover` says to people: halts, ways, commits. Pure; positions and codes only, never a payload. */
import type { HaltStatus } from '../runtime/contract/status.ts'
import type { StepReport } from '../runtime/recover/commitStep.ts'
import type { Recovered } from '../runtime/recover/recover.ts'
import { isRefusal, type Offer } from '../runtime/recover/way.ts'

interface Consumer {
  readonly name: string
  readonly namespace: string
  readonly group: string
}

export function describeOffers(
  { name, namespace, group }: Consumer,
  halts: readonly HaltStatus[],
  offers: readonly Offer[],
): string {
  const head = `consumer  ${namespace}/${name}, group ${group}\n${describeHalts(halts)}`
  if (offers.length === 0 && halts.length === 0) return `${head}${unseen}`
  return `${head}${offers.map(describeOffer).join('')}`
}

const unseen =
  'What only reading finds, a topic of the same length or an invalid record, is in /status of the consumer.\n'

function describeHalts(halts: readonly HaltStatus[]): string {
  if (halts.length === 0) return 'halt      none that the tables and Kafka show\n'
  return halts.map(({ code, message, fix }) => `halt      ${code}: ${message}\n          fix: ${fix}\n`).join('')
}

function describeOffer(offer: Offer): string {
  if (isRefusal(offer)) return `\n${offer.flag}\n  not now  ${printable(offer.refused)}\n`
  return `\n${offer.flag}\n  does     ${offer.does}\n${costs(offer)}`
}

const costs = ({
  loses,
  doubles,
}: {
  readonly loses: readonly string[]
  readonly doubles: readonly string[]
}): string => listed('loses', loses) + listed('doubles', doubles)

const listed = (name: string, lines: readonly string[]): string =>
  (lines.length === 0 ? ['nothing'] : lines)
    .map((line, index) => `  ${(index === 0 ? name : '').padEnd(7)}  ${printable(line)}\n`)
    .join('')

/** Summaries may be of other engines: no control character of theirs reaches the terminal. */
const printable = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')

/** Offsets and pending batches can be long; the JSON form has them whole. */
const mostShown = 160

function describeCommit(step: StepReport, index: number, dryRun: boolean): string {
  const cut = (text: string) => printable(text.length > mostShown ? `${text.slice(0, mostShown)}…` : text)
  return [
    `${dryRun ? 'would' : 'done '}  ${index + 1}. ${step.does}\n`,
    ...step.requires.map(requirement => `         if ${requirement}\n`),
    ...step.updates.map(update => `         ${cut(update)}\n`),
    ...Object.entries(step.summary).map(([key, value]) => `           ${key} = ${cut(value)}\n`),
  ].join('')
}

/** The commits of a way that was gone, or rehearsed, and what halts consumers afterwards. */
export function describeRecovered(
  { way, steps }: Recovered,
  dryRun: boolean,
  halts: readonly HaltStatus[] = [],
): string {
  const head = way === undefined ? '' : `${way.flag}\n  does     ${way.does}\n${costs(way)}`
  const commits = steps.map((step, index) => describeCommit(step, index, dryRun)).join('')
  return `${head}${commits}${dryRun ? 'Nothing was changed.\n' : describeHalts(halts)}`
}

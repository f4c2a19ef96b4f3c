/**
 * The ways out of a halt: which there are, what each would do, and going one. Each step is planned on freshly read tables
 * and committed on exactly these; whatever an answer was, the next look decides what is left to do. It runs beside pods:
 * those that are halted stay so until the last step, and go on by themselves after it.
 */

import { type CommitContext, type CommitPorts, type CommitSettings, createContext } from '../commit/context.ts'
import { crc32c } from '../commit/crc32c.ts'
import { CatalogError, type CatalogErrorCode } from '../iceberg/catalog.ts'
import { type KafkaRecord, parseTopicPartitionKey, type TopicPartition } from '../kafka.ts'
import { commitStep, type StepReport } from './commitStep.ts'
import { rehearse } from './rehearsal.ts'
import { readSituation, type Situation } from './situation.ts'
import { type Choice, isRefusal, type Offer, topicOf, type Way } from './way.ts'
import { acceptErrorsRollback, acceptLostErrors } from './ways/acceptLostErrors.ts'
import { acceptGap, acceptNewCluster, acceptNewTopic, type Evidence } from './ways/acceptOffsets.ts'
import { acceptRollback } from './ways/acceptRollback.ts'
import { acceptNewTable, adopt } from './ways/newTables.ts'
import { takeOver } from './ways/takeOver.ts'
import { undo } from './ways/undo.ts'

export interface RecoverPorts extends Omit<CommitPorts, 'observer'> {
  /** The record of a partition at an offset; undefined where Kafka has none there. */
  recordAt(partition: TopicPartition, offset: number): Promise<KafkaRecord | undefined>
}

export type RecoverErrorCode = 'NOT_APPLICABLE' | 'REFUSED' | 'UNSETTLED'

export class RecoverError extends Error {
  override readonly name = 'RecoverError'
  readonly code: RecoverErrorCode
  constructor(code: RecoverErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

export interface Recovered {
  /** As it was when the first step was taken; undefined where an answer was lost and nothing was left to do. */
  readonly way: Way | undefined
  /** Durable, or would be. */
  readonly steps: readonly StepReport[]
}

export interface Recovery {
  /** Every way that is about what is wrong now. Changes nothing. */
  offers(): Promise<readonly Offer[]>
  /** What the way would do, commit by commit. Changes nothing. Rejects with RecoverError. */
  rehearse(choice: Choice): Promise<Recovered>
  /** Goes the way. Rejects with RecoverError, or as Catalog and Storage do. */
  go(choice: Choice, signal: AbortSignal): Promise<Recovered>
}

const mostAttempts = 20
const backoffBaseMs = 100
/** Another look tells what became of the commit; any other failure is the person's to see. */
const doubtful: ReadonlySet<CatalogErrorCode> = new Set([
  'CONFLICT',
  'ALREADY_EXISTS',
  'UNKNOWN_OUTCOME',
  'UNAVAILABLE',
])

export function createRecovery(settings: CommitSettings, ports: RecoverPorts): Recovery {
  const quiet = { conflict() {}, failed() {}, committed() {}, gap() {} }
  const real = createContext(settings, { ...ports, observer: quiet })
  const inMemory = () => createContext(settings, { ...real.ports, ...rehearse(ports, ports.now, ports.newId) })
  const never = new AbortController().signal
  return {
    async offers() {
      const context = inMemory()
      const situation = await readSituation(context)
      const offers = await Promise.all(
        choicesFor(situation).map(choice => planFor(context, situation, choice, ports.recordAt)),
      )
      return offers.filter(offer => offer !== undefined)
    },
    rehearse: choice => walk(inMemory(), choice, ports.recordAt, never),
    go: (choice, signal) => walk(real, choice, ports.recordAt, signal),
  }
}

async function walk(
  context: CommitContext,
  choice: Choice,
  recordAt: RecoverPorts['recordAt'],
  signal: AbortSignal,
): Promise<Recovered> {
  const steps: StepReport[] = []
  let way: Way | undefined
  let doubt: unknown
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    signal.throwIfAborted()
    const situation = await readSituation(context)
    const offer = await planFor(context, situation, choice, recordAt)
    if (offer === undefined) {
      if (steps.length > 0 || doubt !== undefined) return { way, steps }
      throw new RecoverError('NOT_APPLICABLE', notApplicable(situation))
    }
    if (isRefusal(offer)) throw new RecoverError('REFUSED', `${offer.flag}: ${offer.refused}`)
    way ??= offer
    try {
      steps.push(await commitStep(context, offer.steps[0]!))
    } catch (error) {
      if (!(error instanceof CatalogError && doubtful.has(error.code))) throw error
      doubt = error
      const { ports } = context
      await ports.sleep(ports.random() * backoffBaseMs * 2 ** Math.min(attempt, 6), signal)
    }
  }
  throw new RecoverError('UNSETTLED', `not settled after ${mostAttempts} attempts: look again`, doubt)
}

const notApplicable = ({ kafka }: Situation): string =>
  typeof kafka === 'string'
    ? `there is nothing that this way would end, as far as the tables say; Kafka did not answer: ${kafka}`
    : 'there is nothing that this way would end'

/** One for each way, without what only a person can say. */
function choicesFor({ raw, errors, group }: Situation): readonly Choice[] {
  const topics = new Set([...(raw.own?.keys.offsets.keys() ?? [])].map(topicOf))
  const owners = new Set([raw, errors].flatMap(({ initialised }) => initialised?.group ?? []))
  return [
    { way: 'undo', table: 'raw' },
    { way: 'undo', table: 'errors' },
    { way: 'accept-rollback', table: 'raw' },
    { way: 'accept-rollback', table: 'errors' },
    { way: 'accept-lost-errors' },
    { way: 'accept-gap' },
    { way: 'accept-committed' },
    ...[...topics].map(topic => ({ way: 'accept-new-topic' as const, topic })),
    { way: 'accept-new-cluster' },
    { way: 'accept-new-table' },
    { way: 'adopt' },
    ...[...owners].filter(owner => owner !== group).map(owner => ({ way: 'take-over' as const, group: owner })),
  ]
}

async function planFor(
  context: CommitContext,
  situation: Situation,
  choice: Choice,
  recordAt: RecoverPorts['recordAt'],
): Promise<Offer | undefined> {
  const { newId } = context.ports
  switch (choice.way) {
    case 'undo':
      return undo(situation, choice.table)
    case 'accept-rollback':
      return choice.table === 'raw'
        ? acceptRollback(context, situation, '--accept-rollback raw')
        : acceptErrorsRollback(context, situation)
    case 'accept-committed':
      return acceptRollback(context, situation, '--accept-committed')
    case 'accept-lost-errors':
      return acceptLostErrors(context, situation)
    case 'accept-gap':
      return acceptGap(situation, newId())
    case 'accept-new-topic':
      return acceptNewTopic(situation, choice, await evidenceOf(situation, choice.topic, recordAt), newId())
    case 'accept-new-cluster':
      return acceptNewCluster(situation, choice.from, newId())
    case 'accept-new-table':
      return acceptNewTable(situation, newId())
    case 'adopt':
      return adopt(situation, choice.from, newId())
    case 'take-over': {
      const asFormer = createContext({ ...context.settings, group: choice.group }, context.ports)
      return takeOver(situation, await readSituation(asFormer), newId())
    }
  }
}

/** Whether each partition of the topic still has the record that was consumed last. */
async function evidenceOf(
  { raw, kafka }: Situation,
  topic: string,
  recordAt: RecoverPorts['recordAt'],
): Promise<Evidence> {
  const evidence = new Map<string, 'same' | 'another' | 'unknown'>()
  if (raw.own === undefined || typeof kafka === 'string') return evidence
  const { offsets, last } = raw.own.keys
  for (const [key, next] of offsets) {
    const marks = kafka.watermarks.get(key)
    if (topicOf(key) !== topic || marks === undefined) continue
    const mark = last.get(key)
    if (marks.high < next) evidence.set(key, 'another')
    else if (mark === undefined || mark.offset < marks.low) evidence.set(key, 'unknown')
    else {
      const found = await recordAt(parseTopicPartitionKey(key), mark.offset).catch(() => undefined)
      const same = found && found.timestampMs === mark.timestampMs && crc32c(found.key, found.value) === mark.crc32c
      evidence.set(key, found === undefined ? 'unknown' : same ? 'same' : 'another')
    }
  }
  return evidence
}

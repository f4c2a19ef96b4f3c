/**
 * What the pods' `/status` answers come to for the whole consumer. Unknown is never zero: what one pod does not tell is
 * not known of the consumer. Pure.
 */
import type { HealthConsumerStatus } from '../crds/healthconsumer.ts'
import type { HaltStatus, RuntimeStatus, TroubleStatus } from '../runtime/contract/status.ts'

export type PipelineStatus = NonNullable<HealthConsumerStatus['pipeline']>

export interface PipelineFacts {
  readonly status: PipelineStatus
  /** The first halt that a pod tells. */
  readonly halt: HaltStatus | null
  /** The first that a pod fails at and tries again, for a minute or longer. */
  readonly trouble: TroubleStatus | null
  /** Pods that answered, of those that there are. */
  readonly answered: number
  readonly asked: number
  /** Pods that have no partition, because there are more pods than partitions. */
  readonly idle: number
}

/** `asked` counts the pods that are not on their way out; `observedAt` is RFC 3339. */
export function pipelineFacts(answers: readonly RuntimeStatus[], asked: number, observedAt: string): PipelineFacts {
  const complete = asked > 0 && answers.length === asked && answers.every(({ epoch }) => epoch > 0)
  const partitions = answers.flatMap(answer => answer.partitions)
  const raw = newest(answers.map(({ tables }) => tables.raw))
  const errors = newest(answers.map(({ tables }) => tables.errors))
  return {
    status: {
      ...(complete && measured(answers)),
      ...(raw?.lastCommitAt && { lastCommitTime: raw.lastCommitAt }),
      ...(raw?.snapshotId && { rawSnapshotId: raw.snapshotId }),
      ...(errors?.snapshotId && { errorsSnapshotId: errors.snapshotId }),
      observedAt,
    },
    halt: answers.find(({ halt }) => halt !== null)?.halt ?? null,
    trouble: answers.find(({ trouble }) => trouble !== null && lasts(trouble, observedAt))?.trouble ?? null,
    answered: answers.length,
    asked,
    idle: complete && partitions.length > 0 ? answers.filter(answer => answer.partitions.length === 0).length : 0,
  }
}

/** What has failed for less, such as a broker that is just being restarted, is over before anybody could act. */
const passingMs = 60_000

const lasts = ({ since }: TroubleStatus, observedAt: string): boolean =>
  !(Date.parse(observedAt) - Date.parse(since) < passingMs)

/** Of all pods, each of which has its assignment. */
function measured(answers: readonly RuntimeStatus[]): Omit<PipelineStatus, 'observedAt'> {
  const lags = answers.flatMap(({ partitions }) => partitions.map(({ lag }) => lag))
  const known = lags.filter(lag => lag !== null)
  const valid = sum(answers.map(({ rates }) => rates.validRows))
  const invalid = sum(answers.map(({ rates }) => rates.invalidRows))
  return {
    partitions: lags.length,
    throughput: rounded(valid + invalid),
    ...(known.length > 0 && known.length === lags.length && { lag: sum(known) }),
    ...(valid + invalid > 0 && { invalidRatio: Number((invalid / (valid + invalid)).toFixed(4)) }),
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

/** Two digits that mean something; more would be written anew every time. */
const rounded = (rate: number): number => Number(rate.toPrecision(2))

/** By sequence: the clocks of pods differ. */
function newest(tables: readonly RuntimeStatus['tables']['raw'][]) {
  return tables.reduce<RuntimeStatus['tables']['raw'] | undefined>(
    (best, each) => ((each.sequence ?? -1) > (best?.sequence ?? -1) ? each : best),
    undefined,
  )
}

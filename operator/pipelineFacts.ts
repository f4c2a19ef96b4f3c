/**
 * What the pods' `/status` answers come to for the whole consumer. Unknown is never zero: a lag that one pod does not
 * know is not known. Pure.
 */
import type { HealthConsumerStatus } from '../crds/healthconsumer.ts'
import type { HaltStatus, RuntimeStatus } from '../runtime/contract/status.ts'

export type PipelineStatus = NonNullable<HealthConsumerStatus['pipeline']>

export interface PipelineFacts {
  readonly status: PipelineStatus
  /** The first halt that a pod tells. */
  readonly halt: HaltStatus | null
  /** Pods that answered, of those that were asked. */
  readonly answered: number
  readonly asked: number
}

/** `observedAt` is RFC 3339; `asked` counts the pods that have an address. */
export function pipelineFacts(answers: readonly RuntimeStatus[], asked: number, observedAt: string): PipelineFacts {
  const partitions = answers.flatMap(answer => answer.partitions)
  const complete = answers.length === asked && asked > 0
  const lags = partitions.map(({ lag }) => lag)
  const lag = complete && lags.length > 0 && lags.every(each => each !== null) ? total(lags) : undefined
  const rates = answers.map(({ rates: { validRows, invalidRows } }) => ({ valid: validRows, invalid: invalidRows }))
  const valid = total(rates.map(each => each.valid))
  const invalid = total(rates.map(each => each.invalid))
  const ratio = valid + invalid > 0 ? invalid / (valid + invalid) : undefined
  const raw = newest(answers.map(({ tables }) => tables.raw))
  const errors = newest(answers.map(({ tables }) => tables.errors))
  return {
    status: {
      ...(answers.length > 0 && { partitions: partitions.length, throughput: rounded(valid + invalid) }),
      ...(lag !== undefined && { lag }),
      ...(ratio !== undefined && { invalidRatio: Number(ratio.toFixed(4)) }),
      ...(raw?.lastCommitAt && { lastCommitTime: raw.lastCommitAt }),
      ...(raw?.snapshotId && { rawSnapshotId: raw.snapshotId }),
      ...(errors?.snapshotId && { errorsSnapshotId: errors.snapshotId }),
      observedAt,
    },
    halt: answers.find(({ halt }) => halt !== null)?.halt ?? null,
    answered: answers.length,
    asked,
  }
}

const total = (numbers: readonly (number | null)[]) => numbers.reduce<number>((sum, each) => sum + (each ?? 0), 0)

/** Two digits that mean something; more would be written anew every time. */
const rounded = (rate: number): number => Number(rate.toPrecision(2))

/** By sequence: the clocks of pods differ. */
function newest(tables: readonly RuntimeStatus['tables']['raw'][]) {
  return tables.reduce<RuntimeStatus['tables']['raw'] | undefined>(
    (best, each) => ((each.sequence ?? -1) > (best?.sequence ?? -1) ? each : best),
    undefined,
  )
}

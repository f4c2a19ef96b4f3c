/** What becomes of invalid samples: `spec.validation.onInvalid` as a sink in front of the round. */
import { HaltError } from './commit/halt.ts'
import type { ErrorRow, RowSink } from './rows.ts'

export type OnInvalid = 'ErrorsTable' | 'Drop' | 'Fail'

export function createRowSink(onInvalid: OnInvalid): (round: RowSink) => RowSink {
  if (onInvalid === 'ErrorsTable') return round => round
  const error = onInvalid === 'Drop' ? () => undefined : fail
  return round => ({ raw: row => round.raw(row), error })
}

function fail(row: ErrorRow): never {
  const position = `${row.kafkaTopic}:${row.kafkaPartition} offset ${row.kafkaOffset}`
  throw new HaltError('InvalidRecord', `${position} sample ${row.sampleIndex ?? '-'}: ${row.errorReason}`)
}

/**
 * Metrics of decoding and validation: valid and invalid samples, by type and by reason. They move once per
 * classification, so that a rewind counts again. An undecodable record counts as one invalid sample.
 *
 * Labels stay bounded whatever the payloads say: a data type or reason outside the closed lists becomes `other` or
 * `unknown`. `valid` runs once per sample, so it only adds plain numbers, which a scrape moves to the counters.
 */
import type { Registry } from 'prom-client'
import { closedLabelValues, metrics, otherDataType, type ValidationWarning } from '../contract/metrics.ts'
import type { ErrorType } from '../contract/reasons.ts'
import { counter, histogram } from './instruments.ts'

/** The first three are what the classifier tells its observer. */
export interface ClassificationMetrics {
  valid(dataType: string): void
  /** `reason` is one of contract/reasons.ts; `dataType` is null where the payload has none. */
  invalid(errorType: ErrorType, reason: string, dataType: string | null): void
  warning(kind: ValidationWarning, dataType: string): void
  /** The rows of one Kafka record were handed to the writer at `nowMs`; both times in milliseconds since the epoch. */
  handedToWriter(recordTimestampMs: number, nowMs: number, rows: number): void
}

export function createClassificationMetrics(registry: Registry, dataTypes: Iterable<string>): ClassificationMetrics {
  const tallies = new Map([...dataTypes, otherDataType].map(type => [type, { valid: 0, invalid: 0 }]))
  const others = tallies.get(otherDataType)!
  const knownReasons = new Set<string>(closedLabelValues.reason)

  const validRecords = counter(metrics.validRecords, registry, moveTallies)
  const invalidRecords = counter(metrics.invalidRecords, registry, moveTallies)
  const throughput = counter(metrics.throughput, registry, moveTallies)
  const recordsByType = counter(metrics.recordsByType, registry, moveTallies)
  const [observeLatency] = histogram(metrics.processingLatency, registry, [{}])
  const validationSuccess = counter(metrics.validationSuccess, registry, moveTallies)
  const validationFailures = counter(metrics.validationFailures, registry)
  const validationWarnings = counter(metrics.validationWarnings, registry)

  /** Runs at the start of a scrape, and once at the start to make the series. */
  function moveTallies(): void {
    for (const [data_type, tally] of tallies) {
      validRecords.inc(tally.valid)
      validationSuccess.inc(tally.valid)
      invalidRecords.inc(tally.invalid)
      throughput.inc(tally.valid + tally.invalid)
      recordsByType.inc({ data_type }, tally.valid + tally.invalid)
      tally.valid = tally.invalid = 0
    }
  }

  moveTallies()
  // Every reason and every type once: the whole product would be a thousand series of zeros in every scrape.
  for (const reason of closedLabelValues.reason) validationFailures.inc({ reason, data_type: otherDataType }, 0)
  for (const data_type of tallies.keys()) validationFailures.inc({ reason: 'out_of_range', data_type }, 0)
  for (const kind of closedLabelValues.kind) validationWarnings.inc({ kind }, 0)

  return {
    valid(dataType) {
      const tally = tallies.get(dataType) ?? others
      tally.valid++
    },
    invalid(_errorType, reason, dataType) {
      const known = dataType !== null && tallies.has(dataType) ? dataType : otherDataType
      tallies.get(known)!.invalid++
      validationFailures.inc({ reason: knownReasons.has(reason) ? reason : 'unknown', data_type: known })
    },
    warning: kind => validationWarnings.inc({ kind }),
    handedToWriter(recordTimestampMs, nowMs, rows) {
      // As for consumption: no time, or a producer's clock ahead of ours.
      if (recordTimestampMs >= 0) observeLatency!(Math.max(0, nowMs - recordTimestampMs), rows)
    },
  }
}

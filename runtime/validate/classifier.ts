/**
 * One Kafka record to rows: every sample goes to the raw table or, with the reason, to the errors table; a record without
 * usable samples is one error row; a tombstone is none. Exactly one row a sample, whatever happens: an unexpected
 * exception becomes an error row too. It writes nothing itself, keeps no row, and takes no clock.
 *
 * What the sink or the observer throws passes through: the batch is then in doubt, which is the pipeline's to resolve.
 */
import type { RangeOverrides } from '../contract/dataTypes.ts'
import type { Decoded, Decoder } from '../contract/decoder.ts'
import type { ValidationWarning } from '../contract/metrics.ts'
import type { ErrorType, SampleReason } from '../contract/reasons.ts'
import type { KafkaRecord, TopicPartition } from '../kafka.ts'
import type { ErrorRow, Instant, RowSink } from '../rows.ts'
import { createErrorRowBuilder } from './errorRows.ts'
import { createSampleRules, type ValidationMode } from './rules.ts'
import { createSampleChecker } from './sample.ts'

/**
 * Told of every row just before the sink gets it. `dataType` is what the payload says, so unbounded in number, or null
 * where it says none that a table could hold.
 */
export interface ClassificationObserver {
  valid(dataType: string): void
  invalid(errorType: ErrorType, reason: string, dataType: string | null): void
  /** Beside `valid`, for a sample that is taken though something about it is odd. */
  warning(kind: ValidationWarning, dataType: string): void
}

/** What one record became. The classifier reuses the object. */
export interface RecordOutcome {
  rawRows: number
  errorRows: number
  /** The record had no value: skipped, no rows. */
  tombstone: boolean
}

export interface Classifier {
  /** `processingTime` is the time of both `processing_time` and `error_timestamp`. */
  classify(record: KafkaRecord, source: TopicPartition, processingTime: Instant, sink: RowSink): RecordOutcome
}

export interface ClassifierOptions {
  readonly decoder: Decoder
  readonly mode: ValidationMode
  /** The manifest's `spec.validation.ranges`. */
  readonly ranges?: RangeOverrides
  readonly observer: ClassificationObserver
}

export function createClassifier({ decoder, mode, ranges, observer }: ClassifierOptions): Classifier {
  const checker = createSampleChecker(createSampleRules({ mode, ranges }))
  const errors = createErrorRowBuilder(decoder)
  const outcome: RecordOutcome = { rawRows: 0, errorRows: 0, tombstone: false }

  function classify(
    record: KafkaRecord,
    source: TopicPartition,
    processingTime: Instant,
    sink: RowSink,
  ): RecordOutcome {
    outcome.rawRows = 0
    outcome.errorRows = 0
    outcome.tombstone = record.value === null
    if (record.value === null) return outcome
    errors.begin(record, source, processingTime)
    const decoded = open(record.value, processingTime)
    if (decoded === null) emitError(errors.ofRecord('PROCESSING_ERROR', 'internal'), sink)
    else if (decoded.reason !== null) emitError(errors.ofRecord('DESERIALIZATION_ERROR', decoded.reason), sink)
    else classifySamples(decoded.envelope.samples, sink)
    return outcome
  }

  /** Decodes a record and takes what its samples have in common; null where that failed unexpectedly. */
  function open(value: Buffer, processingTime: Instant): Decoded | null {
    try {
      const decoded = decoder.decode(value)
      if (decoded.envelope !== null) errors.envelope(decoded.envelope)
      if (decoded.reason === null) checker.begin(decoded.envelope, processingTime)
      return decoded
    } catch {
      return null
    }
  }

  function classifySamples(samples: readonly unknown[], sink: RowSink): void {
    for (let index = 0; index < samples.length; index++) {
      const sampleReason = check(samples[index])
      if (sampleReason === null) emitRaw(sink)
      else emitError(errors.ofSample(samples[index], index, sampleReason), sink)
    }
  }

  function check(sample: unknown): SampleReason | null {
    try {
      return checker.check(sample)
    } catch {
      return 'internal'
    }
  }

  function emitRaw(sink: RowSink): void {
    const { row, warnings } = checker
    observer.valid(row.dataType)
    for (let i = 0; i < warnings.length; i++) observer.warning(warnings[i]!, row.dataType)
    outcome.rawRows++
    sink.raw(row)
  }

  function emitError(row: ErrorRow, sink: RowSink): void {
    observer.invalid(row.errorType, row.errorReason, row.dataType)
    outcome.errorRows++
    sink.error(row)
  }

  return { classify }
}

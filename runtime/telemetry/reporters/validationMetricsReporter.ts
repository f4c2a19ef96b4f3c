/** Counts the outcome of validation by reason and data type. It never looks at a measured value. */
import { dataTypes as knownDataTypes } from '../../contract/dataTypes.ts'
import { closedLabelValues, metrics, otherDataType } from '../../contract/metrics.ts'
import { counterOn } from './registeredInstruments.ts'
import { type Reporter, type ReporterOptions, reporterClass } from './reporter.ts'
import { closedLabel, isInvalid, type RowFields } from './rowFields.ts'

export interface ValidationMetricsReporterOptions extends ReporterOptions {
  /** The values of the label `reason`, this project's rules by default; every other reason counts as `unknown`. */
  readonly reasons?: Iterable<string>
  /** The values of the label `data_type`, the known types by default; every other type counts as `other`. */
  readonly dataTypes?: Iterable<string>
}

export type ValidationMetricsReporter = Reporter

/**
 * `validation_success_total` and `validation_failures_total{reason,data_type}`. Of a row it reads `error_type` (a
 * failure where it is set), `error_reason` and `data_type`.
 */
export const ValidationMetricsReporter = reporterClass<ValidationMetricsReporterOptions, object>(
  'ValidationMetricsReporter',
  ({ reasons = closedLabelValues.reason, dataTypes = Object.keys(knownDataTypes) }, registry) => {
    const reason = closedLabel(reasons, 'unknown')
    const dataType = closedLabel(dataTypes, otherDataType)
    const success = counterOn(registry, metrics.validationSuccess)
    const failures = counterOn(registry, metrics.validationFailures)
    // Every reason and every type once: the whole product would be a thousand series of zeros in every scrape.
    for (const each of reason.values) failures.inc({ reason: each, data_type: otherDataType }, 0)
    for (const data_type of dataType.values) failures.inc({ reason: 'unknown', data_type }, 0)

    function record(row: RowFields): void {
      if (!isInvalid(row)) success.inc()
      else failures.inc({ reason: reason.of(row.error_reason), data_type: dataType.of(row.data_type) })
    }
    return { record, methods: {} }
  },
)

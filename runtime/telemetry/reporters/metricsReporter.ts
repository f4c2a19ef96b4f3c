/**
 * Counts rows, valid and invalid, by data type, and how long they were under way. It never looks at a measured value.
 */
import { dataTypes as knownDataTypes } from '../../contract/dataTypes.ts'
import { type MetricDefinition, metrics, otherDataType } from '../../contract/metrics.ts'
import { counterOn, histogramOn } from './registeredInstruments.ts'
import { type Reporter, ReporterError, type ReporterOptions, reporterClass } from './reporter.ts'
import { ageMs, closedLabel, isInvalid, type RowFields } from './rowFields.ts'

export interface MetricsReporterOptions extends ReporterOptions {
  /** What the names begin with, `health_data` by default; `processing_latency_ms` has no prefix. */
  readonly metricPrefix?: string
  /** The values of the label `data_type`, the known types by default; every other type counts as `other`. */
  readonly dataTypes?: Iterable<string>
}

export type MetricsReporter = Reporter

const standardPrefix = 'health_data'

/**
 * `<prefix>_valid_records_total`, `_invalid_records_total`, `_throughput_total`, `_records_by_type_total{data_type}` and
 * `processing_latency_ms`. Of a row it reads `error_type` (invalid where it is set), `data_type`, and `kafka_timestamp`:
 * milliseconds since the epoch, or a Date; without it no latency is observed.
 */
export const MetricsReporter = reporterClass<MetricsReporterOptions, object>(
  'MetricsReporter',
  ({ metricPrefix = standardPrefix, dataTypes = Object.keys(knownDataTypes) }, registry, now) => {
    const prefixed = prefixer(metricPrefix)
    const dataType = closedLabel(dataTypes, otherDataType)
    const valid = counterOn(registry, prefixed(metrics.validRecords))
    const invalid = counterOn(registry, prefixed(metrics.invalidRecords))
    const throughput = counterOn(registry, prefixed(metrics.throughput))
    const byType = counterOn(registry, prefixed(metrics.recordsByType))
    const latency = histogramOn(registry, metrics.processingLatency)
    for (const data_type of dataType.values) byType.inc({ data_type }, 0)

    function record(row: RowFields): void {
      const counted = isInvalid(row) ? invalid : valid
      const data_type = dataType.of(row.data_type)
      const latencyMs = ageMs(row.kafka_timestamp, now())
      counted.inc()
      throughput.inc()
      byType.inc({ data_type })
      if (latencyMs !== undefined) latency.observe(latencyMs)
    }
    return { record, methods: {} }
  },
)

/** The grammar of metric names: https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels */
function prefixer(prefix: string) {
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(prefix)) {
    const fix = 'use letters, digits and _, the first no digit'
    throw new ReporterError('INVALID_OPTION', `metricPrefix is ${JSON.stringify(prefix)} · ${fix}`)
  }
  return <D extends MetricDefinition>(definition: D): D => ({
    ...definition,
    name: `${prefix}${definition.name.slice(standardPrefix.length)}`,
  })
}

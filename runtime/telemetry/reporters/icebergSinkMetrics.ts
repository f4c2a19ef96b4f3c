/** Counts what reaches the two tables, and how the writes go. It writes nothing itself. */
import { metrics } from '../../contract/metrics.ts'
import { counterOn, histogramOn } from './registeredInstruments.ts'
import { type Reporter, type ReporterOptions, reporterClass } from './reporter.ts'
import { isAmount, isInvalid, type RowFields } from './rowFields.ts'

/** The table of valid rows, and that of invalid ones. */
export type SinkTable = 'raw' | 'errors'

export interface IcebergSinkMetricsOptions extends ReporterOptions {
  /** Bare names of the tables, the values of the label `table`. */
  readonly tables?: Readonly<Record<SinkTable, string>>
}

/** The table is `raw` where none is said. Amounts that are negative or no numbers are ignored. */
export interface SinkMethods {
  /** Counts rows that are durable and that `map` does not see. */
  written(rows: number, table?: SinkTable): void
  writeFailed(table?: SinkTable): void
  /** Milliseconds that one write took. */
  writeLatency(latencyMs: number, table?: SinkTable): void
  /** Rows of one write. */
  batchSize(rows: number, table?: SinkTable): void
}

/** Where a call counts that names no table of the two, as plain JavaScript can. */
const elsewhere = { table: 'other' }

export type IcebergSinkMetrics = Reporter & SinkMethods

/**
 * `iceberg_records_written_total`, `iceberg_write_failures_total`, `iceberg_write_latency_ms` and `iceberg_batch_size`,
 * each by `table`. `map` counts a row as written, to the errors table where its `error_type` is set; of writes it knows
 * nothing, hence the methods. Count each row once: by `map` behind the sink, or by `written`.
 */
export const IcebergSinkMetrics = reporterClass<IcebergSinkMetricsOptions, SinkMethods>(
  'IcebergSinkMetrics',
  ({ tables = { raw: 'health_data_raw', errors: 'health_data_errors' } }, registry) => {
    const series = { raw: { table: tables.raw }, errors: { table: tables.errors } }
    const closed = Object.values(series)
    const labelsOf = (table: SinkTable) => series[table] ?? elsewhere
    const recordsWritten = counterOn(registry, metrics.icebergRecordsWritten)
    const writeFailures = counterOn(registry, metrics.icebergWriteFailures)
    const latency = histogramOn(registry, metrics.icebergWriteLatency, closed)
    const size = histogramOn(registry, metrics.icebergBatchSize, closed)
    for (const labels of closed) {
      recordsWritten.inc(labels, 0)
      writeFailures.inc(labels, 0)
    }

    const methods: SinkMethods = {
      written(rows, table = 'raw') {
        if (isAmount(rows)) recordsWritten.inc(labelsOf(table), rows)
      },
      writeFailed: (table = 'raw') => writeFailures.inc(labelsOf(table)),
      writeLatency(latencyMs, table = 'raw') {
        if (isAmount(latencyMs)) latency.observe(labelsOf(table), latencyMs)
      },
      batchSize(rows, table = 'raw') {
        if (isAmount(rows)) size.observe(labelsOf(table), rows)
      },
    }
    const record = (row: RowFields) => recordsWritten.inc(isInvalid(row) ? series.errors : series.raw)
    return { record, methods }
  },
)

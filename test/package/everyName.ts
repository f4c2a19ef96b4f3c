/** A user's program that takes every public name of the package, right and wrong, and prints the names. It is data here. */

/** What the package exports beside types. */
export const exportedNames: readonly string[] = [
  'AlertingOptionsError',
  'DashboardError',
  'IcebergSinkMetrics',
  'KafkaSourceMetrics',
  'LoggingError',
  'MetricsReporter',
  'OptionError',
  'Registry',
  'ReporterError',
  'ScrapeConfigError',
  'ValidationMetricsReporter',
  'generateAlertingRules',
  'generatePrometheusScrapeConfig',
  'getGrafanaDashboardJson',
  'getLogger',
  'logCheckpointEvent',
  'logIcebergError',
  'logKafkaError',
  'logValidationError',
  'setupLogging',
]

/** What a type must refuse is marked with @ts-expect-error, and either never runs or throws. */
export const everyName = `
import * as healthconsumer from 'healthconsumer'
import {
  AlertingOptionsError, generateAlertingRules, generatePrometheusScrapeConfig, getGrafanaDashboardJson, getLogger,
  IcebergSinkMetrics, KafkaSourceMetrics, logCheckpointEvent, LoggingError, logIcebergError, logKafkaError,
  logValidationError, MetricsReporter, Registry, ReporterError, setupLogging, ValidationMetricsReporter,
} from 'healthconsumer'
import type {
  AlertingOptions, AlertName, CheckpointEvent, ContextLogger, Dashboard, DashboardOptions, IcebergErrorOptions,
  IcebergSinkMetricsOptions, KafkaErrorOptions, LogConsole, LogContext, LogFields, Logger, LoggingErrorCode,
  LoggingOptions, LogLevel, MetricsReporterOptions, Reporter, ReporterErrorCode, ReporterOptions, ScrapeOptions,
  SinkTable, ThresholdName, ValidationErrorRow, ValidationMetricsReporterOptions,
} from 'healthconsumer'

declare const console: { log(text: string): void }

interface Row { readonly data_type: string; readonly error_type?: string; readonly error_reason?: string }
const rows: readonly Row[] = [{ data_type: 'steps' }, { data_type: 'steps', error_type: 'E', error_reason: 'not_finite' }]

const registry = new Registry()
const now = () => 0
const reporters: readonly Reporter[] = [
  new MetricsReporter({ registry, now, metricPrefix: 'mine', dataTypes: ['steps'] } satisfies MetricsReporterOptions),
  new ValidationMetricsReporter({ registry, reasons: ['not_finite'] } satisfies ValidationMetricsReporterOptions),
  new IcebergSinkMetrics({ registry, tables: { raw: 'r', errors: 'e' } } satisfies IcebergSinkMetricsOptions),
  new KafkaSourceMetrics({ registry, now } satisfies ReporterOptions),
]
let counted: readonly Row[] = rows
for (const reporter of reporters) counted = counted.map(reporter).map(reporter.map)
if (counted.some((row, index) => row !== rows[index])) throw new Error('another row')
const sink: IcebergSinkMetrics = IcebergSinkMetrics()
const table: SinkTable = 'errors'
sink.written(1, table)
const source: KafkaSourceMetrics = KafkaSourceMetrics()
source.lag('t', 0, 1)
const plain: [MetricsReporter, ValidationMetricsReporter] = [MetricsReporter(), ValidationMetricsReporter()]
if (!(plain[0] instanceof MetricsReporter)) throw new Error('no instance')

const lines: string[] = []
const target: LogConsole = { write: line => lines.push(line) }
const options: LoggingOptions = { logLevel: 'debug' satisfies LogLevel, jsonFormat: true }
const rootLogger: ContextLogger = setupLogging(options, target)
const context: LogContext = { component: 'test' }
const logger: Logger = getLogger('user', { context })
const fields: LogFields = { context: { key: 'value' } }
logger.info('Processing started', fields)
logValidationError(logger, 'Missing user_id', rows[1]! satisfies ValidationErrorRow)
logKafkaError(logger, 'Failed', { topic: 't', partition: 0, offset: 1, error: new Error('x') } satisfies KafkaErrorOptions)
logIcebergError(logger, 'Failed', { tableName: 't', database: 'd' } satisfies IcebergErrorOptions)
logCheckpointEvent(rootLogger, { eventType: 'completed', checkpointId: 42 } satisfies CheckpointEvent)
if (lines.length !== 5 || lines.some(line => JSON.parse(line).source.file.includes('node_modules')))
  throw new Error(lines.join(''))

const alert: AlertName & ThresholdName = 'HighErrorRate'
const alerting: AlertingOptions = { disabledAlerts: [alert] }
const scraping: ScrapeOptions = { jobName: 'j', targets: ['localhost:9249'], scrapeInterval: '15s' }
const dashboard: Dashboard = getGrafanaDashboardJson({ title: 'Mine' } satisfies DashboardOptions)
if (!generateAlertingRules(alerting).includes('groups:')) throw new Error('no groups')
if (!generatePrometheusScrapeConfig(scraping).includes('job_name')) throw new Error('no job')
if (dashboard.title !== 'Mine') throw new Error('no title')

function codeOf(wrong: () => unknown): ReporterErrorCode | LoggingErrorCode | string {
  try { wrong() } catch (error) {
    if (error instanceof ReporterError || error instanceof LoggingError || error instanceof AlertingOptionsError)
      return error.code
  }
  throw new Error('not refused')
}
codeOf(() => MetricsReporter({ registry, metricPrefix: '9' }))
codeOf(() => setupLogging({ logFile: '/dev/null/x' }))
codeOf(() => generateAlertingRules({ interval: 'soon' }))

export function refused(): void {
  // @ts-expect-error
  new MetricsReporter({ metric_prefix: 'x' })
  // @ts-expect-error
  source.lag('t', '0', 1)
  // @ts-expect-error
  const other: { other: number }[] = rows.map(reporters[0]!)
  // @ts-expect-error
  setupLogging({ logLevel: 'loud' })
  // @ts-expect-error
  generateAlertingRules({ disabledAlerts: ['Nonsense'] })
}

console.log(JSON.stringify(Object.keys(healthconsumer).sort()))
`

/**
 * The root of the npm package: metrics, logs, alerts and dashboard of the monitoring guide for the users of another
 * TypeScript consumer (docs/library.md). Names only; nothing is done here, and nothing else of the project is exported.
 */
export type { AlertName, ThresholdName } from '../crds/monitoring.ts'
export type { LogContext, LogFields, Logger, LogLevel } from '../runtime/contract/logger.ts'
export {
  type CheckpointEvent,
  type IcebergErrorOptions,
  type KafkaErrorOptions,
  logCheckpointEvent,
  logIcebergError,
  logKafkaError,
  logValidationError,
  type ValidationErrorRow,
} from '../runtime/telemetry/logEvents.ts'
export { type ContextLogger, getLogger, type LogConsole, setupLogging } from '../runtime/telemetry/logging.ts'
export { LoggingError, type LoggingErrorCode, type LoggingOptions } from '../runtime/telemetry/logOptions.ts'
export {
  IcebergSinkMetrics,
  type IcebergSinkMetricsOptions,
  type SinkTable,
} from '../runtime/telemetry/reporters/icebergSinkMetrics.ts'
export { KafkaSourceMetrics } from '../runtime/telemetry/reporters/kafkaSourceMetrics.ts'
export { MetricsReporter, type MetricsReporterOptions } from '../runtime/telemetry/reporters/metricsReporter.ts'
export {
  Registry,
  type Reporter,
  ReporterError,
  type ReporterErrorCode,
  type ReporterOptions,
} from '../runtime/telemetry/reporters/reporter.ts'
export {
  ValidationMetricsReporter,
  type ValidationMetricsReporterOptions,
} from '../runtime/telemetry/reporters/validationMetricsReporter.ts'
export {
  type AlertingOptions,
  AlertingOptionsError,
  type AlertingOptionsErrorCode,
  generateAlertingRules,
} from './alerts.ts'
export {
  type Dashboard,
  DashboardError,
  type DashboardErrorCode,
  type DashboardOptions,
  getGrafanaDashboardJson,
} from './dashboard.ts'
export { OptionError } from './optionError.ts'
export {
  generatePrometheusScrapeConfig,
  ScrapeConfigError,
  type ScrapeConfigErrorCode,
  type ScrapeOptions,
} from './scrapeConfig.ts'

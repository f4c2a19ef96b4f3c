/**
 * The port through which every part of the runtime logs. Types only; implemented by telemetry/logging.ts.
 * A line carries topic, partition, offset, rule code: never a payload, a value or a secret.
 */

/** From the least to the most severe; rendered as DEBUG, INFO, WARNING, ERROR, CRITICAL. */
export const logLevels = ['debug', 'info', 'warning', 'error', 'critical'] as const
export type LogLevel = (typeof logLevels)[number]

type LogScalar = string | number | boolean | null | undefined
/** Flat, snake_case keys. An int64 that may pass 2^53, such as a snapshot id, is a string. */
export type LogContext = Readonly<Record<string, LogScalar | readonly LogScalar[]>>

export interface LogFields {
  readonly context?: LogContext
  /** Anything thrown. */
  readonly error?: unknown
  /** A function that logs on behalf of its caller: `source` then names the caller's line instead of its own. */
  readonly caller?: (...parameters: never[]) => unknown
}

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warning(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  critical(message: string, fields?: LogFields): void
  /** Whether a line of that level would be written: ask before preparing an expensive context. */
  enabled(level: LogLevel): boolean
}

/**
 * Logging on pino: `setupLogging` once at the start, `getLogger` anywhere that wires parts together. Inner parts take
 * the port of contract/logger.ts as a parameter and never import this file.
 *
 * Each line is one JSON object: timestamp, level, logger, message, thread, source, process, context and, where there is
 * one, error. Lines go to stderr, so that stdout stays free for data, and to LOG_FILE beside it. Loggers may be made
 * before the set-up: they follow the newest one.
 */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { type LogContext, type LogFields, type Logger, type LogLevel, logLevels } from '../contract/logger.ts'
import { beginCapture, callSite, endCapture } from './callSite.ts'
import { writeLine } from './lineWriter.ts'
import { LogFile } from './logFile.ts'
import { JSONFormatter, type LogFormatter, TextFormatter } from './logFormatters.ts'
import { jsonLine, type LogEntry, lineHead, type UserIdForm } from './logLine.ts'
import { LoggingError, type LoggingOptions, parseLogLevel } from './logOptions.ts'
import { createKeyedHash } from './userIdHash.ts'

/** Where lines go; `setupLogging` takes another one than stderr for tests and embedders. */
export interface LogConsole {
  write(line: string): unknown
}

/** What writes the lines, as `getLogger(name).handlers[0].formatter.constructor.name` asks it. */
export interface LogHandler {
  readonly formatter: LogFormatter
}

/** Python's numbers of the same levels. */
const severity = { debug: 10, info: 20, warning: 30, error: 40, critical: 50 } as const satisfies Record<
  LogLevel,
  number
>

interface Sink {
  readonly pino: pino.Logger<LogLevel, boolean>
  readonly level: LogLevel
  readonly formatter: LogFormatter
  readonly close: () => void
}

let sink: Sink | undefined

/**
 * Directs every logger of the process, and answers the root logger. A second call replaces the first.
 * Throws LoggingError `FILE_NOT_WRITABLE` or `INVALID_SETTING`.
 */
export function setupLogging(options: LoggingOptions = {}, console?: LogConsole): ContextLogger {
  const next = createSink(options, console ?? stderrConsole)
  sink?.close()
  sink = next
  return getLogger('healthconsumer')
}

/** A logger that adds `context` to the context of each of its lines. */
export function getLogger(name: string, { context = {} }: { readonly context?: LogContext } = {}): ContextLogger {
  return new ContextLogger(name, context)
}

function currentSink(): Sink {
  if (sink === undefined) setupLogging()
  return sink!
}

/** A stderr that is closed or full costs lines, never the process. */
const stderrConsole: LogConsole = {
  write(line) {
    try {
      writeLine(2, line)
    } catch {
      // There is no other place to tell it.
    }
  },
}

function createSink(options: LoggingOptions, console: LogConsole): Sink {
  const { jsonFormat = true, logFile, userId = 'hash', userIdKey } = options
  const level = parseLogLevel(options.logLevel ?? 'info', 'logLevel')
  const formatter = jsonFormat ? new JSONFormatter() : new TextFormatter()
  const file = logFile === undefined ? undefined : openLogFile(logFile)
  const reopen = () => file?.reopen()
  if (file !== undefined) process.on('SIGHUP', reopen)
  const write = (line: string) => {
    const formatted = formatter.format(line)
    console.write(formatted)
    file?.write(formatted)
  }
  const form = userId === 'plain' ? asItIs : createKeyedHash(userIdKey ?? randomBytes(32))
  return {
    pino: createPino(level, { write }, form),
    level,
    formatter,
    close() {
      process.removeListener('SIGHUP', reopen)
      file?.close()
    },
  }
}

const asItIs: UserIdForm = id => id

/**
 * Pino decides by level and writes; the line itself is ours, because its own cannot begin with the time and would render
 * each constant part again. Pino names `symbols` as the way to replace such a part.
 */
function createPino(level: LogLevel, stream: LogConsole, form: UserIdForm): Sink['pino'] {
  const logger = pino(
    { level, customLevels: severity, useOnlyCustomLevels: true, base: null, timestamp: createTimestamp() },
    stream,
  )
  const asJson = (entry: LogEntry, _message: unknown, _level: number, timestamp: string) =>
    jsonLine(timestamp, entry, form)
  return Object.assign(logger, { [pino.symbols.asJsonSym]: asJson })
}

function openLogFile(path: string): LogFile {
  const report = (error: unknown) =>
    getLogger('healthconsumer.logging').error('The log file cannot be written; its lines are lost until it can', {
      context: { log_file: path },
      error,
    })
  try {
    return new LogFile(path, report)
  } catch (cause) {
    const what = `LOG_FILE is ${JSON.stringify(path)}, which cannot be appended to`
    throw new LoggingError('FILE_NOT_WRITABLE', `${what} · create its folder, or let this user write to it`, cause)
  }
}

/** RFC 3339 in UTC with milliseconds; many lines are of the same one. */
function createTimestamp(): () => string {
  let ms = Number.NaN
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== ms) {
      ms = now
      text = new Date(now).toISOString()
    }
    return text
  }
}

export class ContextLogger implements Logger {
  readonly debug = ContextLogger.#method('debug')
  readonly info = ContextLogger.#method('info')
  readonly warning = ContextLogger.#method('warning')
  readonly error = ContextLogger.#method('error')
  readonly critical = ContextLogger.#method('critical')
  readonly name: string
  readonly #context: LogContext
  readonly #heads: ReadonlyMap<LogLevel, string>

  constructor(name: string, context: LogContext) {
    this.name = name
    this.#context = context
    this.#heads = new Map(logLevels.map(level => [level, lineHead(level, name)]))
  }

  /** The same logger with more context. */
  child(context: LogContext): ContextLogger {
    return new ContextLogger(this.name, { ...this.#context, ...context })
  }

  get handlers(): readonly LogHandler[] {
    return [{ formatter: currentSink().formatter }]
  }

  enabled(level: LogLevel): boolean {
    return severity[level] >= severity[currentSink().level]
  }

  /** A log method captures by itself, see callSite.ts. */
  static #method(level: LogLevel) {
    return function log(this: ContextLogger, message: string, fields?: LogFields): void {
      if (!this.enabled(level)) return
      const capture = beginCapture()
      try {
        Error.captureStackTrace(capture, fields?.caller ?? log)
      } catch {
        // Somebody's own captureStackTrace: then without a source.
      }
      this.#write(level, message, fields, endCapture(capture) ?? callSite(log))
    }
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined, source: string): void {
    const entry: LogEntry = {
      head: this.#heads.get(level)!,
      message,
      source,
      bound: this.#context,
      context: fields?.context,
      error: fields?.error,
    }
    currentSink().pino[level](entry)
  }
}

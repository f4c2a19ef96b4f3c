/**
 * Logging on pino: `setupLogging` once at the start, `getLogger` anywhere that wires parts together. Inner parts take
 * the port of contract/logger.ts as a parameter and never import this file.
 *
 * Each line is one JSON object: timestamp, level, logger, message, thread, source, process, context and, where there is
 * one, error. Lines go to stderr, so that stdout stays free for data, and to LOG_FILE beside it. Loggers may be made
 * before the set-up: they follow the newest one.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { isMainThread, threadId } from 'node:worker_threads'
import { destination, pino } from 'pino'
import type { LogContext, LogFields, Logger, LogLevel } from '../contract/logger.ts'
import { callSite } from './callSite.ts'
import { errorFields } from './errorFields.ts'
import { LogFile } from './logFile.ts'
import { JSONFormatter, type LogFormatter, TextFormatter } from './logFormatters.ts'
import { LoggingError, type LoggingOptions } from './logOptions.ts'

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

/** The contract's key, and what a camel-case slip would make of it. */
const userIdKeys = ['user_id', 'userId'] as const

interface Sink {
  readonly pino: pino.Logger<LogLevel, boolean>
  readonly level: LogLevel
  readonly formatter: LogFormatter
  readonly userId: (id: unknown) => unknown
  readonly close: () => void
}

let stderr: LogConsole | undefined
let sink: Sink | undefined

/**
 * Directs every logger of the process, and answers the root logger. A second call replaces the first.
 * Throws LoggingError `FILE_NOT_WRITABLE`.
 */
export function setupLogging(options: LoggingOptions = {}, console?: LogConsole): ContextLogger {
  const next = createSink(options, console ?? stderrConsole())
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

/** Synchronous, so that a dying process loses no line. A stderr that takes no more costs lines, never the process. */
function stderrConsole(): LogConsole {
  if (stderr !== undefined) return stderr
  const stream = destination({ dest: 2, sync: true, maxLength: 1 << 20 })
  stream.on('error', () => {})
  stderr = stream
  return stream
}

function createSink(options: LoggingOptions, console: LogConsole): Sink {
  const { logLevel = 'info', jsonFormat = true, logFile, userId = 'hash', userIdKey } = options
  const formatter = jsonFormat ? new JSONFormatter() : new TextFormatter()
  const file = logFile === undefined ? undefined : openLogFile(logFile)
  const reopen = () => file?.reopen()
  if (file !== undefined) process.on('SIGHUP', reopen)
  const write = (line: string) => {
    const formatted = formatter.format(line)
    console.write(formatted)
    file?.write(formatted)
  }
  return {
    pino: pino(pinoOptions(logLevel), { write }),
    level: logLevel,
    formatter,
    userId: userId === 'plain' ? id => id : keyedHash(userIdKey ?? randomBytes(32)),
    close() {
      process.removeListener('SIGHUP', reopen)
      file?.close()
    },
  }
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

/** Constant fields are rendered once, by pino's `base`. */
const pinoOptions = (level: LogLevel) => ({
  level,
  customLevels: severity,
  useOnlyCustomLevels: true as const,
  messageKey: 'message',
  timestamp: createTimestamp(),
  formatters: { level: (label: string) => ({ level: label.toUpperCase() }) },
  base: {
    process: { id: process.pid, name: 'MainProcess' },
    thread: { id: threadId, name: isMainThread ? 'main' : `worker-${threadId}` },
  },
})

/** Pino's fragment of the time, RFC 3339 in UTC with milliseconds. Lines of one second share all but the last three digits. */
function createTimestamp(): () => string {
  let second = Number.NaN
  let upToSecond = ''
  return () => {
    const now = Date.now()
    const ms = now % 1000
    if (now - ms !== second) {
      second = now - ms
      upToSecond = new Date(second).toISOString().slice(0, -4)
    }
    return `,"timestamp":"${upToSecond}${String(ms).padStart(3, '0')}Z"`
  }
}

/** HMAC-SHA-256 cut to 128 bits: the same person is the same text, and no list of known ids finds out who. */
function keyedHash(key: string | Buffer): (id: unknown) => unknown {
  return id =>
    id === null || id === undefined
      ? id
      : `hmac:${createHmac('sha256', key).update(String(id)).digest('hex').slice(0, 32)}`
}

export class ContextLogger implements Logger {
  readonly name: string
  readonly #context: LogContext
  #sink: Sink | undefined
  #pino: pino.Logger<LogLevel, boolean> | undefined

  constructor(name: string, context: LogContext) {
    this.name = name
    this.#context = context
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

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields, this.debug)
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields, this.info)
  }

  warning(message: string, fields?: LogFields): void {
    this.#write('warning', message, fields, this.warning)
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields, this.error)
  }

  critical(message: string, fields?: LogFields): void {
    this.#write('critical', message, fields, this.critical)
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined, method: LogFields['caller'] & {}): void {
    if (!this.enabled(level)) return
    const source = callSite(fields?.caller ?? method)
    const target = currentSink()
    if (this.#sink !== target || this.#pino === undefined) {
      this.#sink = target
      this.#pino = target.pino.child({ logger: this.name })
    }
    const context: Record<string, unknown> = { ...this.#context, ...fields?.context }
    for (const key of userIdKeys) if (key in context) context[key] = target.userId(context[key])
    const error = fields?.error === undefined ? undefined : errorFields(fields.error)
    this.#pino[level]({ source, context, error }, message)
  }
}

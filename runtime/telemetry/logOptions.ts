/**
 * The options of logging and how the environment spells them. Pure: it neither reads the environment nor opens a file.
 */
import { type LogLevel, logLevels } from '../contract/logger.ts'

export interface LoggingOptions {
  /** Least severe level that is written, in any case; `info` by default. */
  readonly logLevel?: LogLevel | Uppercase<LogLevel>
  /** JSON lines (default), or text for people. */
  readonly jsonFormat?: boolean
  /** Receives every line beside the console; opened again on SIGHUP. */
  readonly logFile?: string
  /** How `context.user_id` is written: `hash` (default) as a keyed hash, `plain` as it is. */
  readonly userId?: 'hash' | 'plain'
  /** Key of that hash. Without one a random key is taken, and hashes of two processes cannot be compared. */
  readonly userIdKey?: string
}

export type LoggingErrorCode = 'INVALID_SETTING' | 'FILE_NOT_WRITABLE'

export class LoggingError extends Error {
  override readonly name = 'LoggingError'
  readonly code: LoggingErrorCode
  constructor(code: LoggingErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

const minimumKeyLength = 16

/**
 * LOG_LEVEL, JSON_FORMAT, LOG_FILE, LOG_USER_ID and LOG_USER_ID_KEY; an empty one counts as absent.
 * Throws LoggingError `INVALID_SETTING` that names the variable, its value and what it may be.
 */
export function loggingFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): LoggingOptions & { readonly logLevel: LogLevel } {
  const userIdKey = env.LOG_USER_ID_KEY || undefined
  if (userIdKey !== undefined && userIdKey.length < minimumKeyLength) {
    const length = `${userIdKey.length} characters`
    throw invalid('LOG_USER_ID_KEY', length, `use at least ${minimumKeyLength} random characters, or leave it unset`)
  }
  return {
    logLevel: env.LOG_LEVEL ? parseLogLevel(env.LOG_LEVEL, 'LOG_LEVEL') : 'info',
    jsonFormat: choice(env, 'JSON_FORMAT', ['true', 'false']) !== 'false',
    logFile: env.LOG_FILE || undefined,
    userId: choice(env, 'LOG_USER_ID', ['hash', 'plain']) ?? 'hash',
    userIdKey,
  }
}

/** A level's name in any case; WARN is WARNING. `setting` names the source for the error. */
export function parseLogLevel(name: string, setting: string): LogLevel {
  const lower = name.trim().toLowerCase()
  const level = logLevels.find(each => each === (lower === 'warn' ? 'warning' : lower))
  if (level === undefined) throw invalid(setting, JSON.stringify(name), 'use DEBUG, INFO, WARNING, ERROR or CRITICAL')
  return level
}

function choice<T extends string>(
  env: Readonly<Record<string, string | undefined>>,
  setting: string,
  choices: readonly T[],
): T | undefined {
  const value = env[setting]
  if (!value) return undefined
  const chosen = choices.find(each => each === value.trim().toLowerCase())
  if (chosen === undefined) throw invalid(setting, JSON.stringify(value), `use ${choices.join(' or ')}`)
  return chosen
}

const invalid = (setting: string, value: string, fix: string) =>
  new LoggingError('INVALID_SETTING', `${setting} is ${value} · ${fix}`)

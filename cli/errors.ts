/**
 * How the command says that something went wrong: a closed list of codes, one line each on stderr
 * (`error[CODE]: what · where · how to fix it`), or one JSON object on stdout. Pure; it prints nothing itself.
 */
import type { Problem } from '../crds/problems.ts'
import type { AlertingOptionsErrorCode } from '../monitoring/alerts.ts'
import type { DashboardErrorCode } from '../monitoring/dashboard.ts'
import type { ScrapeConfigErrorCode } from '../monitoring/scrapeConfig.ts'
import type { RecoverErrorCode } from '../runtime/recover/recover.ts'
import type { CredentialsErrorCode } from '../runtime/secrets.ts'

export type FailureCode =
  | Problem['code']
  | CredentialsErrorCode
  | AlertingOptionsErrorCode
  | DashboardErrorCode
  | ScrapeConfigErrorCode
  | RecoverErrorCode
  | 'USAGE'
  | 'INVALID_URL'
  | 'MISSING_FILE'
  | 'UNREADABLE_FILE'
  | 'FILE_TOO_LARGE'
  | 'INVALID_UTF8'
  | 'INVALID_YAML'
  | 'EMPTY_FILE'
  | 'SEVERAL_DOCUMENTS'
  | 'DUPLICATE_KEY'
  | 'KUBECTL_FAILED'
  | 'NOT_FOUND'
  | 'FAILED'
  | 'INTERNAL'

export interface Failure {
  readonly code: FailureCode
  readonly what: string
  /** File and line, command, topic: wherever one has to look. */
  readonly where: string
  readonly fix: string
  readonly file?: string
  /** Counted from 1. */
  readonly line?: number
  readonly field?: string
  /** JSON text of the value, cut; never a secret. */
  readonly value?: string
}

/** 1: the work failed. 2: the input is wrong. 3: done, and problems were found. */
export type FailureExitCode = 1 | 2 | 3

/** Ends a command: every failure is printed, then the program exits with the code. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: FailureExitCode
  readonly failures: readonly Failure[]
  constructor(exitCode: FailureExitCode, failures: readonly Failure[], cause?: unknown) {
    super(failures.map(failure => failureLine(failure)).join('\n'), { cause })
    this.exitCode = exitCode
    this.failures = failures
  }
}

/** One line, without its end. Control characters of the input do not reach the terminal. */
export const failureLine = ({ code, what, where, fix }: Failure, severity: 'error' | 'warning' = 'error'): string =>
  `${severity}[${code}]: ${what} · ${where} · ${fix}`.replace(/\p{Cc}+/gu, ' ')

/** A logger that keeps its lines, for tests that ask what was said and what was not. */
import type { LogFields, Logger, LogLevel } from '../../runtime/contract/logger.ts'

export interface RecordedLine extends LogFields {
  readonly level: LogLevel
  readonly message: string
}

export interface RecordingLogger extends Logger {
  readonly lines: readonly RecordedLine[]
  /** All of it as text, errors with their messages. */
  text(): string
}

export function recordingLogger(): RecordingLogger {
  const lines: RecordedLine[] = []
  const at = (level: LogLevel) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, ...fields })
  return {
    lines,
    text: () => lines.map(({ error, ...line }) => `${JSON.stringify(line)} ${error ?? ''}`).join('\n'),
    debug: at('debug'),
    info: at('info'),
    warning: at('warning'),
    error: at('error'),
    critical: at('critical'),
    enabled: () => true,
  }
}

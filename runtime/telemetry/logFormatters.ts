/**
 * How a log line is written: JSON for machines, text for people. A formatter gets pino's JSON line and answers the line
 * to write. Pure.
 */

export interface LogFormatter {
  /** `line` is one JSON object and a newline; so is the answer one line, or several for an error in text. */
  format(line: string): string
}

/** The line as it is. */
export class JSONFormatter implements LogFormatter {
  format(line: string): string {
    return line
  }
}

interface ParsedLine {
  readonly timestamp: string
  readonly level: string
  readonly logger: string
  readonly message: string
  readonly context: Readonly<Record<string, unknown>>
  readonly error?: { readonly stack: string; readonly message: string }
}

/** `time level logger message key=value …`, and below it the stack of an error. */
export class TextFormatter implements LogFormatter {
  format(line: string): string {
    const { timestamp, level, logger, message, context, error }: ParsedLine = JSON.parse(line)
    const pairs = Object.entries(context).map(([key, value]) => ` ${key}=${textOf(value)}`)
    const stack = error === undefined ? '' : `\n${printable(error.stack || error.message, true)}`
    return `${timestamp} ${level.padEnd(8)} ${logger} ${printable(message, false)}${pairs.join('')}${stack}\n`
  }
}

const textOf = (value: unknown) =>
  typeof value === 'string' && /^[^\s"=\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value)

/** Escapes control characters, so that a message can neither forge a line nor drive a terminal. */
const printable = (text: string, keepNewlines: boolean) =>
  text.replace(/\p{Cc}/gu, character =>
    keepNewlines && character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

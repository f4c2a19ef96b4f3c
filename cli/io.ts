/**
 * What a command is given to talk to its user, and how it registers itself. Types, and the option that all share.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CommandError } from './errors.ts'

export interface CommandIo {
  /** Writes to stdout, as it is. */
  out(text: string): void
  /** Writes to stderr, as it is. */
  err(text: string): void
  /** The program's exit code unless the command throws; 0 in the beginning. */
  exitCode: 0 | 1 | 2 | 3
}

/** Adds one command to the program. Its action throws CommandError to end with failures. */
export type Register = (program: Command, io: CommandIo) => void

export type OutputFormat = 'table' | 'json'

/** `-o json` prints one JSON object to stdout, failures included, and nothing to stderr. */
export const outputOption = () =>
  new Option('-o, --output <format>', 'table for people, json for programs').choices(['table', 'json']).default('table')

/** A command with those above it, as one types it: `healthconsumer generate alerts`. */
export const commandLine = (command: Command): string =>
  command.parent === null ? command.name() : `${commandLine(command.parent)} ${command.name()}`

/**
 * The value of an option that the command cannot do without. Commander's own requiredOption would hide a mistyped
 * option behind "required option not specified", hence this check at the beginning of the action.
 */
export function required<T>(value: T | undefined, option: string, command: Command): T {
  if (value !== undefined) return value
  const where = commandLine(command)
  throw new CommandError(2, [{ code: 'USAGE', what: `${option} is missing`, where, fix: `see ${where} --help` }])
}

/** Parses an option's value. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const number = Number(text)
    if (!/^\d+$/.test(text) || number < least || number > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return number
  }
}

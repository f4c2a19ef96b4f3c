/**
 * The `healthconsumer` program: its commands, and what all of them have in common: exit codes, how failures are told,
 * help, suggestions. It knows no command's work.
 */
import { Command, type CommanderError } from 'commander'
import { packageVersion } from '../runtime/version.ts'
import { register as doctor } from './doctorCommand.ts'
import { CommandError, type Failure, failureLine } from './errors.ts'
import { register as generate } from './generateCommand.ts'
import { type CommandIo, commandLine, type Register } from './io.ts'
import { register as maintain } from './maintainCommand.ts'
import { register as produce } from './produceCommand.ts'
import { register as recover } from './recoverCommand.ts'
import { register as render } from './renderCommand.ts'
import { register as run } from './runCommand.ts'
import { register as status } from './statusCommand.ts'
import { register as validate } from './validateCommand.ts'

/** In the order of the help. */
const commands: readonly Register[] = [run, produce, status, validate, render, doctor, maintain, recover, generate]

/** Thrown in place of commander's exit, with the command that was being parsed. */
class ParsingEnded extends Error {
  override readonly name = 'ParsingEnded'
  readonly command: string
  readonly ended: CommanderError
  constructor(command: string, ended: CommanderError) {
    super(ended.message, { cause: ended })
    this.command = command
    this.ended = ended
  }
}

function buildProgram(io: CommandIo): Command {
  const program = new Command('healthconsumer')
    .description('Kafka to validated Iceberg tables, exactly once: run, check and look after HealthConsumers.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print the help of a command')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', '\nExample:\n  healthconsumer validate -f examples/quickstart.yaml')
    .configureOutput({ writeOut: io.out, writeErr: io.err, outputError: () => {} })
  for (const register of commands) register(program, io)
  for (const command of withCommandsBelow(program))
    command.exitOverride(ended => {
      throw new ParsingEnded(commandLine(command), ended)
    })
  return program
}

const withCommandsBelow = (command: Command): readonly Command[] => [
  command,
  ...command.commands.flatMap(withCommandsBelow),
]

/** Runs one command line (without node and script) and resolves with the exit code. Never rejects. */
export async function runProgram(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' })
    return io.exitCode
  } catch (error) {
    return conclude(error, asksForJson(args), io)
  }
}

function conclude(error: unknown, json: boolean, io: CommandIo): number {
  if (error instanceof ParsingEnded) {
    const { code } = error.ended
    if (code === 'commander.helpDisplayed' || code === 'commander.version') return 0
    // Without a command, commander has printed the help to stderr.
    if (code === 'commander.help') return error.ended.exitCode === 0 ? 0 : 2
    tell([usageFailure(error)], json, io)
    return 2
  }
  if (error instanceof CommandError) {
    tell(error.failures, json, io)
    return error.exitCode
  }
  tell([internalFailure(error)], json, io)
  return 1
}

function tell(failures: readonly Failure[], json: boolean, io: CommandIo): void {
  if (json) io.out(`${JSON.stringify({ errors: failures })}\n`)
  else for (const failure of failures) io.err(`${failureLine(failure)}\n`)
}

/** Commander's message is `error: what` and perhaps `(Did you mean x?)` on a line of its own. */
function usageFailure({ command, ended }: ParsingEnded): Failure {
  const [what = '', suggestion] = ended.message.replace(/^error: /, '').split('\n')
  const help = `see ${command} --help`
  const fix = suggestion ? `${suggestion.replace(/^\(D(.*)\)$/, 'd$1')} ${help}` : help
  return { code: 'USAGE', what, where: command, fix }
}

/** An error that no command foresaw: a fault of this program. */
function internalFailure(error: unknown): Failure {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return { code: 'INTERNAL', what, where: 'healthconsumer', fix: 'this is a fault of the program: please report it' }
}

/** Read from the raw arguments, since it counts for wrong ones too. */
function asksForJson(args: readonly string[]): boolean {
  return args.some(
    (arg, index) =>
      arg === '-ojson' ||
      arg === '--output=json' ||
      ((arg === '-o' || arg === '--output') && args[index + 1] === 'json'),
  )
}

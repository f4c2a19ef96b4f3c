/**
 * The `healthconsumer` program: its commands and its help. It knows no command's work.
 */
import { Command } from 'commander'
import { packageVersion } from '../runtime/version.ts'
import { register as doctor } from './doctorCommand.ts'
import { register as generate } from './generateCommand.ts'
import type { CommandIo, Register } from './io.ts'
import { register as maintain } from './maintainCommand.ts'
import { register as operator } from './operatorCommand.ts'
import { runCommandLine } from './outcome.ts'
import { register as produce } from './produceCommand.ts'
import { register as recover } from './recoverCommand.ts'
import { register as render } from './renderCommand.ts'
import { register as run } from './runCommand.ts'
import { register as status } from './statusCommand.ts'
import { register as validate } from './validateCommand.ts'

/** In the order of the help. */
const commands: readonly Register[] = [
  ...[run, produce, status, validate, render, doctor, maintain, recover, generate, operator],
]

function buildProgram(io: CommandIo): Command {
  const program = new Command('healthconsumer')
    .description('Kafka to validated Iceberg tables, exactly once: run, check and look after HealthConsumers.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print the help of a command')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', '\nExample:\n  healthconsumer validate -f examples/quickstart.yaml')
  for (const register of commands) register(program, io)
  return program
}

/** Runs one command line (without node and script) and resolves with the exit code. Never rejects. */
export const runProgram = (args: readonly string[], io: CommandIo): Promise<number> =>
  runCommandLine(buildProgram(io), args, io)

/**
 * The `healthconsumer` program: its commands and its help. It knows no command's work.
 */
import { Command } from 'commander'
import { alertNames, thresholds } from '../crds/monitoring.ts'
import { packageVersion } from '../runtime/version.ts'
import { complete, type Sources } from './completion/complete.ts'
import { completing } from './completion/scripts.ts'
import { register as completion } from './completionCommand.ts'
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
  ...[run, produce, status, validate, render, doctor, maintain, recover, generate, operator, completion],
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

const named = (names: readonly string[]) => () => names.map(value => ({ value }))
const assigned = (names: readonly string[]) => named(names.map(name => `${name}=`))

/** What options take that have no choices of their own: the generators judge the names, and say what was meant. */
const sources: Sources = {
  alert: named(alertNames),
  'alert=number': assigned(Object.keys(thresholds.shape)),
  'alert=duration': assigned(alertNames),
}

/** Runs one command line (without node and script) and resolves with the exit code. Never rejects. */
export async function runProgram(args: readonly string[], io: CommandIo): Promise<number> {
  const program = buildProgram(io)
  if (args[0] !== completing) return runCommandLine(program, args, io)
  io.out(await complete(program, args.slice(1), sources))
  return 0
}

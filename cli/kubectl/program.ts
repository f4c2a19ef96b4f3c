/**
 * The program behind `kubectl healthconsumer`: looks after HealthConsumers in a cluster. Everything is asked for through
 * kubectl itself, so that contexts, credentials and proxies are those that kubectl uses. It knows no command's work.
 */
import { Command } from 'commander'
import { packageVersion } from '../../runtime/version.ts'
import { complete } from '../completion/complete.ts'
import type { CommandIo } from '../io.ts'
import { runCommandLine } from '../outcome.ts'
import { register as changes } from './changeCommands.ts'
import { clusterSources } from './clusterSources.ts'
import { register as doctor } from './doctorCommand.ts'
import { register as logs } from './logsCommand.ts'
import { register as status } from './statusCommand.ts'

/** In the order of the help. */
const commands = [status, doctor, changes, logs]

function buildPlugin(io: CommandIo): Command {
  const program = new Command('kubectl healthconsumer')
    .description('Looks after HealthConsumers in a cluster, through kubectl.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print the help of a command')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', '\nExample:\n  kubectl healthconsumer status -A')
  for (const register of commands) register(program, io)
  return program
}

/** Runs one command line (without node and script) and resolves with the exit code. Never rejects. */
export const runPlugin = (args: readonly string[], io: CommandIo): Promise<number> =>
  runCommandLine(buildPlugin(io), args, io)

/** Prints what may come next, as kubectl asks plugins for it; `words` are those after `kubectl healthconsumer`. Never rejects. */
export async function completePlugin(words: readonly string[], io: CommandIo): Promise<number> {
  const program = buildPlugin(io)
  io.out(await complete(program, words, clusterSources(program)))
  return 0
}

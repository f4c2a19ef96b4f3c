/** `kubectl healthconsumer logs`: the log lines of all pods of a HealthConsumer, each with its pod. It reads only. */
import type { Command } from 'commander'
import { containerName } from '../../operator/desired/child.ts'
import { CommandError } from '../errors.ts'
import { type CommandIo, commandLine, wholeNumber } from '../io.ts'
import { getConsumer, getPods, podLabels } from './consumer.ts'
import { type ClusterFlags, kubectlOf, withClusterFlags } from './kubectl.ts'

interface Flags extends ClusterFlags {
  readonly follow?: boolean
  readonly previous?: boolean
  readonly since?: string
  readonly tail: number
}

export function register(program: Command, io: CommandIo): void {
  const command = program
    .command('logs <name>')
    .summary('log lines of all its pods')
    .description('Prints what the pods of a HealthConsumer have logged, each line with the name of its pod before it.')
    .option('-f, --follow', 'go on until interrupted')
    .option('-p, --previous', 'of the containers that ran before these')
    .option('--since <duration>', 'lines younger than that, such as 10m')
    .option('--tail <lines>', 'newest lines of each pod', wholeNumber(0, 1_000_000), 100)
    .addHelpText('after', '\nExample:\n  kubectl healthconsumer logs health -n data --since 10m')
  withClusterFlags(command).action((name: string, flags: Flags, self: Command) => logs(name, flags, self, io))
}

async function logs(name: string, flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const kubectl = kubectlOf(flags, command)
  await getConsumer(kubectl, name)
  if ((await getPods(kubectl, name)).length === 0) {
    const fix = `kubectl healthconsumer status ${name} says why`
    throw new CommandError(1, [{ code: 'NOT_FOUND', what: 'it has no pods', where: commandLine(command), fix }])
  }
  const code = await kubectl.attached(
    ...['logs', '-l', podLabels(name), `--container=${containerName}`, '--prefix', '--max-log-requests=100'],
    ...[`--tail=${flags.tail}`, ...(flags.since === undefined ? [] : [`--since=${flags.since}`])],
    ...(flags.follow ? ['--follow'] : []),
    ...(flags.previous ? ['--previous'] : []),
  )
  if (code !== 0) io.exitCode = 1
}

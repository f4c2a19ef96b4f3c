/** `kubectl healthconsumer status`: what the HealthConsumers of a cluster do, and why. It reads only. */
import { Argument, type Command } from 'commander'
import { type CommandIo, type OutputFormat, outputOption } from '../io.ts'
import { type Consumer, getConsumer, getEvents, getPods, listConsumers } from './consumer.ts'
import { describeAll, describeOne } from './describe.ts'
import { type ClusterFlags, kubectlOf, withClusterFlags } from './kubectl.ts'

interface Flags extends ClusterFlags {
  readonly allNamespaces?: boolean
  readonly output: OutputFormat
}

export function register(program: Command, io: CommandIo): void {
  const command = program
    .command('status')
    .summary('what they do, and why')
    .description(
      'Lists HealthConsumers with their lag and last commit, or tells all about one: conditions, pods, events.\n' +
        '-o json prints the resource with its pods and events.',
    )
    .addArgument(new Argument('[name]', 'one HealthConsumer; all of the namespace without it'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExample:\n  kubectl healthconsumer status -A\n  kubectl healthconsumer status health -n data',
    )
  withClusterFlags(command).action((name: string | undefined, flags: Flags, self: Command) =>
    status(name, flags, self, io),
  )
}

async function status(name: string | undefined, flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const kubectl = kubectlOf(flags, command)
  const isJson = flags.output === 'json'
  if (name === undefined) {
    const consumers = await listConsumers(kubectl, flags.allNamespaces ?? false)
    if (isJson) io.out(`${JSON.stringify({ items: consumers.map(told) })}\n`)
    else if (consumers.length > 0) io.out(describeAll(consumers, Date.now()))
    else io.err(flags.allNamespaces ? 'There are no HealthConsumers.\n' : 'There are none here; -A looks everywhere.\n')
    return
  }
  const consumer = await getConsumer(kubectl, name)
  const [pods, events] = await Promise.all([getPods(kubectl, name), getEvents(kubectl, name)])
  io.out(
    isJson
      ? `${JSON.stringify({ ...told(consumer), pods, events })}\n`
      : describeOne(consumer, { pods, events }, Date.now()),
  )
}

const told = ({ metadata: { name, namespace, generation }, status }: Consumer) => ({
  namespace,
  name,
  generation,
  status,
})

/**
 * `healthconsumer recover`: the ways out of a halt. Without a way it shows which there are and what each costs; with
 * --dry-run the exact commits; else it asks, goes the way and looks again. It reads the manifest and the flags, asks and
 * prints; runtime/recover decides and commits.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RuntimeConfiguration } from '../runtime/contract/configuration.ts'
import type { HaltStatus } from '../runtime/contract/status.ts'
import { RecoverError, type Recovered, type Recovery } from '../runtime/recover/recover.ts'
import type { Choice, From } from '../runtime/recover/way.ts'
import { CommandError } from './errors.ts'
import { type CommandIo, commandLine, type OutputFormat, outputOption, required, wholeNumber } from './io.ts'
import { loadRunnable } from './manifest.ts'
import { describeOffers, describeRecovered } from './recoverText.ts'
import { requireSecrets, secretsOption } from './secrets.ts'

interface Flags {
  readonly file?: string
  readonly undo?: 'raw' | 'errors'
  readonly acceptRollback?: 'raw' | 'errors'
  readonly acceptLostErrors?: true
  readonly acceptGap?: true
  readonly acceptCommitted?: true
  readonly acceptNewTopic?: string
  readonly acceptNewCluster?: true
  readonly acceptNewTable?: true
  readonly adopt?: true
  readonly takeOver?: string
  readonly from?: From
  readonly dryRun?: true
  readonly yes?: true
  readonly timeout: number
  readonly secretsDir?: string
  readonly output: OutputFormat
}

const examples = `
Without a way it changes nothing. Each way is planned on the tables as they are at that moment, and commits on these or
not at all. Consumers may run beside it: those that are halted look again within 30 seconds and go on.
Exit codes: 0 done, or nothing is wrong; 3 something halts consumers (still); 2 the input is wrong; 1 it failed.

Example:
  healthconsumer recover -f examples/quickstart.yaml
  healthconsumer recover -f examples/quickstart.yaml --accept-rollback raw --dry-run
  healthconsumer recover -f examples/quickstart.yaml --accept-new-cluster --from keep --yes -o json`

export function register(program: Command, io: CommandIo): void {
  const tables = ['raw', 'errors'] as const
  program
    .command('recover')
    .summary('the ways out of a halt')
    .description(
      'Shows what halts the consumer of a manifest, the ways out, and what each loses or doubles. Goes one of them when\n' +
        'it is named. Every halt is explained in docs/recover.md.',
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .addOption(new Option('--undo <table>', 'set main and tag back to our newest snapshot').choices(tables))
    .addOption(new Option('--accept-rollback <table>', 'go on from the table as it was set back').choices(tables))
    .option('--accept-lost-errors', 'give up error rows whose files are gone')
    .option('--accept-gap', 'note offsets that Kafka deleted, and go on after them')
    .option('--accept-committed', "go on at the table's offsets, though the group has committed later ones")
    .option('--accept-new-topic <topic>', 'the topic was created anew: read it from its beginning, or --from')
    .option('--accept-new-cluster', 'the brokers are another cluster: go on there, --from keep or elsewhere')
    .option('--accept-new-table', 'the errors table was dropped: fill an empty one')
    .option('--adopt', 'fill tables of others, or a new raw table, --from an offset on')
    .option('--take-over <group>', 'take the tables of that group, with its offsets')
    .option('--from <where>', 'earliest, latest, committed, keep, or TOPIC:PARTITION=OFFSET,…', parseFrom)
    .option('--dry-run', 'with a way: show its commits, and change nothing')
    .option('-y, --yes', 'with a way: do not ask')
    .option('--timeout <seconds>', 'how long to wait for each answer of Kafka', wholeNumber(1, 600), 10)
    .addOption(secretsOption())
    .addOption(outputOption())
    .addHelpText('after', examples)
    .action((flags: Flags, command: Command) => recover(flags, command, io))
}

/** Keeps what it does not know out of the error text's way: offsets are decimal, topics have no `=`. */
function parseFrom(text: string): From {
  if (text === 'earliest' || text === 'latest' || text === 'committed' || text === 'keep') return text
  const offsets = new Map<string, number>()
  for (const part of text.split(',')) {
    const [, key, offset] = /^([A-Za-z0-9._-]+:\d+)=(\d{1,16})$/.exec(part) ?? []
    if (key === undefined || offsets.has(key) || !Number.isSafeInteger(Number(offset)))
      throw new InvalidArgumentError('It must be earliest, latest, committed, keep, or TOPIC:PARTITION=OFFSET,…')
    offsets.set(key, Number(offset))
  }
  return offsets
}

/** The way that was named; undefined for none. */
function choiceOf(flags: Flags, command: Command): Choice | undefined {
  const { undo, acceptRollback, acceptNewTopic, takeOver, from } = flags
  const ways: readonly (Choice | undefined)[] = [
    undo && { way: 'undo', table: undo },
    acceptRollback && { way: 'accept-rollback', table: acceptRollback },
    flags.acceptLostErrors && { way: 'accept-lost-errors' },
    flags.acceptGap && { way: 'accept-gap' },
    flags.acceptCommitted && { way: 'accept-committed' },
    acceptNewTopic === undefined
      ? undefined
      : { way: 'accept-new-topic', topic: acceptNewTopic, ...(from && { from }) },
    flags.acceptNewCluster && { way: 'accept-new-cluster', ...(from && { from }) },
    flags.acceptNewTable && { way: 'accept-new-table' },
    flags.adopt && { way: 'adopt', ...(from && { from }) },
    takeOver === undefined ? undefined : { way: 'take-over', group: takeOver },
  ]
  const named = ways.filter(way => way !== undefined)
  if (named.length > 1) throw usage(command, 'more than one way is named', 'go one, then look again')
  const [choice] = named
  if (from !== undefined && !(choice && 'from' in choice))
    throw usage(command, '--from belongs to --accept-new-topic, --accept-new-cluster or --adopt', 'name one of these')
  if (choice?.way === 'adopt' && from === 'keep')
    throw usage(command, '--adopt has no offsets to keep', 'choose another --from')
  if (choice === undefined && (flags.dryRun || flags.yes))
    throw usage(command, 'no way is named', 'see the ways without --dry-run and --yes')
  return choice
}

const usage = (command: Command, what: string, fix: string): CommandError => {
  const where = commandLine(command)
  return new CommandError(2, [{ code: 'USAGE', what, where, fix: `${fix}; see ${where} --help` }])
}

async function recover(flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const file = required(flags.file, '-f FILE', command)
  const choice = choiceOf(flags, command)
  if (choice !== undefined && !flags.dryRun && !flags.yes && !process.stdin.isTTY)
    throw usage(command, 'nobody is there to ask', 'add --yes, or --dry-run')
  const { configuration } = await loadRunnable(file)
  requireSecrets(configuration, flags.secretsDir, file)
  // Loaded here, so that no other command waits for the Kafka client.
  const { withRecovery } = await import('../runtime/recoverConsumer.ts')
  const work = (recovery: Recovery) =>
    choice === undefined ? show(recovery, configuration, flags, io) : act(recovery, choice, configuration, flags, io)
  await withRecovery(configuration, flags.timeout * 1000, flags.secretsDir, work).catch(error => {
    if (error instanceof CommandError) throw error
    const code = error instanceof RecoverError ? error.code : 'FAILED'
    const what = error instanceof Error ? error.message : String(error)
    const fix = `see the ways: healthconsumer recover -f ${file}`
    throw new CommandError(1, [{ code, what, where: file, fix }], error)
  })
}

async function haltsOf(configuration: RuntimeConfiguration, flags: Flags): Promise<readonly HaltStatus[]> {
  const { inspectConsumer } = await import('../runtime/inspect.ts')
  const { halts } = await inspectConsumer(configuration, flags.timeout * 1000, flags.secretsDir)
  return halts
}

const consumerOf = ({ name, namespace, groupId }: RuntimeConfiguration) => ({ name, namespace, group: groupId })

async function show(
  recovery: Recovery,
  configuration: RuntimeConfiguration,
  flags: Flags,
  io: CommandIo,
): Promise<void> {
  const halts = await haltsOf(configuration, flags)
  const offers = await recovery.offers()
  const consumer = consumerOf(configuration)
  const ways = offers.map(({ flag, ends, ...rest }) => {
    if ('refused' in rest) return { flag, ends, refused: rest.refused }
    return { flag, ends, does: rest.does, loses: rest.loses, doubles: rest.doubles }
  })
  io.out(
    flags.output === 'json'
      ? `${JSON.stringify({ ...consumer, halts, ways })}\n`
      : describeOffers(consumer, halts, offers),
  )
  if (halts.length + offers.length > 0) io.exitCode = 3
}

async function act(
  recovery: Recovery,
  choice: Choice,
  configuration: RuntimeConfiguration,
  flags: Flags,
  io: CommandIo,
): Promise<void> {
  if (flags.dryRun) return tell(await recovery.rehearse(choice), true)
  if (!flags.yes) {
    io.err(describeRecovered(await recovery.rehearse(choice), true))
    if (!(await isAgreed())) throw new CommandError(1, [notAgreed])
  }
  const recovered = await recovery.go(choice, new AbortController().signal)
  const halts = await haltsOf(configuration, flags)
  tell(recovered, false, halts)
  if (halts.length > 0) io.exitCode = 3

  function tell({ way, steps }: Recovered, dryRun: boolean, halts: readonly HaltStatus[] = []): void {
    const { flag, does, loses, doubles } = way ?? { flag: null, does: null, loses: [], doubles: [] }
    const answer = { ...consumerOf(configuration), dryRun, way: { flag, does, loses, doubles }, commits: steps, halts }
    io.out(flags.output === 'json' ? `${JSON.stringify(answer)}\n` : describeRecovered({ way, steps }, dryRun, halts))
  }
}

const notAgreed = {
  code: 'REFUSED',
  what: 'nothing was done',
  where: 'healthconsumer recover',
  fix: 'answer yes to go the way',
} as const

/** Who ends the input, or interrupts, does not agree. */
async function isAgreed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const ended = once(terminal, 'close').then(() => '')
  try {
    const answer = await Promise.race([terminal.question('Type yes to go this way: ').catch(() => ''), ended])
    return answer.trim() === 'yes'
  } finally {
    terminal.close()
  }
}

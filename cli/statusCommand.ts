/**
 * `healthconsumer status`: where the consumer of a manifest stands, from its tables and from Kafka, whether one runs or
 * not. It reads the manifest and the flags and prints; runtime/inspect.ts looks.
 */
import { type Command, InvalidArgumentError } from 'commander'
import type { Inspection, PartitionInspection, TableInspection } from '../runtime/contract/inspection.ts'
import { age, aligned, number } from './columns.ts'
import { CommandError } from './errors.ts'
import { type CommandIo, type OutputFormat, outputOption, required } from './io.ts'
import { loadRunnable } from './manifest.ts'
import { requireSecrets, secretsOption } from './secrets.ts'

interface Flags {
  readonly file?: string
  readonly timeout: number
  readonly secretsDir?: string
  readonly output: OutputFormat
}

export function register(program: Command, io: CommandIo): void {
  program
    .command('status')
    .summary('tables, snapshots, offsets, lag')
    .description(
      'Says where the consumer of a manifest stands: its tables and snapshots, the offsets in them, the lag behind\n' +
        'Kafka, pending error files, and what would halt a run. It reads only, joins no group, and works while the\n' +
        'consumer runs. Where Kafka does not answer, lag is unknown and the tables are shown all the same.',
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .option('--timeout <seconds>', 'how long to wait for Kafka', wholeSeconds, 10)
    .addOption(secretsOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  healthconsumer status -f examples/quickstart.yaml')
    .action((flags: Flags, command: Command) => status(flags, command, io))
}

async function status(flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const file = required(flags.file, '-f FILE', command)
  const { configuration } = await loadRunnable(file)
  requireSecrets(configuration, flags.secretsDir, file)
  const { name, namespace } = configuration
  // Loaded here, so that no other command waits for the Kafka client.
  const { inspectConsumer } = await import('../runtime/inspect.ts')
  try {
    const inspection = await inspectConsumer(configuration, flags.timeout * 1000, flags.secretsDir)
    io.out(
      flags.output === 'json'
        ? `${JSON.stringify({ name, namespace, ...inspection })}\n`
        : describe(`${namespace}/${name}`, inspection, Date.now()),
    )
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    throw new CommandError(1, [{ code: 'FAILED', what, where: file, fix: 'see what is named, then ask again' }], error)
  }
}

function wholeSeconds(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1 || number > 600)
    throw new InvalidArgumentError('It must be a whole number from 1 to 600.')
  return number
}

/** For people. `nowMs` is milliseconds since the epoch. */
export function describe(consumer: string, inspection: Inspection, nowMs: number): string {
  const { tables, partitions, kafka, halts } = inspection
  const rows = [
    ['consumer', `${consumer}, group ${inspection.group}`],
    ['raw table', describeTable(tables.raw, nowMs)],
    ['errors table', describeTable(tables.errors, nowMs)],
    ['pending errors', describePending(inspection)],
    ['lag', inspection.lag === null ? `unknown${kafka.error ? `: ${kafka.error}` : ''}` : `${inspection.lag} records`],
    ...halts.flatMap(({ code, message, fix }) => [
      ['halt', `${code}: ${message}`],
      ['', `fix: ${fix}`],
    ]),
  ]
  const head = aligned(rows)
  return partitions.length === 0 ? head : `${head}\n${describePartitions(partitions)}`
}

function describeTable(table: TableInspection, nowMs: number): string {
  if (table.location === null) return `${table.name}: not there yet; \`healthconsumer run\` creates it`
  if (table.snapshotId === null) return `${table.name}: not initialised yet; \`healthconsumer run\` does it`
  const files = `${number(table.rows)} rows in ${number(table.dataFiles)} files`
  const when = table.lastCommitAt === null ? '' : `, last commit ${age(nowMs - Date.parse(table.lastCommitAt))} ago`
  return `${table.name}: ${files}, snapshot ${table.snapshotId} of ${table.snapshots}${when}`
}

function describePending({ pendingErrorFiles, pendingErrorRows }: Inspection): string {
  if (pendingErrorFiles === null) return 'unknown'
  return pendingErrorFiles === 0 ? 'none' : `${pendingErrorFiles} batches, ${number(pendingErrorRows)} rows`
}

function describePartitions(partitions: readonly PartitionInspection[]): string {
  const cells = partitions.map(({ topic, partition, nextOffset, endOffset, lag, groupOffset }) => [
    `${topic}:${partition}`,
    ...[nextOffset, endOffset, lag, groupOffset].map(number),
  ])
  return aligned([['PARTITION', 'NEXT', 'END', 'LAG', 'GROUP'], ...cells])
}

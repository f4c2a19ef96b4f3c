/**
 * `healthconsumer maintain`: upkeep of the two tables of a manifest, now. It reads the manifest and the flags, shows
 * progress and prints the report; runtime/maintenance.ts does the work.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { durationMs } from '../crds/fields.ts'
import type { RuntimeConfiguration } from '../runtime/contract/configuration.ts'
import { type UpkeepReport, type UpkeepStep, upkeepSteps } from '../runtime/contract/upkeep.ts'
import { age, aligned, number } from './columns.ts'
import { CommandError } from './errors.ts'
import { type CommandIo, commandLine, type OutputFormat, outputOption, required } from './io.ts'
import { loadRunnable } from './manifest.ts'
import { requireLakeSecrets, secretsOption } from './secrets.ts'

interface Flags {
  readonly file?: string
  readonly dryRun?: boolean
  readonly expire?: boolean
  readonly metadata?: boolean
  readonly orphans?: boolean
  /** Milliseconds. */
  readonly olderThan?: number
  readonly secretsDir?: string
  readonly output: OutputFormat
}

const dayMs = 86_400_000

export function register(program: Command, io: CommandIo): void {
  program
    .command('maintain')
    .summary('expire snapshots, remove files that nothing refers to')
    .description(
      'Does what a consumer does in the background, now: expires snapshots past spec.iceberg.maintenance, removes old\n' +
        'metadata files of a filesystem catalog, and removes files that nothing refers to. Works beside consumers that\n' +
        'run. Refuses while the tables would halt one, for what looks like waste may be what a person needs then.\n' +
        'Without --expire, --metadata or --orphans it does what the manifest enables.',
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .option('--dry-run', 'change nothing; exit code 3 where there is something to remove')
    .option('--expire', 'expire snapshots, and delete the files that only they reach')
    .option('--metadata', 'delete old metadata files, in a filesystem catalog')
    .option('--orphans', 'delete files that nothing refers to')
    .option('--older-than <duration>', 'age of what goes, in place of the ages in the manifest, e.g. 3d', duration)
    .addOption(secretsOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  healthconsumer maintain -f examples/quickstart.yaml --dry-run')
    .action((flags: Flags, command: Command) => maintain(flags, command, io))
}

async function maintain(flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const file = required(flags.file, '-f FILE', command)
  const { configuration } = await loadRunnable(file)
  const steps = stepsOf(flags, configuration)
  const aged = withAge(configuration, flags.olderThan, steps, commandLine(command))
  requireLakeSecrets(configuration, flags.secretsDir, file)
  // Loaded here, so that no other command waits for the clients of catalogs.
  const { maintainTables } = await import('../runtime/maintenance.ts')
  const showsProgress = flags.output === 'table' && process.stderr.isTTY
  const clear = () => showsProgress && io.err('\r\x1b[K')
  try {
    const report = await maintainTables(
      aged,
      { steps, dryRun: flags.dryRun ?? false, ...(showsProgress && { progress: progressTo(io) }) },
      flags.secretsDir,
    )
    clear()
    io.out(
      flags.output === 'json' ? `${JSON.stringify(asJson(configuration, report))}\n` : describe(report, Date.now()),
    )
    if (report.dryRun && report.items.length > 0) io.exitCode = 3
  } catch (error) {
    clear()
    const what = error instanceof Error ? error.message : String(error)
    const fix = error instanceof Error && 'fix' in error ? String(error.fix) : 'see what is named, then run it again'
    throw new CommandError(1, [{ code: 'FAILED', what, where: file, fix }], error)
  }
}

function stepsOf({ expire, metadata, orphans }: Flags, { maintenance }: RuntimeConfiguration): readonly UpkeepStep[] {
  const asked: Readonly<Record<UpkeepStep, boolean | undefined>> = { expiry: expire, metadata, orphans }
  const chosen = upkeepSteps.filter(step => asked[step])
  if (chosen.length > 0) return chosen
  return upkeepSteps.filter(step => step !== 'orphans' || maintenance.orphanRemoval.enabled)
}

/** The configuration with the ages that were asked for. */
function withAge(
  configuration: RuntimeConfiguration,
  ageMs: number | undefined,
  steps: readonly UpkeepStep[],
  where: string,
): RuntimeConfiguration {
  if (ageMs === undefined) return configuration
  if (steps.includes('orphans') && ageMs < dayMs)
    throw new CommandError(2, [
      {
        code: 'USAGE',
        what: 'files younger than a day may be on their way into a commit',
        where,
        fix: 'give --older-than 1d or more, or --expire alone',
      },
    ])
  const { maintenance } = configuration
  return {
    ...configuration,
    maintenance: {
      ...maintenance,
      snapshotRetention: { ...maintenance.snapshotRetention, maxAgeMs: ageMs },
      orphanRemoval: { ...maintenance.orphanRemoval, minAgeMs: ageMs },
    },
  }
}

function duration(text: string): number {
  if (!/^[1-9][0-9]{0,8}[smhd]$/.test(text) || durationMs(text) < 3_600_000)
    throw new InvalidArgumentError('It must be a duration of an hour or more, such as 12h or 3d.')
  return durationMs(text)
}

const asJson = ({ name, namespace }: RuntimeConfiguration, report: UpkeepReport) => ({
  name,
  namespace,
  ...report,
  items: report.items.map(({ oldestMs, ...item }) => ({
    ...item,
    oldest: oldestMs === null ? null : new Date(oldestMs).toISOString(),
  })),
})

/** For people. `nowMs` is milliseconds since the epoch. */
export function describe({ dryRun, items, snapshots, left }: UpkeepReport, nowMs: number): string {
  const rows = items.map(({ table, kind, count, bytes, oldestMs }) => [
    table,
    kind,
    number(count),
    bytes === null ? '' : number(bytes),
    oldestMs === null ? '' : `${age(nowMs - oldestMs)} old`,
  ])
  const head = ['TABLE', dryRun ? 'TO BE REMOVED' : 'REMOVED', 'COUNT', 'BYTES', 'OLDEST']
  return [
    rows.length === 0 ? 'nothing to remove\n' : aligned([head, ...rows]),
    ...Object.entries(snapshots).map(
      ([table, count]) => `${table} ${dryRun ? 'would have' : 'has'} ${number(count)} snapshots\n`,
    ),
    ...left.map(reason => `left alone: ${reason}\n`),
  ].join('')
}

/** One line of a terminal, written over as the work goes on. */
const progressTo =
  (io: CommandIo) =>
  (what: string, done: number, of: number): void =>
    io.err(`\r\x1b[K${what}: ${number(done)}${of > done ? ` of ${number(of)}` : ''}`)

/**
 * `healthconsumer run`: executes the pipeline that a manifest describes, on this machine. It reads the manifest, the
 * flags and the environment, shows progress and prints the summary; runtime/main.ts does the work.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { ConsumerResult } from '../runtime/main.ts'
import { CommandError, type Failure } from './errors.ts'
import { type CommandIo, type OutputFormat, outputOption, required, wholeNumber } from './io.ts'
import { loadRunnable } from './manifest.ts'
import { requireSecrets, secretsOption } from './secrets.ts'

interface Flags {
  readonly file?: string
  readonly untilCaughtUp?: boolean
  readonly timeout: number
  readonly metricsHost: string
  readonly metricsPort: number
  readonly stateDir: string
  readonly secretsDir?: string
  readonly output: OutputFormat
}

const stateFolder = () => join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'healthconsumer')

export function register(program: Command, io: CommandIo): void {
  program
    .command('run')
    .summary('run the pipeline of a manifest on this machine')
    .description(
      'Consumes the topics of a HealthConsumer, validates every sample and commits it to the two tables, exactly once.\n' +
        'Runs until SIGTERM or SIGINT, which drain it. Several runs of one manifest share its partitions.\n' +
        'Logs go to stderr as JSON lines, to LOG_FILE beside it; LOG_LEVEL and JSON_FORMAT apply.',
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .option('--until-caught-up', 'end once everything that is in the topics now is durable')
    .option('--timeout <seconds>', 'with --until-caught-up: give up after this long', wholeNumber(1, 604_800), 300)
    .option('--metrics-host <address>', 'address that serves /metrics, /livez, /readyz and /status', '127.0.0.1')
    .option('--metrics-port <n>', 'its port; 0 takes a free one', wholeNumber(0, 65_535), 9249)
    .option('--state-dir <folder>', 'remembers this member of the group, for a fast restart', stateFolder())
    .addOption(secretsOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  healthconsumer run -f examples/quickstart.yaml --until-caught-up')
    .action((flags: Flags, command: Command) => run(flags, command, io))
}

async function run(flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const file = required(flags.file, '-f FILE', command)
  const { resource, configuration } = await loadRunnable(file)
  // Read before the work begins, where a mistake is told best; each connection reads them again.
  requireSecrets(configuration, flags.secretsDir, file)
  if (resource.spec.paused)
    throw new CommandError(1, [
      failure('spec.paused is true: nothing to run', file, 'set spec.paused to false, or remove it'),
    ])
  const startedMs = performance.now()
  const stop = new AbortController()
  const ends = stopOnSignals(stop)
  const timer = flags.untilCaughtUp ? setTimeout(() => stop.abort(), flags.timeout * 1000) : undefined
  try {
    const { consume } = await import('./consume.ts')
    const result = await consume(configuration, {
      metricsHost: flags.metricsHost,
      metricsPort: flags.metricsPort,
      stateDirectory: flags.stateDir,
      secretsDirectory: flags.secretsDir,
      untilCaughtUp: flags.untilCaughtUp ?? false,
      stop: stop.signal,
      progress: flags.output === 'table' && process.stderr.isTTY ? progressOf(io) : undefined,
    })
    const seconds = (performance.now() - startedMs) / 1000
    io.out(flags.output === 'json' ? `${JSON.stringify(summary(result, seconds))}\n` : table(result, seconds))
    if (flags.untilCaughtUp && !ends.signalled) assertCaughtUp(result, flags.timeout, file)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(1, [failure(describe(error), file, 'correct what is named, then run again')], error)
  } finally {
    clearTimeout(timer)
    ends.remove()
  }
}

function assertCaughtUp(result: ConsumerResult, timeout: number, file: string): void {
  if (result.halt !== null)
    throw new CommandError(1, [failure(`${result.halt.code}: ${result.halt.message}`, file, result.halt.fix)])
  if (!result.caughtUp)
    throw new CommandError(1, [
      failure(
        [`not caught up after ${timeout} s`, ...troubleOf(result)].join(': '),
        file,
        'see the warnings above; --timeout waits longer',
      ),
    ])
}

const troubleOf = ({ trouble }: ConsumerResult) => (trouble === null ? [] : [trouble.code, trouble.message])

const failure = (what: string, where: string, fix: string): Failure => ({ code: 'FAILED', what, where, fix })

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The first signal drains, the second ends the process at once. */
function stopOnSignals(stop: AbortController) {
  const state = { signalled: false, remove }
  function onSignal(signal: NodeJS.Signals): void {
    if (state.signalled) process.exit(signal === 'SIGINT' ? 130 : 143)
    state.signalled = true
    stop.abort()
  }
  function remove(): void {
    process.off('SIGTERM', onSignal)
    process.off('SIGINT', onSignal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return state
}

const summary = (result: ConsumerResult, seconds: number) => ({
  records: result.records,
  raw: { rowsWritten: result.rawRows, snapshotId: String(result.tables?.rawSnapshotId ?? '') || null },
  errors: { rowsWritten: result.errorRows, snapshotId: String(result.tables?.errorsSnapshotId ?? '') || null },
  commits: result.commits,
  caughtUp: result.caughtUp,
  halt: result.halt && { code: result.halt.code, message: result.halt.message, fix: result.halt.fix },
  seconds,
  firstCommitSeconds: result.firstCommitMs === 0 ? null : (result.firstCommitMs - performance.timeOrigin) / 1000,
  cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
  maxRssBytes: process.resourceUsage().maxRSS * 1024,
})

function table(result: ConsumerResult, seconds: number): string {
  const lines: readonly (readonly [string, string | number])[] = [
    ['records consumed', result.records],
    ['rows in raw table', result.rawRows],
    ['rows in errors table', result.errorRows],
    ['commits', result.commits],
    ['caught up', result.caughtUp ? 'yes' : 'no'],
    ['seconds', seconds.toFixed(1)],
  ]
  const width = Math.max(...lines.map(([name]) => name.length)) + 2
  return lines.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('')
}

/** One line of a terminal, written over as the work goes on. */
function progressOf(io: CommandIo) {
  return ({
    records,
    rawRows,
    errorRows,
    commits,
  }: Pick<ConsumerResult, 'records' | 'rawRows' | 'errorRows' | 'commits'>) =>
    io.err(`\r\x1b[K${records} records read, ${rawRows} + ${errorRows} rows durable, ${commits} commits`)
}

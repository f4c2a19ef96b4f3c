/**
 * `healthconsumer doctor`: the troubleshooting of the monitoring guide, done by itself. It reads the flags, has everything
 * gathered and judged (doctor/), and prints; it mends nothing.
 */
import type { Command } from 'commander'
import { thresholds } from '../crds/monitoring.ts'
import { addressesOf, type ServerFlags, withWatchers } from './doctor/servers.ts'
import { CommandError } from './errors.ts'
import { type CommandIo, commandLine, type OutputFormat, outputOption, wholeNumber } from './io.ts'
import { loadRunnable } from './manifest.ts'
import { secretsOption } from './secrets.ts'

interface Flags extends ServerFlags {
  readonly file?: string
  readonly logFile?: string
  readonly job: string
  readonly timeout: number
  readonly secretsDir?: string
  readonly output: OutputFormat
}

const examples = `
Checks are ok, a problem (with why it matters and what to do), or skipped. It changes nothing. GRAFANA_TOKEN in the
environment is sent to Grafana, and only there.
Exit codes: 0 no problem, 3 problems found, 2 the input is wrong, 1 doctor itself failed.

Example:
  healthconsumer doctor --url http://127.0.0.1:9249
  healthconsumer doctor -f examples/quickstart.yaml
  healthconsumer doctor --url http://127.0.0.1:9249 --log-file app.log --prometheus http://127.0.0.1:9090 -o json`

export function register(program: Command, io: CommandIo): void {
  const command = program
    .command('doctor')
    .summary('what is wrong, why, and what to do')
    .description(
      'Looks for what is wrong with a running consumer (--url), with what a manifest names (-f), and with what watches\n' +
        'them, and says for each problem what to do.',
    )
    .option('-f, --file <file>', 'file with one HealthConsumer: checks Kafka, tables and storage; its thresholds count')
    .option('--url <url>', 'base address of a running consumer, such as http://127.0.0.1:9249')
  withWatchers(command)
    .option('--grafana <url>', 'checks that the dashboard is there')
    .option('--log-file <file>', "the consumer's LOG_FILE: checks that its lines are structured and have context")
    .option('--job <name>', "the consumer's job in Prometheus", 'flink-health-consumer')
    .option('--timeout <seconds>', 'how long to wait for each answer', wholeNumber(1, 600), 10)
    .addOption(secretsOption())
    .addOption(outputOption())
    .addHelpText('after', examples)
    .action((flags: Flags, command: Command) => doctor(flags, command, io))
}

async function doctor(flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const { file, job, logFile, secretsDir: secretsDirectory } = flags
  const addresses = addressesOf(flags, command)
  if (file === undefined && addresses.url === undefined) throw usageError(command)
  const manifest = file === undefined ? undefined : await loadRunnable(file)
  const rule = manifest?.resource.spec.monitoring.prometheusRule
  const timeoutMs = flags.timeout * 1000
  // Loaded here, so that no other command waits for them.
  const [{ gather }, { inspectManifest }, { diagnose }, { renderJson, renderTable }] = await Promise.all([
    import('./doctor/gather.ts'),
    import('./doctor/inspectManifest.ts'),
    import('./doctor/diagnose.ts'),
    import('./doctor/render.ts'),
  ])
  const [gathered, manifestSeen] = await Promise.all([
    gather({ ...addresses, job, logFile, timeoutMs, grafanaToken: process.env.GRAFANA_TOKEN || undefined }),
    manifest ? inspectManifest({ ...manifest, timeoutMs, secretsDirectory }) : null,
  ])
  const nowMs = Date.now()
  const checks = diagnose({
    ...gathered,
    nowMs,
    job,
    thresholds: rule?.thresholds ?? thresholds.parse({}),
    disabledAlerts: rule?.disabledAlerts ?? [],
    manifest: manifestSeen,
  })
  io.out(flags.output === 'json' ? renderJson(checks, nowMs) : renderTable(checks))
  if (checks.some(({ state }) => state === 'problem')) io.exitCode = 3
}

function usageError(command: Command): CommandError {
  const where = commandLine(command)
  const fix = `name a running consumer (--url http://HOST:9249), a manifest (-f FILE), or both; see ${where} --help`
  return new CommandError(2, [{ code: 'USAGE', what: 'there is nothing to look at', where, fix }])
}

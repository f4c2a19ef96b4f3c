/**
 * `healthconsumer produce`: writes deterministic sample payloads to a manifest's topic and says what an exact consumer must
 * find. It reads the manifest and the flags, shows progress and prints the report; producePayloads.ts does the work.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { runtimeConfiguration } from '../runtime/contract/configuration.ts'
import { CommandError, type Failure } from './errors.ts'
import { type CommandIo, type OutputFormat, outputOption, required, wholeNumber } from './io.ts'
import { type FurtherCheck, loadManifest } from './manifest.ts'
import type { ProduceReport } from './producePayloads.ts'
import { ProduceError } from './produceRetry.ts'
import { kafkaCredentials, secretsOption } from './secrets.ts'

interface Flags {
  readonly file?: string
  readonly payloads?: number
  readonly samplesPerPayload: number
  readonly invalid: number
  readonly seed: number
  readonly rate?: number
  readonly partitions: number
  readonly timeout: number
  readonly secretsDir?: string
  readonly output: OutputFormat
}

export function register(program: Command, io: CommandIo): void {
  program
    .command('produce')
    .summary('write sample payloads to the topic')
    .description(
      "Writes deterministic sample payloads to the manifest's first topic, which it creates where there is none,\n" +
        'and prints what an exact consumer must find: rows valid, rows invalid by reason, the sum of values.\n' +
        'The same flags give the same payloads; another seed gives other ones, with other sample ids.',
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .option('--payloads <n>', 'how many payloads to write, one a Kafka record', wholeNumber(1, 2 ** 32))
    .option('--samples-per-payload <n>', 'samples in each', wholeNumber(1, 10_000), 20)
    .option('--invalid <share>', 'share of the rows that are invalid, from 0 to 1', share, 0.01)
    .option('--seed <n>', 'chooses the payloads', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--rate <n>', 'payloads a second; without it as fast as possible', wholeNumber(1, 1_000_000))
    .option('--partitions <n>', 'partitions of the topic, where it is created', wholeNumber(1, 1_000), 6)
    .option('--timeout <seconds>', 'how long to try again while Kafka does not answer', wholeNumber(0, 86_400), 60)
    .addOption(secretsOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExample:\n  healthconsumer produce -f examples/quickstart.yaml --payloads 1000 --invalid 0.05',
    )
    .action((flags: Flags, command: Command) => produce(flags, command, io))
}

async function produce(flags: Flags, command: Command, io: CommandIo): Promise<void> {
  const file = required(flags.file, '-f FILE', command)
  const payloads = required(flags.payloads, '--payloads N', command)
  const manifest = await loadManifest(file, unsupportedByProduce)
  const { bootstrapServers, topics } = manifest.resource.spec.kafka
  const configuration = runtimeConfiguration(manifest.resource, manifest.folder)
  const line = flags.output === 'table' && process.stderr.isTTY ? progressLine(payloads, io) : null
  const options = {
    bootstrapServers,
    credentials: kafkaCredentials(configuration, flags.secretsDir, file),
    topic: topics[0]!,
    payloads,
    samplesPerPayload: flags.samplesPerPayload,
    invalidShare: flags.invalid,
    seed: flags.seed,
    rate: flags.rate,
    partitions: flags.partitions,
    timeoutMs: flags.timeout * 1000,
  }
  // Loaded here, so that no other command waits for the Kafka client.
  const { producePayloads } = await import('./producePayloads.ts')
  try {
    const report = await producePayloads(options, {
      progress: sent => line?.show(sent),
      warning: message => {
        line?.clear()
        io.err(`warning: ${message}\n`)
      },
    })
    line?.clear()
    io.out(flags.output === 'json' ? `${JSON.stringify(report)}\n` : table(report))
  } catch (error) {
    line?.clear()
    throw error instanceof ProduceError ? new CommandError(1, [failureOf(error)], error) : error
  }
}

/** Told before anything is sent, rather than sending it in another way than the manifest says. */
const unsupportedByProduce: FurtherCheck = ({ spec }) => {
  if (spec.format !== 'avro') return []
  const what = 'avro is not supported by produce yet'
  const fix = 'produce to a topic of the json format'
  return [{ code: 'NOT_SUPPORTED', path: ['spec', 'format'], field: 'spec.format', what, fix }]
}

const failureOf = ({ code, broker, message }: ProduceError): Failure => ({
  code: 'FAILED',
  what: message,
  where: `Kafka at ${broker}`,
  fix:
    code === 'UNREACHABLE'
      ? 'check spec.kafka.bootstrapServers and that the broker runs; --timeout waits longer'
      : 'correct what Kafka names, then produce again with another --seed',
})

function share(text: string): number {
  const number = Number(text)
  if (!/^\d*\.?\d+$/.test(text) || number > 1) throw new InvalidArgumentError('It must be a number from 0 to 1.')
  return number
}

/** One line of a terminal, written over as the work goes on, ten times a second at most. */
function progressLine(payloads: number, io: CommandIo) {
  let nextMs = 0
  return {
    show(sent: number) {
      if (performance.now() < nextMs) return
      nextMs = performance.now() + 100
      io.err(`\r${sent} of ${payloads} payloads (${Math.floor((100 * sent) / payloads)} %)`)
    },
    clear: () => io.err('\r\x1b[K'),
  }
}

function table(report: ProduceReport): string {
  const reasons = Object.entries(report.invalidByReason).sort(([a], [b]) => (a < b ? -1 : 1))
  const lines: readonly (readonly [name: string, value: string | number])[] = [
    ['topic', report.topic],
    ['seed', report.seed],
    ['payloads', report.payloads],
    ['samples', report.samples],
    ['valid', report.valid],
    ['invalid', report.invalid],
    ...reasons.map(([reason, count]) => [`  ${reason}`, count] as const),
    ['value sum', report.valueSum],
    ['seconds', report.seconds.toFixed(1)],
  ]
  const width = Math.max(...lines.map(([name]) => name.length)) + 2
  return lines.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('')
}

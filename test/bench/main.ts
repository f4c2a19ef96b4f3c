/**
 * `npm run bench`: rows per CPU second from Kafka records to committed zstd Parquet, beside a run over the same bytes
 * that only does JSON.parse. The ratio is the figure; the absolute ones depend on the machine. Real broker, real
 * runtime in a process of its own; the broker's and the producer's CPU time are not counted.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createPayload } from '../../cli/payloads.ts'
import { producePayloads } from '../../cli/producePayloads.ts'
import { startBroker } from '../kafka/broker.ts'

const help = `npm run bench -- [--samples N] [--compression zstd|snappy|gzip|none] [--interval 10s] [--json]

Produces N samples (2,000,000) in payloads of 20 to a broker of its own, runs the pipeline until caught up and prints
rows per CPU second, peak memory, and the ratio to JSON.parse alone.
`
const { values: flags } = parseArgs({
  options: {
    samples: { type: 'string', default: '2000000' },
    compression: { type: 'string', default: 'zstd' },
    interval: { type: 'string', default: '10s' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  process.stdout.write(help)
  process.exit(0)
}

const samplesPerPayload = 20
const payloads = Math.ceil(Number(flags.samples) / samplesPerPayload)
const generated = { samplesPerPayload, invalidShare: 0.01, seed: 1 }
const topic = 'health-data-raw'
const main = new URL('../../cli/main.ts', import.meta.url).pathname
const say = (text: string) => process.stderr.write(`${text}\n`)

/** CPU seconds for JSON.parse of as many samples, over a part of the bytes again and again. */
function parseOnly(): { cpuSeconds: number; samples: number } {
  const part = Math.min(payloads, 5_000)
  const values = Array.from({ length: part }, (_, index) => createPayload(generated, index).value)
  let samples = 0
  const before = process.cpuUsage()
  for (let done = 0; done < payloads; done += part) for (const value of values) samples += parsedSamples(value)
  const { user, system } = process.cpuUsage(before)
  return { cpuSeconds: (user + system) / 1e6, samples }
}

function parsedSamples(value: Buffer): number {
  try {
    const { samples } = JSON.parse(value.toString()) as { samples?: unknown[] }
    return Array.isArray(samples) ? samples.length : 1
  } catch {
    return 1 // one error row
  }
}

interface RunSummary {
  readonly raw: { readonly rowsWritten: number }
  readonly errors: { readonly rowsWritten: number }
  readonly commits: number
  readonly seconds: number
  readonly firstCommitSeconds: number
  readonly cpuSeconds: number
  readonly maxRssBytes: number
}

function runPipeline(manifest: string, folder: string): Promise<RunSummary> {
  const args = [
    main,
    'run',
    '-f',
    manifest,
    '--until-caught-up',
    '--metrics-port',
    '0',
    '--state-dir',
    folder,
    '-o',
    'json',
  ]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, LOG_LEVEL: 'WARNING' },
  })
  let out = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code =>
      code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`run ended with ${code}: ${out}`)),
    )
  })
}

const folder = await mkdtemp(join(tmpdir(), 'healthconsumer-bench-'))
const broker = await startBroker()
try {
  say(`producing ${payloads} payloads of ${samplesPerPayload} samples`)
  const bootstrapServers = [broker.bootstrapServers]
  await producePayloads({ ...generated, bootstrapServers, topic, payloads, partitions: 6, timeoutMs: 60_000 })
  const manifest = join(folder, 'bench.yaml')
  await writeFile(
    manifest,
    JSON.stringify({
      apiVersion: 'healthdata.dev/v1alpha1',
      kind: 'HealthConsumer',
      metadata: { name: 'bench' },
      spec: {
        kafka: { bootstrapServers, topics: [topic] },
        iceberg: {
          catalog: { type: 'filesystem', warehouse: join(folder, 'warehouse') },
          commit: { interval: flags.interval, compression: flags.compression },
        },
      },
    }),
  )
  say('JSON.parse alone')
  const parse = parseOnly()
  say('Kafka to Iceberg')
  const run = await runPipeline(manifest, folder)
  const rows = run.raw.rowsWritten + run.errors.rowsWritten
  const result = {
    rows,
    rowsPerCpuSecond: Math.round(rows / run.cpuSeconds),
    parseOnlyRowsPerCpuSecond: Math.round(parse.samples / parse.cpuSeconds),
    ratio: Number((parse.samples / parse.cpuSeconds / (rows / run.cpuSeconds)).toFixed(2)),
    cpuSeconds: Number(run.cpuSeconds.toFixed(2)),
    wallSeconds: Number(run.seconds.toFixed(2)),
    firstCommitSeconds: Number(run.firstCommitSeconds.toFixed(2)),
    peakRssMb: Math.round(run.maxRssBytes / 1e6),
    commits: run.commits,
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    const lines: [string, string | number][] = [
      ['rows', result.rows],
      ['rows per CPU second', result.rowsPerCpuSecond],
      ['JSON.parse alone', result.parseOnlyRowsPerCpuSecond],
      ['JSON.parse is faster by', `${result.ratio} x`],
      ['CPU seconds', result.cpuSeconds],
      ['wall seconds', result.wallSeconds],
      ['first commit after', `${result.firstCommitSeconds} s`],
      ['peak memory', `${result.peakRssMb} MB`],
      ['commits', result.commits],
    ]
    for (const [name, value] of lines) process.stdout.write(`${name.padEnd(26)}${value}\n`)
  }
} finally {
  await broker.stop()
  await rm(folder, { recursive: true, force: true })
}

/**
 * From nothing to data in a table (hack/quickstart starts it): Kafka, payloads, the pipeline, and a look at what arrived.
 * Whatever ends it, a signal included, what it started is stopped, unless --keep was asked for and all went well.
 */
import { relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadManifest } from '../cli/manifest.ts'
import { type ProduceReport, producePayloads } from '../cli/producePayloads.ts'
import { type RuntimeConfiguration, runtimeConfiguration } from '../runtime/contract/configuration.ts'
import type { RuntimeStatus } from '../runtime/contract/status.ts'
import { inspectConsumer } from '../runtime/inspect.ts'
import { type Flags, parseFlags, UsageError, usage } from './quickstart.d/flags.ts'
import { readTables } from './quickstart.d/readTables.ts'
import { describeOutcome, jsonLine, type Outcome } from './quickstart.d/report.ts'
import { createServices, type RunningRuntime, readRuntime, type Services } from './quickstart.d/services.ts'
import { openState, type State } from './quickstart.d/state.ts'

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
const kafkaPort = 19_092
const catchUpMs = 5 * 60_000
const invalidShare = 0.01
const samplesPerPayload = 20

function say(line: string): void {
  process.stderr.write(`quickstart: ${line}\n`)
}

/** One line of a terminal that is written over; nothing elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Kquickstart: ${text}`)
}
function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}

interface Work {
  readonly flags: Flags
  readonly state: State
  readonly services: Services
  readonly stop: AbortSignal
}

async function quickstart(work: Work): Promise<void> {
  const { flags, state, services, stop } = work
  if (await services.stopRuntime()) say('stopped the runtime that an earlier run had left')
  if (flags.stop || flags.fresh) await services.stopKafka()
  if (flags.stop) return say('nothing of the quickstart is running any more')
  if (flags.fresh) state.clear()

  const isFirst = state.bootstrapServers() === undefined
  say('starting Kafka')
  const servers = await services.startKafka(flags.standardDir ? kafkaPort : 0)
  stop.throwIfAborted()
  const file = state.manifest(servers)
  const { resource, folder } = await loadManifest(file)
  const configuration = runtimeConfiguration(resource, folder)
  say(`Kafka is at ${servers}, the manifest is ${shown(file)}`)

  const seed = state.takeSeed()
  const { report, runtime } = await produceAndRun(work, configuration, file, seed)
  await untilCaughtUp(work, configuration, runtime)
  const metricsText = await (await fetch(`http://127.0.0.1:${runtime.metricsPort}/metrics`)).text()
  if (!flags.keep) await services.stopRuntime()
  const stopped = flags.keep ? Promise.resolve() : services.stopKafka()
  say('reading the tables')
  const [arrived] = await Promise.all([readTables(configuration), stopped])

  const { valid, invalid, valueSum } = report
  const seconds = Math.round(performance.now() / 100) / 10
  const outcome = { produced: { valid, invalid, valueSum }, ...arrived, warehouse: state.warehouse, seconds }
  if (isFirst) assertExact(outcome)
  const text = describeOutcome(outcome, {
    manifest: shown(file),
    metricsText,
    metricsPort: runtime.metricsPort,
    runtimeLog: shown(state.runtimeLog),
    kept: flags.keep,
    command: `./hack/quickstart${flags.standardDir ? '' : ` --dir ${state.dir}`}`,
    nextSeed: 1_000_000 + seed,
  })
  if (flags.json) process.stderr.write(text)
  process.stdout.write(flags.json ? `${jsonLine(outcome)}\n` : text)
}

const shown = (path: string): string => {
  const inside = relative(process.cwd(), path)
  return inside.startsWith('..') ? path : inside
}

/** The runtime starts as soon as there is a topic, so that it reads while payloads are still being made. */
async function produceAndRun({ flags, services, stop }: Work, to: RuntimeConfiguration, file: string, seed: number) {
  say(`producing ${flags.payloads} payloads with seed ${seed}, 1 % of the samples invalid, while the pipeline runs`)
  let starting: Promise<RunningRuntime> | undefined
  const report: ProduceReport = await producePayloads(
    {
      bootstrapServers: to.bootstrapServers,
      topic: to.topics[0]!,
      partitions: 6,
      payloads: flags.payloads,
      samplesPerPayload,
      invalidShare,
      seed,
      timeoutMs: 60_000,
    },
    {
      progress(sent) {
        stop.throwIfAborted()
        starting ??= services.startRuntime(file)
        if (sent % 100 === 0) progress(`${sent} of ${flags.payloads} payloads`)
      },
      // Once it stops, Kafka is gone before this is.
      warning: message => stop.aborted || say(message),
    },
  )
  endProgress()
  return { report, runtime: await starting! }
}

/** Every record is durable in the raw table and every error row in the errors table, as the tables themselves say. */
async function untilCaughtUp({ state, stop }: Work, configuration: RuntimeConfiguration, runtime: RunningRuntime) {
  say('waiting until the pipeline has caught up')
  const deadline = Date.now() + catchUpMs
  const log = `see ${state.runtimeLog}`
  for (;;) {
    const status = await statusOf(runtime)
    if (status?.halt) {
      const { code, message, fix } = status.halt
      throw new Error(`the runtime has halted: ${code}: ${message} · ${fix}, or start over with --fresh`)
    }
    const toGo =
      status && status.partitions.length > 0 ? status.partitions.reduce((sum, { lag }) => sum + (lag ?? 1), 0) : '?'
    progress(`${toGo} records to go`)
    // The runtime is asked often, being cheap; the tables and Kafka have the last word.
    if (toGo === 0 && status?.pendingErrorIntents === 0) {
      const { lag, pendingErrorFiles } = await inspectConsumer(configuration, 10_000)
      if (lag === 0 && pendingErrorFiles === 0) return endProgress()
    }
    if (!readRuntime(state)) throw new Error(`the runtime has ended before it had caught up; ${log}`)
    if (Date.now() > deadline) throw new Error(`not caught up after ${catchUpMs / 60_000} minutes; ${log}`)
    await delay(100, undefined, { signal: stop })
  }
}

/** Undefined while the runtime does not answer yet. */
async function statusOf({ metricsPort }: RunningRuntime): Promise<RuntimeStatus | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/status`)
    return (await answer.json()) as RuntimeStatus
  } catch {
    return undefined
  }
}

/** In tables that hold this run alone, what was read is what was produced. */
function assertExact({ produced, raw, errors }: Outcome): void {
  const wrong = [
    [produced.valid, raw.rows, 'rows in the raw table'],
    [produced.valueSum, raw.valueSum, 'the sum of values'],
    [produced.invalid, errors.rows, 'rows in the errors table'],
  ].filter(([expected, found]) => expected !== found)
  for (const [expected, found, what] of wrong)
    throw new Error(`${what}: ${found}, produced were ${expected}. This is a fault of the program: please report it`)
}

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** Resolves with the exit code. */
async function main(): Promise<number> {
  const flags = parseFlags(process.argv.slice(2), root)
  if (flags.help) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  const state = openState(root, flags.dir, flags.standardDir)
  const stop = new AbortController()
  let code = 0
  for (const [name, exitCode] of Object.entries(exitCodes))
    process.on(name, () => {
      endProgress()
      say(code === 0 ? 'stopping' : 'still stopping')
      code ||= exitCode
      stop.abort()
    })
  // A reader or a terminal that has gone away is no reason to leave processes behind.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

  const services = createServices(root, state, stop.signal, say)
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  stop.signal.addEventListener('abort', () => reject(new Error('interrupted')))
  try {
    await Promise.race([quickstart({ flags, state, services, stop: stop.signal }), aborted])
    if (flags.keep && code === 0) return 0
  } catch (error) {
    endProgress()
    if (code === 0) say(`error: ${error instanceof Error ? error.message : String(error)}`)
    code ||= 1
  }
  await services.stopRuntime()
  await services.stopKafka()
  return code
}

try {
  // Exited with: what was interrupted may still be trying.
  const code = await main()
  await new Promise(resolve => process.stdout.write('', resolve))
  process.exit(code)
} catch (error) {
  say(error instanceof UsageError ? `${error.message}; see --help` : `error: ${(error as Error).message}`)
  process.exit(error instanceof UsageError ? 2 : 1)
}

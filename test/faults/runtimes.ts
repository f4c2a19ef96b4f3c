/**
 * Consumers as processes of their own, as a person runs them: `healthconsumer run` on a manifest, with what each logged
 * and answers. A ground is one topic with its tables in a temporary folder; it ends every process that it started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { RuntimeStatus } from '../../runtime/contract/status.ts'
import { until } from '../until.ts'

export interface LogLine {
  /** RFC 3339. */
  readonly timestamp: string
  readonly level: string
  readonly message: string
  readonly context: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string; readonly code?: string }
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Runtime {
  readonly name: string
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly startedMs: number
  readonly logged: readonly LogLine[]
  /** What it wrote to stderr that is no log line, e.g. `error[…]`. */
  readonly complaints: readonly string[]
  readonly stdout: readonly string[]
  /** Undefined while it runs. */
  readonly ended: Ending | undefined
  signal(name: NodeJS.Signals): void
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>
  end(seconds?: number): Promise<Ending>
  /** An answer of its HTTP server; undefined where it does not listen (yet). */
  get(path: string): Promise<{ readonly code: number; readonly body: string } | undefined>
  status(): Promise<RuntimeStatus | undefined>
}

export interface StartOptions {
  /** Where it remembers its membership: the same place is a restart in place. */
  readonly place?: string
  readonly flags?: readonly string[]
  /** A program, with its parameters, that the consumer is started through. */
  readonly through?: readonly string[]
}

/** The consumers of one manifest, which is written into the folder. */
export interface Consumers {
  readonly folder: string
  readonly topic: string
  /** The path of the manifest. */
  readonly manifest: string
  start(name: string, options?: StartOptions): Runtime
  /** `--until-caught-up` to its end. */
  catchUp(options?: StartOptions): Promise<Runtime>
  /** Every one so far, ended ones too. */
  readonly started: readonly Runtime[]
  /** Ends them all, and removes the folder. */
  clear(): Promise<void>
}

export interface Ground extends Consumers {
  readonly warehouse: string
  readonly rawTable: string
  readonly errorsTable: string
}

export interface ConsumersOptions {
  readonly bootstrapServers: string
  readonly topic: string
  /** Default: the name of the topic. Another group on the same tables needs the same warehouse. */
  readonly groupId?: string
  readonly interval?: string
  readonly sessionTimeout?: string
}

export interface GroundOptions extends ConsumersOptions {
  readonly warehouse?: string
}

const program = join(import.meta.dirname, '../../cli/main.ts')
const catchUpSeconds = 120

export async function createGround(options: GroundOptions): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'faults-'))
  const warehouse = options.warehouse ?? join(folder, 'warehouse')
  await mkdir(warehouse, { recursive: true })
  return {
    ...(await createConsumers(folder, options, { catalog: { type: 'filesystem', warehouse } })),
    warehouse,
    rawTable: join(warehouse, 'health_db/health_data_raw'),
    errorsTable: join(warehouse, 'health_db/health_data_errors'),
  }
}

/** @param iceberg spec.iceberg but for the interval; @param run further flags of `run` */
export async function createConsumers(
  folder: string,
  { bootstrapServers, topic, groupId = topic, interval = '1s', sessionTimeout = '6s' }: ConsumersOptions,
  iceberg: object,
  run: readonly string[] = [],
): Promise<Consumers> {
  const manifest = join(folder, 'manifest.json')
  const resource = {
    apiVersion: 'healthdata.dev/v1alpha1',
    kind: 'HealthConsumer',
    metadata: { name: topic },
    spec: {
      kafka: { bootstrapServers: [bootstrapServers], topics: [topic], sessionTimeout, groupId },
      iceberg: { ...iceberg, commit: { interval } },
    },
  }
  await writeFile(manifest, JSON.stringify(resource))
  const started: Runtime[] = []

  function start(name: string, { place = name, flags = [], through = [] }: StartOptions = {}): Runtime {
    const state = join(folder, 'state', place)
    const parameters = ['run', '-f', manifest, '--metrics-port', '0', '--state-dir', state, ...run, ...flags]
    const [command, ...rest] = [...through, process.execPath, program, ...parameters]
    const runtime = follow(
      name,
      spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder, env: environment }),
    )
    started.push(runtime)
    return runtime
  }

  return {
    folder,
    topic,
    manifest,
    start,
    async catchUp(options = {}) {
      const flags = ['--until-caught-up', '--timeout', String(catchUpSeconds), ...(options.flags ?? [])]
      const runtime = start('catch-up', { ...options, flags })
      await runtime.end(catchUpSeconds + 10)
      return runtime
    },
    started,
    async clear() {
      for (const runtime of started) await runtime.kill()
      await rm(folder, { recursive: true })
    },
  }
}

const environment = { PATH: process.env.PATH, HOME: process.env.HOME, NODE_OPTIONS: '--max-old-space-size=2000' }

function follow(name: string, child: ChildProcess): Runtime {
  const logged: LogLine[] = []
  const complaints: string[] = []
  const stdout: string[] = []
  let ended: Ending | undefined
  let port: number | undefined
  createInterface(child.stdout!).on('line', line => stdout.push(line))
  createInterface(child.stderr!).on('line', line => {
    if (!line.startsWith('{')) return complaints.push(line)
    const parsed: LogLine = JSON.parse(line)
    if (parsed.message.startsWith('PrometheusReporter')) port = Number(parsed.context.port)
    logged.push(parsed)
  })
  const closed = once(child, 'close').then(([code, signal]) => {
    ended = { code, signal }
  })

  async function get(path: string) {
    if (port === undefined || ended !== undefined) return undefined
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) })
      return { code: answer.status, body: await answer.text() }
    } catch {
      return undefined
    }
  }

  return {
    name,
    pid: child.pid!,
    startedMs: Date.now(),
    logged,
    complaints,
    stdout,
    get ended() {
      return ended
    },
    signal: signal => void child.kill(signal),
    async kill() {
      if (ended === undefined) child.kill('SIGKILL')
      await closed
    },
    async end(seconds = 60) {
      await until(`the end of ${name}`, () => ended !== undefined, seconds)
      return ended!
    },
    get,
    async status() {
      const answer = await get('/status')
      return answer && JSON.parse(answer.body)
    },
  }
}

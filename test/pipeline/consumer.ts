/**
 * A HealthConsumer in a folder of its own, for tests of the whole runtime: its manifest, its tables, and the
 * `healthconsumer run` processes that execute it. The tables are read by an outside reader only.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { RuntimeStatus } from '../../runtime/contract/status.ts'
import { type Row, read, type SnapshotSeen } from '../readers/readers.ts'
import { until } from '../until.ts'

type Part = Readonly<Record<string, unknown>>

/** Parts of the manifest's spec beside what every consumer here has. The group is of the consumer's own name. */
export interface SpecParts {
  readonly kafka: Part
  readonly validation?: Part
}

/** What `run -o json` prints at its end. */
export interface Summary {
  readonly records: number
  readonly raw: { readonly rowsWritten: number; readonly snapshotId: string | null }
  readonly errors: { readonly rowsWritten: number; readonly snapshotId: string | null }
  readonly commits: number
  readonly caughtUp: boolean
  readonly halt: { readonly code: string; readonly message: string; readonly fix: string } | null
}

export interface LogLine {
  readonly timestamp: string
  readonly level: string
  readonly logger: string
  readonly message: string
  readonly thread: { readonly id: number; readonly name: string }
  readonly source: { readonly file: string; readonly line: number; readonly function: string }
  readonly process: { readonly id: number; readonly name: string }
  readonly context: Readonly<Record<string, unknown>>
  readonly error?: { readonly type: string; readonly message: string; readonly stack: string }
  readonly [field: string]: unknown
}

/** A finished process. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly arguments?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Names the folder that remembers the group member; runs at the same time need one each. */
  readonly member?: string
}

/** A running process. */
export interface Running {
  /** Lines of stderr so far, each of which must be JSON. */
  log(): readonly LogLine[]
  /** Answer of the telemetry server, once it listens. */
  get(path: string): Promise<Response>
  status(): Promise<RuntimeStatus>
  /** SIGTERM, and the end. */
  stop(): Promise<Ended>
  readonly ended: Promise<Ended>
}

export interface Consumer {
  readonly manifest: string
  /** Writes the manifest anew. */
  configure(parts: SpecParts): Promise<void>
  start(options?: RunOptions): Running
  /** Runs until caught up. */
  run(options?: RunOptions): Promise<Ended>
  /** Rows of a table in any order, by pyiceberg. */
  rows(table: 'raw' | 'errors', columns?: readonly string[]): Promise<readonly Row[]>
  snapshots(table: 'raw' | 'errors'): Promise<readonly SnapshotSeen[]>
  remove(): Promise<void>
}

const program = join(import.meta.dirname, '../../cli/main.ts')
const tables = { raw: 'health_data_raw', errors: 'health_data_errors' } as const
let consumers = 0

export async function createConsumer(parts: SpecParts): Promise<Consumer> {
  const folder = await mkdtemp(join(tmpdir(), 'consumer-'))
  const manifest = join(folder, 'consumer.json')
  const name = `pipeline-${++consumers}`
  const children = new Set<ChildProcess>()
  const pathOf = (table: keyof typeof tables) => join(folder, 'warehouse', 'health_db', tables[table])

  const consumer: Consumer = {
    manifest,
    configure: changed => writeFile(manifest, JSON.stringify(manifestOf(name, changed))),
    start: (options = {}) => start(children, folder, options),
    async run(options = {}) {
      const more = options.arguments ?? []
      return consumer.start({ ...options, arguments: ['--until-caught-up', '--timeout', '100', ...more] }).ended
    },
    async rows(table, columns) {
      const { pyiceberg } = await read(pathOf(table), [{ op: 'rows', columns }], ['pyiceberg'])
      return pyiceberg[0].rows
    },
    async snapshots(table) {
      const { pyiceberg } = await read(pathOf(table), [{ op: 'snapshots' }], ['pyiceberg'])
      return pyiceberg[0]!.snapshots
    },
    async remove() {
      for (const child of children) child.kill('SIGKILL')
      await rm(folder, { recursive: true })
    },
  }
  await consumer.configure(parts)
  return consumer
}

const manifestOf = (name: string, { kafka, validation }: SpecParts) => ({
  apiVersion: 'healthdata.dev/v1alpha1',
  kind: 'HealthConsumer',
  metadata: { name, namespace: 'test' },
  spec: {
    kafka: { sessionTimeout: '6s', ...kafka },
    validation,
    iceberg: { catalog: { type: 'filesystem', warehouse: './warehouse' }, commit: { interval: '1s' } },
  },
})

function start(children: Set<ChildProcess>, folder: string, options: RunOptions): Running {
  const { arguments: more = [], environment = {}, member = 'member' } = options
  const given = ['run', '-f', join(folder, 'consumer.json'), '-o', 'json', '--metrics-port', '0']
  const child = spawn(process.execPath, [program, ...given, '--state-dir', join(folder, member), ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  children.add(child)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const ended = Promise.all([text(child.stdout), once(child, 'close')]).then(([stdout]) => {
    children.delete(child)
    return { code: child.exitCode, stdout, stderr }
  })
  const log = () => logLines(stderr)
  const address = async () => {
    const port = () => /PrometheusReporter listening on :(\d+)/.exec(stderr)?.[1]
    await until('a telemetry server', () => port() !== undefined || child.exitCode !== null)
    return `http://127.0.0.1:${port()}`
  }
  const get = async (path: string) => fetch((await address()) + path)
  return {
    log,
    get,
    status: async () => (await get('/status')).json() as Promise<RuntimeStatus>,
    stop() {
      child.kill('SIGTERM')
      return ended
    },
    ended,
  }
}

/** The whole lines of what a process wrote to stderr. */
export const logLines = (stderr: string): readonly LogLine[] =>
  stderr
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as LogLine)

export const summaryOf = ({ stdout }: Ended): Summary => JSON.parse(stdout.split('\n')[0]!) as Summary

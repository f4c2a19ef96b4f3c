/**
 * Kafka and the runtime as processes of the quickstart: each in a process group of its own, so that a Ctrl-C on the
 * terminal reaches only the quickstart, which stops them in order. What an earlier run left is found by its process id
 * and its command line. It ends no other process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts, isFree } from '../freePorts.ts'
import type { State } from './state.ts'

export interface Services {
  /** Starts Kafka, or finds it running; resolves with `host:port`. */
  startKafka(preferredPort: number): Promise<string>
  stopKafka(): Promise<void>
  /** Starts the runtime of a manifest. */
  startRuntime(manifest: string): Promise<RunningRuntime>
  /** Drains it; resolves with whether one was running. */
  stopRuntime(): Promise<boolean>
}

export interface RunningRuntime {
  readonly pid: number
  readonly metricsPort: number
}

const standardMetricsPort = 9249
const drainMs = 30_000

/** Nothing is started once `stop` is aborted. */
export function createServices(root: string, state: State, stop: AbortSignal, say: (line: string) => void): Services {
  const script = join(root, 'hack/kafka')
  let starting: ChildProcess | undefined

  /** Its stderr is ours, for a fetch and for errors. */
  async function kafka(...args: string[]): Promise<void> {
    const child = spawn(script, args, { detached: true, stdio: ['ignore', 'ignore', 'inherit'] })
    starting = child
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    starting = undefined
    if (code !== 0) throw new Error(`hack/kafka ${args[0]} failed (${code ?? signal}): its message is above`)
  }

  return {
    async startKafka(preferredPort) {
      const known = state.bootstrapServers()
      const port = known ? portOf(known) : await choosePort(preferredPort, say)
      if (known && !kafkaRuns(state.kafkaDir) && !(await bothFree(port)))
        throw new Error(
          `port ${port} or ${port + 1} is in use by another program, and Kafka's data in ${state.dir} is bound to them: ` +
            'stop that program, or start over with --fresh',
        )
      stop.throwIfAborted()
      await kafka('up', '--dir', state.kafkaDir, '--port', String(port), '--rebalance-delay', '0')
      return state.bootstrapServers()!
    },

    async stopKafka() {
      if (starting?.pid !== undefined && starting.exitCode === null) {
        // The script removes what it had begun; the broker is in a group of its own.
        const group = -starting.pid
        const ended = once(starting, 'close')
        signal(group, 'SIGTERM')
        await ended
        // Bounded: what nobody waits for stays in its group as a zombie.
        for (let look = 0; look < 40 && signal(group, 0); look++) await delay(50)
      }
      if (existsSync(state.kafkaDir) && kafkaRuns(state.kafkaDir)) await kafka('down', '--dir', state.kafkaDir)
    },

    async startRuntime(manifest) {
      const metricsPort = (await isFree(standardMetricsPort)) ? standardMetricsPort : (await freePorts(1))[0]!
      stop.throwIfAborted()
      const log = openSync(state.runtimeLog, 'w')
      const args = ['run', '-f', manifest, '--metrics-port', String(metricsPort), '--state-dir', state.memberDir]
      const child = spawn(process.execPath, [join(root, 'cli/main.ts'), ...args], {
        detached: true,
        stdio: ['ignore', log, log],
      })
      child.on('error', error => say(`the runtime could not be started: ${error.message}`))
      child.unref()
      const running = { pid: child.pid ?? 0, metricsPort }
      writeFileSync(state.runtimeFile, JSON.stringify(running))
      return running
    },

    async stopRuntime() {
      const running = readRuntime(state)
      if (!running) return false
      signal(running.pid, 'SIGTERM')
      const deadline = Date.now() + drainMs
      while (runtimeRuns(running.pid, state)) {
        if (Date.now() > deadline) signal(running.pid, 'SIGKILL')
        await delay(20)
      }
      rmSync(state.runtimeFile, { force: true })
      return true
    },
  }
}

/** The runtime that runs in this folder, if one does. */
export function readRuntime(state: State): RunningRuntime | undefined {
  if (!existsSync(state.runtimeFile)) return undefined
  const text = readFileSync(state.runtimeFile, 'utf8')
  // Empty where the machine went down while it was written.
  const running = text === '' ? undefined : (JSON.parse(text) as RunningRuntime)
  return running && runtimeRuns(running.pid, state) ? running : undefined
}

const runtimeRuns = (pid: number, state: State): boolean => commandLine(pid).includes(state.memberDir)

function kafkaRuns(kafkaDir: string): boolean {
  const file = join(kafkaDir, 'broker.pid')
  return existsSync(file) && commandLine(Number(readFileSync(file, 'utf8'))).includes(`${kafkaDir}/server.properties`)
}

/** A process id may have been given to another program since: its arguments tell. Empty where there is none. */
function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** Signal 0 only looks. False where there is no such process, or group, any more. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

const portOf = (server: string): number => Number(server.slice(server.lastIndexOf(':') + 1))

/** Kafka takes the port and, for its controller, the next one; 0 leaves the choice to it. */
async function choosePort(preferred: number, say: (line: string) => void): Promise<number> {
  if (preferred === 0 || (await bothFree(preferred))) return preferred
  say(`port ${preferred} or ${preferred + 1} is in use by another program: Kafka takes a free one`)
  return 0
}

const bothFree = async (port: number): Promise<boolean> => (await isFree(port)) && (await isFree(port + 1))

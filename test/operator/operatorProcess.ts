/** The operator as a process of its own, with its probes and metrics, and what it costs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const command = join(import.meta.dirname, '../../cli/main.ts')

export interface OperatorOptions {
  readonly kubeconfig: string
  readonly environment?: Readonly<Record<string, string>>
  /** Of node itself. */
  readonly nodeOptions?: readonly string[]
}

export interface OperatorProcess {
  readonly pid: number
  /** Every line that it has logged. */
  readonly lines: readonly string[]
  /** Exit code, or the signal that ended it; undefined while it runs. */
  exit(): number | string | undefined
  /** Value of a metric, summed over the series whose labels are all among them; 0 where there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
  /** Answer of a path, such as `/readyz`; status 0 where there is none. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>
  cpuSeconds(): Promise<number>
  peakRssBytes(): Promise<number>
  /** Rejects with its last lines once it has ended, unless it was stopped. */
  readonly died: Promise<never>
  /** Resolves once it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Resolves when it listens, which it tells at the level INFO; rejects where it ends before. */
export async function startOperator(options: OperatorOptions): Promise<OperatorProcess> {
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), command, 'operator'], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      KUBECONFIG: options.kubeconfig,
      RUNTIME_IMAGE: 'registry.test/healthconsumer:1',
      METRICS_HOST: '127.0.0.1',
      METRICS_PORT: '0',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const port = await listening(child, lines)
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      async response => ({ status: response.status, text: await response.text() }),
      () => ({ status: 0, text: '' }),
    )
  const proc = (file: string) => readFile(`/proc/${child.pid}/${file}`, 'utf8')
  const exit = () => child.signalCode ?? child.exitCode ?? undefined
  let isStopped = false
  const died = new Promise<never>((_, reject) => {
    child.once('exit', code => {
      if (!isStopped) reject(new Error(`the operator ended with ${code}: ${lines.slice(-5).join('\n')}`))
    })
  })
  died.catch(() => undefined)
  return {
    pid: child.pid!,
    lines,
    exit,
    died,
    get,
    async metric(name, labels = {}) {
      return sumOf((await get('/metrics')).text, name, labels)
    },
    async cpuSeconds() {
      // Fields 14 and 15, user and system, in hundredths of a second; the name in front may hold spaces.
      const fields = (await proc('stat')).split(') ')[1]!.split(' ')
      return (Number(fields[11]) + Number(fields[12])) / 100
    },
    async peakRssBytes() {
      return Number(/^VmHWM:\s+(\d+) kB/m.exec(await proc('status'))?.[1]) * 1024
    },
    async stop(signal = 'SIGTERM') {
      isStopped = true
      if (exit() !== undefined) return
      child.kill(signal)
      await once(child, 'exit')
    },
  }
}

/** Its port, once it has told it. */
function listening(child: ChildProcess, lines: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', line => {
        lines.push(line)
        const port = /"port":(\d+)/.exec(line)?.[1]
        if (port !== undefined) resolve(Number(port))
      })
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`the operator ended with ${code}: ${lines.join('\n')}`)))
  })
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/, as far as the operator uses it. */
function sumOf(exposition: string, name: string, labels: Readonly<Record<string, string>>): number {
  let sum = 0
  for (const line of exposition.split('\n')) {
    const [, series, text = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    const matches = Object.entries(labels).every(([label, wanted]) => text.split(',').includes(`${label}="${wanted}"`))
    if (series === name && matches) sum += Number(value)
  }
  return sum
}

/**
 * A real Prometheus with its Alertmanager for a test file, started by hack/prometheus in a folder of its own, and the
 * parts of their HTTP APIs that tests ask: https://prometheus.io/docs/prometheus/latest/querying/api/
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Runtime } from '../faults/runtimes.ts'
import { getAt, runAt, thisMachine } from '../place.ts'
import { until } from '../until.ts'

/** One series of an instant vector; its value may be NaN or infinite. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Metadata {
  readonly type: string
  readonly help: string
}

/** An alert in the Alertmanager. */
export interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface Rule {
  readonly name: string
  readonly type: 'alerting' | 'recording'
  readonly query: string
  readonly health: 'ok' | 'err' | 'unknown'
  readonly lastError?: string
}

export interface TestPrometheus {
  readonly url: string
  readonly alertmanagerUrl: string
  /** Throws what Prometheus says of a query that it does not evaluate. */
  query(expression: string): Promise<readonly Sample[]>
  /** By metric name; what differs between targets comes more than once. */
  metadata(): Promise<Readonly<Record<string, readonly Metadata[]>>>
  /** Of all groups. */
  rules(): Promise<readonly Rule[]>
  /** What the Alertmanager has that is not resolved. */
  alerts(): Promise<readonly Alert[]>
  stop(): Promise<void>
}

type Answer<Data> =
  | { readonly status: 'success'; readonly data: Data }
  | { readonly status: 'error'; readonly error: string }

interface InstantVector {
  readonly result: readonly {
    readonly metric: Sample['labels']
    readonly value: readonly [time: number, value: string]
  }[]
}

const script = join(import.meta.dirname, '../../hack/prometheus')

/** Files of YAML text; groups of rules without an interval are evaluated every second. */
export async function startPrometheus(
  scrapeConfig: string,
  rules: string,
  place = thisMachine,
): Promise<TestPrometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'prometheus-'))
  const [scrapeFile, rulesFile] = [join(directory, 'scrape-config.yml'), join(directory, 'alerts.yml')]
  await writeFile(scrapeFile, scrapeConfig)
  await writeFile(rulesFile, rules)
  const files = ['--scrape-config', scrapeFile, '--rules', rulesFile, '--evaluation-interval', '1s']
  const up = ['up', '--dir', directory, '--port', '0', '--alertmanager-port', '0', ...files]
  await runAt(place, [script, ...up]).catch(async error => {
    await rm(directory, { recursive: true })
    throw error
  })
  const [url, alertmanagerUrl] = await Promise.all(
    ['prometheus-url', 'alertmanager-url'].map(async name => (await readFile(join(directory, name), 'utf8')).trim()),
  )

  async function get<Data>(path: string): Promise<Data> {
    const answer: Answer<Data> = JSON.parse((await getAt(place, `${url}/api/v1/${path}`)).body)
    if (answer.status === 'error') throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }

  return {
    url: url!,
    alertmanagerUrl: alertmanagerUrl!,
    async query(expression) {
      const { result } = await get<InstantVector>(`query?${new URLSearchParams({ query: expression })}`)
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    },
    metadata: () => get('metadata'),
    rules: async () => (await get<{ groups: { rules: Rule[] }[] }>('rules')).groups.flatMap(group => group.rules),
    alerts: async () => JSON.parse((await getAt(place, `${alertmanagerUrl}/api/v2/alerts`)).body) as Alert[],
    async stop() {
      await runAt(place, [script, 'down', '--dir', directory])
      await rm(directory, { recursive: true })
    },
  }
}

/** What `promtool check metrics` finds fault with in an exposition, a line each. */
export async function metricComplaints(exposition: string): Promise<readonly string[]> {
  const folder = (await runAt(thisMachine, [script, 'bin'])).trim()
  const child = spawn(join(folder, 'promtool'), ['check', 'metrics'])
  child.stdin.end(exposition)
  const said = await Promise.all([text(child.stdout), text(child.stderr)])
  return said.flatMap(each => each.split('\n')).filter(line => line !== '')
}

/** Where a runtime serves its metrics. */
export async function metricsPort(runtime: Runtime): Promise<number> {
  const listening = () => runtime.logged.find(({ message }) => message.startsWith('PrometheusReporter'))
  await until(`metrics of ${runtime.name}`, () => listening() !== undefined || runtime.ended !== undefined)
  return Number(listening()!.context.port)
}

/**
 * Runs kubectl, and tells what it refuses in the words of our commands. It parses no flag of kubectl's and holds no
 * credentials.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type Command, Option } from 'commander'
import { CommandError, type Failure } from '../errors.ts'
import { commandLine } from '../io.ts'

/** The flags of kubectl that every command takes and hands on. */
export interface ClusterFlags {
  readonly namespace?: string
  readonly context?: string
  readonly kubeconfig?: string
}

/** What is known of each object that kubectl prints. */
export interface KubectlObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly generation?: number
    readonly creationTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

export interface Forwarded {
  /** On 127.0.0.1. */
  readonly port: number
  close(): Promise<void>
}

export interface Kubectl {
  /** What it prints to stdout. Rejects with CommandError. */
  text(...args: readonly string[]): Promise<string>
  /** The object or the list that it prints as JSON. Rejects with CommandError. */
  json(...args: readonly string[]): Promise<unknown>
  /** Runs it on this process' own streams until it ends; resolves with its exit code. */
  attached(...args: readonly string[]): Promise<number>
  /** A port of a pod, brought here until it is closed. Rejects with CommandError. */
  forward(pod: string, port: number): Promise<Forwarded>
}

export const withClusterFlags = (command: Command): Command =>
  command
    .addOption(new Option('-n, --namespace <namespace>', 'namespace; by default that of the context'))
    .addOption(new Option('--context <context>', 'context of the kubeconfig'))
    .addOption(new Option('--kubeconfig <file>', 'kubeconfig; by default KUBECONFIG, then ~/.kube/config'))

export function kubectlOf(flags: ClusterFlags, command: Command): Kubectl {
  const program = process.env.KUBECTL || 'kubectl'
  const common = (['namespace', 'context', 'kubeconfig'] as const).flatMap(flag =>
    flags[flag] === undefined ? [] : [`--${flag}=${flags[flag]}`],
  )
  const where = commandLine(command)
  const begin = (args: readonly string[], stdio: 'inherit' | 'pipe') =>
    spawn(program, [...common, ...args], { stdio: stdio === 'inherit' ? 'inherit' : ['ignore', 'pipe', 'pipe'] })

  async function text(...args: readonly string[]): Promise<string> {
    const child = begin(args, 'pipe')
    const [out, err, code] = await Promise.all([read(child.stdout!), read(child.stderr!), ended(child, where)])
    if (code === 0) return out
    throw new CommandError(1, [refusal(err, where)])
  }
  return {
    text,
    json: async (...args) => JSON.parse(await text(...args, '-o', 'json')) as unknown,
    attached: (...args) => ended(begin(args, 'inherit'), where),
    async forward(pod, port) {
      const child = begin(['port-forward', `pod/${pod}`, `:${port}`, '--address=127.0.0.1'], 'pipe')
      const end = ended(child, where)
      const told = read(child.stderr!)
      const local = await Promise.race([
        localPort(child),
        end.then(async () => {
          throw new CommandError(1, [refusal(await told, where)])
        }),
      ])
      return {
        port: local,
        async close() {
          child.kill()
          await end
        },
      }
    },
  }
}

async function read(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

/** Rejects where it cannot be started. */
async function ended(child: ChildProcess, where: string): Promise<number> {
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return code ?? 1
  } catch (error) {
    const what = `kubectl cannot be started: ${(error as Error).message}`
    const fix = 'install kubectl, or name it in the environment variable KUBECTL'
    throw new CommandError(1, [{ code: 'KUBECTL_FAILED', what, where, fix }], error)
  }
}

/** `Forwarding from 127.0.0.1:40123 -> 9249`. */
async function localPort(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const port = /^Forwarding from 127\.0\.0\.1:(\d+) /.exec(line)?.[1]
    if (port !== undefined) {
      child.stdout!.resume()
      return Number(port)
    }
  }
  return new Promise(() => undefined)
}

type Fix = readonly [RegExp, Failure['code'], string]

const otherFix: Fix = [/./, 'KUBECTL_FAILED', 'see what is named']
const fixes: readonly Fix[] = [
  [
    /doesn't have a resource type "healthconsumers?"|could not find the requested resource|no matches for kind/,
    'KUBECTL_FAILED',
    'the API is not installed there: install the chart, or apply crds/healthconsumers.yaml',
  ],
  [/\(NotFound\)/, 'NOT_FOUND', 'kubectl healthconsumer status -A lists what there is'],
  [/\(Forbidden\)/, 'KUBECTL_FAILED', 'ask for the right that is named, or use another context'],
  [
    /connection (to the server|refused)|Unable to connect|no configuration/i,
    'KUBECTL_FAILED',
    'see kubectl cluster-info',
  ],
]

/** kubectl's own words, first line first, and what to do about it. */
function refusal(stderr: string, where: string): Failure {
  const lines = stderr.split('\n').filter(line => line.trim() !== '' && !/^[EIW]\d{4} /.test(line))
  const what = (lines.at(-1) ?? 'kubectl failed and said nothing').replace(/^(error|Error from server): ?/, '')
  const [, code, fix] = fixes.find(([pattern]) => pattern.test(stderr)) ?? otherFix
  return { code, what, where, fix }
}

/** Helm on the chart of the tree, for tests: what it prints, and the objects that it renders. */
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { loadAll } from 'js-yaml'

export const root = join(import.meta.dirname, '../..')
export const chart = join(root, 'charts/healthconsumer-operator')
export const namespace = 'healthconsumer-system'
export const release = 'healthconsumer-operator'
const script = join(root, 'hack/helm')

export interface Rendered {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** What Helm prints. Rejects with what it says. */
export const helm = async (environment: NodeJS.ProcessEnv, ...parameters: string[]): Promise<string> =>
  (await promisify(execFile)(script, parameters, { env: { ...process.env, ...environment }, maxBuffer: 16 << 20 }))
    .stdout

/** The chart's manifests for values, as text; those of Helm's own tests as well. */
export async function manifests(values: object, ...options: string[]): Promise<string> {
  const child = spawn(script, ['template', release, chart, '--namespace', namespace, '--values', '-', ...options])
  child.stdin.end(JSON.stringify(values))
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  if ((await ended) !== 0) throw new Error(err)
  return out
}

export const render = async (values: object, ...options: string[]): Promise<readonly Rendered[]> =>
  (loadAll(await manifests(values, ...options)) as (Rendered | null)[]).filter(each => each !== null)

export function only(objects: readonly Rendered[], kind: string): Rendered {
  const found = objects.filter(each => each.kind === kind)
  if (found.length !== 1) throw new Error(`${found.length} objects of the kind ${kind}`)
  return found[0]!
}

interface Variable {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: object
}

export interface PodSpec {
  readonly serviceAccountName: string
  readonly containers: readonly [
    { readonly image: string; readonly env: readonly Variable[]; readonly args: readonly string[] },
  ]
}

export const podOf = (objects: readonly Rendered[]): PodSpec =>
  (only(objects, 'Deployment') as unknown as { spec: { template: { spec: PodSpec } } }).spec.template.spec

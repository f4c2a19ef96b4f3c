/** A real control plane for a test file, started by hack/cluster in a folder of its own; with a client of the operator's own. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KubeConfig } from '@kubernetes/client-node'
import { customResourceDefinition } from '../../crds/customResourceDefinition.ts'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { KubernetesClient, type KubernetesClientOptions } from '../../operator/kubernetesClient.ts'
import { succeeds, until } from '../until.ts'
import { kinds } from './kinds.ts'

export interface AuditEntry {
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string }
  readonly userAgent?: string
  readonly responseStatus?: { readonly code?: number; readonly message?: string }
  readonly objectRef?: {
    readonly apiGroup?: string
    readonly resource: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
}

type Program = 'etcd' | 'kube-apiserver' | 'kube-controller-manager'

export interface TestCluster {
  readonly directory: string
  /** Of the administrator. */
  readonly kubeconfig: string
  /** The port's implementation, as the administrator unless told otherwise. */
  client(options?: Partial<KubernetesClientOptions>): KubernetesClient
  kubectl(...parameters: string[]): Promise<string>
  createNamespace(name: string): Promise<void>
  /** Resolves when HealthConsumers can be stored. */
  installCrd(): Promise<void>
  start(program: Program): Promise<void>
  stop(program: Program): Promise<void>
  /** Resolves when the API server answers. */
  ready(): Promise<void>
  /** Every request so far. */
  audit(): Promise<readonly AuditEntry[]>
  down(): Promise<void>
}

const run = promisify(execFile)
const script = join(import.meta.dirname, '../../hack/cluster')

/** `load` for ClusterAccess. */
export const kubeConfigOf = (file: string) => () => {
  const config = new KubeConfig()
  config.loadFromFile(file)
  return config
}

export async function startCluster({ controllers = true } = {}): Promise<TestCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'cluster-'))
  const cluster = async (action: string, ...rest: string[]) =>
    (await run(script, [action, '--dir', directory, ...rest], { maxBuffer: 64 << 20 })).stdout
  await cluster('up', ...(controllers ? [] : ['--without-controllers']))
  const kubeconfig = join(directory, 'pki/admin.kubeconfig')
  const client = (options: Partial<KubernetesClientOptions> = {}) =>
    new KubernetesClient({
      access: new ClusterAccess(kubeConfigOf(kubeconfig), systemClock),
      kinds: Object.values(kinds),
      version: 'test',
      clock: systemClock,
      ...options,
    })
  const kubectl = (...parameters: string[]) => cluster('run', 'kubectl', ...parameters)
  return {
    directory,
    kubeconfig,
    client,
    kubectl,
    createNamespace: async name => void (await kubectl('create', 'namespace', name)),
    async installCrd() {
      const crd = customResourceDefinition() as unknown as KubernetesObject
      await client().apply(crd, { fieldManager: 'test' })
      // Its API is served once its names are accepted, seconds before the definition says so.
      await until('the definition is established', () =>
        succeeds(kubectl('wait', '--for=condition=Established', `crd/${crd.metadata.name}`)),
      )
      await until('the API of HealthConsumers is served', () => succeeds(client().list(kinds.HealthConsumer, {})))
    },
    start: async program => void (await cluster('start', program)),
    stop: async program => void (await cluster('stop', program)),
    ready: () => until('the API server is ready', () => succeeds(kubectl('get', '--raw', '/readyz'))),
    async audit() {
      const lines = (await readFile(join(directory, 'audit.log'), 'utf8')).split('\n')
      return lines.filter(line => line !== '').map(line => JSON.parse(line) as AuditEntry)
    },
    async down() {
      await cluster('down')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

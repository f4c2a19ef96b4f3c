/** A cluster with a real node for a test file, started by hack/cluster in a folder of its own; needs root. */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const script = join(import.meta.dirname, '../../hack/cluster')
const run = promisify(execFile)

export interface NodeCluster {
  readonly directory: string
  /** hack/cluster ACTION in this cluster: what it prints. */
  cluster(action: string, ...parameters: string[]): Promise<string>
  kubectl(...parameters: string[]): Promise<string>
  apply(...objects: readonly object[]): Promise<void>
  /** What `code` prints in a pod of a Deployment. */
  evaluate(namespace: string, deployment: string, code: string): Promise<string>
  /** Also a second time. */
  down(): Promise<void>
}

export async function startNodeCluster(): Promise<NodeCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'node-cluster-'))
  const cluster = async (action: string, ...parameters: string[]) =>
    (await run(script, [action, '--dir', directory, ...parameters], { maxBuffer: 64 << 20 })).stdout
  await cluster('up', '--node')
  const kubectl = (...parameters: string[]) => cluster('run', 'kubectl', ...parameters)
  return {
    directory,
    cluster,
    kubectl,
    async apply(...objects) {
      const child = spawn(script, ['run', '--dir', directory, 'kubectl', 'apply', '-f', '-'])
      const stderr: Buffer[] = []
      child.stderr.on('data', chunk => stderr.push(chunk))
      child.stdin.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
      const code = await new Promise(resolve => child.once('close', resolve))
      if (code !== 0) throw new Error(Buffer.concat(stderr).toString())
    },
    evaluate: async (namespace, deployment, code) =>
      (await kubectl('exec', '--namespace', namespace, `deploy/${deployment}`, '--', '/bin/node', '-e', code)).trim(),
    async down() {
      if (existsSync(directory)) await cluster('down')
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The ServiceAccount of the operator with exactly the rules of the chart, on a real API server, and whose it is to be. */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import type { TestCluster } from './cluster.ts'

/** https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-v1/ */
export interface PolicyRule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

const chart = join(import.meta.dirname, '../../charts/healthconsumer-operator')

/** Rules of a file of the chart. */
export const chartRules = async (file: 'rules' | 'leaseRules'): Promise<readonly PolicyRule[]> =>
  load(await readFile(join(chart, `files/${file}.yaml`), 'utf8')) as PolicyRule[]

export interface AccountOptions {
  /** Where the operator itself runs. */
  readonly namespace: string
  readonly name: string
  /** Roles in these in place of a ClusterRole. */
  readonly watched?: readonly string[]
  /** In place of the chart's. */
  readonly rules?: readonly PolicyRule[]
}

const rbac = 'rbac.authorization.k8s.io'

/** Makes the account in a namespace that is there. Resolves with the path of its kubeconfig. */
export async function createOperatorAccount(
  cluster: TestCluster,
  { namespace, name, watched, rules }: AccountOptions,
): Promise<string> {
  const bound = (kind: 'ClusterRole' | 'Role', role: string, allowed: readonly PolicyRule[], within?: string) => {
    const metadata = { name: role, ...(within !== undefined && { namespace: within }) }
    return [
      { apiVersion: `${rbac}/v1`, kind, metadata, rules: allowed },
      {
        apiVersion: `${rbac}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: rbac, kind, name: role },
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
      },
    ]
  }
  const allowed = rules ?? (await chartRules('rules'))
  const items = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    ...bound('Role', `${name}-lease`, await chartRules('leaseRules'), namespace),
    ...(watched ?? []).flatMap(each => bound('Role', name, allowed, each)),
    ...(watched ? [] : bound('ClusterRole', `${namespace}-${name}`, allowed)),
  ]
  const file = join(cluster.directory, `${namespace}-${name}.json`)
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  await cluster.kubectl('apply', '-f', file)
  return accountKubeconfig(cluster, namespace, name)
}

/** As any ServiceAccount, by a token. */
export async function accountKubeconfig(cluster: TestCluster, namespace: string, name: string): Promise<string> {
  const token = (await cluster.kubectl('create', 'token', name, '--namespace', namespace, '--duration=1h')).trim()
  const config = load(await readFile(cluster.kubeconfig, 'utf8')) as Record<string, unknown>
  const file = join(cluster.directory, `${namespace}-${name}.kubeconfig`)
  const context = { cluster: 'local', user: name }
  const own = { users: [{ name, user: { token } }], contexts: [{ name: 'local', context }], 'current-context': 'local' }
  await writeFile(file, JSON.stringify({ ...config, ...own }))
  await chmod(file, 0o600)
  return file
}

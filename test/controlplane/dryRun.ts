/** Asks a real API server what it says to a HealthConsumer, without storing it. */
import { group, plural, version } from '../../crds/healthconsumer.ts'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import { exchange } from '../../operator/httpExchange.ts'
import { kubeConfigOf, type TestCluster } from '../operator/cluster.ts'

export interface ServerAnswer {
  readonly accepted: boolean
  readonly status: number
  /** What would be stored, or the Status that says why not. */
  readonly body: Record<string, unknown>
  /** Of a refusal. */
  readonly message: string
}

/** With strict validation of fields, as kubectl asks for it. */
export function createDryRun(cluster: TestCluster, namespace = 'default') {
  const access = new ClusterAccess(kubeConfigOf(cluster.kubeconfig), systemClock)
  const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}?dryRun=All&fieldValidation=Strict`
  return async (resource: unknown): Promise<ServerAnswer> => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const request = { method: 'POST' as const, path, headers, body: JSON.stringify(resource) }
    const answer = await exchange(await access.connection(), request, { timeoutMs: 30_000, maxBytes: 64 << 20 })
    const body = answer.body as Record<string, unknown>
    return { accepted: answer.status === 201, status: answer.status, body, message: String(body.message ?? '') }
  }
}

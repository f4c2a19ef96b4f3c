/** Asks a real API server what it says to a HealthConsumer, without storing it unless told to. */
import { group, plural, version } from '../../crds/healthconsumer.ts'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import { exchange, type HttpRequest } from '../../operator/httpExchange.ts'
import { kubeConfigOf, type TestCluster } from '../operator/cluster.ts'

export interface ServerAnswer {
  readonly accepted: boolean
  readonly status: number
  /** What is stored, or would be; or the Status that says why not. */
  readonly body: Record<string, unknown>
  /** Of a refusal. */
  readonly message: string
}

export interface Server {
  /** Of a new resource; nothing is stored. */
  create(resource: unknown): Promise<ServerAnswer>
  store(resource: unknown): Promise<ServerAnswer>
  /** Of the change of what is stored; it stays as it is. */
  change(stored: ServerAnswer, resource: unknown): Promise<ServerAnswer>
}

/** Fields are validated strictly, as kubectl asks for it. */
export function serverOf(cluster: TestCluster, namespace = 'default'): Server {
  const access = new ClusterAccess(kubeConfigOf(cluster.kubeconfig), systemClock)
  const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`
  async function ask(method: HttpRequest['method'], where: string, resource: unknown): Promise<ServerAnswer> {
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const request = { method, path: where, headers, body: JSON.stringify(resource) }
    const answer = await exchange(await access.connection(), request, { timeoutMs: 30_000, maxBytes: 64 << 20 })
    const body = answer.body as Record<string, unknown>
    return { accepted: answer.status < 300, status: answer.status, body, message: String(body.message ?? '') }
  }
  const strict = 'fieldValidation=Strict'
  return {
    create: resource => ask('POST', `${path}?dryRun=All&${strict}`, resource),
    store: resource => ask('POST', `${path}?${strict}`, resource),
    change({ body }, resource) {
      const { name, resourceVersion } = body.metadata as { name: string; resourceVersion: string }
      const changed = { ...(resource as object), metadata: { name, resourceVersion } }
      return ask('PUT', `${path}/${name}?dryRun=All&${strict}`, changed)
    },
  }
}

/**
 * Stands in for nodes: says of each pod that a Deployment made what a test wants it to be (running and ready, or why not),
 * and answers at its address as a consumer does. It starts no container.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Kind, Kubernetes, KubernetesObject } from '../../operator/kubernetes.ts'
import type { RuntimeStatus } from '../../runtime/contract/status.ts'

export const podKind: Kind = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }

/** What becomes of the pods of a namespace. */
export interface PodFate {
  readonly ready?: boolean
  readonly waiting?: { readonly reason: string; readonly message?: string }
  /** How its container ended last, and how often. */
  readonly crashed?: { readonly exitCode: number; readonly message: string; readonly count: number }
  readonly unschedulable?: string
  /** `/status` of the pods in the order in which they came; without it they do not answer. */
  readonly status?: (index: number) => RuntimeStatus
}

export interface Kubelet {
  /** Metrics port of all pods. */
  readonly port: number
  /** From now on, for the pods that are there as well. Undefined leaves them pending. */
  decide(namespace: string, fate: PodFate | undefined | ((pod: KubernetesObject) => PodFate | undefined)): Promise<void>
  stop(): Promise<void>
}

type Decision = (pod: KubernetesObject) => PodFate | undefined

export async function startKubelet(kubernetes: Kubernetes): Promise<Kubelet> {
  const stopping = new AbortController()
  const decisions = new Map<string, Decision>()
  const pods = new Map<string, KubernetesObject>()
  const addresses = new Map<string, { readonly address: string; readonly index: number }>()
  const servers: Server[] = []
  let port = 0

  async function addressOf({ metadata }: KubernetesObject): Promise<string> {
    const known = addresses.get(metadata.uid!)
    if (known) return known.address
    const number = servers.length + 2
    const address = `127.0.${Math.floor(number / 250)}.${number % 250}`
    const index = [...addresses.keys()].filter(uid => pods.get(uid)?.metadata.namespace === metadata.namespace).length
    addresses.set(metadata.uid!, { address, index })
    const server = createServer((request, response) => {
      const pod = pods.get(metadata.uid!)
      const fate = pod && decisions.get(metadata.namespace!)?.(pod)
      response.statusCode = request.url === '/status' && fate?.status ? 200 : 503
      response.end(fate?.status ? JSON.stringify(fate.status(index)) : '')
    })
    servers.push(server)
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve))
    port = (server.address() as AddressInfo).port
    return address
  }

  async function tell(pod: KubernetesObject): Promise<void> {
    const fate = decisions.get(pod.metadata.namespace ?? '')?.(pod)
    if (fate === undefined || pod.metadata.deletionTimestamp) return
    const { name, namespace, uid } = pod.metadata
    const status = statusOf(fate, await addressOf(pod))
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid }, status }
    await kubernetes.apply(object, { fieldManager: 'kubelet', subresource: 'status' }).catch(() => undefined)
  }

  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  port = (probe.address() as AddressInfo).port
  servers.push(probe)
  const { resourceVersion } = await kubernetes.list(podKind, {})
  const watching = (async () => {
    const options = { resourceVersion, timeoutSeconds: 3600, signal: stopping.signal }
    for await (const event of kubernetes.watch(podKind, options)) {
      if (event.type === 'BOOKMARK') continue
      const { uid } = event.object.metadata
      if (event.type === 'DELETED') pods.delete(uid!)
      else pods.set(uid!, event.object)
      if (event.type === 'ADDED') await tell(event.object)
    }
  })().catch(error => {
    if (!stopping.signal.aborted) throw error
  })
  return {
    port,
    async decide(namespace, fate) {
      decisions.set(namespace, typeof fate === 'function' ? fate : () => fate)
      for (const pod of pods.values()) if (pod.metadata.namespace === namespace) await tell(pod)
    },
    async stop() {
      stopping.abort()
      await watching
      for (const server of servers) server.close().closeAllConnections()
    },
  }
}

function statusOf({ ready = false, waiting, crashed, unschedulable }: PodFate, address: string) {
  const condition = (type: string, is: boolean, more: object = {}) => ({ type, status: is ? 'True' : 'False', ...more })
  if (unschedulable !== undefined)
    return {
      phase: 'Pending',
      conditions: [condition('PodScheduled', false, { reason: 'Unschedulable', message: unschedulable })],
    }
  const startedAt = '2026-01-01T00:00:00Z'
  const ended = crashed && { exitCode: crashed.exitCode, reason: 'Error', message: crashed.message, startedAt }
  return {
    phase: waiting ? 'Pending' : 'Running',
    podIP: address,
    podIPs: [{ ip: address }],
    conditions: [condition('PodScheduled', true), condition('Ready', ready), condition('ContainersReady', ready)],
    containerStatuses: [
      {
        name: 'consumer',
        image: 'image',
        imageID: 'image',
        ready,
        started: ready,
        restartCount: crashed?.count ?? 0,
        state: waiting ? { waiting } : { running: { startedAt } },
        ...(ended && { lastState: { terminated: { ...ended, finishedAt: startedAt } } }),
      },
    ],
  }
}

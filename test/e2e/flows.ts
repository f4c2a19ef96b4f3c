/**
 * Which connections pods have, and which of them NetworkPolicies allow: the rules of Kubernetes for the fields that our
 * policies use. For nodes whose network enforces none. Reading and deciding only.
 * Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */

export interface Flow {
  readonly direction: 'in' | 'out'
  /** Of the one that was connected to. */
  readonly port: number
  readonly peer: string
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>
}
interface Peer {
  readonly podSelector?: Selector
}
interface Rule {
  readonly ports?: readonly { readonly port?: number | string; readonly protocol?: string }[]
  readonly from?: readonly Peer[]
  readonly to?: readonly Peer[]
}
export interface NetworkPolicy {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly podSelector: Selector
    readonly policyTypes?: readonly string[]
    readonly ingress?: readonly Rule[]
    readonly egress?: readonly Rule[]
  }
}

export interface PodOfPolicy {
  readonly labels: Readonly<Record<string, string>>
  /** The numbers of its ports by their names. */
  readonly ports: Readonly<Record<string, number>>
}

const selects = ({ matchLabels = {} }: Selector, labels: PodOfPolicy['labels']): boolean =>
  Object.entries(matchLabels).every(([name, value]) => labels[name] === value)

/** Whether the policies of the pod's namespace let the flow pass. `peer` holds the labels of a pod of that namespace. */
export function isAllowed(
  policies: readonly NetworkPolicy[],
  pod: PodOfPolicy,
  { direction, port }: Pick<Flow, 'direction' | 'port'>,
  peer: PodOfPolicy['labels'] = {},
): boolean {
  const type = direction === 'in' ? 'Ingress' : 'Egress'
  const about = policies.filter(({ spec }) => {
    const types = spec.policyTypes ?? ['Ingress', ...(spec.egress ? ['Egress'] : [])]
    return types.includes(type) && selects(spec.podSelector, pod.labels)
  })
  if (about.length === 0) return true
  const rules = about.flatMap(({ spec }) => (direction === 'in' ? spec.ingress : spec.egress) ?? [])
  return rules.some(rule => {
    const ports = rule.ports?.map(({ port: of }) => (typeof of === 'string' ? pod.ports[of] : of))
    const peers = direction === 'in' ? rule.from : rule.to
    const isPort = ports === undefined || ports.some(of => of === undefined || of === port)
    const isPeer = peers === undefined || peers.some(({ podSelector }) => podSelector && selects(podSelector, peer))
    return isPort && isPeer
  })
}

/**
 * Of the text of /proc/net/tcp and tcp6: a line is a flow once it is connected, also a while after its end. Those of the pod
 * with itself are none.
 */
export function flowsOf(table: string): readonly Flow[] {
  const sockets = table.split('\n').flatMap(line => {
    const [, local, remote, state] = /^\s*\d+: (\S+) (\S+) ([0-9A-F]{2}) /.exec(line) ?? []
    return local === undefined ? [] : [{ local: endOf(local), remote: endOf(remote!), isListening: state === '0A' }]
  })
  const served = new Set(sockets.filter(({ isListening }) => isListening).map(({ local }) => local.port))
  return sockets
    .filter(({ isListening, remote }) => !isListening && !remote.address.startsWith('127.'))
    .map(({ local, remote }) =>
      served.has(local.port)
        ? { direction: 'in', port: local.port, peer: remote.address }
        : { direction: 'out', port: remote.port, peer: remote.address },
    )
}

/** `0100007F:1F90` is 127.0.0.1:8080; of IPv6 the last 32 bits count, which hold a mapped IPv4 address. */
function endOf(text: string) {
  const [address, port] = text.split(':') as [string, string]
  const bytes = address.slice(-8).match(/../g)!.reverse()
  return { address: bytes.map(byte => Number.parseInt(byte, 16)).join('.'), port: Number.parseInt(port, 16) }
}

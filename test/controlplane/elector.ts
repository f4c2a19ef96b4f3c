/**
 * A process that wants to lead: `elector.ts KUBECONFIG IDENTITY`. Says `leading` and `lost` on stdout, and ends when it has
 * lost or, giving the lease back, when it is told to. While it leads it writes.
 */
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import { KubernetesClient } from '../../operator/kubernetesClient.ts'
import { LeaderElection } from '../../operator/leaderElection.ts'
import { leaseKind } from '../../operator/lease.ts'
import { silentLogger } from '../kafka/broker.ts'
import { kubeConfigOf } from '../operator/cluster.ts'
import { kinds } from '../operator/kinds.ts'

const [kubeconfig, identity] = process.argv.slice(2) as [string, string]
const kubernetes = new KubernetesClient({
  access: new ClusterAccess(kubeConfigOf(kubeconfig), systemClock),
  kinds: [leaseKind, kinds.ConfigMap],
  version: identity,
  clock: systemClock,
})
const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
const election = new LeaderElection({
  kubernetes,
  namespace: 'default',
  name: 'elected',
  identity,
  logger: silentLogger,
  clock: systemClock,
  random: Math.random,
  observer: isLeading => console.log(isLeading ? 'leading' : stopping.signal.aborted ? 'released' : 'lost'),
})

/** What leaders do. */
async function work(): Promise<void> {
  for (let i = 0; !stopping.signal.aborted && !election.lost.aborted; i++) {
    const metadata = { name: 'written', namespace: 'default' }
    const data = { by: identity, i: String(i) }
    if (election.isLeading())
      await kubernetes.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { fieldManager: 'elector' })
    await systemClock.sleep(500, stopping.signal).catch(() => undefined)
  }
}

await Promise.all([election.run(stopping.signal), work()])
process.exit(election.lost.aborted ? 1 : 0)

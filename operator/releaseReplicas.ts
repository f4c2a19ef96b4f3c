/**
 * Lets go of the number of pods before an autoscaler takes it over. A field that its only owner stops applying falls
 * back to its default, one pod; so the number that is there now is applied once under a second field manager, which
 * keeps it in place until the autoscaler sets another.
 * Source: Kubernetes documentation, "Server-Side Apply", transferring ownership.
 */
import type { HealthConsumer } from '../crds/healthconsumer.ts'
import type { Children } from './children.ts'
import { childName, namespaceOf, operatorName } from './desired/child.ts'
import { replicasOf } from './desired/scaling.ts'
import type { Kubernetes } from './kubernetes.ts'
import type { DeploymentFacts } from './workload.ts'

interface ReleasePorts {
  readonly kubernetes: Pick<Kubernetes, 'apply'>
  readonly children: Pick<Children, 'get'>
  deployment(namespace: string, name: string): DeploymentFacts | undefined
}

/** `ownerUid` is the resource's. Nothing happens where the number is no field of ours. */
export async function releaseReplicas(
  resource: HealthConsumer,
  ownerUid: string,
  { kubernetes, children, deployment }: ReleasePorts,
): Promise<void> {
  const namespace = namespaceOf(resource)
  const name = childName(resource)
  const facts = deployment(namespace, name)
  const child = children.get('Deployment', namespace, name)
  const isOurs = child?.ownerUid === ownerUid && child.ownsReplicas
  if (replicasOf(resource) !== undefined || facts === undefined || !isOurs) return
  // After a pause there are none, and an autoscaler leaves none alone.
  const replicas = Math.max(facts.desired, resource.spec.scaling?.autoscaling?.minReplicas ?? 0)
  // With the uid: where it was deleted meanwhile, none is made.
  const metadata = { name, namespace, uid: facts.uid }
  await kubernetes.apply(
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas } },
    { fieldManager: `${operatorName}-handover` },
  )
}

/**
 * Which revision the pods are to run: what the spec asks for, or, where `rollout.rollbackOnFailure` says so and that
 * did not become ready in time, the last stable one. A revision that failed is not tried again until the spec changes.
 */
import type { HealthConsumer, HealthConsumerStatus } from '../crds/healthconsumer.ts'
import { namespaceOf } from './desired/child.ts'
import { childKinds } from './desired/index.ts'
import { type Revision, readRevision, revisionName } from './desired/revision.ts'
import { type Kubernetes, KubernetesError } from './kubernetes.ts'
import type { DeploymentFacts } from './workload.ts'

interface RollbackPorts {
  readonly kubernetes: Pick<Kubernetes, 'get'>
}

/** `deployment` is the resource's own; `previous` the newest status. */
export async function revisionToRun(
  resource: HealthConsumer,
  wanted: Revision,
  previous: HealthConsumerStatus | undefined,
  deployment: DeploymentFacts | undefined,
  ports: RollbackPorts,
): Promise<Revision> {
  const stable = previous?.lastStableHash
  if (!resource.spec.rollout.rollbackOnFailure || stable === undefined || stable === wanted.hash) return wanted
  const failsNow = deployment?.revision === revisionName(resource, wanted) && deployment.deadlineExceeded
  if (!failsNow && previous?.failedHash !== wanted.hash) return wanted
  return (await stored(resource, stable, ports)) ?? wanted
}

async function stored(
  resource: HealthConsumer,
  hash: string,
  { kubernetes }: RollbackPorts,
): Promise<Revision | undefined> {
  const name = revisionName(resource, { hash })
  try {
    return readRevision(
      await kubernetes.get({ kind: childKinds.ConfigMap, namespace: namespaceOf(resource), name }),
      hash,
    )
  } catch (error) {
    if (error instanceof KubernetesError && error.code === 'NotFound') return undefined
    throw error
  }
}

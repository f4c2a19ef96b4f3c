/**
 * One HealthConsumer, from spec to status: parse -> dependencies -> revision -> children -> status. It knows no queue
 * and no watch, and asks the API server only for what is not as it should be.
 *
 * Three outcomes: done (also where only a person can go on: a change of the resource or of what it names comes back by
 * itself), done and to be looked at again after a while, or an error that is worth another attempt (thrown).
 */
import type { HealthConsumer, HealthConsumerStatus } from '../crds/healthconsumer.ts'
import type { Logger } from '../runtime/contract/logger.ts'
import { type ApplyOutcome, type ApplyPorts, applyChildren } from './apply.ts'
import type { ChildDefaults } from './config.ts'
import type { DependencyReport } from './dependencies.ts'
import { childName, dashboardName, operatorName } from './desired/child.ts'
import { desiredChildren } from './desired/index.ts'
import { type Revision, revisionName, revisionOf } from './desired/revision.ts'
import { replicasOf } from './desired/scaling.ts'
import type { Digests } from './digests.ts'
import type { RecordEvents } from './events.ts'
import { isNamespaceEnding, KubernetesError, type KubernetesObject } from './kubernetes.ts'
import type { Observation } from './observation.ts'
import { undeclaredFields, withoutFields } from './olderSchema.ts'
import type { PipelineFacts } from './pipelineFacts.ts'
import { releaseReplicas } from './releaseReplicas.ts'
import { revisionToRun } from './rollback.ts'
import { computeStatus, sameStatus } from './status.ts'
import { readStored } from './storedSpec.ts'
import { type DeploymentFacts, type PodFacts, rolloutComplete } from './workload.ts'

export interface ReconcilePorts extends ApplyPorts {
  readonly digests: Digests
  readonly defaults: ChildDefaults
  readonly logger: Logger
  readonly recordEvents: RecordEvents
  /** The newest that is known of it; undefined once it is gone. */
  consumer(key: string): KubernetesObject | undefined
  dependencies(resource: HealthConsumer): Promise<DependencyReport>
  deployment(namespace: string, name: string): DeploymentFacts | undefined
  pods(key: string): readonly PodFacts[]
  pipeline(key: string): PipelineFacts | undefined
  /** Status as it was last written by this process, where that is newer than `consumer`. */
  writtenStatus(object: KubernetesObject): HealthConsumerStatus | undefined
  /** Called with the answer to a status write. */
  statusWritten(object: KubernetesObject): void
  /** Milliseconds since the epoch. */
  now(): number
}

/** `key` is `namespace/name`. Resolves with the milliseconds after which to look again; undefined where that is not needed. */
export async function reconcile(key: string, ports: ReconcilePorts): Promise<number | undefined> {
  const object = ports.consumer(key)
  // Children of a resource that is deleted go by their owner references.
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return undefined
  try {
    const previous = ports.writtenStatus(object) ?? (object.status as HealthConsumerStatus | undefined)
    const done = await bringAbout(object, previous, ports)
    const { name, generation = 0 } = object.metadata
    await tell(
      object,
      {
        ...{ name, generation, previous, ...done },
        deployment: ownDeployment(object, ports),
        pods: ports.pods(key),
        pipeline: ports.pipeline(key),
      },
      ports,
    )
    const waits = done.applied?.children.flatMap(({ lookAgainMs }) => lookAgainMs ?? []) ?? []
    return waits.length > 0 ? Math.min(...waits) : undefined
  } catch (error) {
    if (!isNamespaceEnding(error)) throw error
    ports.logger.debug('the namespace is being deleted', { context: { key } })
    return undefined
  }
}

type Done = Pick<Observation, 'resource' | 'problems' | 'leftOut' | 'missing' | 'applied' | 'revision'>

/** Nothing at all where the spec is wrong: what runs goes on as it is. */
async function bringAbout(
  object: KubernetesObject,
  previous: HealthConsumerStatus | undefined,
  ports: ReconcilePorts,
): Promise<Done> {
  const { resource, problems, leftOut } = readStored(object)
  if (resource === undefined || problems.length > 0)
    return { resource: undefined, problems, leftOut, missing: [], applied: undefined, revision: undefined }
  const { missing, secretsHash } = await ports.dependencies(resource)
  const wanted = revisionOf({ resource, defaults: ports.defaults })
  const deployment = ownDeployment(object, ports)
  const revision = await revisionToRun(resource, wanted, previous, deployment, ports)
  // Pods that run go on without what is missing, new ones are not made; where none are to run, nothing is missed.
  const blocked = missing.length > 0 && replicasOf(resource) !== 0
  if (!blocked) await releaseReplicas(resource, object.metadata.uid!, ports)
  const consumer = { object, resource, revision, secretsHash, blocked, deployment, previous }
  const applied = await applyConsumer(consumer, ports)
  return {
    resource,
    problems,
    leftOut,
    missing,
    applied,
    revision: { applied: revision.hash, wanted: wanted.hash },
  }
}

function ownDeployment({ metadata }: KubernetesObject, ports: ReconcilePorts): DeploymentFacts | undefined {
  const { namespace = '', uid } = metadata
  const name = childName({ metadata: { name: metadata.name } })
  const isOurs = ports.children.get('Deployment', namespace, name)?.ownerUid === uid
  return isOurs ? ports.deployment(namespace, name) : undefined
}

interface Consumer {
  readonly object: KubernetesObject
  readonly resource: HealthConsumer
  readonly revision: Revision
  readonly secretsHash: string | undefined
  /** Something that new pods need is missing. */
  readonly blocked: boolean
  readonly deployment: DeploymentFacts | undefined
  readonly previous: HealthConsumerStatus | undefined
}

function applyConsumer(consumer: Consumer, ports: ReconcilePorts): Promise<ApplyOutcome> {
  const { object, resource, revision, secretsHash, blocked, previous } = consumer
  const { name, uid = '' } = object.metadata
  const input = { resource, uid, defaults: ports.defaults, replicas: replicasOf(resource), secretsHash }
  const dependsOn = [uid, object.metadata.generation, revision.hash, secretsHash].join('/')
  const were = new Set(
    previous?.resources?.filter(({ state }) => state === 'Applied').map(({ kind, name }) => `${kind}/${name}`),
  )
  const isKept = keptRevisions(consumer)
  return applyChildren(
    {
      owner: { name, uid },
      desired: ports.digests.children(`${input.resource.metadata.namespace}/${name}`, dependsOn, () =>
        desiredChildren(input, revision),
      ),
      waiting: kind => blocked && kind === 'Deployment',
      keep: child => child.kind === 'ConfigMap' && child.name !== dashboardName(resource) && isKept(child.name),
      wasApplied: child => were.has(`${child.kind}/${child.name}`),
    },
    ports,
  )
}

/** Pods of an earlier revision read its ConfigMap when they restart, and a rollback goes back to the last stable one. */
function keptRevisions({ resource, deployment, previous }: Consumer): (configMap: string) => boolean {
  if (deployment !== undefined && !rolloutComplete(deployment)) return () => true
  const stable = previous?.lastStableHash && revisionName(resource, { hash: previous.lastStableHash })
  // With pods, and all of them as they should be, it is their revision that is stable now.
  const names =
    deployment !== undefined && deployment.desired > 0 ? [deployment.revision] : [deployment?.revision, stable]
  return name => names.includes(name)
}

async function tell(object: KubernetesObject, seen: Observation, ports: ReconcilePorts): Promise<void> {
  const status = computeStatus(seen, new Date(ports.now()).toISOString())
  if (!sameStatus(seen.previous, status)) await writeStatus(object, status, ports)
  await ports.recordEvents(object, seen.previous, status, seen.applied)
}

async function writeStatus(object: KubernetesObject, status: HealthConsumerStatus, ports: ReconcilePorts) {
  const { apiVersion, kind } = object
  const { name, namespace, uid } = object.metadata
  // With the uid: one that was made anew in the meantime has a status of its own.
  const written = { apiVersion, kind, metadata: { name, namespace, uid }, status }
  const apply = async (stored: KubernetesObject) =>
    ports.statusWritten(await ports.kubernetes.apply(stored, { fieldManager: operatorName, subresource: 'status' }))
  try {
    await apply(written)
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error
    // It was deleted just now, which a watch will tell.
    if (error.code === 'NotFound') return
    const unknown = error.code === 'Invalid' ? undeclaredFields(error.message) : []
    if (unknown.length === 0) throw error
    ports.logger.warning('The CustomResourceDefinition is older than the operator: apply crds/healthconsumers.yaml', {
      context: { unknown_fields: unknown.map(path => path.join('.')) },
    })
    await apply(withoutFields(written, unknown))
  }
}

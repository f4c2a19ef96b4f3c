/**
 * One HealthConsumer, from spec to status: parse -> dependencies -> revision -> children -> status. It knows no queue
 * and no watch, and asks the API server only for what is not as it should be.
 *
 * Three outcomes: done (also where only a person can go on: a change of the resource or of what it names comes back by
 * itself), done and to be looked at again after a while, or an error that is worth another attempt (thrown).
 */
import type { HealthConsumer, HealthConsumerStatus } from '../crds/healthconsumer.ts'
import { checkHealthConsumer, type Problem } from '../crds/problems.ts'
import { runtimeConfiguration, unsupportedHere } from '../runtime/contract/configuration.ts'
import type { Logger } from '../runtime/contract/logger.ts'
import { type ApplyOutcome, type ApplyPorts, applyChildren } from './apply.ts'
import { clusterProblems } from './clusterProblems.ts'
import type { ChildDefaults } from './config.ts'
import type { DependencyReport } from './dependencies.ts'
import { childName, namespaceOf, operatorName } from './desired/child.ts'
import { desiredChildren } from './desired/index.ts'
import { type Revision, revisionName, revisionOf } from './desired/revision.ts'
import { replicasOf } from './desired/scaling.ts'
import type { RecordEvents } from './events.ts'
import type { KubernetesObject } from './kubernetes.ts'
import type { PipelineFacts } from './pipelineFacts.ts'
import { releaseReplicas } from './releaseReplicas.ts'
import { revisionToRun } from './rollback.ts'
import { computeStatus, type StatusInput, sameStatus } from './status.ts'
import { type DeploymentFacts, type PodFacts, rolloutComplete } from './workload.ts'

export interface ReconcilePorts extends ApplyPorts {
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

export async function reconcile(key: string, ports: ReconcilePorts): Promise<void> {
  const object = ports.consumer(key)
  // Children of a resource that is deleted go by their owner references.
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return
  const previous = ports.writtenStatus(object) ?? (object.status as HealthConsumerStatus | undefined)
  const { resource, problems } = parse(object)
  if (resource === undefined || problems.length > 0) {
    await writeStatus(object, { resource: resource ?? (object as never), problems, missing: [], previous }, ports)
    return
  }
  const { missing, secretsHash } = await ports.dependencies(resource)
  const wanted = revisionOf({ resource, defaults: ports.defaults })
  const revision = await revisionToRun(resource, wanted, previous, ports)
  await releaseReplicas(resource, ports)
  const applied = await applyConsumer({ object, resource, revision, secretsHash, blocked: missing.length > 0 }, ports)
  const hashes = { applied: revision.hash, wanted: wanted.hash }
  await writeStatus(object, { resource, problems, missing, previous, applied, revision: hashes }, ports)
}

/** The resource with its defaults, and what is wrong with it; checked again, for it may be older than the schema. */
function parse(object: KubernetesObject): {
  readonly resource?: HealthConsumer
  readonly problems: readonly Problem[]
} {
  const { apiVersion, kind, metadata, spec } = object
  const checked = checkHealthConsumer({ apiVersion, kind, metadata, spec })
  if (!checked.resource) return { problems: checked.problems ?? [] }
  const problems = [...unsupportedHere(runtimeConfiguration(checked.resource)), ...clusterProblems(checked.resource)]
  return { resource: checked.resource, problems }
}

interface Consumer {
  readonly object: KubernetesObject
  readonly resource: HealthConsumer
  readonly revision: Revision
  readonly secretsHash: string | undefined
  /** Something that the pods need is missing: those that run go on as they are, new ones are not made. */
  readonly blocked: boolean
}

async function applyConsumer(consumer: Consumer, ports: ReconcilePorts): Promise<ApplyOutcome> {
  const { object, resource, revision, secretsHash, blocked } = consumer
  const uid = object.metadata.uid!
  const input = { resource, uid, defaults: ports.defaults, replicas: replicasOf(resource), secretsHash }
  const deployment = ports.deployment(namespaceOf(resource), childName(resource))
  const rolling = deployment !== undefined && !rolloutComplete(deployment)
  const stable = object.status as HealthConsumerStatus | undefined
  const kept = new Set([
    deployment?.revision,
    stable?.lastStableHash && revisionName(resource, { hash: stable.lastStableHash }),
  ])
  return applyChildren(
    {
      ownerUid: uid,
      desired: desiredChildren(input, revision),
      waiting: kind => blocked && kind === 'Deployment',
      // Pods of an earlier revision read its ConfigMap when they restart.
      keep: ({ kind, name }) => kind === 'ConfigMap' && (rolling || kept.has(name)) && !name.endsWith('-dashboard'),
    },
    ports,
  )
}

type Observed = Pick<StatusInput, 'resource' | 'problems' | 'missing' | 'previous'> &
  Partial<Pick<StatusInput, 'applied' | 'revision'>>

async function writeStatus(object: KubernetesObject, observed: Observed, ports: ReconcilePorts): Promise<void> {
  const { name, namespace = '', generation = 0 } = object.metadata
  const key = `${namespace}/${name}`
  const status = computeStatus({
    applied: undefined,
    revision: undefined,
    ...observed,
    generation,
    now: new Date(ports.now()).toISOString(),
    deployment: ports.deployment(namespace, `${name}-consumer`),
    pods: ports.pods(key),
    pipeline: ports.pipeline(key),
  })
  if (sameStatus(observed.previous, status)) return
  const { apiVersion, kind } = object
  const written = await ports.kubernetes.apply(
    { apiVersion, kind, metadata: { name, namespace }, status },
    { fieldManager: operatorName, subresource: 'status' },
  )
  ports.statusWritten(written)
  await ports.recordEvents(object, observed.previous, status, observed.applied)
}

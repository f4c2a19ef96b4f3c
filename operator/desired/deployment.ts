/**
 * The consumer's pods: restricted Pod Security, nothing writable but their own scratch, no access to the API. A change
 * of what they run (image, manifest, Secrets, `restartedAt`) changes the template and rolls them. Pure.
 */
import type { HealthConsumer } from '../../crds/healthconsumer.ts'
import type { KubernetesObject } from '../kubernetes.ts'
import { type ChildInput, child, containerName, metricsPort, metricsPortName, podSelector } from './child.ts'
import { referencedSecrets } from './references.ts'
import { manifestFile, type Revision, revisionName } from './revision.ts'
import { serviceAccountName } from './serviceAccount.ts'

export const manifestFolder = '/etc/healthconsumer/manifest'
const secretsFolder = '/etc/healthconsumer/secrets'
/** Outlives a container, not the pod: a consumer that restarts in place takes up its partitions at once. */
const stateFolder = '/var/lib/healthconsumer'
const temporaryFolder = '/tmp'
/** Folders of a pod that are not for the warehouse; `/app` holds the program. */
export const ownFolders: readonly string[] = ['/etc/healthconsumer', stateFolder, temporaryFolder, '/app']
/** The runtime drains for 20 s; the rest is for ending connections and for a slow last commit. */
const terminationGracePeriodSeconds = 60

/** A consumer with 192 MiB of buffers stays below 600 MB. */
const standardResources = { requests: { cpu: '250m', memory: '640Mi' }, limits: { memory: '1Gi' } }

/** `input.resource` is of that revision already. */
export function deployment(input: ChildInput, revision: Revision): KubernetesObject {
  const { resource, replicas } = input
  const { rollout } = resource.spec
  return child(
    input,
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    {},
    {
      spec: {
        ...(replicas !== undefined && { replicas }),
        selector: { matchLabels: podSelector(resource) },
        progressDeadlineSeconds: rollout.progressDeadlineSeconds,
        revisionHistoryLimit: 3,
        strategy:
          rollout.strategy === 'Recreate'
            ? { type: 'Recreate' }
            : // A pod more than asked for would only move partitions twice.
              { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
        template: podTemplate(input, revision),
      },
    },
  )
}

function podTemplate(input: ChildInput, revision: Revision) {
  const { resource, secretsHash } = input
  const { pod, restartedAt } = resource.spec
  return {
    metadata: {
      labels: { ...pod?.labels, ...podSelector(resource), 'app.kubernetes.io/component': 'consumer' },
      annotations: {
        ...pod?.annotations,
        'kubectl.kubernetes.io/default-container': containerName,
        ...(secretsHash !== undefined && { 'healthdata.dev/secrets-hash': secretsHash }),
        ...(restartedAt !== undefined && { 'healthdata.dev/restarted-at': restartedAt }),
      },
    },
    spec: podSpec(resource, revision),
  }
}

function podSpec(resource: HealthConsumer, revision: Revision) {
  const { pod, imagePullSecrets, iceberg } = resource.spec
  const claim = iceberg.storage?.persistentVolumeClaim
  return {
    serviceAccountName: serviceAccountName(resource),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds,
    securityContext: {
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
      // Nothing else is written but what belongs to the pod. A large volume is not gone through at each start.
      ...(claim && { fsGroup: claim.fsGroup, fsGroupChangePolicy: 'OnRootMismatch' }),
    },
    ...(imagePullSecrets && { imagePullSecrets }),
    ...(pod?.nodeSelector && { nodeSelector: pod.nodeSelector }),
    ...(pod?.tolerations && { tolerations: pod.tolerations }),
    ...(pod?.affinity && { affinity: pod.affinity }),
    ...(pod?.priorityClassName && { priorityClassName: pod.priorityClassName }),
    topologySpreadConstraints: (pod?.topologySpreadConstraints ?? [standardSpread]).map(constraint => ({
      labelSelector: { matchLabels: podSelector(resource) },
      ...constraint,
    })),
    containers: [container(resource)],
    volumes: volumes(resource, revision),
  }
}

/** Over nodes where there are several, and never a reason not to run. */
const standardSpread = {
  maxSkew: 1,
  topologyKey: 'kubernetes.io/hostname',
  whenUnsatisfiable: 'ScheduleAnyway',
} as const

function container(resource: HealthConsumer) {
  const { image, imagePullPolicy, pod } = resource.spec
  return {
    name: containerName,
    image,
    ...(imagePullPolicy && { imagePullPolicy }),
    args: [
      ...['run', '-f', `${manifestFolder}/${manifestFile}`, '--state-dir', stateFolder, '--secrets-dir', secretsFolder],
      ...['--metrics-host', '0.0.0.0', '--metrics-port', String(metricsPort)],
    ],
    ...(pod?.extraEnvFrom && { envFrom: pod.extraEnvFrom }),
    ports: [{ name: metricsPortName, containerPort: metricsPort, protocol: 'TCP' }],
    // Until the pipeline lives, which includes a catalog or brokers that are slow to answer.
    startupProbe: probe('/livez', { periodSeconds: 2, failureThreshold: 60 }),
    livenessProbe: probe('/livez', { periodSeconds: 20, failureThreshold: 3 }),
    readinessProbe: probe('/readyz', { periodSeconds: 5, failureThreshold: 2 }),
    resources: resourcesOf(pod?.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: volumeMounts(resource),
  }
}

type Resources = NonNullable<NonNullable<HealthConsumer['spec']['pod']>['resources']>

/** The standard is for what a resource says nothing about: mixed with what it says, requests could pass limits. */
function resourcesOf({ requests, limits }: Resources = {}): Resources {
  const said = { ...requests, ...limits }
  const unsaid = (standard: NonNullable<Resources['requests']>) =>
    Object.fromEntries(Object.entries(standard).filter(([name]) => !(name in said)))
  return {
    requests: { ...unsaid(standardResources.requests), ...requests },
    limits: { ...unsaid(standardResources.limits), ...limits },
  }
}

const probe = (path: string, timing: { readonly periodSeconds: number; readonly failureThreshold: number }) => ({
  httpGet: { path, port: metricsPortName },
  timeoutSeconds: 5,
  ...timing,
})

function volumes(resource: HealthConsumer, revision: Revision) {
  const claim = resource.spec.iceberg.storage?.persistentVolumeClaim
  return [
    { name: 'manifest', configMap: { name: revisionName(resource, revision) } },
    { name: 'state', emptyDir: { sizeLimit: '16Mi' } },
    { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
    ...referencedSecrets(resource).map(secretName => ({
      name: secretVolume(resource, secretName),
      // For whichever user the platform chooses; nobody else is in the pod.
      secret: { secretName, defaultMode: 0o444 },
    })),
    ...(claim ? [{ name: 'warehouse', persistentVolumeClaim: { claimName: claim.claimName } }] : []),
  ]
}

function volumeMounts(resource: HealthConsumer) {
  const claim = resource.spec.iceberg.storage?.persistentVolumeClaim
  return [
    { name: 'manifest', mountPath: manifestFolder, readOnly: true },
    { name: 'state', mountPath: stateFolder },
    { name: 'tmp', mountPath: temporaryFolder },
    ...referencedSecrets(resource).map(secretName => ({
      name: secretVolume(resource, secretName),
      mountPath: `${secretsFolder}/${secretName}`,
      readOnly: true,
    })),
    ...(claim ? [{ name: 'warehouse', mountPath: claim.mountPath }] : []),
  ]
}

/** A volume's name is a DNS label, which a Secret's name need not be. */
const secretVolume = (resource: HealthConsumer, secretName: string) =>
  `secret-${referencedSecrets(resource).indexOf(secretName)}`

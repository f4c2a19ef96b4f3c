/**
 * The operator under an account with exactly the chart's rules, through all that it does: nothing is forbidden to it, and
 * nothing is allowed that it does not use. Nodes and controllers are played by hand, so that every step happens.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { HealthConsumerStatus } from '../../crds/healthconsumer.ts'
import { systemClock } from '../../operator/clock.ts'
import { ClusterAccess } from '../../operator/clusterAccess.ts'
import type { KubernetesError, KubernetesObject } from '../../operator/kubernetes.ts'
import { type AuditEntry, kubeConfigOf, startCluster, type TestCluster } from '../operator/cluster.ts'
import { accountKubeconfig, chartRules, createOperatorAccount, type PolicyRule } from '../operator/operatorAccount.ts'
import { type OperatorProcess, startOperator } from '../operator/operatorProcess.ts'
import { installApi } from '../operator/optionalApis.ts'
import { until } from '../until.ts'

const system = 'healthconsumer-system'
const account = 'healthconsumer-operator'
const accountName = (namespace: string, name: string) => `system:serviceaccount:${namespace}:${name}`

let cluster: TestCluster
before(async () => {
  cluster = await startCluster({ controllers: false })
  await cluster.installCrd()
  await installApi(cluster, 'monitoring')
  await installApi(cluster, 'keda')
  await cluster.createNamespace(system)
})
after(() => cluster?.down())

let files = 0
async function apply(...objects: readonly object[]): Promise<void> {
  const file = join(cluster.directory, `apply-${files++}.json`)
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  await cluster.kubectl('apply', '-f', file)
}

const secret = (namespace: string, name: string, stringData: Readonly<Record<string, string>>) => ({
  ...{ apiVersion: 'v1', kind: 'Secret' },
  ...{ metadata: { name, namespace }, stringData },
})
const configMap = (namespace: string, name: string) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  ...{ metadata: { name, namespace }, data: { REGION: 'north' } },
})

/** A namespace with all that `consumer` names. */
async function prepare(namespace: string): Promise<void> {
  await cluster.createNamespace(namespace)
  const claim = { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } }
  await apply(
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'tables', namespace }, spec: claim },
    secret(namespace, 'kafka-user', { username: 'health', password: 'secret' }),
    // Any authority will do.
    secret(namespace, 'kafka-ca', { 'ca.crt': await readFile(join(cluster.directory, 'pki/ca.crt'), 'utf8') }),
    configMap(namespace, 'region'),
  )
}

const consumer = (namespace: string, spec: object = {}) => ({
  apiVersion: 'healthdata.dev/v1alpha1',
  kind: 'HealthConsumer',
  metadata: { name: 'vitals', namespace },
  spec: {
    kafka: {
      bootstrapServers: ['kafka.test:9093'],
      tls: { caSecretRef: { name: 'kafka-ca' } },
      sasl: { mechanism: 'scram-sha-512', secretRef: { name: 'kafka-user' } },
    },
    iceberg: {
      catalog: { type: 'filesystem', warehouse: 'file:///data/warehouse' },
      storage: { persistentVolumeClaim: { claimName: 'tables', mountPath: '/data' } },
    },
    pod: { extraEnvFrom: [{ configMapRef: { name: 'region' } }] },
    rollout: { rollbackOnFailure: true },
    ...spec,
  },
})

const object = async (kind: string, namespace: string, name: string) =>
  JSON.parse(await cluster.kubectl('get', kind, name, '-n', namespace, '-o', 'json')) as KubernetesObject

/** Resolves with the status that is as wanted, of the newest spec. */
async function status(
  namespace: string,
  what: string,
  isWanted: (status: HealthConsumerStatus) => boolean,
): Promise<HealthConsumerStatus> {
  let last: HealthConsumerStatus | undefined
  const look = async () => {
    const resource = await object('healthconsumer', namespace, 'vitals')
    last = resource.status as HealthConsumerStatus
    return last.observedGeneration === resource.metadata.generation && isWanted(last)
  }
  await until(what, look).catch(error => {
    throw new Error(`${error.message}: ${JSON.stringify(last, null, 1)}`)
  })
  return last!
}

const stalledBy = (reason: string) => (seen: HealthConsumerStatus) =>
  seen.conditions?.some(each => each.type === 'Stalled' && each.status === 'True' && each.reason === reason) ?? false
const isWhole = (seen: HealthConsumerStatus) => seen.resources?.every(({ state }) => state === 'Applied') ?? false
const kindsIn = (seen: HealthConsumerStatus) => new Set(seen.resources?.map(({ kind }) => kind))

/** As the Deployment's controller would tell once its pods run, or once they failed to for too long. */
async function rollout(namespace: string, isReady: boolean): Promise<void> {
  const { metadata, spec } = await object('deployment', namespace, 'vitals-consumer')
  const { replicas = 1 } = spec as { replicas?: number }
  const up = isReady ? replicas : 0
  const late = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'too late' }
  const told = { observedGeneration: metadata.generation, replicas, updatedReplicas: replicas }
  const patch = { status: { ...told, readyReplicas: up, availableReplicas: up, conditions: isReady ? [] : [late] } }
  const target = ['deployment', 'vitals-consumer', '-n', namespace, '--subresource=status', '--type=merge']
  await cluster.kubectl('patch', ...target, '-p', JSON.stringify(patch))
}

/** Everything that an operator does in a life, in one namespace. */
async function lifeIn(namespace: string): Promise<void> {
  const scaling = { autoscaling: { mode: 'KEDA', minReplicas: 1, maxReplicas: 3 } }
  await apply(consumer(namespace, { scaling }))
  const first = await status(namespace, 'all children are there', isWhole)
  for (const kind of ['ScaledObject', 'TriggerAuthentication', 'ServiceMonitor', 'PrometheusRule', 'Deployment'])
    assert.ok(kindsIn(first).has(kind), kind)
  await rollout(namespace, true)
  await status(namespace, 'it is stable', ({ lastStableHash }) => lastStableHash !== undefined)

  // A revision that fails, back to the one before it, and a good one.
  await apply(consumer(namespace, { scaling, image: 'registry.test/wrong:1' }))
  await status(namespace, 'the revision is applied', ({ appliedHash }) => appliedHash !== first.appliedHash)
  await rollout(namespace, false)
  await status(namespace, 'it is rolled back', stalledBy('RolledBack'))
  await rollout(namespace, true)

  // Less than before: what is no longer asked for goes.
  const off = { enabled: false }
  const less = { pod: { serviceAccountName: 'own' }, scaling: { replicas: 1 } }
  const monitoring = { serviceMonitor: off, prometheusRule: off, dashboard: off }
  await apply(consumer(namespace, { ...less, monitoring }))
  await until('the pods have another account', async () => {
    const names = await cluster.kubectl('get', 'sa,servicemonitor,scaledobject,cm', '-n', namespace, '-o', 'name')
    return !/vitals-(consumer|dashboard)/.test(names)
  })

  // Missing and back, edited and repaired, taken and free, paused, gone.
  await cluster.kubectl('delete', 'secret', 'kafka-user', '-n', namespace)
  await status(namespace, 'the Secret is missed', stalledBy('SecretMissing'))
  await apply(secret(namespace, 'kafka-user', { username: 'health', password: 'other' }))
  await rollout(namespace, true)
  await status(namespace, 'it goes on', seen => !stalledBy('SecretMissing')(seen))
  const edit = ['service', 'vitals-consumer', '-n', namespace, '--type=merge', '-p']
  await cluster.kubectl('patch', ...edit, '{"spec":{"publishNotReadyAddresses":false}}')
  await until('the edit is taken back', async () => {
    const { spec } = await object('service', namespace, 'vitals-consumer')
    return (spec as { publishNotReadyAddresses?: boolean }).publishNotReadyAddresses === true
  })
  await apply(consumer(namespace, { ...less, paused: true }))
  await status(namespace, 'it is paused', ({ conditions }) =>
    Boolean(conditions?.some(({ type, status: is }) => type === 'Paused' && is === 'True')),
  )
  await cluster.kubectl('delete', 'healthconsumer', 'vitals', '-n', namespace)
}

/** `group/resource verb` of a request; server-side apply that made an object needed `create` as well. */
function usedBy({ verb, objectRef, responseStatus }: AuditEntry): readonly string[] {
  if (objectRef === undefined) return []
  const { apiGroup = '', resource, subresource } = objectRef
  const target = `${apiGroup}/${resource}${subresource ? `/${subresource}` : ''}`
  return verb === 'patch' && responseStatus?.code === 201
    ? [`${target} patch`, `${target} create`]
    : [`${target} ${verb}`]
}

const granted = (rules: readonly PolicyRule[]): readonly string[] =>
  rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap(group => resources.flatMap(resource => verbs.map(verb => `${group}/${resource} ${verb}`))),
  )

const requestsOf = async (user: string) => (await cluster.audit()).filter(({ user: { username } }) => username === user)
const forbiddenTo = async (user: string) =>
  (await requestsOf(user)).filter(({ responseStatus }) => responseStatus?.code === 403).map(each => each.requestURI)

const run = async (kubeconfig: string, environment: Readonly<Record<string, string>>): Promise<OperatorProcess> => {
  const operator = await startOperator({ kubeconfig, environment })
  await until('the operator leads', async () => (await operator.get('/readyz')).status === 200)
  return operator
}

suite('least privilege', () => {
  test('the rules of the chart are exactly what a life of the operator uses', async () => {
    const kubeconfig = await createOperatorAccount(cluster, { namespace: system, name: account })
    await prepare('whole')
    const operator = await run(kubeconfig, { POD_NAMESPACE: system })
    try {
      await lifeIn('whole')
    } finally {
      // Only a watch that has ended is in the audit log.
      await operator.stop()
    }
    const user = accountName(system, account)
    assert.deepEqual(await forbiddenTo(user), [])
    const used = new Set((await requestsOf(user)).flatMap(usedBy))
    // Checked by admission within the request for a child: see the test below.
    used.add('healthdata.dev/healthconsumers/finalizers update')
    const allowed = granted([...(await chartRules('rules')), ...(await chartRules('leaseRules'))])
    assert.deepEqual([...used].sort(), [...allowed].sort())
  })

  test('an owner reference needs the finalizers of the owner', async () => {
    await prepare('owned')
    await apply(consumer('owned'))
    const owner = await object('healthconsumer', 'owned', 'vitals')
    const { apiVersion, kind, metadata } = owner
    const reference = { apiVersion, kind, name: metadata.name, uid: metadata.uid!, controller: true }
    const child = {
      ...{ apiVersion: 'v1', kind: 'ConfigMap' },
      metadata: { name: 'child', namespace: 'owned', ownerReferences: [{ ...reference, blockOwnerDeletion: true }] },
    }
    const rules = await chartRules('rules')
    const isOther = ({ resources }: PolicyRule) => !resources.includes('healthconsumers/finalizers')
    const write = async (name: string, allowed: readonly PolicyRule[]) => {
      const kubeconfig = await createOperatorAccount(cluster, { namespace: system, name, rules: allowed })
      const access = new ClusterAccess(kubeConfigOf(kubeconfig), systemClock)
      return cluster.client({ access }).apply(child, { fieldManager: 'test', dryRun: true })
    }
    await write('with-finalizers', rules)
    await assert.rejects(write('without-finalizers', rules.filter(isOther)), (error: KubernetesError) => {
      assert.equal(error.code, 'Forbidden')
      return /blockOwnerDeletion/.test(error.message)
    })
  })

  test('an operator of some namespaces needs Roles in these alone', async () => {
    const options = { namespace: system, name: 'narrow', watched: ['inside'] }
    await prepare('inside')
    await prepare('outside')
    const kubeconfig = await createOperatorAccount(cluster, options)
    await apply(consumer('outside'))
    const operator = await run(kubeconfig, { POD_NAMESPACE: system, WATCH_NAMESPACES: 'inside' })
    try {
      await lifeIn('inside')
    } finally {
      await operator.stop()
    }
    assert.deepEqual(await forbiddenTo(accountName(system, 'narrow')), [])
    const touched = (await requestsOf(accountName(system, 'narrow'))).map(({ objectRef }) => objectRef?.namespace)
    assert.deepEqual([...new Set(touched)].sort(), [system, 'inside'].sort())
  })
})

test('a pod of a consumer can ask nothing of the API', async () => {
  const kubeconfig = await createOperatorAccount(cluster, { namespace: system, name: account })
  await prepare('pods')
  const operator = await run(kubeconfig, { POD_NAMESPACE: system })
  try {
    await apply(consumer('pods'))
    await status('pods', 'all children are there', isWhole)
  } finally {
    await operator.stop()
  }
  const { spec } = await object('deployment', 'pods', 'vitals-consumer')
  const pod = (spec as { template: { spec: { automountServiceAccountToken: boolean; serviceAccountName: string } } })
    .template.spec
  assert.equal(pod.automountServiceAccountToken, false)
  const own = await object('serviceaccount', 'pods', pod.serviceAccountName)
  assert.equal(own.automountServiceAccountToken, false)

  // Even somebody who gets hold of a token of that account learns only who it is.
  const token = await accountKubeconfig(cluster, 'pods', pod.serviceAccountName)
  const review = join(cluster.directory, 'review.json')
  const kind = 'SelfSubjectRulesReview'
  await writeFile(review, JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind, spec: { namespace: 'pods' } }))
  const told = await cluster.kubectl('--kubeconfig', token, 'create', '--validate=false', '-f', review, '-o', 'json')
  const { resourceRules } = (JSON.parse(told) as { status: { resourceRules: readonly PolicyRule[] } }).status
  const about = new Set(resourceRules.flatMap(({ resources }) => resources))
  assert.deepEqual(
    [...about].sort(),
    ['selfsubjectaccessreviews', 'selfsubjectreviews', 'selfsubjectrulesreviews'].sort(),
  )
})

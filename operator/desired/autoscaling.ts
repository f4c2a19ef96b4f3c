/**
 * KEDA's part: a ScaledObject with a trigger for each topic, and where Kafka asks for credentials a
 * TriggerAuthentication that reads them from the Secrets that the pods read. None while the resource is paused.
 * Source: https://keda.sh/docs/latest/scalers/apache-kafka/. Pure.
 */
import type { HealthConsumer } from '../../crds/healthconsumer.ts'
import { type Build, child, childName, namespaceOf } from './child.ts'

const mechanisms = {
  plain: 'plaintext',
  'scram-sha-256': 'scram_sha256',
  'scram-sha-512': 'scram_sha512',
  oauthbearer: 'oauthbearer',
}

function kedaOf(resource: HealthConsumer) {
  const { scaling, paused } = resource.spec
  return scaling?.autoscaling?.mode === 'KEDA' && !paused ? scaling.autoscaling : undefined
}

export const scaledObject: Build = input => {
  const { resource } = input
  const autoscaling = kedaOf(resource)
  if (autoscaling === undefined) return undefined
  const { minReplicas, maxReplicas, lagThreshold } = autoscaling
  const { kafka } = resource.spec
  const triggers = kafka.topics.map(topic => ({
    type: 'kafka',
    metadata: {
      bootstrapServers: kafka.bootstrapServers.join(','),
      consumerGroup: kafka.groupId ?? `${namespaceOf(resource)}.${resource.metadata.name}`,
      topic,
      lagThreshold: String(lagThreshold),
      offsetResetPolicy: kafka.startFrom,
      ...(kafka.sasl && { sasl: mechanisms[kafka.sasl.mechanism] }),
      ...(kafka.tls && { tls: 'enable' }),
    },
    ...(needsCredentials(resource) && { authenticationRef: { name: childName(resource) } }),
  }))
  return child(
    input,
    { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject' },
    {},
    {
      spec: {
        scaleTargetRef: { name: childName(resource) },
        minReplicaCount: minReplicas,
        maxReplicaCount: maxReplicas,
        triggers,
      },
    },
  )
}

export const triggerAuthentication: Build = input => {
  const { resource } = input
  if (kedaOf(resource) === undefined || !needsCredentials(resource)) return undefined
  const { sasl, tls } = resource.spec.kafka
  const secretKey = (parameter: string, name: string, key: string) => ({ parameter, name, key })
  const secretTargetRef = [
    ...(sasl
      ? credentialKeys(sasl.mechanism).map(([parameter, key]) => secretKey(parameter, sasl.secretRef.name, key))
      : []),
    ...(tls?.caSecretRef ? [secretKey('ca', tls.caSecretRef.name, tls.caSecretRef.key)] : []),
    ...(tls?.clientCertificateSecretRef
      ? [
          secretKey('cert', tls.clientCertificateSecretRef.name, 'tls.crt'),
          secretKey('key', tls.clientCertificateSecretRef.name, 'tls.key'),
        ]
      : []),
  ]
  return child(
    input,
    { apiVersion: 'keda.sh/v1alpha1', kind: 'TriggerAuthentication' },
    {},
    { spec: { secretTargetRef } },
  )
}

const needsCredentials = ({ spec }: HealthConsumer): boolean =>
  spec.kafka.sasl !== undefined ||
  spec.kafka.tls?.caSecretRef !== undefined ||
  spec.kafka.tls?.clientCertificateSecretRef !== undefined

/** KEDA's parameter, and the key of our Secret that holds it. */
function credentialKeys(mechanism: keyof typeof mechanisms): readonly (readonly [string, string])[] {
  if (mechanism === 'oauthbearer')
    return [
      ['oauthTokenEndpointUri', 'tokenEndpoint'],
      ['username', 'clientId'],
      ['password', 'clientSecret'],
    ]
  return [
    ['username', 'username'],
    ['password', 'password'],
  ]
}

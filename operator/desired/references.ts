/** The Secrets that a resource names, and the ConfigMaps: what its pods need beside what the operator makes. Pure. */
import type { HealthConsumer } from '../../crds/healthconsumer.ts'
import {
  authorities,
  type ContentCheck,
  catalogLogin,
  keyPair,
  oauthKeys,
  oauthLogin,
  texts,
} from '../../runtime/contract/secretContents.ts'

/** Names of the Secrets that are mounted into the pods, in order and each once. */
export function referencedSecrets({ spec }: HealthConsumer): readonly string[] {
  const { kafka, schemaRegistry, iceberg } = spec
  const names = [
    kafka.tls?.caSecretRef?.name,
    kafka.tls?.clientCertificateSecretRef?.name,
    kafka.sasl?.secretRef.name,
    schemaRegistry?.secretRef?.name,
    iceberg.catalog.secretRef?.name,
    iceberg.catalog.caSecretRef?.name,
    iceberg.storage?.s3?.secretRef?.name,
    iceberg.storage?.s3?.caSecretRef?.name,
  ]
  return [...new Set(names.filter(name => name !== undefined))].sort()
}

export interface Dependency {
  readonly kind: 'Secret' | 'ConfigMap' | 'PersistentVolumeClaim'
  readonly name: string
  /** Field of the resource that names it. */
  readonly field: string
  /** The pods start without it. */
  readonly optional: boolean
  /** Its content is the pods' configuration: a change rolls them. */
  readonly rolls: boolean
  /** Keys that the runtime reads. */
  readonly keys: readonly string[]
  /** Of what it holds beside having these keys. */
  readonly check?: ContentCheck
}

/** Everything that must be there before the pods can run. */
export function dependenciesOf({ spec }: HealthConsumer): readonly Dependency[] {
  const { kafka, schemaRegistry, iceberg, pod } = spec
  const secret = (
    name: string | undefined,
    field: string,
    keys: readonly string[],
    check: ContentCheck = texts(keys),
  ): readonly Dependency[] =>
    name === undefined ? [] : [{ kind: 'Secret', name, field, optional: false, rolls: true, keys, check }]
  const authoritiesIn = (reference: { readonly name: string; readonly key: string } | undefined, field: string) =>
    reference === undefined ? [] : secret(reference.name, field, [reference.key], authorities(reference.key))
  const claim = iceberg.storage?.persistentVolumeClaim?.claimName
  const user = ['username', 'password']
  const [saslKeys, saslCheck] =
    kafka.sasl?.mechanism === 'oauthbearer' ? ([oauthKeys, oauthLogin] as const) : ([user, texts(user)] as const)
  return [
    ...authoritiesIn(kafka.tls?.caSecretRef, 'spec.kafka.tls.caSecretRef'),
    ...secret(
      kafka.tls?.clientCertificateSecretRef?.name,
      'spec.kafka.tls.clientCertificateSecretRef',
      ['tls.crt', 'tls.key'],
      keyPair,
    ),
    ...secret(kafka.sasl?.secretRef.name, 'spec.kafka.sasl.secretRef', saslKeys, saslCheck),
    ...secret(schemaRegistry?.secretRef?.name, 'spec.schemaRegistry.secretRef', user),
    // A token, or an id with a secret: none of them is needed by itself.
    ...secret(iceberg.catalog.secretRef?.name, 'spec.iceberg.catalog.secretRef', [], catalogLogin),
    ...authoritiesIn(iceberg.catalog.caSecretRef, 'spec.iceberg.catalog.caSecretRef'),
    ...secret(iceberg.storage?.s3?.secretRef?.name, 'spec.iceberg.storage.s3.secretRef', [
      'accessKeyId',
      'secretAccessKey',
    ]),
    ...authoritiesIn(iceberg.storage?.s3?.caSecretRef, 'spec.iceberg.storage.s3.caSecretRef'),
    ...(pod?.extraEnvFrom ?? []).flatMap((source, index): Dependency[] => {
      const field = `spec.pod.extraEnvFrom[${index}]`
      const { secretRef, configMapRef } = source
      const common = { field, rolls: true, keys: [] }
      if (secretRef) return [{ kind: 'Secret', name: secretRef.name, optional: secretRef.optional ?? false, ...common }]
      if (configMapRef)
        return [{ kind: 'ConfigMap', name: configMapRef.name, optional: configMapRef.optional ?? false, ...common }]
      return []
    }),
    ...(claim === undefined
      ? []
      : [
          {
            kind: 'PersistentVolumeClaim' as const,
            name: claim,
            field: 'spec.iceberg.storage.persistentVolumeClaim',
            optional: false,
            rolls: false,
            keys: [],
          },
        ]),
  ]
}

/**
 * What the runtime is told to do: plain, frozen data, derived from a HealthConsumer and nothing else. The operator hands
 * it to the pods as JSON, the command derives it from a manifest. Pure; it reads no file, no secret and no environment.
 */
import { isAbsolute, normalize, resolve } from 'node:path/posix'
import { durationMs } from '../../crds/fields.ts'
import type { HealthConsumer } from '../../crds/healthconsumer.ts'

type Spec = HealthConsumer['spec']

export interface ValidRange {
  /** Inclusive bounds in `unit`. */
  readonly min: number
  readonly max: number
  readonly unit: string
}

/** A key of a Secret. */
export interface SecretKey {
  readonly name: string
  readonly key: string
}

export interface RuntimeConfiguration {
  readonly name: string
  readonly namespace: string
  readonly groupId: string
  readonly bootstrapServers: readonly string[]
  readonly topics: readonly string[]
  readonly startFrom: 'earliest' | 'latest'
  readonly onGap: 'Halt' | 'RecordAndContinue'
  readonly sessionTimeoutMs: number
  /** Present where the connection is encrypted. References name Secrets; their content is never in here. */
  readonly kafkaTls?: {
    readonly caSecret?: SecretKey
    readonly clientCertificateSecret?: string
  }
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer'
    readonly secret: string
  }
  readonly format: 'json' | 'avro'
  readonly schemaRegistry?: { readonly url: string; readonly secret?: string }
  readonly validation: {
    readonly mode: 'lenient' | 'strict'
    readonly onInvalid: 'ErrorsTable' | 'Drop' | 'Fail'
    /** Per data type, in place of the built-in range. */
    readonly ranges: Readonly<Record<string, ValidRange>>
  }
  readonly catalog: {
    readonly type: 'rest' | 'filesystem'
    readonly uri?: string
    /** An absolute location (`file:///…`, `s3://…`) for filesystem; for rest the catalog's own name for it, or none. */
    readonly warehouse?: string
    readonly secret?: string
    readonly caSecret?: SecretKey
    readonly properties: Readonly<Record<string, string>>
  }
  readonly tables: {
    /** Levels of the namespace, outermost first. */
    readonly namespace: readonly string[]
    readonly raw: string
    readonly errors: string
  }
  readonly storage: {
    readonly s3?: {
      readonly endpoint?: string
      readonly region?: string
      readonly pathStyle: boolean
      readonly secret?: string
      readonly caSecret?: SecretKey
      readonly serverSideEncryption?: { readonly mode: 'AES256' | 'aws:kms'; readonly kmsKeyId?: string }
    }
  }
  /** Absolute location; without it, beside the errors table. */
  readonly pendingLocation?: string
  readonly commit: {
    readonly intervalMs: number
    readonly maxRows: number
    readonly targetFileSizeBytes: number
    readonly compression: 'zstd' | 'snappy' | 'gzip' | 'none'
  }
  readonly maintenance: {
    readonly snapshotRetention: { readonly maxAgeMs: number; readonly maxCount: number }
    readonly compaction: { readonly enabled: boolean }
    readonly orphanRemoval: { readonly enabled: boolean; readonly minAgeMs: number }
  }
  readonly logging: {
    readonly level: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL'
    readonly format: 'json' | 'text'
  }
}

/**
 * The configuration that a HealthConsumer describes.
 * `folder` is the absolute path that relative locations count from (the manifest's folder for a local run).
 */
export function runtimeConfiguration(resource: HealthConsumer, folder = '/'): RuntimeConfiguration {
  const { name, namespace = 'default' } = resource.metadata
  const { kafka, iceberg, validation, logging } = resource.spec
  const configuration: RuntimeConfiguration = {
    name,
    namespace,
    ...kafkaPart(kafka, `${namespace}.${name}`),
    format: resource.spec.format,
    ...optional('schemaRegistry', registryPart(resource.spec)),
    validation: { mode: validation.mode, onInvalid: validation.onInvalid, ranges: validation.ranges ?? {} },
    catalog: catalogPart(iceberg.catalog, folder),
    tables: { namespace: iceberg.namespace.split('.'), raw: iceberg.rawTable, errors: iceberg.errorsTable },
    storage: storagePart(iceberg.storage),
    ...optional(
      'pendingLocation',
      iceberg.storage?.pendingLocation && absolute(iceberg.storage.pendingLocation, folder),
    ),
    commit: {
      intervalMs: durationMs(iceberg.commit.interval),
      maxRows: iceberg.commit.maxRows,
      targetFileSizeBytes: iceberg.commit.targetFileSizeBytes,
      compression: iceberg.commit.compression,
    },
    maintenance: maintenancePart(iceberg.maintenance),
    logging: { level: logging.level, format: logging.format },
  }
  return frozen(structuredClone(configuration))
}

function kafkaPart(kafka: Spec['kafka'], standardGroup: string) {
  const { tls, sasl } = kafka
  const kafkaTls = tls && {
    ...optional('caSecret', tls.caSecretRef),
    ...optional('clientCertificateSecret', tls.clientCertificateSecretRef?.name),
  }
  return {
    groupId: kafka.groupId ?? standardGroup,
    bootstrapServers: kafka.bootstrapServers,
    topics: kafka.topics,
    startFrom: kafka.startFrom,
    onGap: kafka.onGap,
    sessionTimeoutMs: durationMs(kafka.sessionTimeout),
    ...optional('kafkaTls', kafkaTls),
    ...optional('sasl', sasl && { mechanism: sasl.mechanism, secret: sasl.secretRef.name }),
  }
}

function registryPart({ schemaRegistry }: Spec) {
  return schemaRegistry && { url: schemaRegistry.url, ...optional('secret', schemaRegistry.secretRef?.name) }
}

function catalogPart(catalog: Spec['iceberg']['catalog'], folder: string) {
  const local = catalog.type === 'filesystem' && catalog.warehouse !== undefined
  return {
    type: catalog.type,
    ...optional('uri', catalog.uri),
    ...optional('warehouse', local ? absolute(catalog.warehouse!, folder) : catalog.warehouse),
    ...optional('secret', catalog.secretRef?.name),
    ...optional('caSecret', catalog.caSecretRef),
    properties: catalog.properties ?? {},
  }
}

function storagePart(storage: Spec['iceberg']['storage']) {
  const s3 = storage?.s3
  if (!s3) return {}
  return {
    s3: {
      ...optional('endpoint', s3.endpoint),
      ...optional('region', s3.region),
      pathStyle: s3.pathStyle,
      ...optional('secret', s3.secretRef?.name),
      ...optional('caSecret', s3.caSecretRef),
      ...optional('serverSideEncryption', s3.serverSideEncryption),
    },
  }
}

const maintenancePart = ({ snapshotRetention, compaction, orphanRemoval }: Spec['iceberg']['maintenance']) => ({
  snapshotRetention: { maxAgeMs: durationMs(snapshotRetention.maxAge), maxCount: snapshotRetention.maxCount },
  compaction: { enabled: compaction.enabled },
  orphanRemoval: { enabled: orphanRemoval.enabled, minAgeMs: durationMs(orphanRemoval.minAge) },
})

/** A location with its scheme and without a slash at its end. Paths are written as they are, never percent-encoded. */
function absolute(location: string, folder: string): string {
  const trimmed = location.replace(/\/+$/, '')
  if (trimmed.startsWith('s3://')) return trimmed
  const path = trimmed.replace(/^file:(\/\/)?/, '')
  return `file://${isAbsolute(path) ? normalize(path) : resolve(folder, path)}`
}

/** An object with one field, or with none where the value is undefined: plain data holds no undefined. */
const optional = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: V }

function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) frozen(inner)
  return Object.freeze(value)
}

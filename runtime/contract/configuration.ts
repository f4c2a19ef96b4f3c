/**
 * What the runtime is told to do: plain, frozen data, derived from a HealthConsumer and nothing else. The operator hands
 * it to the pods as JSON, the command derives it from a manifest. Pure; it reads no file, no secret and no environment.
 */
import { isAbsolute, normalize, resolve } from 'node:path/posix'
import { durationMs } from '../../crds/fields.ts'
import type { HealthConsumer } from '../../crds/healthconsumer.ts'
import type { Problem } from '../../crds/problems.ts'
import { type FieldPath, fieldName } from '../../crds/schemaPath.ts'
import { restProblems } from './restSettings.ts'
import { s3Problems } from './s3Settings.ts'

type Spec = HealthConsumer['spec']

export interface ValidRange {
  /** Inclusive bounds in `unit`. */
  readonly min: number
  readonly max: number
  readonly unit: string
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
    readonly caSecret?: { readonly name: string; readonly key: string }
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
    ...optional('caSecret', tls.caSecretRef && { name: tls.caSecretRef.name, key: tls.caSecretRef.key }),
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

function refusal(code: Problem['code'], path: FieldPath, what: string, fix: string): Problem {
  return { code, path, field: fieldName(path), what, fix }
}

/** What the configuration asks for and this version's runtime cannot do, or must not: it refuses to run. */
export function unsupportedHere(configuration: RuntimeConfiguration): readonly Problem[] {
  const { catalog } = configuration
  const checks: readonly [boolean, FieldPath, string, string][] = [
    [
      configuration.sasl?.mechanism === 'oauthbearer',
      ['spec', 'kafka', 'sasl', 'mechanism'],
      'oauthbearer',
      'use plain, scram-sha-256 or scram-sha-512',
    ],
    [
      // kafkajs takes what stands before the first colon for the host.
      configuration.bootstrapServers.some(server => server.startsWith('[')),
      ['spec', 'kafka', 'bootstrapServers'],
      'an IPv6 address',
      'write a host name that resolves to it',
    ],
    [configuration.format === 'avro', ['spec', 'format'], 'avro', 'use json'],
    [
      catalog.type === 'filesystem' && Object.keys(catalog.properties).length > 0,
      ['spec', 'iceberg', 'catalog', 'properties'],
      'a property of a filesystem catalog',
      'remove the properties',
    ],
    [
      configuration.maintenance.compaction.enabled,
      ['spec', 'iceberg', 'maintenance', 'compaction', 'enabled'],
      'compaction',
      "set it to false, and rewrite small files with an engine's rewrite_data_files",
    ],
  ]
  return [
    ...checks
      .filter(([found]) => found)
      .map(([, path, what, fix]) => refusal('NOT_SUPPORTED', path, `${what} is not supported yet`, fix)),
    ...(catalog.type === 'rest' ? restProblems(catalog.uri!, catalog.properties) : []),
    ...s3Problems(configuration.storage.s3),
    ...(pendingInsideTable(configuration) ? [misplacedPending] : []),
  ]
}

/** An engine's orphan removal would take pending files inside a table's location for waste. */
const misplacedPending = refusal(
  'BROKEN_RULE',
  ['spec', 'iceberg', 'storage', 'pendingLocation'],
  'lies inside a table',
  'choose a folder outside both tables, or remove it for the default beside the errors table',
)

function pendingInsideTable({ catalog, tables, pendingLocation }: RuntimeConfiguration): boolean {
  if (catalog.type !== 'filesystem' || pendingLocation === undefined) return false
  const folders = [tables.raw, tables.errors].map(table => [catalog.warehouse, ...tables.namespace, table].join('/'))
  return folders.some(folder => `${pendingLocation}/`.startsWith(`${folder}/`))
}

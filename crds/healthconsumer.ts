/**
 * The HealthConsumer resource: the only source of its API. Fields, defaults, bounds, descriptions and rules between
 * fields; the CRD, the operator, the runtime and the command all read them from here. It performs nothing.
 *
 * What a CRD asks of the schema: flat objects and enums instead of unions, a bound on all that a rule reaches, RE2
 * patterns, object defaults that list no unknown field. `scaling.replicas` has no default: one would fight the
 * autoscaler under GitOps.
 */
import { z } from 'zod'
import {
  bounded,
  dataKey,
  dateTime,
  duration,
  int32,
  int64,
  keyedMapOf,
  labelValue,
  listMapOf,
  mapOf,
  objectName,
  reference,
  secretReference,
  sensitiveText,
  text,
  uniqueListOf,
  webAddress,
} from './fields.ts'
import { monitoring } from './monitoring.ts'
import { networkPolicy } from './networkPolicy.ts'
import { pod } from './pod.ts'
import { immutable, withRules } from './rules.ts'
import { status } from './status.ts'

export const group = 'healthdata.dev'
export const version = 'v1alpha1'
export const apiVersion = `${group}/${version}`
export const kind = 'HealthConsumer'
export const plural = 'healthconsumers'
export const shortName = 'hc'

/** Children append suffixes of up to 11 characters to the name, and a label value holds 63. */
const longestName = 52
const address =
  /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?):(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})$/
const topicName = /^(\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*|\.{3}[A-Za-z0-9._-]*)$/
const dataType = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
const tableName = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/
const namespaceName = /^[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*$/
const location = /^(file:(\/\/)?\/[^/:%#?\p{Cc}]|s3:\/\/[^/:%#?\p{Cc}\p{Z}]|[^~:%#?\p{Cc}\p{Z}])[^:%#?\p{Cc}]*$/u
const locationForm = 'a path (/data, ./data), file:///data or s3://bucket/folder, without any of : % # ?'

const authoritiesReference = (whom: string) =>
  reference(
    z.strictObject({
      name: objectName().describe('Name of the Secret.'),
      key: dataKey().default('ca.crt').describe('Key that holds the certificates (PEM).'),
    }),
  )
    .optional()
    .describe(`Certificate authorities that ${whom} checked against, and no others; by default the system's.`)

const tls = z.strictObject({
  caSecretRef: authoritiesReference('the brokers are'),
  clientCertificateSecretRef: secretReference(
    'Secret of type kubernetes.io/tls (tls.crt, tls.key): the certificate that the consumer shows to the brokers.',
  ).optional(),
})

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']).describe('SASL mechanism.'),
  secretRef: secretReference(
    'Secret with the keys username and password; for oauthbearer tokenEndpoint, clientId and clientSecret, and where ' +
      'they are asked for scope, ca.crt (authorities of the token endpoint), logicalCluster and identityPoolId.',
  ),
})

const kafka = withRules(
  z.strictObject({
    bootstrapServers: uniqueListOf(text(address, 'host:port with a port from 1 to 65535', 261), 1, 32).describe(
      'Brokers that the consumer starts from, as host:port.',
    ),
    topics: uniqueListOf(text(topicName, 'a topic name: letters, digits, ".", "_" and "-"', 249).min(1), 1, 64)
      .default(['health-data-raw'])
      .describe('Topics of health payloads.'),
    groupId: text(/^[A-Za-z0-9._-]+$/, 'letters, digits, ".", "_" and "-"', 249)
      .optional()
      .describe('Consumer group; by default <namespace>.<name>. It cannot change: the tables belong to it.'),
    startFrom: z
      .enum(['earliest', 'latest'])
      .default('earliest')
      .describe('Where reading begins. Decided once, when the tables are initialised; a later change has no effect.'),
    onGap: z
      .enum(['Halt', 'RecordAndContinue'])
      .default('Halt')
      .describe('What to do where Kafka no longer has records that were never read: halt, or note the gap and go on.'),
    sessionTimeout: duration('6s', '5m')
      .default('6s')
      .describe('Time without a heartbeat after which a consumer counts as dead and its partitions move.'),
    tls: tls
      .optional()
      .describe('Encrypts the connection; an empty object is enough for brokers with public certificates.'),
    sasl: sasl.optional().describe('How the consumer authenticates.'),
  }),
  [immutable('groupId', 'create another HealthConsumer with its own tables for another group')],
)

const schemaRegistry = z.strictObject({
  url: webAddress().describe('Address of the schema registry.'),
  secretRef: secretReference('Secret with the keys username and password.').optional(),
})

const range = withRules(
  z.strictObject({
    min: z.number().min(0).describe('Smallest valid value, inclusive.'),
    max: z.number().min(0).describe('Largest valid value, inclusive.'),
    unit: bounded(32).min(1).describe('Unit that min and max are in.'),
  }),
  [
    {
      cel: 'self.min <= self.max',
      what: 'has a min above its max',
      fix: 'exchange min and max',
      reads: ['min', 'max'],
      check: self => self.min <= self.max,
    },
  ],
)

const validation = z.strictObject({
  mode: z
    .enum(['lenient', 'strict'])
    .default('lenient')
    .describe('lenient takes unknown data types and other units unchecked; strict refuses both.'),
  onInvalid: z
    .enum(['ErrorsTable', 'Drop', 'Fail'])
    .default('ErrorsTable')
    .describe('What becomes of an invalid sample: a row of the errors table, nothing, or a halt of the pipeline.'),
  ranges: withRules(mapOf(range, 128), [
    {
      cel: "self.all(type, type.matches('^[A-Za-z][A-Za-z0-9_.-]{0,63}$'))",
      what: 'has a key that is no data type',
      fix: 'name data types as in heartRate: a letter, then up to 63 letters, digits, "_", "." or "-"',
      reads: [],
      check: self => Object.keys(self).every(type => dataType.test(type)),
    },
  ])
    .optional()
    .describe('Valid range per data type, in place of the built-in one or for a type that has none.'),
})

const catalog = withRules(
  z.strictObject({
    type: z.enum(['rest', 'filesystem']).describe('A REST catalog, or tables that lie in folders of a file system.'),
    uri: webAddress().optional().describe('Address of the REST catalog.'),
    warehouse: bounded(1024)
      .min(1)
      .optional()
      .describe(
        'Where the tables lie: an absolute path, file:///… or s3://…; for rest the name that the catalog knows. ' +
          'A relative path is for local runs and counts from the folder of the manifest.',
      ),
    secretRef: secretReference(
      'Secret with the credentials of the REST catalog: token, or clientId and clientSecret; for one of AWS (SigV4) ' +
        'accessKeyId and secretAccessKey.',
    ).optional(),
    caSecretRef: authoritiesReference('the REST catalog and the server of its tokens are'),
    properties: mapOf(sensitiveText(4096), 64)
      .optional()
      .describe(
        'More properties for the REST catalog, such as scope. Credentials belong into the Secret and are refused here.',
      ),
  }),
  [
    {
      cel: "self.type != 'rest' || has(self.uri)",
      what: 'is missing for catalog type rest',
      fix: 'add the address of the catalog, such as http://catalog:8181',
      reads: ['type', 'uri'],
      at: 'uri',
      check: self => self.type !== 'rest' || self.uri !== undefined,
    },
    {
      cel: "self.type != 'filesystem' || has(self.warehouse)",
      what: 'is missing for catalog type filesystem',
      fix: 'add the folder of the tables, such as file:///data/warehouse',
      reads: ['type', 'warehouse'],
      at: 'warehouse',
      check: self => self.type !== 'filesystem' || self.warehouse !== undefined,
    },
    {
      cel: `self.type != 'filesystem' || !has(self.warehouse) || self.warehouse.matches(r'${location.source}')`,
      what: 'is no location of a file system',
      fix: `write ${locationForm}`,
      reads: ['type', 'warehouse'],
      at: 'warehouse',
      check: self => self.type !== 'filesystem' || self.warehouse === undefined || location.test(self.warehouse),
    },
    {
      cel: "self.type == 'rest' || !has(self.caSecretRef)",
      what: 'is for catalog type rest alone',
      fix: 'remove it; storage.s3.caSecretRef is for the files',
      reads: ['type', 'caSecretRef'],
      at: 'caSecretRef',
      check: self => self.type === 'rest' || self.caSecretRef === undefined,
    },
    immutable('type', 'create another HealthConsumer for another catalog'),
    immutable('uri', 'create another HealthConsumer for another catalog'),
    immutable('warehouse', 'create another HealthConsumer for another warehouse'),
  ],
)

const serverSideEncryption = withRules(
  z.strictObject({
    mode: z.enum(['AES256', 'aws:kms']).describe('AES256: with keys of the service. aws:kms: with a key of KMS.'),
    kmsKeyId: text(/^[A-Za-z0-9:/_-]+$/, 'the id, alias or ARN of a key', 2048)
      .min(1)
      .optional()
      .describe("Id or ARN of the KMS key; by default the bucket's, or AWS's own."),
  }),
  [
    {
      cel: "self.mode == 'aws:kms' || !has(self.kmsKeyId)",
      what: 'is for mode aws:kms alone',
      fix: 'write mode: aws:kms, or remove kmsKeyId',
      reads: ['mode', 'kmsKeyId'],
      at: 'kmsKeyId',
      check: self => self.mode === 'aws:kms' || self.kmsKeyId === undefined,
    },
  ],
)

const s3 = withRules(
  z.strictObject({
    endpoint: webAddress().optional().describe("Address of an S3 service; by default AWS's."),
    region: text(/^[a-z0-9-]+$/, 'a region such as eu-central-1', 63)
      .optional()
      .describe('Region that the bucket lies in.'),
    pathStyle: z.boolean().default(false).describe('Put the bucket into the path instead of the host name.'),
    secretRef: secretReference(
      'Secret with the keys accessKeyId and secretAccessKey, and sessionToken where they are temporary; by default ' +
        "the environment, the pod's identity or the machine's.",
    ).optional(),
    caSecretRef: authoritiesReference('the S3 service is'),
    serverSideEncryption: serverSideEncryption
      .optional()
      .describe("How files are encrypted where they lie; by default as the bucket's settings say."),
  }),
  [
    {
      cel: "!has(self.caSecretRef) || !has(self.endpoint) || self.endpoint.startsWith('https:')",
      what: 'is for a service at an https address',
      fix: 'write endpoint: https://…, or remove caSecretRef',
      reads: ['endpoint', 'caSecretRef'],
      at: 'caSecretRef',
      check: self => self.caSecretRef === undefined || self.endpoint?.startsWith('https:') !== false,
    },
  ],
)

const storage = withRules(
  z.strictObject({
    s3: s3.optional().describe('How s3:// locations are reached.'),
    persistentVolumeClaim: z
      .strictObject({
        claimName: objectName().describe('Name of the claim.'),
        mountPath: text(/^\/[^/:\p{Cc}][^:\p{Cc}]*$/u, 'an absolute path such as /warehouse', 1024)
          .default('/warehouse')
          .describe('Where the volume is mounted; the warehouse lies in it.'),
        fsGroup: int64(1, 2 ** 31 - 1)
          .default(1000)
          .describe('Group that may write to the volume (core/v1 PodSecurityContext); the pods become members.'),
      })
      .optional()
      .describe('Volume that file: locations lie on.'),
    pendingLocation: text(location, locationForm, 1024)
      .min(1)
      .optional()
      .describe(
        'Folder of error files that are written and not yet in the errors table. It must lie outside both tables; by ' +
          'default _hc_pending beside the errors table. A relative path counts from the folder of the manifest.',
      ),
  }),
  [
    {
      cel: '!has(self.s3) || !has(self.persistentVolumeClaim)',
      what: 'has both s3 and persistentVolumeClaim',
      fix: 'keep the one that the warehouse lies on',
      reads: [],
      check: self => self.s3 === undefined || self.persistentVolumeClaim === undefined,
    },
  ],
)

const commit = z.strictObject({
  interval: duration('1s', '1h')
    .default('60s')
    .describe('Longest time from reading a record to its row in the table. Short ones make many small files.'),
  maxRows: int64(1, 100_000_000).default(1_000_000).describe('Rows after which a commit is made before its time.'),
  targetFileSizeBytes: int64(1_048_576, 2_147_483_648)
    .default(134_217_728)
    .describe('Size at which a data file is closed and another begun.'),
  compression: z.enum(['zstd', 'snappy', 'gzip', 'none']).default('zstd').describe('Compression of the data files.'),
})

const maintenance = z.strictObject({
  snapshotRetention: z
    .strictObject({
      maxAge: duration('1h', '3650d').default('7d').describe('Age past which a snapshot is expired.'),
      maxCount: int32(1, 100_000).default(2000).describe('Snapshots that are kept at most.'),
    })
    .prefault({})
    .describe('Which snapshots are kept; whichever keeps fewer decides.'),
  compaction: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Rewrite small files into larger ones. Not supported yet.'),
    })
    .prefault({})
    .describe('Rewriting of small files, which an engine can do meanwhile (rewrite_data_files).'),
  orphanRemoval: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Remove files that no snapshot refers to.'),
      minAge: duration('1d', '3650d').default('7d').describe('Age below which a file is never removed.'),
    })
    .prefault({})
    .describe('Removal of files that nothing refers to.'),
})

const table = (name: string) => text(tableName, 'a table name: letters, digits, "_" and "-"', 128).default(name)

const iceberg = withRules(
  z.strictObject({
    catalog: catalog.describe('The catalog that the tables are in.'),
    namespace: text(namespaceName, 'a namespace such as health_db or lake.health_db', 255)
      .default('health_db')
      .describe('Namespace of both tables; a dot separates levels.'),
    rawTable: table('health_data_raw').describe('Table of the valid samples.'),
    errorsTable: table('health_data_errors').describe('Table of what is invalid.'),
    storage: storage.optional().describe('How files are reached; file: locations need nothing here.'),
    commit: commit.prefault({}).describe('When and how rows are committed.'),
    maintenance: maintenance.prefault({}).describe('Upkeep of the tables.'),
  }),
  [
    {
      cel: 'self.errorsTable != self.rawTable',
      what: 'is the raw table',
      fix: 'give the errors table a name of its own',
      reads: ['rawTable', 'errorsTable'],
      at: 'errorsTable',
      check: self => self.errorsTable !== self.rawTable,
    },
    immutable('namespace', 'create another HealthConsumer for other tables'),
    immutable('rawTable', 'create another HealthConsumer for other tables'),
    immutable('errorsTable', 'create another HealthConsumer for other tables'),
  ],
)

const autoscaling = withRules(
  z.strictObject({
    mode: z
      .enum(['KEDA', 'External'])
      .describe('KEDA: a ScaledObject is created. External: another autoscaler owns the number.'),
    minReplicas: int32(0, 1000).default(1).describe('Fewest pods.'),
    maxReplicas: int32(1, 1000).describe('Most pods; more than partitions are idle.'),
    lagThreshold: int64(1).default(1000).describe('Records behind, per pod, that make another pod worth while.'),
  }),
  [
    {
      cel: 'self.minReplicas <= self.maxReplicas',
      what: 'is above maxReplicas',
      fix: 'lower minReplicas or raise maxReplicas',
      reads: ['minReplicas', 'maxReplicas'],
      at: 'minReplicas',
      check: self => self.minReplicas <= self.maxReplicas,
    },
  ],
)

const scaling = withRules(
  z.strictObject({
    replicas: int32(0, 1000).optional().describe('Number of pods; one where neither this nor autoscaling is set.'),
    autoscaling: autoscaling.optional().describe('Lets an autoscaler choose the number of pods.'),
  }),
  [
    {
      cel: '!has(self.replicas) || !has(self.autoscaling)',
      what: 'has both replicas and autoscaling',
      fix: 'remove one of them',
      reads: [],
      check: self => self.replicas === undefined || self.autoscaling === undefined,
    },
  ],
)

const rollout = z.strictObject({
  strategy: z
    .enum(['RollingUpdate', 'Recreate'])
    .default('RollingUpdate')
    .describe('Replace the pods one after the other, or all at once.'),
  progressDeadlineSeconds: int32(30, 86_400).default(600).describe('Time after which a rollout counts as stalled.'),
  rollbackOnFailure: z.boolean().default(false).describe('Go back to the last stable spec when a rollout stalls.'),
})

const logging = z.strictObject({
  level: z
    .enum(['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'])
    .default('INFO')
    .describe('Least severity that is logged.'),
  format: z.enum(['json', 'text']).default('json').describe('json for machines, text for people.'),
})

export const spec = withRules(
  z.strictObject({
    paused: z.boolean().optional().describe('Scale to zero and stay there; the tables keep their position.'),
    restartedAt: dateTime().optional().describe('A change restarts the pods.'),
    image: text(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, 'an image such as registry/name:tag or registry/name@sha256:…', 1024)
      .optional()
      .describe("Runtime image; by default the operator's."),
    imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).optional().describe('When the image is pulled.'),
    imagePullSecrets: listMapOf(secretReference('A Secret to pull with.'), ['name'], 16)
      .optional()
      .describe('Secrets that the image is pulled with.'),
    kafka: kafka.describe('Where the payloads come from.'),
    format: z.enum(['json', 'avro']).default('json').describe('Format of the payloads; avro needs schemaRegistry.'),
    schemaRegistry: schemaRegistry.optional().describe('Where Avro schemas are looked up.'),
    validation: validation.prefault({}).describe('What counts as a valid sample.'),
    iceberg: iceberg.describe('Where the samples go.'),
    scaling: scaling.optional().describe('Number of pods.'),
    rollout: rollout.prefault({}).describe('How a change reaches the pods.'),
    monitoring: monitoring.prefault({}).describe('Scraping, alerts and dashboard.'),
    logging: logging.prefault({}).describe('What the pods log.'),
    pod: pod.optional().describe('What is passed on to the pods.'),
    networkPolicy: networkPolicy.optional().describe('What the pods may reach; they offer their metrics port alone.'),
  }),
  [
    {
      cel: "self.format != 'avro' || has(self.schemaRegistry)",
      what: 'is missing for format avro',
      fix: 'add schemaRegistry.url',
      reads: ['format', 'schemaRegistry'],
      at: 'schemaRegistry',
      check: self => self.format !== 'avro' || self.schemaRegistry !== undefined,
    },
  ],
)

/** The fields of metadata that this project reads; the API server owns the others. */
const metadata = z.looseObject({
  name: z.string().min(1).describe('Name of the HealthConsumer; its children are named after it.'),
  namespace: text(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'a namespace: lower-case letters, digits and "-"', 63)
    .optional()
    .describe('Namespace; `default` for local runs.'),
  labels: keyedMapOf(labelValue(), 10_000).optional().describe('Labels; the children do not inherit them.'),
  annotations: z.record(z.string(), z.string()).optional().describe('Annotations; the children do not inherit them.'),
})

export const healthConsumer = withRules(
  z.strictObject({
    apiVersion: z.literal(apiVersion).describe('Version of the API.'),
    kind: z.literal(kind).describe('Kind of the resource.'),
    metadata: metadata.describe('Standard object metadata.'),
    spec: spec.describe('What to consume, how to validate it and where to keep it.'),
    status: status.optional().describe('What the operator observed; ignored in a manifest.'),
  }),
  [
    {
      cel: `size(self.metadata.name) <= ${longestName}`,
      what: `is longer than ${longestName} characters`,
      fix: 'shorten it: the names of its children add suffixes',
      reads: ['metadata.name'],
      at: 'metadata.name',
      check: self => self.metadata.name.length <= longestName,
    },
    {
      cel: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
      what: 'cannot name a Service',
      fix: 'use lower-case letters, digits and "-", with a letter first and no "-" last',
      reads: ['metadata.name'],
      at: 'metadata.name',
      check: self => /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(self.metadata.name),
    },
  ],
)

/** A HealthConsumer with its defaults filled in. */
export type HealthConsumer = z.output<typeof healthConsumer>
/** A HealthConsumer as people write it. */
export type HealthConsumerInput = z.input<typeof healthConsumer>
export type HealthConsumerSpec = HealthConsumer['spec']
export type HealthConsumerStatus = z.output<typeof status>

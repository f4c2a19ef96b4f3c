import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { healthConsumer } from '../../crds/healthconsumer.ts'
import { alertNames } from '../../crds/monitoring.ts'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { minimal, minimalWith } from './minimal.ts'

test('the minimal resource gets the documented defaults, and no number of replicas', () => {
  const { resource, problems } = checkHealthConsumer(minimal())
  assert.equal(problems, undefined)
  const { spec } = resource!
  assert.deepEqual(spec.kafka, {
    bootstrapServers: ['127.0.0.1:9092'],
    topics: ['health-data-raw'],
    startFrom: 'earliest',
    onGap: 'Halt',
    sessionTimeout: '6s',
  })
  assert.deepEqual(spec.iceberg, {
    catalog: { type: 'filesystem', warehouse: 'file:///data/warehouse' },
    namespace: 'health_db',
    rawTable: 'health_data_raw',
    errorsTable: 'health_data_errors',
    commit: { interval: '60s', maxRows: 1_000_000, targetFileSizeBytes: 134_217_728, compression: 'zstd' },
    maintenance: {
      snapshotRetention: { maxAge: '7d', maxCount: 2000 },
      compaction: { enabled: true },
      orphanRemoval: { enabled: true, minAge: '7d' },
    },
  })
  assert.equal(spec.format, 'json')
  assert.deepEqual(spec.validation, { mode: 'lenient', onInvalid: 'ErrorsTable' })
  assert.deepEqual(spec.logging, { level: 'INFO', format: 'json' })
  assert.equal(spec.scaling, undefined)
  assert.equal(spec.paused, undefined)
  assert.equal(spec.monitoring.prometheusRule.thresholds.HighKafkaLag, 100_000)
})

test('a fresh status counts as never reconciled', () => {
  const { resource } = checkHealthConsumer(minimalWith({ status: {} }))
  assert.equal(resource?.status?.observedGeneration, -1)
})

/** Field, values that are taken, values that are refused. */
const fields: readonly [string, readonly unknown[], readonly unknown[]][] = [
  ['metadata.name', ['a', 'a-1', `a${'b'.repeat(51)}`], ['', 'A', '1a', 'a.b', 'a-', `a${'b'.repeat(52)}`, 7]],
  ['metadata.namespace', ['prod-1'], ['Prod', '', 'x'.repeat(64)]],
  ['metadata.uid', ['c5f0'], []],
  ['spec.paused', [true, false], ['true', 0, null]],
  [
    'spec.restartedAt',
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.5+02:00'],
    ['2026-02-30T12:00:00Z', '2026-01-31', 1],
  ],
  ['spec.image', ['ghcr.io/a/b:1', 'a@sha256:ab'], ['', 'a b', ':x']],
  ['spec.imagePullPolicy', ['Always'], ['always']],
  ['spec.imagePullSecrets', [[], [{ name: 'a' }]], [['a'], [{}], Array(17).fill({ name: 'a' })]],
  [
    'spec.kafka.bootstrapServers',
    [['a:1', '[::1]:65535']],
    [[], ['a'], ['a:0'], ['a:65536'], ['a:1', 'a:1'], 'a:1', undefined],
  ],
  [
    'spec.kafka.bootstrapServers',
    [Array.from({ length: 32 }, (_, i) => `a${i}:1`)],
    [Array.from({ length: 33 }, (_, i) => `a${i}:1`)],
  ],
  [
    'spec.kafka.topics',
    [['a'], ['...'], ['.a']],
    [[], ['.'], ['..'], ['a b'], [''], ['x'.repeat(250)], ['a', 'a'], null],
  ],
  ['spec.kafka.groupId', ['a.b-c_D'], ['', 'a b', 'a/b', 'x'.repeat(250)]],
  ['spec.kafka.startFrom', ['earliest', 'latest'], ['Latest', '']],
  ['spec.kafka.onGap', ['Halt', 'RecordAndContinue'], ['halt']],
  ['spec.kafka.sessionTimeout', ['6s', '5m', '300s'], ['5s', '301s', '6', '6 s', '0.1m', '1m30s', 30]],
  [
    'spec.kafka.tls',
    [{}, { caSecretRef: { name: 'ca' } }, { clientCertificateSecretRef: { name: 'c' } }],
    [true, { ca: 1 }],
  ],
  [
    'spec.kafka.sasl',
    [{ mechanism: 'plain', secretRef: { name: 'a' } }],
    [{ mechanism: 'plain' }, { secretRef: { name: 'a' } }],
  ],
  ['spec.format', ['json'], ['avro', 'xml']],
  ['spec.validation.mode', ['lenient', 'strict'], ['Strict']],
  ['spec.validation.onInvalid', ['ErrorsTable', 'Drop', 'Fail'], ['drop']],
  [
    'spec.validation.ranges',
    [{}, { heartRate: { min: 0, max: 0, unit: 'x' } }],
    [
      { heartRate: { min: 2, max: 1, unit: 'x' } },
      { heartRate: { min: 1, max: 2 } },
      { heartRate: { min: -1, max: 2, unit: 'x' } },
      { heartRate: { min: Number.NaN, max: 2, unit: 'x' } },
      { heartRate: { min: 0, max: Infinity, unit: 'x' } },
      { '1a': { min: 1, max: 2, unit: 'x' } },
      Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`a${i}`, { min: 1, max: 2, unit: 'x' }])),
    ],
  ],
  [
    'spec.iceberg.catalog',
    [
      { type: 'rest', uri: 'http://catalog:8181' },
      { type: 'rest', uri: 'https://c/x', warehouse: 'arn:aws:s3' },
    ],
    [{ type: 'rest' }, { type: 'filesystem' }, { type: 'hive', uri: 'http://a' }, { uri: 'http://a' }, undefined],
  ],
  ['spec.iceberg.catalog.uri', ['http://a'], ['ftp://a', 'http://user:password@a', 'a', 'http://a b']],
  [
    'spec.iceberg.catalog.warehouse',
    ['/data', 'file:/data', 'file:///data', 's3://bucket', 's3://bucket/folder', 'data', './data', '../data', '.data'],
    ['', 'file://host/data', 's3:///x', 'hdfs://a/b', '~/data', 'a%20b', 'a#b', 'a?b', 'a\nb', 'x'.repeat(1025)],
  ],
  [
    'spec.iceberg.catalog.properties',
    [{ prefix: 'a' }],
    [{ a: 1 }, Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, '']))],
  ],
  ['spec.iceberg.namespace', ['a', 'a.b'], ['', 'a..b', 'a/b', '.a', '-a']],
  ['spec.iceberg.rawTable', ['a_b-c'], ['', 'a.b', '../a', 'a b', 'health_data_errors', 'x'.repeat(129)]],
  ['spec.iceberg.errorsTable', ['a'], ['health_data_raw']],
  ['spec.iceberg.storage.s3', [{}, { endpoint: 'http://a:1', region: 'eu-1', pathStyle: true }], [{ region: 'EU' }]],
  ['spec.iceberg.storage.persistentVolumeClaim', [{ claimName: 'a' }], [{}, { claimName: 'a', mountPath: 'x' }]],
  [
    'spec.iceberg.storage',
    [{ pendingLocation: '/p' }],
    [{ s3: {}, persistentVolumeClaim: { claimName: 'a' } }, { pendingLocation: 'x:y' }],
  ],
  ['spec.iceberg.commit.interval', ['1s', '1h', '60m'], ['0s', '61m', '1d', '', '999999999d']],
  ['spec.iceberg.commit.maxRows', [1, 100_000_000], [0, 100_000_001, 1.5, '5']],
  ['spec.iceberg.commit.targetFileSizeBytes', [1_048_576], [1_048_575, 2 ** 31 + 1]],
  ['spec.iceberg.commit.compression', ['zstd', 'snappy', 'gzip', 'none'], ['lz4']],
  ['spec.iceberg.maintenance.snapshotRetention', [{ maxAge: '1h', maxCount: 1 }], [{ maxAge: '59m' }, { maxCount: 0 }]],
  ['spec.iceberg.maintenance.orphanRemoval', [{ enabled: false, minAge: '1d' }], [{ minAge: '23h' }]],
  ['spec.scaling.replicas', [0, 1000], [-1, 1001, 1.5]],
  [
    'spec.scaling',
    [
      { autoscaling: { mode: 'KEDA', maxReplicas: 1 } },
      { autoscaling: { mode: 'External', minReplicas: 0, maxReplicas: 3 } },
    ],
    [
      { replicas: 1, autoscaling: { mode: 'KEDA', maxReplicas: 1 } },
      { autoscaling: { mode: 'KEDA', minReplicas: 3, maxReplicas: 2 } },
      { autoscaling: { mode: 'KEDA' } },
    ],
  ],
  [
    'spec.rollout',
    [{ strategy: 'Recreate', progressDeadlineSeconds: 30, rollbackOnFailure: true }],
    [{ strategy: 'x' }],
  ],
  [
    'spec.monitoring.serviceMonitor',
    [{ enabled: false, labels: { release: 'p' }, interval: '1s' }],
    [{ labels: { a: '-' } }],
  ],
  [
    'spec.monitoring.prometheusRule.disabledAlerts',
    [[], [...alertNames]],
    [['Nope'], ['LowThroughput', 'LowThroughput']],
  ],
  [
    'spec.monitoring.prometheusRule.thresholds',
    [{ HighMemoryUsage: 1 }, { CommitsStalled: 4000, FreshnessTarget: 4000 }],
    [{ HighMemoryUsage: 90 }, { TaskManagerDown: 1 }, { CommitsStalled: 0 }, { FreshnessTarget: 1.5 }],
  ],
  ['spec.monitoring.dashboard', [{ folder: 'Health', dataSource: 'Prometheus' }], [{ folder: 'a\nb' }]],
  ['spec.logging', [{ level: 'DEBUG', format: 'text' }], [{ level: 'debug' }, { format: 'xml' }]],
  [
    'spec.pod.resources',
    [{ requests: { cpu: '500m', memory: '1.5Gi' }, limits: { cpu: 2 } }],
    [{ limits: { cpu: 0.5 } }, { limits: { memory: '1Gb' } }],
  ],
  ['spec.pod.affinity', [{ podAntiAffinity: { anything: [{ goes: 1 }] } }], [{ podAfinity: {} }]],
  [
    'spec.pod.extraEnvFrom',
    [[{ secretRef: { name: 'a' } }], [{ configMapRef: { name: 'a' }, prefix: 'A_' }]],
    [[{}], [{ secretRef: { name: 'a' }, configMapRef: { name: 'a' } }]],
  ],
  [
    'spec.pod.tolerations',
    [[{ key: 'a/b', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }]],
    [[{ operator: 'In' }]],
  ],
]

for (const [field, taken, refused] of fields) {
  test(`${field} takes what is documented and refuses the rest`, () => {
    for (const value of taken) {
      const { problems } = checkHealthConsumer(minimalWith({ [field]: value }))
      assert.deepEqual(problems ?? [], [], JSON.stringify(value))
    }
    for (const value of refused) {
      const { problems } = checkHealthConsumer(minimalWith({ [field]: value }))
      assert.ok(problems, `${field} takes ${JSON.stringify(value)}`)
      const parent = field.split('.').slice(0, -1).join('.')
      assert.ok(
        problems.some(problem => problem.field.startsWith(parent)),
        JSON.stringify(problems),
      )
    }
  })
}

test('avro is taken with a schema registry', () => {
  const { problems } = checkHealthConsumer(
    minimalWith({ 'spec.format': 'avro', 'spec.schemaRegistry': { url: 'http://r:8081' } }),
  )
  assert.equal(problems, undefined)
})

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly pattern?: string
  readonly anyOf?: unknown
  readonly maxItems?: number
  readonly maxLength?: number
  readonly format?: string
  readonly enum?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly [extension: `x-kubernetes-${string}`]: unknown
}

/** Every schema of the spec with the path of its field. */
function* walk(schema: JsonSchema, path = 'spec'): Generator<[string, JsonSchema]> {
  yield [path, schema]
  for (const [name, field] of Object.entries(schema.properties ?? {})) yield* walk(field, `${path}.${name}`)
  if (schema.items) yield* walk(schema.items, `${path}[]`)
  if (typeof schema.additionalProperties === 'object') yield* walk(schema.additionalProperties, `${path}{}`)
}

const asJsonSchema = z.toJSONSchema(healthConsumer, { target: 'openapi-3.0', io: 'input' }) as unknown as JsonSchema
const schemas = [...walk(asJsonSchema.properties!.spec!), ...walk(asJsonSchema.properties!.status!, 'status')]

test('every field is described', () => {
  const bare = schemas.filter(([path, schema]) => !/[\]}]$/.test(path) && !schema.description).map(([path]) => path)
  assert.deepEqual(bare, [])
})

test('every list, text and map is bounded, as the cost estimate of CEL rules asks', () => {
  const unbounded = schemas.filter(([, schema]) => {
    if (schema.type === 'array') return schema.maxItems === undefined
    if (schema.type === 'string') return schema.maxLength === undefined && !schema.enum && schema.format !== 'date-time'
    const map = typeof schema.additionalProperties === 'object' && Object.keys(schema.additionalProperties).length > 0
    return map && (schema as { maxProperties?: number }).maxProperties === undefined
  })
  assert.deepEqual(
    unbounded.map(([path]) => path),
    [],
  )
})

test('a choice of types occurs only as int-or-string, and patterns are RE2', () => {
  for (const [path, schema] of schemas) {
    if (schema.anyOf) assert.equal(schema['x-kubernetes-int-or-string'], true, path)
    assert.doesNotMatch(schema.pattern ?? '', /\(\?[=!<]|\\[1-9]/, path)
  }
})

test('the rules are in the schema for the API server too', () => {
  const rules = schemas.flatMap(([path, schema]) =>
    ((schema['x-kubernetes-validations'] ?? []) as { rule: string }[]).map(({ rule }) => `${path}: ${rule}`),
  )
  for (const expected of [
    'spec.kafka: has(self.groupId) == has(oldSelf.groupId) && (!has(self.groupId) || self.groupId == oldSelf.groupId)',
    "spec: self.format != 'avro' || has(self.schemaRegistry)",
    'spec.scaling: !has(self.replicas) || !has(self.autoscaling)',
    'spec.scaling.autoscaling: self.minReplicas <= self.maxReplicas',
    'spec.validation.ranges{}: self.min <= self.max',
    "spec.iceberg.catalog: self.type != 'rest' || has(self.uri)",
    "spec.iceberg.catalog: self.type != 'filesystem' || has(self.warehouse)",
    'spec.iceberg: self.errorsTable != self.rawTable',
  ])
    assert.ok(rules.includes(expected), expected)
  assert.ok(rules.some(rule => rule.startsWith('spec.iceberg: has(self.__namespace__)')))
  assert.ok(rules.some(rule => rule.startsWith('spec.iceberg.commit.interval: ')))
})

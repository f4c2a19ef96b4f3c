import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { healthConsumer } from '../../crds/healthconsumer.ts'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { fieldCases } from './fieldCases.ts'
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
      compaction: { enabled: false },
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

for (const [field, taken, refused] of fieldCases) {
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

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import type { KubernetesObject } from '../../operator/kubernetes.ts'
import { readStored } from '../../operator/storedSpec.ts'
import { rootSchema, type Schema } from '../crds/schema.ts'
import { consumer } from './consumers.ts'

const root = join(import.meta.dirname, '../..')
const yaml = (file: string) => load(readFileSync(join(root, file), 'utf8'))
const lastRelease = rootSchema(yaml('test/golden/crd-v1alpha1-released.yaml'))

/** As an API server stores a value: with the defaults of its schema, from the outside inwards, and no unknown fields. */
function stored(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) return value.map(item => stored(item, schema.items!))
  if (typeof value !== 'object' || value === null) return value
  const { properties, additionalProperties } = schema
  const given = value as Record<string, unknown>
  if (properties === undefined)
    return additionalProperties
      ? Object.fromEntries(Object.entries(given).map(([name, each]) => [name, stored(each, additionalProperties)]))
      : value
  const fields = Object.entries(properties).flatMap(([name, field]): [string, unknown][] => {
    const each = given[name] ?? structuredClone(field.default)
    return each === undefined ? [] : [[name, stored(each, field)]]
  })
  return Object.fromEntries(fields)
}

const compaction = (object: KubernetesObject) =>
  (object.spec as { iceberg: { maintenance: { compaction: { enabled: boolean } } } }).iceberg.maintenance.compaction

test('an example runs, or is refused, as it is stored by the last release as it is in its file', async t => {
  const files = globSync('examples/*.yaml', { cwd: root })
  assert.ok(files.length > 10)
  for (const file of files)
    await t.test(basename(file), () => {
      const { apiVersion, kind, metadata, spec } = yaml(file) as KubernetesObject
      const written = { apiVersion, kind, metadata, spec }
      const problems = ({ spec }: { spec: unknown }) => readStored({ ...written, spec }).problems
      assert.deepEqual(problems({ spec: stored(spec, lastRelease.properties!.spec!) }), problems(written))
    })
})

test('a former default is left out and named, what somebody chose now is not', () => {
  const object = {
    ...consumer('team', 'one'),
    spec: stored(consumer('team', 'one').spec, lastRelease.properties!.spec!),
  }
  assert.equal(compaction(object).enabled, true)
  const { resource, problems, leftOut } = readStored(object)
  assert.deepEqual(problems, [])
  assert.equal(compaction(resource as unknown as KubernetesObject).enabled, false)
  assert.deepEqual(leftOut, [
    'spec.iceberg.maintenance.compaction.enabled: it was a default, which nothing obeys, set it to false',
  ])
  compaction(object).enabled = false
  assert.deepEqual(readStored(object).leftOut, [])
})

test('fields that are not known, and nothing else, are left out', () => {
  const kafka = { bootstrapServers: ['kafka.test:9092'], isolation: 'committed' }
  const { resource, leftOut } = readStored(consumer('team', 'one', { kafka }))
  assert.ok(resource)
  assert.deepEqual(leftOut, ['spec.kafka.isolation: the operator is older, upgrade it'])
  const wrong = readStored(consumer('team', 'one', { kafka: { ...kafka, topics: 7 } }))
  assert.deepEqual(wrong.problems.map(({ field }) => field).sort(), ['spec.kafka.isolation', 'spec.kafka.topics'])
})

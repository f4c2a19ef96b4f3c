import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import type { HealthConsumer } from '../../crds/healthconsumer.ts'
import { checkHealthConsumer } from '../../crds/problems.ts'
import { withoutDefaults } from '../../crds/withoutDefaults.ts'
import { minimal, minimalWith } from './minimal.ts'

const parsed = (manifest: unknown): HealthConsumer => {
  const { resource, problems } = checkHealthConsumer(manifest)
  if (!resource) throw new Error(JSON.stringify(problems))
  return resource
}

test('what was only a default is gone', () => {
  assert.deepEqual(withoutDefaults(parsed(minimal()).spec), minimal().spec)
  const given = { 'spec.iceberg.commit': { interval: '60s', maxRows: 7 }, 'spec.kafka.topics': ['health-data-raw'] }
  assert.deepEqual(withoutDefaults(parsed(minimalWith(given)).spec).iceberg?.commit, { maxRows: 7 })
})

test('what is chosen inside of what is optional stays, its defaults do not', () => {
  const tls = { caSecretRef: { name: 'ca', key: 'ca.crt' } }
  assert.deepEqual(withoutDefaults(parsed(minimalWith({ 'spec.kafka.tls': tls })).spec).kafka?.tls, {
    caSecretRef: { name: 'ca' },
  })
})

test('read again, it is the same, and no more can be left out', () => {
  const root = join(import.meta.dirname, '../..')
  for (const file of globSync('examples/*.yaml', { cwd: root })) {
    const resource = parsed(load(readFileSync(join(root, file), 'utf8')))
    const spec = withoutDefaults(resource.spec)
    assert.deepEqual(parsed({ ...resource, spec }).spec, resource.spec, file)
    assert.deepEqual(withoutDefaults(spec), spec, file)
  }
})

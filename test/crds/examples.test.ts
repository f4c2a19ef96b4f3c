import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { customResourceDefinition } from '../../crds/customResourceDefinition.ts'
import type { Schema } from './schema.ts'

const folder = new URL('../../examples/', import.meta.url)
const read = async (name: string) => readFile(new URL(name, folder), 'utf8')

const { versions } = customResourceDefinition().spec as unknown as {
  versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }]
}
const spec = versions[0].schema.openAPIV3Schema.properties!.spec!

/** Dotted names of the fields of the schema; those of list entries and map values are one level deeper. */
function fieldsOf(schema: Schema, path: string): string[] {
  const inside = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const at = `${path}.${name}`
    return [at, ...fieldsOf(field, at)]
  })
  if (schema.items) return fieldsOf(schema.items, `${path}[]`)
  if (schema.additionalProperties) return fieldsOf(schema.additionalProperties, `${path}.*`)
  return inside
}

/** The same of what a manifest sets. */
function setIn(schema: Schema, value: unknown, path: string): string[] {
  if (schema.items) return (value as unknown[]).flatMap(each => setIn(schema.items!, each, `${path}[]`))
  if (schema.additionalProperties)
    return Object.values(value as object).flatMap(each => setIn(schema.additionalProperties!, each, `${path}.*`))
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const inner = (value as Record<string, unknown>)[name]
    const at = `${path}.${name}`
    return inner === undefined ? [] : [at, ...setIn(field, inner, at)]
  })
}

const fieldsSetIn = async (name: string) => setIn(spec, (load(await read(name)) as { spec: unknown }).spec, 'spec')

test('everything.yaml sets every field, but those that another one of it excludes', async () => {
  const set = new Set(await fieldsSetIn('everything.yaml'))
  const claim = 'spec.iceberg.storage.persistentVolumeClaim'
  assert.deepEqual(
    fieldsOf(spec, 'spec').filter(field => !set.has(field)),
    [claim, `${claim}.claimName`, `${claim}.mountPath`, `${claim}.fsGroup`, 'spec.scaling.replicas'],
  )
  assert.ok(set.size > 100)
})

test('no field is without an example', async () => {
  const names = (await readdir(folder)).filter(name => name.endsWith('.yaml'))
  const set = new Set((await Promise.all(names.map(fieldsSetIn))).flat())
  assert.deepEqual(
    fieldsOf(spec, 'spec').filter(field => !set.has(field)),
    [],
  )
})

test('every example says in its first line what it shows', async () => {
  for (const name of (await readdir(folder)).filter(each => each.endsWith('.yaml')))
    assert.match(await read(name), /^# [A-Z].{20,}/, name)
})

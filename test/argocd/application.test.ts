/** The example Application, and the patch of Argo CD's ConfigMap: what they refer to is there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { describedSchema } from '../../crds/customResourceDefinition.ts'
import { customizations } from '../../hack/generate.d/argocdConfigMap.ts'
import { only, type Rendered, render, root } from '../chart/helm.ts'
import { blocksOf } from '../docs/pages.ts'

const read = (file: string) => load(readFileSync(join(root, file), 'utf8'))

interface Application {
  readonly spec: {
    readonly sources: readonly { readonly path: string; readonly helm?: { readonly valuesObject: object } }[]
    readonly ignoreDifferences: readonly { readonly kind: string; readonly jsonPointers: readonly string[] }[]
  }
}
const { spec } = read('charts/argocd/application.yaml') as Application

const wave = ({ metadata }: Rendered) => Number(metadata.annotations?.['argocd.argoproj.io/sync-wave'] ?? 0)

test('the definition comes before the operator, and the operator before HealthConsumers', async () => {
  const [source] = spec.sources
  assert.equal(source!.path, 'charts/healthconsumer-operator')
  const objects = await render(source!.helm!.valuesObject)
  const [shown] = blocksOf('docs/gitops.md').filter(({ language }) => language === 'yaml')
  assert.ok(wave(only(objects, 'CustomResourceDefinition')) < wave(only(objects, 'Deployment')))
  assert.ok(wave(only(objects, 'Deployment')) < wave(load(shown!.text) as Rendered))
})

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
}
const fieldOf = (path: readonly string[]) =>
  path.reduce<Schema | undefined>((schema, name) => schema?.properties?.[name], describedSchema() as Schema)

test('what it ignores are fields of the resource', () => {
  const [{ kind, jsonPointers }] = spec.ignoreDifferences as [Application['spec']['ignoreDifferences'][0]]
  assert.equal(kind, 'HealthConsumer')
  for (const pointer of jsonPointers) assert.ok(fieldOf(pointer.slice(1).split('/')), pointer)
})

test('the patch for Argo CD has the scripts as they were tested, and fields that are there', () => {
  const { data } = read('charts/argocd/argocd-cm.yaml') as { data: Readonly<Record<string, string>> }
  const text = (file: string) => readFileSync(join(root, customizations, file), 'utf8')
  const key = (what: string) => data[`resource.customizations.${what}.healthdata.dev_HealthConsumer`]!
  assert.equal(key('health'), text('health.lua'))
  const actions = load(key('actions')) as {
    readonly 'discovery.lua': string
    readonly definitions: readonly { readonly name: string; readonly 'action.lua': string }[]
  }
  assert.equal(actions['discovery.lua'], text('actions/discovery.lua'))
  for (const { name, 'action.lua': script } of actions.definitions)
    assert.equal(script, text(`actions/${name}/action.lua`), name)
  const fields = load(key('knownTypeFields')) as readonly { readonly field: string }[]
  for (const { field } of fields) assert.equal(fieldOf(field.split('.'))?.type, 'object', field)
})

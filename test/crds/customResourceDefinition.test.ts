import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { crdYaml, customResourceDefinition } from '../../crds/customResourceDefinition.ts'
import { alertNames, thresholds } from '../../crds/monitoring.ts'
import { conditionTypes } from '../../crds/status.ts'
import { rootSchema, type Schema, walk } from './schema.ts'

interface Column {
  readonly name: string
  readonly jsonPath: string
  readonly description: string
  readonly priority: number
}
interface Version {
  readonly name: string
  readonly additionalPrinterColumns: readonly Column[]
  readonly subresources: object
}
const { spec } = customResourceDefinition() as {
  readonly spec: { readonly names: object; readonly scope: string; readonly versions: readonly [Version] }
}
const [version] = spec.versions
const root = rootSchema()
const schemas = [...walk(root)].map(([path, schema]) => [path.join('.'), schema] as const)
const at = (path: string): Schema => schemas.find(([each]) => each === path)![1]

test('kubectl knows the resource by its names', () => {
  assert.deepEqual(spec.names, {
    kind: 'HealthConsumer',
    listKind: 'HealthConsumerList',
    plural: 'healthconsumers',
    singular: 'healthconsumer',
    shortNames: ['hc'],
    categories: ['healthdata'],
  })
  assert.equal(spec.scope, 'Namespaced')
})

test('kubectl explain has a sentence for every field', () => {
  const isField = (path: string) => path !== '' && path !== 'metadata' && !/(\[\]|\*)$/.test(path)
  const mute = schemas.filter(([path, { description = '' }]) => isField(path) && !/^\S.{8,}[.)]$/s.test(description))
  assert.deepEqual(
    mute.map(([path]) => path),
    [],
  )
  assert.ok(root.description)
})

test('every list says how it is merged, and every reference is one value', () => {
  for (const [path, schema] of schemas) {
    if (schema.type === 'array') assert.ok(schema['x-kubernetes-list-type'], path)
    if (/ref$/i.test(path)) assert.equal(schema['x-kubernetes-map-type'], 'atomic', path)
  }
  const typeOf = (path: string) => at(path)['x-kubernetes-list-type']
  assert.equal(typeOf('spec.kafka.topics'), 'atomic')
  assert.equal(typeOf('spec.pod.extraEnvFrom'), 'atomic')
  assert.deepEqual(at('spec.imagePullSecrets')['x-kubernetes-list-map-keys'], ['name'])
  assert.deepEqual(at('status.conditions')['x-kubernetes-list-map-keys'], ['type'])
})

test('texts have no format: for one with a format the API server would take a list', () => {
  assert.deepEqual(
    schemas.filter(([, { type, format }]) => type === 'string' && format !== undefined),
    [],
  )
})

test('a quantity is an int-or-string with bounds for both', () => {
  const { type, minimum, pattern, maxLength, ...rest } = at('spec.pod.resources.limits.*')
  assert.equal(rest['x-kubernetes-int-or-string'], true)
  assert.deepEqual([type, minimum, maxLength], [undefined, 0, 32])
  assert.match('1.5Gi', new RegExp(pattern!))
})

test('a resource that nobody has looked at does not count as ready, and has no number of pods by default', () => {
  assert.deepEqual(at('status').default, { observedGeneration: -1 })
  assert.equal(at('spec.scaling.replicas').default, undefined)
  assert.equal(at('spec.scaling').default, undefined)
})

test('status and scale are subresources whose fields exist', () => {
  assert.deepEqual(version.subresources, {
    status: {},
    scale: {
      specReplicasPath: '.spec.scaling.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  })
  for (const path of ['spec.scaling.replicas', 'status.replicas', 'status.selector']) assert.ok(at(path), path)
})

test('every column shows a field that exists, and what a terminal of 120 columns has no room for is wide', () => {
  const columns = version.additionalPrinterColumns
  for (const { jsonPath, description } of columns) {
    const path = jsonPath.replace(/^\./, '').replace(/\[\?\(@\.type=="(\w+)"\)\]/, (_, type) => {
      assert.ok(conditionTypes.some(each => each === type))
      return '.[]'
    })
    assert.ok(path === 'metadata.creationTimestamp' || at(path), jsonPath)
    assert.ok(description)
  }
  const names = (wide: boolean) => columns.filter(({ priority }) => priority > 0 === wide).map(({ name }) => name)
  assert.deepEqual(names(false), ['Ready', 'Reason', 'Desired', 'Replicas', 'Lag', 'Age'])
  assert.deepEqual(names(true), ['Topics', 'Group', 'Snapshot', 'Message'])
})

test('every alert can be switched off, and every threshold has its default', () => {
  assert.deepEqual(at('spec.monitoring.prometheusRule.disabledAlerts.[]').enum, [...alertNames])
  const { properties } = at('spec.monitoring.prometheusRule.thresholds')
  const defaults = Object.entries(properties!).map(([name, schema]) => [name, schema.default])
  assert.deepEqual(Object.fromEntries(defaults), thresholds.parse({}))
})

test('the YAML is the definition', () => {
  assert.deepEqual(load(crdYaml()), JSON.parse(JSON.stringify(customResourceDefinition())))
})

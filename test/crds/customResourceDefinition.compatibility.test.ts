import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { customResourceDefinition } from '../../crds/customResourceDefinition.ts'
import { rootSchema, type Schema } from './schema.ts'
import { incompatibilities } from './schemaCompatibility.ts'

/**
 * The definition of the last release. It is no generated file: whoever makes a release copies crds/healthconsumers.yaml
 * over it, and nobody else does.
 */
const file = new URL('../golden/crd-v1alpha1-released.yaml', import.meta.url)
const released = load(readFileSync(file, 'utf8')) as object

/**
 * What `incompatibilities` finds and is right all the same: the line, and why nothing that is stored or in somebody's
 * repository suffers from it.
 */
const considered: Readonly<Record<string, string>> = {
  'spec.iceberg.maintenance.compaction.enabled: default true became false':
    'nothing was ever compacted: without the field all is as it was, and a stored true, never obeyed, is left out',
  ...Object.fromEntries(
    [
      "catalog: new rule self.type == 'rest' || !has(self.caSecretRef)",
      "storage.s3: new rule !has(self.caSecretRef) || !has(self.endpoint) || self.endpoint.startsWith('https:')",
    ].map(rule => [
      `spec.iceberg.${rule} (what is stored keeps it until the value changes)`,
      'caSecretRef is as new as the rule',
    ]),
  ),
  ...Object.fromEntries(
    ['kafka.bootstrapServers', 'kafka.topics', 'monitoring.prometheusRule.disabledAlerts'].flatMap(field => [
      [
        `spec.${field}: x-kubernetes-list-type changed`,
        'the same values are taken; who applies the list says all of it, where default topics stayed beside it unasked',
      ],
      [
        `spec.${field}: new rule self.all(one, self.exists_one(other, one == other)) (what is stored keeps it until the value changes)`,
        'the list type `set` took no duplicate either',
      ],
    ]),
  ),
}

test('whatever the last release took is taken', () => {
  const found = incompatibilities(released, customResourceDefinition())
  const unexpected = found.filter(each => !(each in considered))
  assert.deepEqual(unexpected, [], 'make it a new version of the API, or say in `considered` why nothing suffers')
  const needless = Object.keys(considered).filter(each => !found.includes(each))
  assert.deepEqual(needless, [], 'considered without need')
})

type Draft<T> = { -readonly [K in keyof T]: Draft<T[K]> }
type DraftSchema = Draft<Schema>

/** The released definition with a change of the schema at a dotted path. */
function changed(path: string, edit: (schema: DraftSchema) => void): object {
  const definition = structuredClone(released)
  let schema = rootSchema(definition) as DraftSchema
  for (const segment of path.split('.')) {
    const inner = segment === '[]' ? schema.items : segment === '*' ? schema.additionalProperties : undefined
    schema = (inner ?? schema.properties?.[segment])!
  }
  edit(schema)
  return definition
}

type Names = { names: { kind: string; shortNames: string[]; categories: string[] }; scope: string; group: string }
const renamed = (edit: (spec: Names) => void): object => {
  const definition = structuredClone(released) as { spec: Names }
  edit(definition.spec)
  return definition
}
type Versions = { spec: { versions: { served: boolean; subresources: { scale?: object } }[] } }
const versioned = (edit: (version: Versions['spec']['versions'][0]) => void): object => {
  const definition = structuredClone(released) as Versions
  edit(definition.spec.versions[0]!)
  return definition
}

const rule = { rule: 'self > 0', message: 'is none: give one' }

/** What happens to the definition, and what is said; undefined where nobody suffers. */
const changes: readonly (readonly [string, object, RegExp | undefined])[] = [
  ['the same', changed('spec', () => {}), undefined],
  [
    'a new optional field',
    changed('spec.kafka', ({ properties }) => (properties!.more = { type: 'string' })),
    undefined,
  ],
  [
    'a new field that has to be given and has a default',
    changed('spec.kafka', schema => {
      schema.properties!.more = { type: 'string', default: 'a' }
      schema.required!.push('more')
    }),
    undefined,
  ],
  ['a field that need no longer be given', changed('spec.kafka', schema => (schema.required = [])), undefined],
  ['wider bounds', changed('spec.scaling.replicas', schema => (schema.maximum = 5000)), undefined],
  ['no bounds', changed('spec.kafka.groupId', schema => delete schema.maxLength), undefined],
  ['no pattern', changed('spec.kafka.groupId', schema => delete schema.pattern), undefined],
  ['one choice more', changed('spec.kafka.onGap', schema => schema.enum!.push('Guess')), undefined],
  ['a rule less', changed('spec.scaling', schema => delete schema['x-kubernetes-validations']), undefined],
  ['another description', changed('spec.kafka', schema => (schema.description = 'Kafka.')), undefined],
  [
    'fractions too',
    changed('spec.monitoring.prometheusRule.thresholds.CommitsStalled', schema => (schema.type = 'number')),
    undefined,
  ],

  [
    'a removed field',
    changed('spec.kafka', ({ properties }) => delete properties!.onGap),
    /^spec\.kafka\.onGap: removed$/,
  ],
  [
    'a removed field of entries',
    changed('spec.pod.tolerations.[]', ({ properties }) => delete properties!.effect),
    /^spec\.pod\.tolerations\.\[\]\.effect: removed$/,
  ],
  [
    'a removed field of values',
    changed('spec.validation.ranges.*', ({ properties }) => delete properties!.unit),
    /^spec\.validation\.ranges\.\*\.unit: removed$/,
  ],
  [
    'another type',
    changed('spec.scaling.replicas', schema => (schema.type = 'string')),
    /^spec\.scaling\.replicas: type integer became string$/,
  ],
  [
    'whole numbers alone',
    changed('spec.monitoring.prometheusRule.thresholds.HighErrorRate', schema => (schema.type = 'integer')),
    /type number became integer$/,
  ],
  [
    'quantities that are text alone',
    changed('spec.pod.resources.limits.*', schema => delete schema['x-kubernetes-int-or-string']),
    /int-or-string changed/,
  ],
  ['a lost choice', changed('spec.format', schema => (schema.enum = ['json'])), /^spec\.format: enum lost avro$/],
  ['choices', changed('spec.kafka.groupId', schema => (schema.enum = ['a'])), /enum none became \["a"\]$/],
  ['a lower maximum', changed('spec.scaling.replicas', schema => (schema.maximum = 10)), /maximum 1000 became 10$/],
  ['a new minimum', changed('status.pipeline.throughput', schema => (schema.minimum = 0)), /minimum none became 0$/],
  ['a higher minimum', changed('spec.scaling.replicas', schema => (schema.minimum = 1)), /minimum 0 became 1$/],
  ['shorter text', changed('spec.image', schema => (schema.maxLength = 63)), /maxLength 1024 became 63$/],
  ['longer text', changed('spec.image', schema => (schema.minLength = 1)), /minLength none became 1$/],
  ['fewer entries', changed('spec.kafka.topics', schema => (schema.maxItems = 1)), /maxItems 64 became 1$/],
  ['more entries', changed('spec.kafka.topics', schema => (schema.minItems = 2)), /minItems 1 became 2$/],
  ['fewer keys', changed('spec.pod.labels', schema => (schema.maxProperties = 1)), /maxProperties 64 became 1$/],
  [
    'another pattern',
    changed('spec.image', schema => (schema.pattern = '^a$')),
    /^spec\.image: pattern ".*" became "\^a\$"$/,
  ],
  ['a new pattern', changed('status.phase', schema => (schema.pattern = '^a$')), /pattern none became/],
  ['a format', changed('spec.image', schema => (schema.format = 'uri')), /format none became "uri"$/],
  [
    'an old field that has to be given',
    changed('spec.kafka', schema => schema.required!.push('groupId')),
    /^spec\.kafka: groupId became required$/,
  ],
  [
    'a new field that has to be given',
    changed('spec.kafka', schema => {
      schema.properties!.more = { type: 'string' }
      schema.required!.push('more')
    }),
    /^spec\.kafka: more became required$/,
  ],
  [
    'another default',
    changed('spec.kafka.onGap', schema => (schema.default = 'RecordAndContinue')),
    /default "Halt" became/,
  ],
  ['no default', changed('spec.kafka.onGap', schema => delete schema.default), /default "Halt" became none$/],
  [
    'a list that is merged otherwise',
    changed('spec.imagePullSecrets', schema => (schema['x-kubernetes-list-type'] = 'atomic')),
    /x-kubernetes-list-type changed$/,
  ],
  [
    'other keys of entries',
    changed('spec.pod.topologySpreadConstraints', schema => (schema['x-kubernetes-list-map-keys'] = ['topologyKey'])),
    /x-kubernetes-list-map-keys changed$/,
  ],
  [
    'a reference that is merged otherwise',
    changed('spec.kafka.sasl.secretRef', schema => delete schema['x-kubernetes-map-type']),
    /x-kubernetes-map-type changed$/,
  ],
  [
    'unknown fields that are dropped',
    changed('spec.pod.affinity.nodeAffinity', schema => delete schema['x-kubernetes-preserve-unknown-fields']),
    /x-kubernetes-preserve-unknown-fields changed$/,
  ],
  ['no map', changed('spec.pod.labels', schema => delete schema.additionalProperties), /a map is no longer one$/],
  [
    'a new rule of a field',
    changed('spec.scaling.replicas', schema => (schema['x-kubernetes-validations'] = [rule])),
    /^spec\.scaling\.replicas: new rule self > 0 \(what is stored keeps it until the value changes\)$/,
  ],
  [
    'a new rule of entries that have no identity',
    changed('spec.pod.extraEnvFrom.[].prefix', schema => (schema['x-kubernetes-validations'] = [rule])),
    /new rule self > 0 \(what is stored and breaks it can no longer be written at all\)$/,
  ],
  [
    'a narrower rule',
    changed('spec.scaling', schema => (schema['x-kubernetes-validations']![0]!.rule = 'false')),
    /new rule false/,
  ],

  ['another scope', renamed(spec => (spec.scope = 'Cluster')), /^scope changed$/],
  ['another group', renamed(spec => (spec.group = 'example.com')), /^group changed$/],
  ['another kind', renamed(({ names }) => (names.kind = 'Consumer')), /^names\.kind changed$/],
  ['a lost short name', renamed(({ names }) => (names.shortNames = ['c'])), /^names\.shortNames: hc removed$/],
  ['a lost category', renamed(({ names }) => (names.categories = [])), /^names\.categories: \w+ removed$/],
  [
    'a version that is not served',
    versioned(version => (version.served = false)),
    /^version v1alpha1 is no longer served$/,
  ],
  ['no scale subresource', versioned(({ subresources }) => delete subresources.scale), /^subresources changed$/],
]

for (const [what, definition, expected] of changes)
  test(`${what} is ${expected ? 'refused' : 'taken'}`, () => {
    const found = incompatibilities(released, definition)
    if (expected === undefined) return assert.deepEqual(found, [])
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0]!, expected)
  })

/**
 * The CustomResourceDefinition, made from the zod schema: what crds/healthconsumers.yaml holds. Pure.
 *
 * A CRD's schema is structural (apiextensions.k8s.io/v1): no unions, no `additionalProperties: false`, no reference.
 * Where zod says it otherwise, `structural` says it as the API server reads it; a form it does not know is an error.
 */
import { dump } from 'js-yaml'
import { z } from 'zod'
import { apiVersion, group, healthConsumer, kind, plural, shortName, version } from './healthconsumer.ts'

type JsonSchema = { [key: string]: unknown }

const description =
  'A HealthConsumer reads health payloads from Kafka topics, validates every sample, and keeps the samples in Iceberg ' +
  'tables, exactly once.'

/** Shown by `kubectl get`; those with a priority only with `-o wide`. */
const printerColumns = [
  column('Ready', 'string', '.status.conditions[?(@.type=="Ready")].status', 'Whether it runs as the spec says.'),
  column('Reason', 'string', '.status.conditions[?(@.type=="Ready")].reason', 'Why, in one word.'),
  column('Desired', 'integer', '.spec.scaling.replicas', 'Pods asked for; empty where an autoscaler decides.'),
  column('Replicas', 'integer', '.status.replicas', 'Pods that exist.'),
  column('Lag', 'integer', '.status.pipeline.lag', 'Records behind; empty while it is not measured.'),
  column('Age', 'date', '.metadata.creationTimestamp', 'Time since it was created.'),
  column('Topics', 'string', '.spec.kafka.topics', 'Topics that are read.', 1),
  column('Group', 'string', '.spec.kafka.groupId', 'Consumer group; empty for <namespace>.<name>.', 1),
  column('Snapshot', 'string', '.status.pipeline.rawSnapshotId', 'Newest snapshot of the raw table.', 1),
  column('Message', 'string', '.status.conditions[?(@.type=="Ready")].message', 'Why, for people.', 1),
]

function column(name: string, type: string, jsonPath: string, description: string, priority = 0): JsonSchema {
  return { name, type, jsonPath, description, priority }
}

/** The same as YAML. */
export const crdYaml = (): string => dump(customResourceDefinition(), { lineWidth: -1, noRefs: true })

/** The whole resource, ready to be applied. */
export function customResourceDefinition(): JsonSchema {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        // Not `all`: what `kubectl delete all --all` removes should come back by itself, as children do.
        categories: ['healthdata'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: printerColumns,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.scaling.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          schema: { openAPIV3Schema: openApiSchema() },
        },
      ],
    },
  }
}

/** As zod writes it, with `form` for people beside each pattern, and the `range` of durations. */
export const describedSchema = (): JsonSchema => z.toJSONSchema(healthConsumer, { target: 'openapi-3.0', io: 'input' })

function openApiSchema(): JsonSchema {
  const whole = structural(describedSchema(), [])
  const properties = whole.properties as Record<string, JsonSchema>
  // The API server owns these three, and allows nothing about metadata but its name.
  properties.apiVersion = { type: 'string', description: `Version of the API: ${apiVersion}.` }
  properties.kind = { type: 'string', description: `Kind of the resource: ${kind}.` }
  properties.metadata = { type: 'object' }
  // A resource that nobody has looked at must not count as ready (kstatus).
  properties.status!.default = { observedGeneration: -1 }
  const rules = (whole['x-kubernetes-validations'] as JsonSchema[]).map(({ fieldPath: _, ...rule }) => rule)
  return {
    ...whole,
    description,
    required: ['spec'],
    'x-kubernetes-validations': rules.map(rule => ({ ...rule, message: `metadata.name ${rule.message}` })),
  }
}

/** Keys that a structural schema takes over as they are. */
const kept = new Set([
  ...['type', 'format', 'description', 'default', 'enum', 'required', 'pattern', 'minLength', 'maxLength'],
  ...['minimum', 'maximum', 'minItems', 'maxItems', 'maxProperties', 'properties', 'items', 'additionalProperties'],
  ...['x-kubernetes-validations', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-map-type'],
  ...['x-kubernetes-int-or-string', 'x-kubernetes-preserve-unknown-fields'],
])

/** One node of zod's JSON Schema, as the API server reads it. `path` is for the error alone. */
function structural(node: JsonSchema, path: readonly string[]): JsonSchema {
  const { $schema: _, propertyNames: __, form, range, ...said } = isIntOrString(node) ? merged(node) : node
  const unknown = Object.keys(said).find(key => !kept.has(key))
  if (unknown !== undefined) throw new Error(`${path.join('.')}: a CRD has no place for ${unknown}`)
  const { properties, items, additionalProperties, ...out } = said
  if (out.description !== undefined) out.description = [out.description, ...unsaid(form, range, out.default)].join(' ')
  // For a text with a format the API server would take a list too (kube-openapi: it might be bytes).
  if (out.type === 'string') delete out.format
  const inner = (schema: unknown, name: string) => structural(schema as JsonSchema, [...path, name])
  if (properties !== undefined)
    out.properties = Object.fromEntries(
      Object.entries(properties as JsonSchema).map(([name, schema]) => [name, inner(schema, name)]),
    )
  if (items !== undefined) out.items = inner(items, '[]')
  // Objects that take no other field say false, those that are passed on say {}.
  if (typeof additionalProperties === 'object' && Object.keys(additionalProperties!).length > 0)
    out.additionalProperties = inner(additionalProperties, '*')
  return out
}

/** What `kubectl explain` does not show by itself, as sentences. */
function unsaid(form: unknown, range: unknown, standard: unknown): string[] {
  const taken = range === undefined ? form : `a duration from ${range}`
  const isShown = standard !== undefined && (typeof standard !== 'object' || Array.isArray(standard))
  return [
    ...(taken === undefined ? [] : [`Takes ${taken}.`]),
    ...(isShown ? [`Default: ${[standard].flat().join(', ')}.`] : []),
  ]
}

const isIntOrString = (node: JsonSchema) => node['x-kubernetes-int-or-string'] === true

/** An int-or-string without its choice of types: each bound holds for values of its own type alone. */
function merged({ anyOf, ...common }: JsonSchema): JsonSchema {
  const { type: _, ...bounds } = Object.assign({}, ...(anyOf as JsonSchema[])) as JsonSchema
  return { ...bounds, ...common }
}

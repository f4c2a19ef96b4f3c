/**
 * A HealthConsumer as the API server has stored it, under this definition or another -> the resource that pods can run,
 * what is wrong with it, and what it is run without. Checked again, for it may be older than the schema. Pure.
 */
import type { HealthConsumer } from '../crds/healthconsumer.ts'
import { checkHealthConsumer, type Problem } from '../crds/problems.ts'
import { type FieldPath, fieldName } from '../crds/schemaPath.ts'
import { runtimeConfiguration } from '../runtime/contract/configuration.ts'
import { unsupportedHere } from '../runtime/contract/unsupported.ts'
import { clusterProblems } from './clusterProblems.ts'
import type { KubernetesObject } from './kubernetes.ts'
import { fieldAt, withoutFields } from './olderSchema.ts'

export interface StoredSpec {
  /** With its defaults. */
  readonly resource?: HealthConsumer
  readonly problems: readonly Problem[]
  /** Fields that it is run without, each with the reason. */
  readonly leftOut: readonly string[]
}

/**
 * Defaults of earlier definitions that no version has obeyed, and that are refused where somebody writes them now. The API
 * server wrote them into every resource of that time, whose manifests do not name them.
 */
const formerDefaults: readonly { readonly path: FieldPath; readonly value: unknown }[] = [
  { path: ['spec', 'iceberg', 'maintenance', 'compaction', 'enabled'], value: true },
]

export function readStored({ apiVersion, kind, metadata, spec }: KubernetesObject): StoredSpec {
  const stored = { apiVersion, kind, metadata, spec }
  const former = formerDefaults.filter(({ path, value }) => fieldAt(stored, path) === value).map(({ path }) => path)
  const input = withoutFields(stored, former)
  const strict = checkHealthConsumer(input)
  // The API server stores no field that its definition lacks: one that is not known here comes with a newer definition,
  // most likely by a default, and stopping everybody in the middle of an upgrade would help nobody.
  const newer = strict.problems?.every(({ code }) => code === 'UNKNOWN_FIELD') ? strict.problems : []
  const newerFields = newer.map(({ path }) => path)
  const checked = newer.length === 0 ? strict : checkHealthConsumer(withoutFields(input, newerFields))
  const leftOut = [
    ...newer.map(({ field }) => `${field}: the operator is older, upgrade it`),
    ...former.map(path => `${fieldName(path)}: it was a default, which nothing obeys, set it to false`),
  ]
  if (!checked.resource) return { problems: checked.problems ?? [], leftOut }
  const problems = [...unsupportedHere(runtimeConfiguration(checked.resource)), ...clusterProblems(checked.resource)]
  return { resource: checked.resource, problems, leftOut }
}

/**
 * Whether an object is in a Selection: namespace, labels
 * (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors), and of the field selectors
 * those of name and namespace. Pure; the API server decides it for itself.
 */
import { KubernetesError, type KubernetesObject, type Selection } from './kubernetes.ts'

type Test = (object: KubernetesObject) => boolean

/** Throws KubernetesError, `Refused`, for a selector that cannot be read. */
export function selects({ namespace, labelSelector, fieldSelector }: Selection): Test {
  const tests: Test[] = []
  if (namespace !== undefined) tests.push(({ metadata }) => metadata.namespace === namespace)
  // A comma within brackets separates values.
  for (const each of labelSelector?.split(/,(?![^(]*\))/) ?? []) tests.push(labelTest(each.trim()))
  for (const each of fieldSelector?.split(',') ?? []) tests.push(fieldTest(each.trim()))
  return object => tests.every(test => test(object))
}

function labelTest(text: string): Test {
  const labels = ({ metadata }: KubernetesObject, key: string): string | undefined => metadata.labels?.[key]
  const exists = /^(!?)\s*([\w./-]+)$/.exec(text)
  if (exists) return object => (labels(object, exists[2]!) === undefined) === (exists[1] === '!')
  const equality = /^([\w./-]+)\s*(!=|==?)\s*([\w.-]*)$/.exec(text)
  if (equality) return object => (labels(object, equality[1]!) === equality[3]) === (equality[2] !== '!=')
  const set = /^([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text)
  if (!set) throw new KubernetesError('Refused', 400, `unable to parse the label selector '${text}'`)
  const values = set[3]!.split(',').map(value => value.trim())
  return object => values.includes(labels(object, set[1]!) ?? '\0') === (set[2] === 'in')
}

function fieldTest(text: string): Test {
  const [, name, operator, value] = /^metadata\.(name|namespace)(!=|==?)(.*)$/.exec(text) ?? []
  if (!name) throw new KubernetesError('Refused', 400, `field label not supported: '${text}'`)
  return ({ metadata }) => (metadata[name as 'name' | 'namespace'] === value) === (operator !== '!=')
}

/**
 * Paths of a REST catalog's resources, below its address. Pure. Levels of a namespace are percent-encoded one by one and
 * joined by the separator as the server spells it, which is encoded already (`%1F`).
 *
 * Source: apache/iceberg open-api/rest-catalog-open-api.yaml; Java ResourcePaths, RESTUtil.encodeNamespace.
 */
import { CatalogError, type TableIdentifier } from '../catalog.ts'

export interface PathRules {
  /** Of every path after /v1, as the server wants it in an address; '' for none. */
  readonly prefix: string
  readonly separator: string
}

const usualSeparator = '%1F'
/** What may stand in a segment of a path as it is (RFC 3986 pchar). */
const inPath = /^(?:%[0-9A-Fa-f]{2}|[\w.~!$&'()*+,;=:@-])+$/

/** From the properties that the server and the manifest agree on. Throws CatalogError DENIED. */
export function pathRules(properties: Readonly<Record<string, string>>): PathRules {
  const separator = properties['namespace-separator'] ?? usualSeparator
  if (separator === '') throw new CatalogError('DENIED', 'the catalog property namespace-separator is empty; write %1F')
  return {
    // Servers spell a prefix as it is to stand in the path, slashes and escapes included.
    prefix: (properties.prefix ?? '').replace(/^\/+|\/+$/g, '').replace(/[?#\s]/g, encodeURIComponent),
    separator: inPath.test(separator) ? separator : encodeURIComponent(separator),
  }
}

function segment(name: string): string {
  // A dot segment would be resolved on the way, in whatever spelling.
  if (name === '' || name === '.' || name === '..' || !name.isWellFormed())
    throw new CatalogError('DENIED', `'${name}' cannot name a namespace or table of a REST catalog; choose another`)
  return encodeURIComponent(name)
}

function namespaceSegment(levels: readonly string[], separator: string): string {
  const encoded = levels.map(segment)
  const ambiguous = levels[encoded.findIndex(level => level.includes(separator))]
  if (ambiguous !== undefined)
    throw new CatalogError('DENIED', `'${ambiguous}' cannot name a namespace: it holds the separator ${separator}`)
  return encoded.join(separator)
}

const join = (...segments: readonly string[]): string => '/' + segments.filter(part => part !== '').join('/')

export const namespacesPath = ({ prefix }: PathRules): string => join('v1', prefix, 'namespaces')

/** Throws CatalogError DENIED for a name that no path can hold; so do the others. */
export const namespacePath = (rules: PathRules, levels: readonly string[]): string =>
  `${namespacesPath(rules)}/${namespaceSegment(levels, rules.separator)}`

export const tablesPath = (rules: PathRules, levels: readonly string[]): string =>
  `${namespacePath(rules, levels)}/tables`

export const tablePath = (rules: PathRules, { namespace, name }: TableIdentifier): string =>
  `${tablesPath(rules, namespace)}/${segment(name)}`

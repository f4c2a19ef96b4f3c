/**
 * The properties of a REST catalog that this project knows, checked: by the runtime when it starts, and beforehand by the
 * operator and the command. Pure; a property that it does not know is ignored, and no value of a header gets into a problem,
 * for it may be a secret.
 *
 * Source: Iceberg Java CatalogProperties, RESTCatalogProperties, AuthProperties, OAuth2Properties, AwsProperties.
 */
import type { Problem } from '../../crds/problems.ts'
import { type FieldPath, fieldName } from '../../crds/schemaPath.ts'
import { credentialsInProperties } from './catalogProperties.ts'

export interface OAuth2Settings {
  /** Where a token is fetched: absolute, or a path of the catalog. */
  readonly serverUri?: string
  readonly scope: string
  readonly audience?: string
  readonly resource?: string
}

export interface SigV4Settings {
  readonly region?: string
  readonly name: string
}

export interface RestSettings {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly auth: 'none' | 'oauth2' | 'sigv4'
  readonly oauth2: OAuth2Settings
  readonly sigv4: SigV4Settings
  readonly connectTimeoutMs?: number
  readonly timeoutMs?: number
}

type Properties = Readonly<Record<string, string>>

type Tell = (property: string, what: string, fix: string, value?: string) => undefined

function booleanOf(properties: Properties, name: string, tell: Tell): boolean {
  const text = properties[name]?.toLowerCase() ?? 'false'
  if (text !== 'true' && text !== 'false')
    tell(name, 'is neither true nor false', 'write true or false', properties[name])
  return text === 'true'
}

function milliseconds(properties: Properties, name: string, tell: Tell): number | undefined {
  const text = properties[name]
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  return tell(name, 'is no number of milliseconds', 'write a whole number above 0, in quotes', text)
}

function serverUriOf(properties: Properties, tell: Tell): string | undefined {
  const name = 'oauth2-server-uri'
  const text = properties[name]
  if (text === undefined) return undefined
  const url = URL.parse(text, 'http://catalog')
  if (text === '' || url === null || !/^https?:$/.test(url.protocol))
    return tell(name, 'is no address', 'write https://… or a path of the catalog')
  if (url.username !== '' || url.password !== '')
    return tell(name, 'holds a login', 'put it into the Secret of spec.iceberg.catalog.secretRef')
  return text
}

function authOf(properties: Properties, tell: Tell): RestSettings['auth'] {
  const name = 'rest.auth.type'
  const sigV4 = booleanOf(properties, 'rest.sigv4-enabled', tell)
  const type = properties[name]?.toLowerCase() ?? (sigV4 ? 'sigv4' : 'oauth2')
  if (type === 'none' || type === 'oauth2' || type === 'sigv4') return type
  return tell(name, 'is not supported', 'write none, oauth2 or sigv4', properties[name]) ?? 'none'
}

const headerPrefix = 'header.'
/** RFC 9110 section 5.6.2. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headerValue = /^[\t\x20-\x7e]*$/
/** What this client decides itself. */
const reserved: ReadonlySet<string> = new Set([
  ...['authorization', 'host', 'content-length', 'content-type', 'transfer-encoding', 'connection', 'accept-encoding'],
  ...['if-none-match', 'idempotency-key'],
])

function headersOf(properties: Properties, tell: Tell): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [property, value] of Object.entries(properties)) {
    if (!property.startsWith(headerPrefix)) continue
    const name = property.slice(headerPrefix.length).toLowerCase()
    if (!headerName.test(name)) tell(property, 'names no HTTP header', 'write header. and the name of a header')
    else if (reserved.has(name)) tell(property, 'is a header that the client sets itself', 'leave it out')
    else if (!headerValue.test(value))
      tell(property, 'has a value that no HTTP header can have', 'write printable ASCII only')
    headers[name] = value
  }
  return headers
}

/** Longer than anything that these properties may be, and shorter than a token that was put into the wrong one. */
const longestShown = 12

/** `told` gets each problem; a malformed property counts as one that is not there. */
export function restSettings(properties: Properties, told: (problem: Problem) => void): RestSettings {
  const tell: Tell = (property, what, fix, value) => {
    const path: FieldPath = ['spec', 'iceberg', 'catalog', 'properties', property]
    const shown = value !== undefined && value.length <= longestShown ? { value: JSON.stringify(value) } : {}
    told({ code: 'INVALID_FORMAT', path, field: fieldName(path), ...shown, what, fix })
    return undefined
  }
  if (properties['namespace-separator'] === '') tell('namespace-separator', 'is empty', 'write %1F, or remove it')
  return {
    headers: headersOf(properties, tell),
    auth: authOf(properties, tell),
    oauth2: {
      serverUri: serverUriOf(properties, tell),
      scope: properties.scope ?? 'catalog',
      audience: properties.audience,
      resource: properties.resource,
    },
    sigv4: { region: properties['rest.signing-region'], name: properties['rest.signing-name'] ?? 'execute-api' },
    connectTimeoutMs: milliseconds(properties, 'rest.client.connection-timeout-ms', tell),
    timeoutMs: milliseconds(properties, 'rest.client.socket-timeout-ms', tell),
  }
}

/** What makes the address of a catalog useless to every client; undefined where nothing does. */
export function addressProblem(text: string): Pick<Problem, 'what' | 'fix'> | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return { what: 'is no address', fix: 'write https://host/path' }
  if (url.username !== '' || url.password !== '')
    return { what: 'holds a login', fix: 'put it into the Secret of secretRef' }
  if (url.search !== '' || url.hash !== '') return { what: 'has a query', fix: 'write https://host/path' }
  return undefined
}

/** Why no client of such a catalog can be made, or must not. */
export function restProblems(uri: string, properties: Properties): readonly Problem[] {
  const path: FieldPath = ['spec', 'iceberg', 'catalog', 'uri']
  const address = addressProblem(uri)
  const problems: Problem[] = address ? [{ code: 'INVALID_FORMAT', path, field: fieldName(path), ...address }] : []
  problems.push(...credentialsInProperties(properties))
  restSettings(properties, problem => {
    // That it is a credential matters more.
    if (!problems.some(({ field }) => field === problem.field)) problems.push(problem)
  })
  return problems
}

/**
 * The properties of a REST catalog that this project knows, checked. Pure; a property that it does not know is ignored, and
 * no value of a header gets into an error, for it may be a secret.
 *
 * Source: Iceberg Java CatalogProperties, RESTCatalogProperties, AuthProperties, OAuth2Properties, AwsProperties.
 */
import { CatalogError } from '../catalog.ts'

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

const wrong = (name: string, what: string): CatalogError =>
  new CatalogError('DENIED', `spec.iceberg.catalog.properties.${name} ${what}`)

function booleanOf(properties: Properties, name: string): boolean {
  const text = properties[name]?.toLowerCase() ?? 'false'
  if (text !== 'true' && text !== 'false') throw wrong(name, `is '${properties[name]}'; write true or false`)
  return text === 'true'
}

function milliseconds(properties: Properties, name: string): number | undefined {
  const text = properties[name]
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw wrong(name, `is '${text}'; write milliseconds as a whole number above 0`)
  return Number(text)
}

function serverUriOf(properties: Properties): string | undefined {
  const text = properties['oauth2-server-uri']
  if (text === undefined) return undefined
  const url = URL.parse(text, 'http://catalog')
  if (text === '' || url === null || !/^https?:$/.test(url.protocol))
    throw wrong('oauth2-server-uri', 'is no address; write https://… or a path of the catalog')
  if (url.username !== '' || url.password !== '')
    throw wrong('oauth2-server-uri', 'holds a login; put it into the Secret of spec.iceberg.catalog.secretRef')
  return text
}

function authOf(properties: Properties): RestSettings['auth'] {
  const name = 'rest.auth.type'
  const type = properties[name]?.toLowerCase() ?? (booleanOf(properties, 'rest.sigv4-enabled') ? 'sigv4' : 'oauth2')
  if (type !== 'none' && type !== 'oauth2' && type !== 'sigv4')
    throw wrong(name, `is '${properties[name]}', which is not supported; write none, oauth2 or sigv4`)
  return type
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

function headersOf(properties: Properties): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [property, value] of Object.entries(properties)) {
    if (!property.startsWith(headerPrefix)) continue
    const name = property.slice(headerPrefix.length).toLowerCase()
    if (!headerName.test(name)) throw wrong(property, 'names no HTTP header')
    if (reserved.has(name)) throw wrong(property, 'is a header that the client sets itself; leave it out')
    if (!headerValue.test(value))
      throw wrong(property, 'has a value that no HTTP header can have (printable ASCII only)')
    headers[name] = value
  }
  return headers
}

/** @throws CatalogError DENIED naming the property that is malformed */
export function restSettings(properties: Properties): RestSettings {
  return {
    headers: headersOf(properties),
    auth: authOf(properties),
    oauth2: {
      serverUri: serverUriOf(properties),
      scope: properties.scope ?? 'catalog',
      audience: properties.audience,
      resource: properties.resource,
    },
    sigv4: { region: properties['rest.signing-region'], name: properties['rest.signing-name'] ?? 'execute-api' },
    connectTimeoutMs: milliseconds(properties, 'rest.client.connection-timeout-ms'),
    timeoutMs: milliseconds(properties, 'rest.client.socket-timeout-ms'),
  }
}

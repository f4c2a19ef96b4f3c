/**
 * What a catalog says of itself, merged with what the manifest says. Pure. It never decides where a login is sent or what is
 * sent as one: only the manifest and its Secret do.
 *
 * Source: apache/iceberg open-api/rest-catalog-open-api.yaml getConfig, CatalogConfig.
 */
import { addressProblem } from '../../contract/restSettings.ts'
import { CatalogError } from '../catalog.ts'
import { type JsonObject, stringsOf } from './answers.ts'
import { type PathRules, pathRules } from './paths.ts'

export interface ServerConfiguration {
  /** Address without a slash at its end, on the same host as the manifest's. */
  readonly uri: string
  readonly paths: PathRules
  /** Whether it serves `<verb> <path as the specification spells it>`. */
  serves(endpoint: string): boolean
  /** How long a request may be sent again with its idempotency key; undefined where the server keeps none. */
  readonly idempotencyLifetimeMs?: number
}

const table = '/v1/{prefix}/namespaces/{namespace}/tables'
export const endpoints = {
  loadNamespace: 'GET /v1/{prefix}/namespaces/{namespace}',
  createNamespace: 'POST /v1/{prefix}/namespaces',
  loadTable: `GET ${table}/{table}`,
  createTable: `POST ${table}`,
  commitTable: `POST ${table}/{table}`,
} as const

/** Days to seconds of ISO 8601; months and years have no length. */
const duration = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/
const partsMs = [604_800_000, 86_400_000, 3_600_000, 60_000, 1000]

/** Undefined for what is no duration, or none that has a length above 0. */
export function durationMs(text: unknown): number | undefined {
  const found = typeof text === 'string' ? duration.exec(text) : null
  const sum = found?.slice(1).reduce((ms, part, at) => ms + Number(part ?? 0) * partsMs[at]!, 0)
  return sum || undefined
}

/** Without slashes at its end. Throws CatalogError DENIED for what no client can use. */
export function catalogUri(text: string): string {
  const problem = addressProblem(text)
  if (problem) throw new CatalogError('DENIED', `spec.iceberg.catalog.uri ${problem.what}; ${problem.fix}`)
  return new URL(text).href.replace(/\/+$/, '')
}

/** An address of the server's choice counts on the same host only: the login must not go anywhere else. */
function uriOf(own: string, merged: Readonly<Record<string, string>>): string {
  const other = URL.parse(merged.uri ?? own)
  return other !== null && other.origin === new URL(own).origin ? catalogUri(other.href) : own
}

/** @throws CatalogError DENIED for paths that cannot be made */
export function serverConfiguration(
  document: JsonObject,
  properties: Readonly<Record<string, string>>,
  uri: string,
): ServerConfiguration {
  const merged = { ...stringsOf(document.defaults), ...properties, ...stringsOf(document.overrides) }
  const announced = Array.isArray(document.endpoints) ? new Set<unknown>(document.endpoints) : undefined
  return {
    uri: uriOf(uri, { uri, ...merged }),
    paths: pathRules(merged),
    // A server that announces nothing serves the specification's default list, in which all of ours are.
    serves: endpoint => announced === undefined || announced.has(endpoint),
    idempotencyLifetimeMs: durationMs(document['idempotency-key-lifetime']),
  }
}

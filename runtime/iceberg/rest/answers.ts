/**
 * What an answer of a REST catalog means: its JSON, its error, and the code that our callers know for each. Pure. A message
 * names method, path and status; of what the server says only what the redaction lets through.
 *
 * Source: apache/iceberg open-api/rest-catalog-open-api.yaml ErrorModel and the responses of each operation; Java
 * ErrorHandlers for what servers really send.
 */

import type { HttpAnswer, NoAnswerError } from '../../httpExchange.ts'
import { CatalogError, type CatalogErrorCode } from '../catalog.ts'
import { parseJson } from '../metadataJson.ts'
import type { Redaction } from './redaction.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The strings of an object of strings; what is no string is left out, and what is no object is empty. */
export const stringsOf = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter((entry): entry is [string, string] => {
      return typeof entry[1] === 'string'
    }),
  )

/** The object that a body holds; undefined where it holds none. A parser's own error would quote the body. */
export function jsonObjectOf(body: Buffer): JsonObject | undefined {
  try {
    const document = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body))
    return isObject(document) ? document : undefined
  } catch {
    return undefined
  }
}

export interface ServerError {
  readonly type: string
  readonly message: string
}

/** The specification's error envelope; undefined for an error of somebody else, such as a proxy in between. */
export function serverErrorOf(body: Buffer): ServerError | undefined {
  const error = jsonObjectOf(body)?.error
  if (!isObject(error)) return undefined
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  return { type: text(error.type), message: text(error.message) }
}

/** What a request asks the catalog to do: a change leaves its outcome unknown where the answer does not tell. */
export type Intent = 'read' | 'create' | 'commit'

/** Method and path, for errors. */
export interface RequestName {
  readonly method: string
  readonly path: string
}

const nameOf = ({ method, path }: RequestName): string => `${method} ${path}`

const refusals: Readonly<Record<number, readonly [CatalogErrorCode, string]>> = {
  400: ['DENIED', 'the catalog takes this request for wrong; its message says why'],
  401: [
    'DENIED',
    'check the Secret of spec.iceberg.catalog.secretRef, and the authentication in spec.iceberg.catalog.properties',
  ],
  403: ['DENIED', 'give this consumer the right to do so in the catalog'],
  405: ['DENIED', 'the catalog does not support this request'],
  406: ['DENIED', 'the catalog does not support this request'],
  413: ['DENIED', 'raise the size of requests that the catalog, or a proxy before it, takes'],
  419: ['DENIED', 'the login has expired; check the Secret of spec.iceberg.catalog.secretRef'],
  422: ['DENIED', 'the catalog takes this request for wrong; its message says why'],
  429: ['UNAVAILABLE', 'the catalog asks for fewer requests'],
  501: ['DENIED', 'the catalog does not support this request'],
  503: ['UNAVAILABLE', 'the catalog is not ready; see its state'],
  507: ['NO_SPACE', 'make room in the storage of the catalog'],
}

function codeOf(status: number, intent: Intent, isOfCatalog: boolean): readonly [CatalogErrorCode, string] {
  if (status === 404 && isOfCatalog) return ['NOT_FOUND', 'it is not there; create it, or correct spec.iceberg']
  if (status === 409)
    return intent === 'create'
      ? ['ALREADY_EXISTS', 'load it']
      : ['CONFLICT', 'load the table again and build the commit on what it is now']
  const known = refusals[status]
  if (known !== undefined) return known
  if (status >= 300 && status < 400)
    return ['UNAVAILABLE', 'redirects are not followed; set spec.iceberg.catalog.uri to where the catalog is']
  if (status === 404) return ['UNAVAILABLE', 'no catalog answers there; correct spec.iceberg.catalog.uri']
  if (intent !== 'read') return ['UNKNOWN_OUTCOME', 'load the table to learn what happened']
  return ['UNAVAILABLE', 'see the state of the catalog']
}

/** The error that an answer other than a success is. */
export function refusal(name: RequestName, answer: HttpAnswer, intent: Intent, redaction: Redaction): CatalogError {
  const error = serverErrorOf(answer.body)
  const [code, fix] = codeOf(answer.status, intent, error !== undefined)
  const said = error === undefined ? '' : ` ${redaction.shown([error.type, error.message].filter(Boolean).join(': '))}`
  return new CatalogError(code, `${nameOf(name)}: ${answer.status}${said}; ${fix}`)
}

/** The error that no answer, or one that broke off, is. */
export function noAnswer(name: RequestName, error: NoAnswerError, intent: Intent): CatalogError {
  const unknown = error.sent && intent !== 'read'
  const fix =
    error.kind === 'oversize'
      ? 'expire snapshots of the table, for they make its metadata so large'
      : error.sent
        ? 'see the state of the catalog and of the network'
        : 'check spec.iceberg.catalog.uri, and that the catalog runs and is reached'
  return new CatalogError(
    unknown ? 'UNKNOWN_OUTCOME' : 'UNAVAILABLE',
    `${nameOf(name)}: ${unknown ? 'it may have been done, ' : ''}${error.message}; ${fix}`,
    error,
  )
}

/** The error that a success is whose body cannot be read. */
export const unreadable = (name: RequestName, answer: HttpAnswer, intent: Intent, what: string): CatalogError =>
  new CatalogError(
    intent === 'read' ? 'UNAVAILABLE' : 'UNKNOWN_OUTCOME',
    `${nameOf(name)}: ${answer.status} with ${answer.body.length} bytes that are ${what}; see the state of the catalog`,
  )

/** A table is missing only where the catalog itself says so: its files, a warehouse or a proxy's route may be instead. */
export function saysNoTable(answer: HttpAnswer): boolean {
  if (answer.status !== 404) return false
  const error = serverErrorOf(answer.body)
  return error !== undefined && error.type !== 'NotFoundException' && !/warehouse/i.test(error.type)
}

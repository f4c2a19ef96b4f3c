/**
 * A token for a client id and its secret: the OAuth2 client credentials flow.
 *
 * Source: RFC 6749 section 4.4; apache/iceberg open-api/rest-catalog-open-api.yaml getToken for the catalog's own endpoint;
 * Java OAuth2Util. The client authenticates in the body, as Iceberg's clients do.
 */

import { type HttpAnswer, type HttpRequest, NoAnswerError } from '../../httpExchange.ts'
import { CatalogError } from '../catalog.ts'
import { jsonObjectOf, noAnswer } from './answers.ts'
import type { Secret } from './authorization.ts'
import type { Redaction } from './redaction.ts'
import type { OAuth2Settings } from './settings.ts'
import { type FetchedToken, tokenOf } from './tokens.ts'

const endpointOf = (uri: string, { serverUri = '/v1/oauth/tokens' }: OAuth2Settings): URL =>
  /^https?:\/\//i.test(serverUri) ? new URL(serverUri) : new URL(`${uri}/${serverUri.replace(/^\/+/, '')}`)

function formOf(settings: OAuth2Settings, secret: Secret): string {
  const form = new URLSearchParams({ grant_type: 'client_credentials' })
  const fields = { client_id: secret.clientId, client_secret: secret.clientSecret, ...settings, serverUri: undefined }
  for (const [name, value] of Object.entries(fields)) if (value) form.set(name, value)
  return form.toString()
}

/** What an answer without a token says (RFC 6749 section 5.2). */
function refusal(name: string, answer: HttpAnswer, redaction: Redaction): CatalogError {
  const { error, error_description: description } = jsonObjectOf(answer.body) ?? {}
  const said = redaction.shown([error, description].filter(text => typeof text === 'string').join(': '))
  const isTransient = answer.status >= 500 || answer.status === 429 || answer.status === 408
  const fix = isTransient
    ? 'see the state of the token server'
    : 'check clientId and clientSecret in the Secret of spec.iceberg.catalog.secretRef, and oauth2-server-uri and scope in spec.iceberg.catalog.properties'
  return new CatalogError(isTransient ? 'UNAVAILABLE' : 'DENIED', `${name}: ${answer.status} ${said}; ${fix}`)
}

export interface OAuth2Options {
  /** Of the catalog. */
  readonly uri: string
  readonly settings: OAuth2Settings
  readonly redaction: Redaction
  readonly now: () => number
  readonly exchange: (request: HttpRequest) => Promise<HttpAnswer>
}

/** Rejects with CatalogError: DENIED for a login that is refused, else UNAVAILABLE. */
export async function fetchToken(options: OAuth2Options, secret: Secret): Promise<FetchedToken> {
  const { uri, settings, redaction, now, exchange } = options
  const url = endpointOf(uri, settings)
  const name = { method: 'POST', path: url.origin + url.pathname }
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
  const request: HttpRequest = { method: 'POST', url, headers, body: formOf(settings, secret) }
  const answer = await exchange(request).catch(error => {
    throw error instanceof NoAnswerError ? noAnswer(name, error, 'read') : error
  })
  if (answer.status !== 200) throw refusal(`${name.method} ${name.path}`, answer, redaction)
  const token = tokenOf(jsonObjectOf(answer.body) ?? {}, now())
  if (token === undefined)
    throw new CatalogError('UNAVAILABLE', `${name.method} ${name.path}: 200 without a token; see the token server`)
  redaction.add(token.token)
  return token
}

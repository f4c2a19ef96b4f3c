/**
 * How a request shows who sends it, by the properties and the Secret of the manifest alone. It sends nothing to the catalog.
 */

import type { HttpRequest } from '../../httpExchange.ts'
import { CatalogError } from '../catalog.ts'
import type { Redaction } from './redaction.ts'
import type { RestSettings } from './settings.ts'
import { type FetchedToken, tokenSource } from './tokens.ts'

export interface Authorization {
  /** The headers to add. Rejects with CatalogError where there is no login to be had. */
  headersFor(request: HttpRequest): Promise<Readonly<Record<string, string>>>
  /** After a refusal of these headers: whether others would be sent now. */
  renew(refused: Readonly<Record<string, string>>): Promise<boolean>
}

export type Secret = Readonly<Record<string, string>>

export interface AuthorizationOptions {
  readonly settings: RestSettings
  /** Keys and contents of the mounted Secret. */
  readonly secret?: () => Secret
  /** Fetches a token for the Secret's clientId and clientSecret. */
  readonly fetchToken: (secret: Secret) => Promise<FetchedToken>
  readonly redaction: Redaction
  readonly now: () => number
  readonly random: () => number
}

const mountedSecret = 'spec.iceberg.catalog.secretRef'
const confidential = ['token', 'clientSecret', 'accessKeyId', 'secretAccessKey', 'sessionToken'] as const

export function authorization(options: AuthorizationOptions): Authorization {
  const { settings, redaction } = options

  /** The Secret as it is now. */
  function readSecret(): Secret {
    try {
      const secret = options.secret?.() ?? {}
      for (const key of confidential) redaction.add(secret[key])
      return secret
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : 'unknown error'
      throw new CatalogError('DENIED', `cannot read the Secret of ${mountedSecret}: ${why}`, cause)
    }
  }

  if (settings.auth === 'none' || (settings.auth === 'oauth2' && options.secret === undefined)) return anonymous
  return settings.auth === 'oauth2' ? bearer(options, readSecret) : signed(options, readSecret)
}

const anonymous: Authorization = { headersFor: async () => ({}), renew: async () => false }

/** A token of the Secret is looked at again this often, for it may have been rotated. */
const tokenLookMs = 60_000

function bearer(options: AuthorizationOptions, readSecret: () => Secret): Authorization {
  async function fetch(): Promise<FetchedToken> {
    const secret = readSecret()
    if (secret.token !== undefined) return { token: secret.token, lifetimeMs: tokenLookMs, isRotated: true }
    if (secret.clientId !== undefined && secret.clientSecret !== undefined) return options.fetchToken(secret)
    const fix =
      'give it token, or clientId and clientSecret, or set rest.sigv4-enabled in spec.iceberg.catalog.properties'
    throw new CatalogError('DENIED', `the Secret of ${mountedSecret} has no login that OAuth2 takes; ${fix}`)
  }
  const source = tokenSource(fetch, options)
  const header = (token: string) => ({ authorization: `Bearer ${token}` })
  return {
    headersFor: async () => header(await source.current()),
    async renew({ authorization: refused }) {
      return header(await source.renewed(token => header(token).authorization === refused)).authorization !== refused
    },
  }
}

function signed({ settings, now, redaction }: AuthorizationOptions, readSecret: () => Secret): Authorization {
  // What signs is loaded only where it is needed.
  const signer = import('./sigv4.ts').then(({ sigV4 }) => sigV4({ ...settings.sigv4, readSecret, now, redaction }))
  return { headersFor: async request => (await signer)(request), renew: async () => false }
}

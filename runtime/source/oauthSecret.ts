/** What the Secret of a login with OAuth holds, as files. Its content never gets into a message. */
import {
  type ContentProblem,
  oauthExtensions,
  oauthKeys,
  oauthLogin,
  optionalOauthKeys,
} from '../contract/secretContents.ts'
import { CredentialsError, type MountedSecret, readKey, readOptionalKey, withoutLineEnd } from '../secrets.ts'
import type { OAuthLogin } from './oauthEndpoint.ts'

export interface OAuthSecret {
  readonly login: OAuthLogin
  /** SASL extensions by name. */
  readonly extensions: Readonly<Record<string, string>>
}

/** Throws CredentialsError. */
export function readOAuthSecret(secret: MountedSecret): OAuthSecret {
  const found = new Map<string, string>(oauthKeys.map(key => [key, readKey(secret, key)]))
  for (const key of optionalOauthKeys) {
    const text = readOptionalKey(secret, key)
    if (text !== undefined) found.set(key, text)
  }
  const problem = oauthLogin(Object.fromEntries([...found].map(([key, text]) => [key, Buffer.from(text)])))
  if (problem) throw invalid(secret, problem)
  const line = (key: string) => withoutLineEnd(found.get(key) ?? '')
  return {
    login: {
      tokenEndpoint: line('tokenEndpoint'),
      clientId: line('clientId'),
      clientSecret: line('clientSecret'),
      scope: found.has('scope') ? line('scope') : undefined,
      authorities: found.get('ca.crt'),
    },
    extensions: Object.fromEntries(oauthExtensions.filter(key => found.has(key)).map(key => [key, line(key)])),
  }
}

function invalid({ directory, name, field }: MountedSecret, { what, fix }: ContentProblem): CredentialsError {
  return new CredentialsError('INVALID_SECRET', field, `Secret ${name}: ${what} in ${directory}/${name}`, fix)
}

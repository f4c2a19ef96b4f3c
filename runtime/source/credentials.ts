/**
 * How a consumer shows itself to the brokers, by the Secrets that its configuration names. Read anew whenever it is
 * asked, so that a rotated secret is taken up. No content ever gets into a message.
 */
import { createSecureContext } from 'node:tls'
import type { Mechanism, SASLOptions } from 'kafkajs'
import type { RuntimeConfiguration } from '../contract/configuration.ts'
import { pemFailure, pemFix, readKeyPair } from '../contract/secretContents.ts'
import { CredentialsError, readAuthorities, readKey, withoutLineEnd } from '../secrets.ts'
import { oauthBearer } from './oauthBearer.ts'
import { readOAuthSecret } from './oauthSecret.ts'
import { createOAuthTokens, type OAuthTokens } from './oauthTokens.ts'

export interface KafkaCredentials {
  /** Present where the connection is encrypted; contents (PEM), not file names. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?: SASLOptions | Mechanism
}

type Configured = Pick<RuntimeConfiguration, 'kafkaTls' | 'sasl'>

/** Throws CredentialsError. */
export const readKafkaCredentials = (configured: Configured, directory: string | undefined): KafkaCredentials =>
  kafkaCredentialsReader(configured, directory)()

/** Reads them at each call, which throws CredentialsError; a token is kept from one call to the next. */
export function kafkaCredentialsReader(
  { kafkaTls, sasl }: Configured,
  directory: string | undefined,
): () => KafkaCredentials {
  const tokens = createOAuthTokens()
  return () => ({
    ...(kafkaTls && { tls: readTls(kafkaTls, directory) }),
    ...(sasl && { sasl: readSasl(sasl, directory, tokens) }),
  })
}

function readTls(
  { caSecret, clientCertificateSecret }: NonNullable<Configured['kafkaTls']>,
  directory: string | undefined,
): NonNullable<KafkaCredentials['tls']> {
  const ca = readAuthorities(caSecret, 'spec.kafka.tls.caSecretRef', directory)
  if (clientCertificateSecret === undefined) return { ca }
  const field = 'spec.kafka.tls.clientCertificateSecretRef'
  const secret = { directory, field, name: clientCertificateSecret }
  const cert = readKey(secret, 'tls.crt')
  const key = readKey(secret, 'tls.key')
  assertPair(cert, key, field, clientCertificateSecret)
  return { ca, cert, key }
}

function readSasl(
  { mechanism, secret: name }: NonNullable<Configured['sasl']>,
  directory: string | undefined,
  tokens: OAuthTokens,
): NonNullable<KafkaCredentials['sasl']> {
  const secret = { directory, field: 'spec.kafka.sasl.secretRef', name }
  if (mechanism === 'oauthbearer') {
    // What is wrong with it is told now, not at the first login.
    readOAuthSecret(secret)
    return oauthBearer(async () => {
      const { login, extensions } = readOAuthSecret(secret)
      return { token: await tokens.current(login), extensions }
    }, tokens.refused)
  }
  const text = (key: string) => withoutLineEnd(readKey(secret, key))
  const login: SASLOptions = { mechanism, username: text('username'), password: text('password') }
  return login
}

function assertPair(cert: string, key: string, field: string, name: string): void {
  try {
    readKeyPair(cert, key)
    createSecureContext({ cert, key })
  } catch (error) {
    const what = `tls.crt with tls.key of Secret ${name} cannot be used (${pemFailure(error)})`
    throw new CredentialsError('INVALID_SECRET', field, what, pemFix, error)
  }
}

/**
 * How a consumer shows itself to the brokers, by the Secrets that its configuration names. Read anew whenever it is
 * asked, so that a rotated secret is taken up. No content ever gets into a message.
 */
import { createSecureContext } from 'node:tls'
import type { RuntimeConfiguration } from '../contract/configuration.ts'
import { pemFailure, pemFix, readKeyPair } from '../contract/secretContents.ts'
import { CredentialsError, readAuthorities, readKey, withoutLineEnd } from '../secrets.ts'

export interface KafkaCredentials {
  /** Present where the connection is encrypted; contents (PEM), not file names. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: string
  }
}

type Configured = Pick<RuntimeConfiguration, 'kafkaTls' | 'sasl'>

/** Throws CredentialsError. */
export function readKafkaCredentials({ kafkaTls, sasl }: Configured, directory: string | undefined): KafkaCredentials {
  return {
    ...(kafkaTls && { tls: readTls(kafkaTls, directory) }),
    ...(sasl && { sasl: readSasl(sasl, directory) }),
  }
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
  { mechanism, secret }: NonNullable<Configured['sasl']>,
  directory: string | undefined,
): NonNullable<KafkaCredentials['sasl']> {
  const field = 'spec.kafka.sasl.secretRef'
  if (mechanism === 'oauthbearer')
    throw new CredentialsError('INVALID_SECRET', field, 'oauthbearer is not supported', 'use another mechanism')
  const text = (key: string) => withoutLineEnd(readKey({ directory, field, name: secret }, key))
  return { mechanism, username: text('username'), password: text('password') }
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

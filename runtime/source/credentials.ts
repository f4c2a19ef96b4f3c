/**
 * What the Secrets that a configuration names hold: each Secret is a folder `<directory>/<name>` with a file for each of
 * its keys, as Kubernetes mounts it. Read anew whenever it is asked, so that a rotated secret is taken up. No content
 * ever gets into a message.
 */
import { isUtf8 } from 'node:buffer'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { RuntimeConfiguration } from '../contract/configuration.ts'

export interface KafkaCredentials {
  /** Present where the connection is encrypted; contents (PEM), not file names. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: string
  }
}

export type CredentialsErrorCode = 'MISSING_SECRET' | 'UNREADABLE_SECRET' | 'INVALID_SECRET'

export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
  readonly code: CredentialsErrorCode
  /** Of the manifest, e.g. `spec.kafka.sasl.secretRef`. */
  readonly field: string
  readonly what: string
  readonly fix: string
  constructor(code: CredentialsErrorCode, field: string, what: string, fix: string, cause?: unknown) {
    super(`${what} · ${field} · ${fix}`, { cause })
    this.code = code
    this.field = field
    this.what = what
    this.fix = fix
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
  const caField = 'spec.kafka.tls.caSecretRef'
  const certificateField = 'spec.kafka.tls.clientCertificateSecretRef'
  const ca = caSecret && readKey(directory, caField, caSecret.name, caSecret.key)
  if (ca !== undefined) assertUsable({ ca }, caField, `key ${caSecret!.key} of Secret ${caSecret!.name}`)
  if (clientCertificateSecret === undefined) return { ca }
  const cert = readKey(directory, certificateField, clientCertificateSecret, 'tls.crt')
  const key = readKey(directory, certificateField, clientCertificateSecret, 'tls.key')
  assertUsable({ cert, key }, certificateField, `tls.crt with tls.key of Secret ${clientCertificateSecret}`)
  return { ca, cert, key }
}

function readSasl(
  { mechanism, secret }: NonNullable<Configured['sasl']>,
  directory: string | undefined,
): NonNullable<KafkaCredentials['sasl']> {
  const field = 'spec.kafka.sasl.secretRef'
  if (mechanism === 'oauthbearer')
    throw new CredentialsError('INVALID_SECRET', field, 'oauthbearer is not supported', 'use another mechanism')
  const text = (key: string) => withoutLineEnd(readKey(directory, field, secret, key))
  return { mechanism, username: text('username'), password: text('password') }
}

/** Editors and `echo` end a file with a line feed that nobody means. */
const withoutLineEnd = (text: string): string => text.replace(/\r?\n$/, '')

function readKey(directory: string | undefined, field: string, secret: string, key: string): string {
  const name = `key ${key} of Secret ${secret}`
  if (directory === undefined)
    throw new CredentialsError(
      'MISSING_SECRET',
      field,
      `${name} is needed and no folder of secrets is given`,
      `write it to a file DIR/${secret}/${key} and give --secrets-dir DIR or HC_SECRETS_DIR`,
    )
  const file = join(directory, secret, key)
  const bytes = readFile(file, name, field)
  if (!isUtf8(bytes) || withoutLineEnd(String(bytes)) === '')
    throw new CredentialsError(
      'INVALID_SECRET',
      field,
      `${name} is ${bytes.length === 0 ? 'empty' : 'no text'} in ${file}`,
      'write it again, as UTF-8 text',
    )
  return String(bytes)
}

function readFile(file: string, name: string, field: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new CredentialsError(
        'MISSING_SECRET',
        field,
        `${name} is missing: no file ${file}`,
        'create the file',
        error,
      )
    throw new CredentialsError(
      'UNREADABLE_SECRET',
      field,
      `${name} cannot be read (${code}) from ${file}`,
      'make it a file that this user may read',
      error,
    )
  }
}

/** A CA that cannot be read counts as none for Node. OpenSSL says what it could not read, never what it read. */
function assertUsable({ ca, cert, key }: NonNullable<KafkaCredentials['tls']>, field: string, name: string): void {
  try {
    if (ca !== undefined) certificatesOf(ca)
    createSecureContext({ cert, key })
  } catch (error) {
    const { code = 'no certificate' } = error as NodeJS.ErrnoException
    const fix = 'write certificates and key in PEM form, the key without a passphrase'
    throw new CredentialsError('INVALID_SECRET', field, `${name} cannot be used (${code})`, fix, error)
  }
}

function certificatesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new RangeError('no certificate')
  return blocks.map(block => new X509Certificate(block))
}

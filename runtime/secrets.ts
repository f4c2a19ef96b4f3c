/**
 * What a key of a mounted Secret holds: each Secret is a folder `<directory>/<name>` with a file for each of its keys, as
 * Kubernetes mounts it. Read anew whenever it is asked, so that a rotated secret is taken up. No content ever gets into
 * a message.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SecretKey } from './contract/configuration.ts'
import { pemFailure, pemFix, readCertificates, textProblem } from './contract/secretContents.ts'

export { withoutLineEnd } from './contract/secretContents.ts'

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

/** A Secret, and the field of the manifest that names it. */
export interface MountedSecret {
  /** Folder with a folder for each Secret; undefined where none was given. */
  readonly directory: string | undefined
  readonly field: string
  readonly name: string
}

/** The text of a key, line end included. Throws CredentialsError where there is none. */
export function readKey(secret: MountedSecret, key: string): string {
  const text = readOptionalKey(secret, key)
  if (text !== undefined) return text
  const file = fileOf(secret, key)
  throw new CredentialsError(
    'MISSING_SECRET',
    secret.field,
    `key ${key} of Secret ${secret.name} is missing: no file ${file}`,
    'create the file',
  )
}

/** The same, or undefined where the Secret has no such key. Throws CredentialsError where it cannot be used. */
export function readOptionalKey(secret: MountedSecret, key: string): string | undefined {
  const file = fileOf(secret, key)
  const name = `key ${key} of Secret ${secret.name}`
  const bytes = readFile(file, name, secret.field)
  if (bytes === undefined) return undefined
  const problem = textProblem(bytes)
  if (problem)
    throw new CredentialsError(
      'INVALID_SECRET',
      secret.field,
      `${name} is ${problem} in ${file}`,
      'write it again, as UTF-8 text',
    )
  return String(bytes)
}

/**
 * Certificates of authorities (PEM); undefined where none are named. Throws CredentialsError, also for what Node would
 * take for an empty list.
 */
export function readAuthorities(
  secret: SecretKey | undefined,
  field: string,
  directory: string | undefined,
): string | undefined {
  if (secret === undefined) return undefined
  const pem = readKey({ directory, field, name: secret.name }, secret.key)
  try {
    readCertificates(pem)
    return pem
  } catch (error) {
    const what = `key ${secret.key} of Secret ${secret.name} cannot be used (${pemFailure(error)})`
    throw new CredentialsError('INVALID_SECRET', field, what, pemFix, error)
  }
}

function fileOf({ directory, field, name }: MountedSecret, key: string): string {
  if (directory !== undefined) return join(directory, name, key)
  throw new CredentialsError(
    'MISSING_SECRET',
    field,
    `key ${key} of Secret ${name} is needed and no folder of secrets is given`,
    `write it to a file DIR/${name}/${key} and give --secrets-dir DIR or HC_SECRETS_DIR`,
  )
}

function readFile(file: string, name: string, field: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CredentialsError(
      'UNREADABLE_SECRET',
      field,
      `${name} cannot be read (${code}) from ${file}`,
      'make it a file that this user may read',
      error,
    )
  }
}

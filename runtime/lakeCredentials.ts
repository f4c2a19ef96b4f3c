/**
 * How a consumer shows itself to the REST catalog and to S3, by the Secrets that its configuration names. Read anew
 * whenever it is asked, so that a rotated secret is taken up. No content ever gets into a message.
 */
import type { RuntimeConfiguration } from './contract/configuration.ts'
import { catalogKeys, catalogKeysProblem } from './contract/secretContents.ts'
import { CredentialsError, readAuthorities, readKey, readOptionalKey, withoutLineEnd } from './secrets.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string
}

type Configured = Pick<RuntimeConfiguration, 'catalog' | 'storage'>

/** Keys and contents of the catalog's Secret; undefined where none is named. Throws CredentialsError. */
export function readCatalogSecret(
  { catalog }: Pick<Configured, 'catalog'>,
  directory: string | undefined,
): Readonly<Record<string, string>> | undefined {
  if (catalog.secret === undefined) return undefined
  const secret = { directory, field: 'spec.iceberg.catalog.secretRef', name: catalog.secret }
  const found: Record<string, string> = {}
  for (const key of catalogKeys) {
    const text = readOptionalKey(secret, key)
    if (text !== undefined) found[key] = withoutLineEnd(text)
  }
  const problem = catalogKeysProblem(new Set(Object.keys(found)))
  if (problem) {
    const what = `Secret ${secret.name} ${problem.what} in ${directory}/${secret.name}`
    throw new CredentialsError('MISSING_SECRET', secret.field, what, problem.fix)
  }
  return found
}

/** Whom the REST catalog is checked against (PEM); undefined for the system's authorities. Throws CredentialsError. */
export const readCatalogAuthorities = ({ catalog }: Pick<Configured, 'catalog'>, directory: string | undefined) =>
  readAuthorities(catalog.caSecret, 'spec.iceberg.catalog.caSecretRef', directory)

/** The same of the S3 service. */
export const readS3Authorities = ({ storage }: Pick<Configured, 'storage'>, directory: string | undefined) =>
  readAuthorities(storage.s3?.caSecret, 'spec.iceberg.storage.s3.caSecretRef', directory)

/** Undefined where no Secret is named: the environment, the pod's identity or the machine's then decide. */
export function readS3Credentials(
  { storage }: Pick<Configured, 'storage'>,
  directory: string | undefined,
): S3Credentials | undefined {
  if (storage.s3?.secret === undefined) return undefined
  const secret = { directory, field: 'spec.iceberg.storage.s3.secretRef', name: storage.s3.secret }
  const sessionToken = readOptionalKey(secret, 'sessionToken')
  return {
    accessKeyId: withoutLineEnd(readKey(secret, 'accessKeyId')),
    secretAccessKey: withoutLineEnd(readKey(secret, 'secretAccessKey')),
    ...(sessionToken !== undefined && { sessionToken: withoutLineEnd(sessionToken) }),
  }
}

/** Throws CredentialsError where any of them is missing or cannot be used. */
export function readLakeSecrets(configured: Configured, directory: string | undefined): void {
  readCatalogSecret(configured, directory)
  readCatalogAuthorities(configured, directory)
  readS3Credentials(configured, directory)
  readS3Authorities(configured, directory)
}

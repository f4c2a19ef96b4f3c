/**
 * Requests signed with AWS Signature Version 4, with the keys of the Secret or those that the AWS SDK finds: environment,
 * web identity, container, instance. Keys stay inside.
 *
 * Source: Iceberg Java RESTSigV4AuthSession; AWS "Signature Version 4 signing process".
 */
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import type { HttpRequest } from '../../httpExchange.ts'
import { CatalogError } from '../catalog.ts'
import type { Redaction } from './redaction.ts'
import type { SigV4Settings } from './settings.ts'

export interface SigV4Options extends SigV4Settings {
  readonly readSecret: () => Readonly<Record<string, string>>
  readonly redaction: Redaction
  readonly now: () => number
}

interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

type Signer = (request: HttpRequest) => Promise<Readonly<Record<string, string>>>

/** Gives the headers that sign a request. They cover its method, path, query, host, body and type of content. */
export function sigV4(options: SigV4Options): Signer {
  const defaults = awsDefaults(options)
  const signer = new SignatureV4({
    service: options.name,
    region: () => defaults.region(),
    credentials: async () => {
      const credentials = ofSecret(options.readSecret()) ?? (await defaults.credentials())
      options.redaction.add(credentials.secretAccessKey)
      options.redaction.add(credentials.sessionToken)
      return credentials
    },
    sha256: Sha256,
  })
  return async ({ method, url, headers, body }) => {
    const type = headers['content-type']
    const signed = await signer.sign(
      {
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: { host: url.host, ...(type !== undefined && { 'content-type': type }) },
        body,
      },
      { signingDate: new Date(options.now()) },
    )
    return signed.headers
  }
}

function ofSecret({ accessKeyId, secretAccessKey, sessionToken }: Readonly<Record<string, string>>) {
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}

/** What the AWS SDK finds on this machine, looked for only once it is needed. It keeps and renews it by itself. */
function awsDefaults({ region }: SigV4Settings) {
  const client = () =>
    import('@aws-sdk/client-s3').then(({ S3Client }) => new S3Client(region === undefined ? {} : { region }).config)
  let config: ReturnType<typeof client> | undefined

  async function ask<T>(what: string, fix: string, get: (found: Awaited<ReturnType<typeof client>>) => Promise<T>) {
    try {
      config ??= client()
      return await get(await config)
    } catch (cause) {
      // The SDK's own message may name files and addresses, so only its kind is shown.
      const kind = cause instanceof Error ? cause.name : 'unknown error'
      throw new CatalogError('DENIED', `the AWS SDK finds no ${what} to sign with (${kind}); ${fix}`, cause)
    }
  }

  return {
    region: async (): Promise<string> =>
      region ?? ask('region', 'set rest.signing-region in spec.iceberg.catalog.properties', found => found.region()),
    credentials: (): Promise<AwsCredentials> =>
      ask(
        'credentials',
        'give the Secret of spec.iceberg.catalog.secretRef accessKeyId and secretAccessKey, or the pod a role',
        found => found.credentials(),
      ),
  }
}

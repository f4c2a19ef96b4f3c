/**
 * Clients of the AWS SDK, one for each set of credentials, all over one pool of connections. It never shows a
 * credential, and never keeps one that was replaced.
 *
 * Off are the SDK's own retries: a request that it repeats unseen can fail because of its own first success. Off are its
 * CRC checksums, but where S3 requires them: servers of others refuse them, reading costs twice the CPU with them, and
 * the signed SHA-256 of every upload already tells the server whether the bytes came whole. Off is
 * `Expect: 100-continue`: with a server that does not know it, each upload waits for seconds.
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { tlsContext } from '../../tlsContext.ts'
import { StorageError } from '../storage.ts'
import type { VendedCredential, VendedCredentials } from '../vendedCredentials.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string
}

export interface S3ClientsOptions {
  /** Of any S3 service, http or https; without it AWS's. */
  readonly endpoint?: string
  /** Without it us-east-1 where there is an endpoint, else what the SDK finds (AWS_REGION, profile). */
  readonly region?: string
  /** `endpoint/bucket/key` rather than `bucket.endpoint/key`. */
  readonly pathStyle: boolean
  /** Certificates (PEM) that the service is checked against, in place of the system's. */
  readonly authorities?: string | undefined
  /**
   * Asked at the start, and again whenever the server finds the credentials wrong or expired. What it rejects with is
   * shown, and must name no secret. Without it the SDK looks: environment, web identity, container, instance.
   */
  readonly credentials?: () => Promise<S3Credentials>
  /** Asked first, by the location of each file. */
  readonly vended?: VendedCredentials
  readonly connectTimeoutMs: number
  /** Without a byte either way. */
  readonly idleTimeoutMs: number
}

/** A client and the credentials that it began with, to be compared and never shown. */
interface Held {
  readonly client: S3Client
  readonly identity: string
}

export interface S3Clients {
  /** The client for a file. Rejects with StorageError `DENIED` where the credentials cannot be read. */
  of(location: string): Promise<S3Client>
  /** Whether `of` gives a client with other credentials now than the one that was refused. */
  renew(location: string, refused: S3Client): Promise<boolean>
  close(): void
}

const identityOf = ({ accessKeyId, secretAccessKey, sessionToken }: S3Credentials): string =>
  JSON.stringify([accessKeyId, secretAccessKey, sessionToken])

/** Undefined where the catalog vends only an endpoint or a region. */
function vendedCredentials({ config }: VendedCredential): S3Credentials | undefined {
  const accessKeyId = config['s3.access-key-id']
  const secretAccessKey = config['s3.secret-access-key']
  const sessionToken = config['s3.session-token']
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}

export function s3Clients(options: S3ClientsOptions): S3Clients {
  // Only its pool of connections is used; it never sends anything.
  const { requestHandler } = new S3Client({
    region: 'us-east-1',
    requestHandler: {
      connectionTimeout: options.connectTimeoutMs,
      socketTimeout: options.idleTimeoutMs,
      httpsAgent: { keepAlive: true, maxSockets: 50, secureContext: tlsContext({ ca: options.authorities }) },
    },
  }).config

  function configuration(vended: Readonly<Record<string, string>>): S3ClientConfig {
    const endpoint = vended['s3.endpoint'] ?? options.endpoint
    const region = vended['client.region'] ?? options.region ?? (endpoint === undefined ? undefined : 'us-east-1')
    const pathStyle = vended['s3.path-style-access']
    return {
      ...(endpoint !== undefined && { endpoint }),
      ...(region !== undefined && { region }),
      forcePathStyle: pathStyle === undefined ? options.pathStyle : pathStyle === 'true',
      requestHandler,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
    }
  }

  async function given(location: string): Promise<S3Credentials | undefined> {
    try {
      return await options.credentials?.()
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : 'unknown error'
      throw new StorageError('DENIED', location, `cannot read the credentials: ${why}`, cause)
    }
  }

  async function open(location: string, vended?: VendedCredential): Promise<Held> {
    const credentials = (vended && vendedCredentials(vended)) ?? (await given(location))
    const client = new S3Client({ ...configuration(vended?.config ?? {}), ...(credentials && { credentials }) })
    await client.config.region().catch(cause => {
      const fix = 'no region is known: set spec.iceberg.storage.s3.region'
      throw new StorageError('UNAVAILABLE', location, fix, cause)
    })
    return { client, identity: identityOf(credentials ?? (await client.config.credentials())) }
  }

  /** By what vended them; our own under `''`. */
  const held = new Map<string, { readonly config: string; readonly opened: Promise<Held> }>()

  function find(location: string): {
    readonly name: string
    readonly config: string
    readonly vended?: VendedCredential
  } {
    const vended = options.vended?.of(location)
    if (vended === undefined) return { name: '', config: '' }
    return { name: vended.prefix, config: JSON.stringify(vended.config), vended }
  }

  function get(location: string): Promise<Held> {
    const { name, config, vended } = find(location)
    const known = held.get(name)
    if (known?.config === config) return known.opened
    const opened = open(location, vended)
    held.set(name, { config, opened })
    // What could not be opened is tried anew the next time.
    opened.catch(() => held.get(name)?.opened === opened && held.delete(name))
    return opened
  }

  return {
    of: async location => (await get(location)).client,
    async renew(location, refused) {
      const before = await get(location)
      if (before.client !== refused) return true
      const { name, config, vended } = find(location)
      const fresh = await open(location, vended)
      if (fresh.identity === before.identity) return false
      held.set(name, { config, opened: Promise.resolve(fresh) })
      return true
    },
    close: () => requestHandler.destroy?.(),
  }
}

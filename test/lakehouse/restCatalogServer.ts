/**
 * Iceberg's real REST catalog fixture for a test file, run by hack/rest-catalog in a folder of its own: its tables and its
 * port outlive a kill. It accepts every login, so tests of logins put something before it.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Place, runAt, thisMachine } from '../place.ts'
import { succeeds, until } from '../until.ts'

export interface RestCatalogServerOptions {
  /** `file:///…` or `s3://bucket/…`; a folder of the server's own where absent. */
  readonly warehouse?: string
  /** Where a warehouse on S3 is, and the catalog's own keys to it. */
  readonly s3?: { readonly endpoint: string; readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Hands the keys of `s3` to whoever loads a table. */
  readonly vendCredentials?: boolean
  readonly place?: Place
  /** A free one by default. */
  readonly port?: number
}

export interface RestCatalogServer {
  readonly uri: string
  /** Ends it and removes its folder. */
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** After a kill: the same tables, at the same address. */
  start(): Promise<void>
}

const script = join(import.meta.dirname, '../../hack/rest-catalog')

export async function startRestCatalog(options: RestCatalogServerOptions = {}): Promise<RestCatalogServer> {
  const { warehouse, s3, vendCredentials, place = thisMachine, port = 0 } = options
  const directory = await mkdtemp(join(tmpdir(), 'rest-catalog-'))
  const env = {
    ...process.env,
    ...(s3 && {
      S3_ENDPOINT: s3.endpoint,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }),
  }
  const run = (action: string, ...parameters: string[]) =>
    runAt(place, [script, action, '--dir', directory, ...parameters], { env })
  const vending = ['--vend-credentials', vendCredentials ? 'yes' : 'no']
  const address = ['--host', place.host, '--port', String(port)]
  const up = () => run('up', ...address, ...vending, ...(warehouse ? ['--warehouse', warehouse] : []))
  await up()
  return {
    uri: (await readFile(join(directory, 'uri'), 'utf8')).trim(),
    async stop() {
      await run('down')
      await rm(directory, { recursive: true })
    },
    async kill() {
      process.kill(Number(await readFile(join(directory, 'catalog.pid'), 'utf8')), 'SIGKILL')
      await until('the catalog is gone', async () => !(await succeeds(run('status'))))
    },
    start: async () => void (await up()),
  }
}

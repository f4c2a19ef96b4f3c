/** A real S3 service for a test file, started by hack/s3 in a folder of its own. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runAt, thisMachine } from '../place.ts'
import { succeeds, until } from '../until.ts'

export interface S3Key {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface TestS3 extends S3Key {
  /** Path style, region us-east-1. */
  readonly endpoint: string
  readonly bucket: string
  /** Holds the files of each bucket below `data`. */
  readonly dir: string
  /** One more, which may do what the first one may. */
  addKey(accessKeyId: string): Promise<S3Key>
  /** From then on it is refused. */
  removeKey(accessKeyId: string): Promise<void>
  stop(): Promise<void>
  /** Ends the process with SIGKILL; what it keeps stays. */
  kill(): Promise<void>
  /** Starts it again, at the same address. */
  start(): Promise<void>
}

const script = join(import.meta.dirname, '../../hack/s3')

export async function startS3({ place = thisMachine, port = 0 } = {}): Promise<TestS3> {
  const dir = await mkdtemp(join(tmpdir(), 's3-'))
  const run = (action: string, ...parameters: string[]) => runAt(place, [script, action, '--dir', dir, ...parameters])
  const up = async () => void (await run('up', '--host', place.host, '--port', String(port)))
  await up().catch(async error => {
    await rm(dir, { recursive: true })
    throw error
  })
  const written = async (file: string) => (await readFile(join(dir, file), 'utf8')).trim()
  const credentials = Object.fromEntries((await written('credentials')).split('\n').map(line => line.split('=')))
  const endpoint = await written('endpoint')
  const program = join((await runAt(thisMachine, [script, 'bin'])).trim(), 'versitygw')
  async function administer(action: string, ...parameters: readonly string[]): Promise<void> {
    const { AWS_ACCESS_KEY_ID: ADMIN_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: ADMIN_SECRET_ACCESS_KEY } = credentials
    const env = { ...process.env, ADMIN_ACCESS_KEY_ID, ADMIN_SECRET_ACCESS_KEY, ADMIN_ENDPOINT_URL: endpoint }
    await runAt(place, [program, 'admin', action, ...parameters], { env })
  }

  return {
    endpoint,
    accessKeyId: credentials.AWS_ACCESS_KEY_ID,
    secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY,
    bucket: 'lakehouse',
    dir,
    start: up,
    async addKey(accessKeyId) {
      const secretAccessKey = randomBytes(20).toString('hex')
      await administer('create-user', '--access', accessKeyId, '--secret', secretAccessKey, '--role', 'admin')
      return { accessKeyId, secretAccessKey }
    },
    removeKey: accessKeyId => administer('delete-user', '--access', accessKeyId),
    async kill() {
      process.kill(Number(await written('s3.pid')), 'SIGKILL')
      await until('S3 is gone', async () => !(await succeeds(run('status'))))
    },
    async stop() {
      await run('down')
      await rm(dir, { recursive: true })
    },
  }
}

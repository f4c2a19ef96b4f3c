/**
 * A mount namespace of its own, so that a folder can be read-only or too small for a consumer while nobody else notices.
 * Needs no privilege where user namespaces are allowed. It goes away with its last process.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface Mounts {
  /** What a program is started through to be in it. */
  readonly through: readonly string[]
  /** mount(8) with these parameters, within. */
  mount(...parameters: readonly string[]): Promise<void>
  /** Copies what lies on a mount within to the folder below it, which everybody sees. */
  copyOut(folder: string): Promise<void>
  end(): Promise<void>
}

const run = promisify(execFile)

export async function createMounts(): Promise<Mounts> {
  const holder: ChildProcess = spawn(
    'unshare',
    ['--map-root-user', '--mount', 'sh', '-c', 'echo ready; exec sleep 3600'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const gone = once(holder, 'exit')
  await Promise.race([once(holder.stdout!, 'data'), gone])
  if (holder.exitCode !== null) throw new Error('unshare(1) cannot make a mount namespace: allow user namespaces')
  const [program, ...parameters] = ['nsenter', '-t', String(holder.pid), '-U', '-m', '--preserve-credentials']
  return {
    through: [program!, ...parameters],
    async mount(...given) {
      await run(program!, [...parameters, 'mount', ...given])
    },
    async copyOut(folder) {
      await cp(`/proc/${holder.pid}/root${folder}`, folder, { recursive: true })
    },
    async end() {
      holder.kill('SIGKILL')
      await gone
    },
  }
}

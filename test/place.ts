/**
 * Where the servers of a test run: on this machine, or in a network that this machine does not reach, such as that of a
 * cluster with a node. It starts nothing by itself.
 */
import { type ExecFileOptions, execFile } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'

export interface Place {
  /** The address that servers listen on. */
  readonly host: string
  /** A program, with its parameters, that others are started through; none on this machine. */
  readonly through: readonly string[]
  connect(host: string, port: number): Socket
}

export const thisMachine: Place = {
  host: '127.0.0.1',
  through: [],
  connect: (host, port) => connect({ host, port }),
}

/** What a program prints that is run there. Rejects where it fails. */
export async function runAt(place: Place, command: readonly string[], options: ExecFileOptions = {}): Promise<string> {
  const [program, ...parameters] = [...place.through, ...command]
  const { stdout } = await promisify(execFile)(program!, parameters, { maxBuffer: 64 << 20, ...options })
  return String(stdout)
}

/**
 * Where the servers of a test run: on this machine, or in a network that this machine does not reach, such as that of a
 * cluster with a node. It starts nothing by itself.
 */
import { type ExecFileOptions, execFile } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
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

export interface Answer {
  /** Of HTTP. */
  readonly code: number
  readonly body: string
}

/** GET of an `http:` address as it is known there. Rejects where nothing listens. */
export async function getAt(place: Place, url: string): Promise<Answer> {
  const { hostname, port, pathname, search } = new URL(url)
  const createConnection = () => place.connect(hostname, Number(port))
  const asked = request({ createConnection, host: hostname, path: pathname + search, headers: { host: hostname } })
  const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage]
  return { code: answer.statusCode!, body: await text(answer) }
}

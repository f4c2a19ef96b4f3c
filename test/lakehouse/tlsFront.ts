/** What stands before a server that speaks HTTP and makes it one of https: it takes TLS off and passes on the bytes. */
import { type AddressInfo, connect } from 'node:net'
import { pipeline } from 'node:stream'
import { createServer } from 'node:tls'
import type { KeyPair } from '../authority.ts'

export interface TlsFront {
  /** `https://127.0.0.1:…` */
  readonly url: string
  close(): void
}

/** @param target `http://host:port` */
export async function startTlsFront(target: string, { certificate, key }: KeyPair): Promise<TlsFront> {
  const { hostname, port } = new URL(target)
  const server = createServer({ cert: certificate, key }, secured => {
    const plain = connect(Number(port), hostname)
    // Either end may go away at any time.
    const ended = () => undefined
    pipeline(secured, plain, ended)
    pipeline(plain, secured, ended)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => void server.close(),
  }
}

/**
 * Chooses free ports of 127.0.0.1 for servers that may be started again later: below those that the kernel gives to outgoing
 * connections (from 32768 with Linux), one of which could hold the port while its server is away, and which can even connect
 * to itself there. Prints as many as its argument says.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

const range = { from: 12_000, to: 32_767 }

/** All different, and none of them above 32767. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = range.from + Math.floor(Math.random() * (range.to - range.from))
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}

if (import.meta.main) console.log((await freePorts(Number(process.argv[2] ?? 1))).join(' '))

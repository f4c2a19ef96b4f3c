import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Server } from 'node:net'
import { after, test } from 'node:test'
import { parseAddress } from '../../../cli/doctor/address.ts'
import { get } from '../../../cli/doctor/request.ts'

const servers: Server[] = []
after(() => {
  for (const server of servers) server.close()
})

async function listening(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1').unref())
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

const serve = (listener: RequestListener) => listening(createServer(listener))
const ask = (url: string, more: { timeoutMs?: number; maxBytes?: number; bearerToken?: string } = {}) =>
  get(parseAddress(url)!, '/metrics', { timeoutMs: 5_000, ...more })

test('an answer is told with its status, type and body, and an address without secrets', async () => {
  let request: IncomingMessage | undefined
  const host = await serve((received, response) => {
    request = received
    response.writeHead(503, { 'content-type': 'text/x' }).end('büsy')
  })
  const answer = await ask(`http://user:pass@${host}?token=t`)
  assert.deepEqual(answer, {
    reached: true,
    url: `http://${host}/metrics`,
    status: 503,
    contentType: 'text/x',
    body: 'büsy',
  })
  assert.equal(request?.url, '/metrics?token=t')
  assert.equal(request?.headers.authorization, `Basic ${btoa('user:pass')}`)
})

test('a token is sent as bearer', async () => {
  let authorization: string | undefined
  const host = await serve(({ headers }, response) => {
    authorization = headers.authorization
    response.end()
  })
  await ask(`http://${host}`, { bearerToken: 'own-token' })
  assert.equal(authorization, 'Bearer own-token')
})

test('a redirect is an answer: nothing is sent to where it leads', async () => {
  let visited = false
  const elsewhere = await serve((_, response) => {
    visited = true
    response.end()
  })
  const host = await serve((_, response) => response.writeHead(302, { location: `http://${elsewhere}/` }).end())
  const answer = await ask(`http://u:p@${host}`)
  assert.deepEqual([answer.reached && answer.status, visited], [302, false])
})

const failureOf = async (url: string, more?: { timeoutMs?: number; maxBytes?: number }) => {
  const answer = await ask(url, more)
  return answer.reached ? answer.status : answer.failure
}

test('where nothing listens it is refused', async () => {
  const server = createTcpServer()
  const host = await listening(server)
  server.close()
  await once(server, 'close')
  assert.equal(await failureOf(`http://${host}`), 'refused')
})

test('an answer that does not come, or does not end, is a timeout', async () => {
  assert.equal(await failureOf(`http://${await serve(() => {})}`, { timeoutMs: 100 }), 'timeout')
  const dripping = await serve((_, response) => response.write('a'))
  assert.equal(await failureOf(`http://${dripping}`, { timeoutMs: 100 }), 'timeout')
})

test('an answer without end is left at its bound', async () => {
  const endless = await serve((_, response) => {
    const more = () => {
      while (response.writable && response.write('x'.repeat(65_536)));
    }
    response.on('drain', more)
    more()
  })
  assert.equal(await failureOf(`http://${endless}`, { maxBytes: 1_000_000 }), 'too large')
})

test('a server of something else does not speak HTTP, and one without TLS fails to shake hands', async () => {
  const greeting = await listening(createTcpServer(socket => socket.on('error', () => {}).end('220 smtp ready\r\n')))
  assert.equal(await failureOf(`http://${greeting}`), 'not HTTP')
  assert.equal(await failureOf(`https://${await serve((_, response) => response.end())}`), 'TLS')
})

test('a connection that is closed at once is broken', async () => {
  const closing = await listening(createTcpServer(socket => socket.on('error', () => {}).destroy()))
  assert.equal(await failureOf(`http://${closing}`), 'broken')
})

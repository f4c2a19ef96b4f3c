/** Catalogs behind https: which are trusted, and that nothing was sent before the handshake. Needs openssl. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { identifier } from '../fixtures.ts'
import { catalogOf } from './catalogStub.ts'

const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'tls-'))
after(() => rm(folder, { recursive: true }))

async function listen(server: Server): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function certificate() {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=catalog', '-addext', 'subjectAltName=IP:127.0.0.1']
  await run('openssl', ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', key, '-out', cert, ...subject])
  return { key: await readFile(key), cert: await readFile(cert), file: cert }
}

const { key, cert, file } = await certificate()
const missing = JSON.stringify({ error: { code: 404, type: 'NoSuchTableException', message: '' } })
const uri = await listen(
  createHttpsServer({ key, cert }, ({ url }, response) =>
    url === '/v1/config' ? response.end('{}') : response.writeHead(404).end(missing),
  ),
)

test('a certificate that nobody vouches for is refused', async () => {
  const catalog = catalogOf(uri)
  await assert.rejects(catalog.loadTable(identifier), { code: 'UNAVAILABLE', message: /DEPTH_ZERO_SELF_SIGNED_CERT/ })
  catalog.close()
})

for (const variable of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])
  test(`one that ${variable} vouches for is trusted`, async () => {
    const program = `const [module, uri] = process.argv.slice(1)
      const catalog = (await import(module)).catalogOf(uri)
      console.log(await catalog.loadTable({ namespace: ['db'], name: 'samples' }))
      catalog.close()`
    const module = join(import.meta.dirname, 'catalogStub.ts')
    const env = { ...process.env, [variable]: file }
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program, module, uri], { env })
    assert.equal(stdout, 'undefined\n')
  })

test('a server that never shakes hands was sent nothing', async () => {
  const catalog = catalogOf(await listen(createServer()), { connectTimeoutMs: 100 })
  await assert.rejects(catalog.loadTable(identifier), { code: 'UNAVAILABLE', message: /no connection within 100 ms/ })
  catalog.close()
})

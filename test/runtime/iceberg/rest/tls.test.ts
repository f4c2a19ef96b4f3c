/** Catalogs behind https: which are trusted, and that nothing was sent before the handshake. Needs openssl. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { createAuthority } from '../../../authority.ts'
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

const [authority, other] = [await createAuthority(), await createAuthority()]
const { certificate, key } = await authority.issue('catalog')
const missing = JSON.stringify({ error: { code: 404, type: 'NoSuchTableException', message: '' } })
const uri = await listen(
  createHttpsServer({ key, cert: certificate }, ({ url }, response) =>
    url === '/v1/config' ? response.end('{}') : response.writeHead(404).end(missing),
  ),
)

test('a certificate that nobody vouches for is refused', async () => {
  const catalog = catalogOf(uri)
  const refused = { code: 'UNAVAILABLE', message: /UNABLE_TO_VERIFY_LEAF_SIGNATURE/ }
  await assert.rejects(catalog.loadTable(identifier), refused)
  catalog.close()
})

test('one that a given authority vouches for is trusted', async () => {
  const catalog = catalogOf(uri, { authorities: `${other.ca}${authority.ca}` })
  assert.equal(await catalog.loadTable(identifier), undefined)
  catalog.close()
})

/** Loads a table where the machine trusts our authority; `given` are authorities in its place. */
async function loaded(variable: string, given?: string): Promise<string> {
  const program = `const [module, uri, authorities] = process.argv.slice(1)
    const catalog = (await import(module)).catalogOf(uri, { authorities })
    const table = catalog.loadTable({ namespace: ['db'], name: 'samples' })
    console.log(await table.catch(error => error.message))
    catalog.close()`
  const file = join(folder, 'ca.pem')
  await writeFile(file, authority.ca)
  const module = join(import.meta.dirname, 'catalogStub.ts')
  const parameters = ['--input-type=module', '-e', program, module, uri, ...(given === undefined ? [] : [given])]
  const { stdout } = await run(process.execPath, parameters, { env: { ...process.env, [variable]: file } })
  return stdout
}

for (const variable of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
  test(`one that ${variable} vouches for is trusted`, async () => assert.equal(await loaded(variable), 'undefined\n'))

  test(`where authorities are given, ${variable} vouches for nobody`, async () =>
    assert.match(await loaded(variable, other.ca), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/))
}

test('a server that never shakes hands was sent nothing', async () => {
  const catalog = catalogOf(await listen(createServer()), { connectTimeoutMs: 100 })
  await assert.rejects(catalog.loadTable(identifier), { code: 'UNAVAILABLE', message: /no connection within 100 ms/ })
  catalog.close()
})

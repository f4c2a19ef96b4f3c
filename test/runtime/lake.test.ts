/** What a configuration opens: catalog and storage with their Secrets, and no server that would lose commits. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { rawDefinition } from '../../runtime/iceberg/tables.ts'
import { openLake } from '../../runtime/lake.ts'
import { createAuthority } from '../authority.ts'

const table = { namespace: ['db'], name: 'raw' }
const noSuchKey = '<Error><Code>NoSuchKey</Code></Error>'
const denied = '<Error><Code>AccessDenied</Code></Error>'

/** A filesystem catalog on an S3 service that answers so; its failed requests as `backend operation outcome`. */
async function onS3(context: TestContext, answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const secrets = mkdtempSync(join(tmpdir(), 'lake-'))
  mkdirSync(join(secrets, 's3'))
  for (const key of ['accessKeyId', 'secretAccessKey']) writeFileSync(join(secrets, 's3', key), `canary-${key}`)
  const failed: string[] = []
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const lake = await openLake(
    {
      catalog: { type: 'filesystem', warehouse: 's3://bucket/w', properties: {} },
      storage: { s3: { endpoint, pathStyle: true, secret: 's3' } },
    },
    secrets,
    (backend, operation, outcome) => failed.push(`${backend} ${operation} ${outcome}`),
  )
  context.after(() => {
    lake.close()
    server.close()
    server.closeAllConnections()
    rmSync(secrets, { recursive: true })
  })
  return { lake, failed }
}

suite('a filesystem catalog on S3', () => {
  test('is refused where the service lets one commit replace another', async context => {
    const created: string[] = []
    const { lake, failed } = await onS3(context, (request, response) => {
      request.resume()
      if (request.method === 'PUT') created.push(request.url!)
      if (request.method === 'PUT') response.end()
      else response.writeHead(404).end(noSuchKey)
    })
    await assert.rejects(lake.catalog.createTable(table, rawDefinition), /ignores If-None-Match.*use a REST catalog/)
    await assert.rejects(lake.catalog.commitTable(table, [], []), /ignores If-None-Match/)
    assert.ok(created.every(path => !path.includes('metadata.json')))
    // A file that is not there is no failure.
    assert.deepEqual(failed, [])
  })

  test('tells of what is denied, without a key', async context => {
    const { lake, failed } = await onS3(context, (request, response) => {
      request.resume()
      response.writeHead(403).end(denied)
    })
    await assert.rejects(lake.catalog.loadTable(table), error => {
      assert.match(String(error), /AccessDenied/)
      assert.doesNotMatch(String(error), /canary/)
      return true
    })
    assert.deepEqual(failed, ['storage GetObject DENIED'])
  })
})

test('catalog and S3 behind https are checked against the authorities that their Secrets hold', async context => {
  const authorities = { catalog: await createAuthority(), s3: await createAuthority() }
  const secrets = mkdtempSync(join(tmpdir(), 'lake-'))
  context.after(() => rmSync(secrets, { recursive: true }))
  const write = (name: string, files: Readonly<Record<string, string>>) => {
    mkdirSync(join(secrets, name))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(secrets, name, file), text)
  }
  write('s3', { accessKeyId: 'a', secretAccessKey: 'b' })
  write('authorities', { catalog: authorities.catalog.ca, s3: authorities.s3.ca })
  const serve = async (which: keyof typeof authorities, answer: RequestListener) => {
    const { certificate, key } = await authorities[which].issue(which)
    const server = createHttpsServer({ cert: certificate, key }, answer).listen(0, '127.0.0.1')
    await once(server, 'listening')
    context.after(() => {
      server.close()
      server.closeAllConnections()
    })
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const missing = JSON.stringify({ error: { code: 404, type: 'NoSuchTableException', message: '' } })
  const uri = await serve('catalog', ({ url }, response) =>
    url === '/v1/config' ? response.end('{}') : response.writeHead(404).end(missing),
  )
  const endpoint = await serve('s3', (_, response) => void response.writeHead(404).end(noSuchKey))
  const asked = async (ofCatalog: string, ofS3: string) => {
    const lake = await openLake(
      {
        catalog: { type: 'rest', uri, properties: {}, caSecret: { name: 'authorities', key: ofCatalog } },
        storage: {
          s3: { endpoint, pathStyle: true, secret: 's3', caSecret: { name: 'authorities', key: ofS3 } },
        },
      },
      secrets,
    )
    const why = (error: { readonly code: string }) => error.code
    const answers = await Promise.all([
      lake.catalog.loadTable(table).then(() => 'an answer', why),
      lake.storage.size('s3://bucket/file').then(() => 'an answer', why),
    ])
    lake.close()
    return answers
  }
  assert.deepEqual(await asked('catalog', 's3'), ['an answer', 'an answer'])
  assert.deepEqual(await asked('s3', 's3'), ['UNAVAILABLE', 'an answer'])
})

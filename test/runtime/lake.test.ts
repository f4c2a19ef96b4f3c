/** What a configuration opens: catalog and storage with their Secrets, and no server that would lose commits. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { rawDefinition } from '../../runtime/iceberg/tables.ts'
import { openLake } from '../../runtime/lake.ts'

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

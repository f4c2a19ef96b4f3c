/** Upkeep under a real REST catalog, on a real S3 service, beside Iceberg Java: the same as on local files. */
import { randomUUID } from 'node:crypto'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { restCatalog } from '../../runtime/iceberg/restCatalog.ts'
import { s3Storage } from '../../runtime/iceberg/s3Storage.ts'
import { assertExpiry, assertOrphanRemoval, KeptTables } from '../readers/keptTables.ts'
import { startRestCatalog } from './restCatalogServer.ts'
import { startS3 } from './s3Server.ts'

suite('upkeep on REST and S3', async () => {
  const s3 = await startS3()
  after(() => s3.stop())
  const { bucket, endpoint, accessKeyId, secretAccessKey } = s3
  const server = await startRestCatalog({ warehouse: `s3://${bucket}/warehouse`, s3 })
  after(() => server.stop())
  const catalog = restCatalog({
    ...{ uri: server.uri, properties: {}, now: Date.now, random: Math.random, newId: randomUUID },
    sleep: ms => delay(ms),
  })
  after(() => catalog.close())
  const storage = s3Storage({
    ...{ endpoint, region: 'us-east-1', pathStyle: true },
    credentials: async () => ({ accessKeyId, secretAccessKey }),
  })
  after(() => storage.close())
  const properties = {
    ...{ uri: server.uri, 's3.endpoint': endpoint, 's3.access-key-id': accessKeyId },
    ...{ 's3.secret-access-key': secretAccessKey, 's3.path-style-access': 'true', 'client.region': 'us-east-1' },
  }
  const table = { name: 'health_db.raw', properties }
  const tables = new KeptTables({ catalog, storage, table, ownsMetadataFiles: false, readers: ['pyiceberg'] })

  test('rows stay readable through expiry beside another engine, and files that it replaced go', () =>
    assertExpiry(tables))

  test('files that nothing refers to go once they are old, while another engine reads and writes on', () =>
    assertOrphanRemoval(tables, storage, async location => {
      const folder = join(s3.dir, 'data', location.replace('s3://', ''))
      const then = Date.now() / 1000 - 9 * 86_400
      for (const name of await readdir(folder, { recursive: true })) await utimes(join(folder, name), then, then)
    }))
})

/**
 * Wherever tables lie: under a REST catalog with credentials that it vends, under one with local files. Each time every
 * sample is there once, and pending error files lie where they may be written.
 */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { exact, verdict } from '../faults/exactness.ts'
import { createFeed, type Feed } from '../faults/feed.ts'
import { type Consumers, createConsumers } from '../faults/runtimes.ts'
import { startBroker } from '../kafka/broker.ts'
import { startRestCatalog } from './restCatalogServer.ts'
import { startS3 } from './s3Server.ts'

const payloads = { seed: 5, samplesPerPayload: 4, invalidShare: 0.2 }

suite('tables', async () => {
  const broker = await startBroker({ rebalanceDelayMs: 0 })
  after(() => broker.stop())
  const s3 = await startS3()
  after(() => s3.stop())
  const { endpoint, accessKeyId, secretAccessKey } = s3

  /** A consumer that has caught up with a topic of its own. */
  async function filled(topic: string, iceberg: object): Promise<{ consumers: Consumers; feed: Feed }> {
    await broker.createTopic(topic, 2)
    const feed = await createFeed(broker, topic, payloads)
    await feed.send(60)
    await feed.stop()
    const folder = await mkdtemp(join(tmpdir(), 'locations-'))
    const { bootstrapServers } = broker
    const consumers = await createConsumers(folder, { bootstrapServers, topic }, iceberg)
    after(() => consumers.clear())
    const { ended, complaints } = await consumers.catchUp()
    assert.equal(ended?.code, 0, complaints.join('\n'))
    return { consumers, feed }
  }

  async function assertExact({ consumers, feed }: Awaited<ReturnType<typeof filled>>, uri: string): Promise<void> {
    const properties = {
      ...{ uri, 's3.endpoint': endpoint, 's3.access-key-id': accessKeyId, 's3.secret-access-key': secretAccessKey },
      ...{ 's3.path-style-access': 'true', 'client.region': 'us-east-1' },
    }
    const [rawTable, errorsTable] = ['raw', 'errors'].map(name => ({
      name: `health_db.health_data_${name}`,
      properties,
    })) as [{ name: string; properties: typeof properties }, { name: string; properties: typeof properties }]
    const { topic, folder } = consumers
    const {
      payloads: read,
      samples,
      ...rest
    } = await verdict(broker, { topic, folder, rawTable, errorsTable }, payloads)
    assert.ok(samples > 200)
    assert.deepEqual([read, rest], [feed.payloads, exact])
  }

  const manifestsBelow = (folder: string) => globSync('**/_hc_pending/*/*.avro', { cwd: folder })

  test('of a catalog that vends credentials need no Secret; pending files lie where these reach', async () => {
    const warehouse = `s3://${s3.bucket}/vended`
    const catalog = await startRestCatalog({ warehouse, s3, vendCredentials: true })
    after(() => catalog.stop())
    const done = await filled('vended', {
      catalog: { type: 'rest', uri: catalog.uri },
      storage: { s3: { endpoint, pathStyle: true } },
    })
    await assertExact(done, catalog.uri)
    const manifests = manifestsBelow(join(s3.dir, 'data', s3.bucket, 'vended'))
    assert.ok(manifests.length > 0)
    for (const manifest of manifests) assert.match(manifest, /^health_db\/health_data_errors\/_hc_pending\//)
  })

  test('of a catalog with local files need no storage at all; pending files lie beside them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'warehouse-'))
    after(() => rm(folder, { recursive: true }))
    const catalog = await startRestCatalog({ warehouse: `file://${folder}` })
    after(() => catalog.stop())
    await assertExact(await filled('local', { catalog: { type: 'rest', uri: catalog.uri } }), catalog.uri)
    const manifests = manifestsBelow(folder)
    assert.ok(manifests.length > 0)
    for (const manifest of manifests) assert.match(manifest, /^health_db\/_hc_pending\//)
  })
})

/**
 * Other engines on the tables of a REST catalog and S3, by Iceberg Java, while a consumer runs: what they may do is lived
 * with, what cannot be lived with is refused in words, and tables that they created are filled as they are set up. The
 * checker is tried here too: it must find what was lost, doubled, changed or invented.
 */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { errorsDefinition, rawDefinition } from '../../runtime/iceberg/tables.ts'
import { allDurable } from '../faults/durable.ts'
import { exact, verdict } from '../faults/exactness.ts'
import { createFeed } from '../faults/feed.ts'
import { createRandom } from '../faults/random.ts'
import type { Runtime } from '../faults/runtimes.ts'
import { type Change, change, type Row, read, readerNames } from '../readers/readers.ts'
import { until } from '../until.ts'
import { type LakehouseGround, startLakehouse } from './lakehouse.ts'
import { lostAndOrphaned } from './storedFiles.ts'

const foreign = (id: string): Row => ({
  user_id: 'foreign',
  sample_id: id,
  data_type: 'heartRate',
  value: 60,
  start_date: '1714557600000000',
  end_date: '1714557600000000',
  processing_time: '1714557600000000',
})
const json = (definition: object): object => JSON.parse(JSON.stringify(definition))
const tableOf = ({ schema, spec }: typeof rawDefinition, properties: Readonly<Record<string, string>>): Change => ({
  op: 'create',
  schema: json(schema),
  spec: json(spec),
  properties,
})

suite('other engines', async () => {
  const house = await startLakehouse({ random: createRandom(3) })
  after(() => house.stop())
  const payloads = { seed: 31, samplesPerPayload: 4, invalidShare: 0.1 }

  async function prepare(topic: string, interval = '1s') {
    await house.broker.createTopic(topic, 2)
    const ground = await house.createGround({ topic, interval })
    const feed = await createFeed(house.broker, topic, payloads)
    after(() => feed.stop())
    return { ground, feed }
  }

  const haltOf = async (runtime: Runtime) => (await runtime.status())?.halt ?? undefined

  async function assertHalted(runtime: Runtime, code: string, message: RegExp): Promise<void> {
    await until(`halt ${code}`, async () => (await haltOf(runtime))?.code === code)
    assert.match((await haltOf(runtime))!.message, message)
  }

  async function assertExact(ground: LakehouseGround, sent: number, strange = 0): Promise<void> {
    const { payloads: read, samples, ...rest } = await verdict(house.broker, ground, payloads)
    assert.deepEqual([read, rest], [sent, { ...exact, strange }])
    assert.deepEqual((await lostAndOrphaned(house, ground)).missing, [])
  }

  suite('beside a consumer', async () => {
    const { ground, feed } = await prepare('beside', '2s')
    const runtime = ground.start('one')
    const { rawTable, errorsTable } = ground
    const durable = () => allDurable(runtime, feed, 60)

    test('whatever they may do is lived with', async () => {
      await feed.send(30)
      await durable()
      const changes: readonly Change[] = [
        { op: 'compact' },
        { op: 'rewriteManifests' },
        { op: 'setRef', type: 'tag', name: 'report' },
        { op: 'setRef', type: 'branch', name: 'trial' },
        { op: 'addColumn', name: 'extra', type: 'string' },
        { op: 'updateProperties', set: { 'write.metadata.compression-codec': 'gzip' } },
        { op: 'compact' },
        { op: 'expireSnapshots', olderThanMs: Date.now(), retainLast: 1 },
        { op: 'removeOrphans', olderThanMs: Date.now() - 60_000 },
      ]
      let isOver = false
      const done = Promise.all([change(rawTable, changes), change(errorsTable, changes)]).finally(() => {
        isOver = true
      })
      await until('the changes', () => isOver || feed.send(5).then(() => delay(500, false)), 120)
      await done
      await feed.send(20)
      await durable()
    })

    test('rows of theirs stay', async () => {
      await change(rawTable, [{ op: 'append', rows: [foreign('foreign-1'), foreign('foreign-2')] }, { op: 'compact' }])
      await feed.send(20)
      await durable()
      assert.equal(await haltOf(runtime), undefined)
    })

    test('a partition spec that evolved is refused until it is as it was', async () => {
      await change(rawTable, [{ op: 'updateSpec', add: [{ column: 'user_id', transform: 'bucket', width: 4 }] }])
      await feed.send(20)
      await assertHalted(runtime, 'IncompatibleTable', /partitioned by .*bucket\[4\]\(user_id\).*restore/)
      await change(rawTable, [{ op: 'updateSpec', remove: ['user_id_bucket_4'] }])
      await durable()
    })

    test('every reader sees each row, and each row that a filter selects', async () => {
      const columns = ['sample_id', 'data_type', 'start_date']
      const isLate = { column: 'start_date', is: 'ge', value: String(Date.UTC(2024, 4, 3) * 1000) } as const
      const seen = await read(rawTable, [
        { op: 'rows', columns },
        { op: 'rows', columns, filter: { column: 'data_type', is: 'eq', value: 'stepCount' } },
        { op: 'rows', columns, filter: isLate },
        { op: 'sum', column: 'value' },
      ])
      const sorted = (rows: readonly Row[]) => rows.map(row => columns.map(column => row[column]).join()).sort()
      const all = seen.java[0].rows
      const steps = all.filter(row => row.data_type === 'stepCount')
      const late = all.filter(row => Number(row.start_date) >= Number(isLate.value))
      assert.ok(steps.length > 0 && late.length > steps.length && late.length < all.length)
      for (const reader of readerNames) {
        const [rows, filtered, later, sum] = seen[reader]
        assert.deepEqual(sorted(rows.rows), sorted(all), reader)
        assert.deepEqual(sorted(filtered.rows), sorted(steps), reader)
        assert.deepEqual(sorted(later.rows), sorted(late), reader)
        assert.equal(Number(sum.sum), Number(seen.java[3].sum), reader)
      }
    })

    test('nothing is lost or doubled by any of it, and no file is missing', async () => {
      assert.equal(runtime.ended, undefined)
      await runtime.kill()
      await assertExact(ground, feed.payloads, 2)
    })

    test('the checker finds what is doubled, changed, invented and lost', async () => {
      const { java } = await read(rawTable, [{ op: 'rows' }], ['java'])
      const isSteps = (row: Row) => row.data_type === 'stepCount'
      const [one, other] = java[0].rows.filter(row => row.user_id !== 'foreign' && !isSteps(row)) as [Row, Row]
      await change(rawTable, [
        { op: 'append', rows: [one, { ...other, value: 1e9 }, foreign('invented')] },
        { op: 'deleteFiles', filter: { column: 'data_type', is: 'eq', value: 'stepCount' } },
      ])
      const { doubled, wrong, strange, lost } = await verdict(house.broker, ground, payloads)
      const expected = { doubled: 2, wrong: 1, strange: 3, lost: java[0].rows.filter(isSteps).length }
      assert.deepEqual({ doubled, wrong, strange, lost }, expected)
    })
  })

  test('tables that Java created, with other properties, are filled as they are set up', async () => {
    const { ground, feed } = await prepare('by-java')
    const elsewhere = `s3://${house.s3.bucket}/elsewhere`
    const properties = {
      'write.metadata.compression-codec': 'gzip',
      'write.parquet.compression-codec': 'snappy',
      'write.data.path': `${elsewhere}/data`,
      'write.metadata.path': `${elsewhere}/metadata`,
      'write.metadata.metrics.default': 'full',
      'write.metadata.delete-after-commit.enabled': 'true',
      'write.metadata.previous-versions-max': '3',
      'commit.manifest-merge.enabled': 'false',
      'write.object-storage.enabled': 'true',
      'write.delete.mode': 'merge-on-read',
    }
    await change(ground.rawTable, [tableOf(rawDefinition, properties)])
    await change(ground.errorsTable, [tableOf(errorsDefinition, { 'write.format.default': 'orc' })])
    const runtime = ground.start('one')
    for (let rounds = 0; rounds < 3; rounds++) {
      await feed.send(30)
      await allDurable(runtime, feed, 60)
    }
    await runtime.kill()
    await assertExact(ground, feed.payloads)
    const { java } = await read(ground.rawTable, [{ op: 'files' }, { op: 'reachable' }], ['java'])
    const outside = java[1].files.filter(location => !location.startsWith(elsewhere))
    assert.ok(java[0]!.files.length > 0)
    assert.deepEqual(outside, [])
  })

  test('a table of format version 3 is refused in words, created so or upgraded', async () => {
    const { ground, feed } = await prepare('third')
    await change(ground.rawTable, [tableOf(rawDefinition, { 'format-version': '3' })])
    await feed.send(10)
    const runtime = ground.start('one')
    const trouble = async () => (await runtime.status())?.trouble
    await until('a trouble', async () => /format.version.*3/.test((await trouble())?.message ?? ''))
    assert.equal((await trouble())?.code, 'CatalogFailing')
    await change(ground.rawTable, [{ op: 'drop' }])
    await allDurable(runtime, feed, 60)
    await change(ground.rawTable, [{ op: 'updateProperties', set: { 'format-version': '3' } }])
    await feed.send(10)
    await until('the trouble again', async () => /format.version.*3/.test((await trouble())?.message ?? ''))
  })

  test('a column that is required and not ours is refused', async () => {
    const { ground, feed } = await prepare('required')
    const fields = [...rawDefinition.schema.fields]
    fields.push({ id: 20, name: 'tenant', required: true, type: 'string', doc: 'not ours' })
    await change(ground.rawTable, [tableOf({ ...rawDefinition, schema: { ...rawDefinition.schema, fields } }, {})])
    await feed.send(10)
    await assertHalted(ground.start('one'), 'IncompatibleTable', /column tenant .*is required.*make it optional/)
  })
})

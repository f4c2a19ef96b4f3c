import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { stringifyTableMetadata } from '../../../runtime/iceberg/metadataJson.ts'
import { newTableMetadata } from '../../../runtime/iceberg/metadataUpdates.ts'
import { rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { errorsTable, rawTable } from '../commit/lake.ts'
import { day, hour, lostAnswer, never, settings, UpkeepWorld } from './world.ts'

const orphans = { steps: ['orphans'] } as const
const raw = 'memory:///w/db/raw'
const errors = 'memory:///w/db/errors'

async function pendingFolder(world: UpkeepWorld): Promise<string> {
  return `memory:///w/db/_hc_pending/${(await world.lake.load(errorsTable))['table-uuid']}`
}

const metadataOf = (uuid: string) => Buffer.from(stringifyTableMetadata(newTableMetadata(rawDefinition, raw, uuid, 0)))

suite('files that nothing refers to', () => {
  test('are deleted in both locations and in the folder of pending files, once they are old', async () => {
    const world = new UpkeepWorld()
    await world.commits(2)
    const waste = [
      `${raw}/data/lost.parquet`,
      `${raw}/metadata/lost-m0.avro`,
      `${raw}/data/day=1/.half.tmp`,
      `${errors}/data/lost.parquet`,
      `${await pendingFolder(world)}/lost.parquet`,
    ]
    for (const location of waste) await world.lake.storage.create(location, Buffer.from('1234'))
    world.lake.pass(settings.orphanRemoval.minAgeMs - hour)
    await world.commits(1)
    assert.deepEqual((await world.upkeep().maintain(orphans, never)).items, [])
    world.lake.pass(2 * hour)
    await world.commits(1)
    const { items } = await world.upkeep().maintain(orphans, never)
    assert.deepEqual(
      items.map(({ table, kind, count, bytes }) => [table, kind, count, bytes]),
      [
        ['db.raw', 'orphan files', 3, 12],
        ['db.errors', 'orphan files', 2, 8],
      ],
    )
    assert.deepEqual(world.deleted.sort(), waste.sort())
    await world.assertIntact()
  })

  test('are not deleted where they are nothing that a table writer leaves', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    const kept = ['metadata/version-hint.text', 'README.md', 'data/_SUCCESS', 'metadata/v1.metadata.json', 'data/x.csv']
    for (const name of kept)
      await world.lake.storage.create(`${raw}/${name}`, metadataOf((await world.lake.load(rawTable))['table-uuid']))
    world.lake.pass(9 * day)
    await world.commits(1)
    await world.upkeep().maintain(orphans, never)
    assert.deepEqual(world.deleted, [])
  })

  test('are not deleted while the newest file of the storage is no older than they, whatever our clock says', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    await world.lake.storage.create(`${raw}/data/on-its-way.parquet`, Buffer.from('1'))
    const ahead = { now: () => world.lake.now() + 30 * day }
    await world.upkeep({}, {}, ahead).maintain(orphans, never)
    assert.deepEqual(world.deleted, [])
  })

  test('an age below a day is refused', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    for (const minAgeMs of [0, day - 1, Number.NaN])
      await assert.rejects(
        world.upkeep({ orphanRemoval: { enabled: true, minAgeMs } }).maintain(orphans, never),
        /below a day/,
      )
  })
})

suite('files stay that', () => {
  const old = async (world: UpkeepWorld) => {
    world.lake.pass(9 * day)
    // Something young, by which the storage tells what time it is.
    await world.lake.storage.create(`${raw}/data/${world.lake.newId()}.parquet`, Buffer.from('1'))
  }

  test('any retained snapshot refers to, of whatever branch or tag, or of none', async () => {
    const world = new UpkeepWorld()
    await world.commits(3)
    await world.lake.compact(rawTable)
    await world.lake.compact(errorsTable)
    await world.commits(1)
    await old(world)
    await world.upkeep().maintain(orphans, never)
    assert.deepEqual(world.deleted, [])
    await world.assertIntact()
  })

  test('a pending intent announces', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    await world.commit(['a', 'bad-1'], true)
    await old(world)
    await world.upkeep().maintain(orphans, never)
    // The manifest lists of the commits of errors that failed.
    assert.deepEqual(
      world.deleted.filter(location => !location.startsWith(`${errors}/metadata/snap-`)),
      [],
    )
    await world.assertIntact()
  })

  test('a pending intent announces, of which even the manifest is gone: a person has to look', async () => {
    const world = new UpkeepWorld()
    await world.commit(['a', 'bad-1'], true)
    const [intent] = (await world.scenario.rawKeys()).pending
    await world.lake.storage.delete(intent!.manifest)
    await old(world)
    await assert.rejects(world.upkeep().maintain(orphans, never), { code: 'NOT_FOUND' })
    assert.deepEqual(world.deleted, [])
  })

  test('were referred to when the folders were listed, or are by now', async () => {
    const world = new UpkeepWorld()
    await world.commits(3)
    await world.lake.compact(rawTable)
    await world.commits(1)
    await old(world)
    let loads = 0
    // Between the loads: an expiry by somebody else, who deletes its own files.
    const before = async (call: string) => {
      if (call === 'load raw' && ++loads === 2) await world.lake.expire(rawTable)
    }
    await world.upkeep({}, { before }).maintain(orphans, never)
    assert.deepEqual(world.deleted, [])
    await world.assertIntact()
  })

  test('a commit refers to that was faster than the deletes', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    const file = await world.lake.writeFile(`${raw}/data/late.parquet`, await world.lake.rows(rawTable))
    await old(world)
    let loads = 0
    const before = (call: string) => call === 'load raw' && ++loads === 2 && world.lake.replace(rawTable, file)
    await world.upkeep({}, { before }).maintain(orphans, never)
    assert.deepEqual(world.deleted, [])
    await world.assertIntact()
  })

  test('the metadata names in whatever field, statistics among them', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    const names = ['metadata/a.stats', 'metadata/b.puffin']
    for (const name of names) await world.lake.storage.create(`${raw}/${name}`, Buffer.from('1'))
    await old(world)
    const { catalog } = world.lake
    const more = {
      statistics: [{ 'snapshot-id': 1n, 'statistics-path': `${raw}/${names[0]}` }],
      'of-a-later-version': { deep: [`${raw}/${names[1]}`] },
    }
    const upkeep = world.upkeep(
      {},
      {},
      {
        catalog: { ...catalog, loadTable: async id => ({ ...(await world.lake.load(id)), ...more }) },
      },
    )
    await upkeep.maintain(orphans, never)
    assert.deepEqual(world.deleted, [])
  })

  test('are spelled in another way in the table than in the listing', async () => {
    const world = new UpkeepWorld()
    await world.commits(2)
    await old(world)
    const { storage } = world.lake
    const spelled = {
      ...storage,
      async *list(folder: string) {
        for await (const file of storage.list(folder))
          yield { ...file, location: file.location.replace('memory://', 's3a://bucket') }
      },
    }
    await world.upkeep({}, {}, { storage: spelled }).maintain(orphans, never)
    assert.deepEqual(world.deleted, [])
  })
})

suite('a location is refused that', () => {
  async function refused(world: UpkeepWorld, location: string, uuid = 'other') {
    await world.lake.storage.create(location, metadataOf(uuid))
    await world.lake.storage.create(`${raw}/data/lost.parquet`, Buffer.from('1'))
    world.lake.pass(9 * day)
    await world.commits(1)
    await assert.rejects(world.upkeep().maintain(orphans, never), { code: 'SHARED_LOCATION' })
    assert.deepEqual(world.deleted, [])
  }
  for (const location of [
    `${raw}/other/metadata/v1.metadata.json`,
    `${raw}/metadata/nested/00001-a.metadata.json`,
    `${raw}/metadata/00007-a.gz.metadata.json`,
    `${errors}/inner/v3.metadata.json`,
  ])
    test(`holds ${location} of another table`, async () => {
      const world = new UpkeepWorld()
      await world.commits(1)
      await refused(world, location)
    })
  test('holds a copy of its own metadata, as if of a copy of the table', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    await refused(world, `${raw}/copy/metadata/v1.metadata.json`, (await world.lake.load(rawTable))['table-uuid'])
  })
  test('is for pending files, and holds metadata', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    await refused(world, `${await pendingFolder(world)}/metadata/v1.metadata.json`)
  })
  test('the errors table lies in, where it is the raw table’s', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    await refused(world, `${raw}/errors/metadata/v1.metadata.json`, (await world.lake.load(errorsTable))['table-uuid'])
  })
})

test('what was interrupted is done by the next run', async () => {
  const world = new UpkeepWorld()
  await world.commits(8)
  const crash = { before: (call: string) => (call === 'delete' ? lostAnswer() : undefined) }
  await assert.rejects(world.upkeep({}, crash).maintain({ steps: ['expiry'] }, never))
  world.lake.pass(9 * day)
  await world.commits(1)
  await world.upkeep().maintain({}, never)
  assert.deepEqual(await world.files(), await world.needed())
})

test('memory does not grow with the listing: files beyond the limit of a run wait for the next', async () => {
  const world = new UpkeepWorld()
  await world.commits(1)
  world.lake.pass(9 * day)
  await world.commits(1)
  const many = inMemoryStorage(world.lake.now)
  let listed = 0
  const storage = {
    ...many,
    ...world.lake.storage,
    async *list(folder: string) {
      yield* world.lake.storage.list(folder)
      if (folder !== raw) return
      for (; listed < 100_050; listed++) yield { location: `${raw}/data/${listed}.parquet`, length: 1, modifiedMs: 0 }
    },
    deleteMany: async (locations: readonly string[]) => void world.deleted.push(...locations),
  }
  await world.upkeep({}, {}, { storage }).maintain(orphans, never)
  assert.equal(world.deleted.length, 100_000)
})

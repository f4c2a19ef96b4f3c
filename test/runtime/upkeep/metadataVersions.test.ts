import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { filesystemCatalog } from '../../../runtime/iceberg/filesystemCatalog.ts'
import { errorsTable, Lake, rawTable } from '../commit/lake.ts'
import { lostAnswer, never, settings, UpkeepWorld } from './world.ts'

const metadata = { steps: ['metadata'] } as const
const owned = { ownsMetadataFiles: true }

/** A table that keeps two metadata files before the current one. */
async function fewVersions(): Promise<UpkeepWorld> {
  const world = new UpkeepWorld(new Lake(filesystemCatalog))
  await world.commits(1)
  for (const id of [rawTable, errorsTable])
    await world.lake.change(id, {
      action: 'set-properties',
      updates: { 'write.metadata.previous-versions-max': '2' },
    })
  return world
}

async function versions(world: UpkeepWorld, table = 'raw'): Promise<number[]> {
  const found = [...(await world.files())].flatMap(location => {
    const number = new RegExp(`/db/${table}/metadata/v(\\d+)\\.metadata\\.json$`).exec(location)?.[1]
    return number === undefined ? [] : [Number(number)]
  })
  return found.sort((a, b) => a - b)
}

suite('metadata files of a filesystem catalog', () => {
  test('are deleted but for the newest and those that the table asks to keep', async () => {
    const world = await fewVersions()
    await world.commits(5)
    const newest = (await versions(world)).at(-1)!
    const { items } = await world.upkeep(owned).maintain(metadata, never)
    assert.deepEqual(await versions(world), [newest - 2, newest - 1, newest])
    assert.equal((await versions(world, 'errors')).length, 3)
    assert.deepEqual(
      items.map(({ step, table, kind }) => [step, table, kind]),
      [
        ['metadata', 'db.raw', 'metadata files'],
        ['metadata', 'db.errors', 'metadata files'],
      ],
    )
    assert.equal(items[0]!.count, newest - 3)
    assert.ok(items[0]!.bytes! > 1000)
    await world.assertIntact()
  })

  test('are deleted oldest first, one after another, for the catalog relies on it', async () => {
    const world = await fewVersions()
    await world.commits(5)
    const before = await versions(world)
    let left = 3
    const crash = { before: (call: string) => (call === 'delete' && left-- === 0 ? lostAnswer() : undefined) }
    let underWay = 0
    const { storage } = world.lake
    const slow = {
      ...storage,
      deleteMany: () => assert.fail('they go one after another'),
      async delete(location: string) {
        assert.equal(underWay++, 0)
        await new Promise(resolve => setImmediate(resolve))
        if (left-- === 0) return lostAnswer()
        await storage.delete(location)
        underWay--
      },
    }
    await assert.rejects(world.upkeep(owned, crash, { storage: slow }).maintain(metadata, never))
    assert.deepEqual(await versions(world), before.slice(3))
    await world.assertIntact()
  })

  test('stay where there are no more than are to be kept, in a dry run, and where the catalog owns them', async () => {
    const world = await fewVersions()
    const few = await versions(world)
    await world.upkeep(owned).maintain(metadata, never)
    assert.deepEqual((await versions(world)).slice(-3), few.slice(-3))
    await world.commits(5)
    const many = await versions(world)
    const dry = await world.upkeep(owned).maintain({ ...metadata, dryRun: true }, never)
    assert.equal(dry.items[0]!.count, many.length - 3)
    assert.deepEqual((await world.upkeep(settings).maintain(metadata, never)).items, [])
    assert.deepEqual(await versions(world), many)
  })

  test('never go while a writer that slept could take a number again unnoticed', async () => {
    const world = await fewVersions()
    await world.commits(1)
    // A pod loads, sleeps while others commit and clean up, and wakes to commit on what it loaded.
    world.scenario.produce('health:0', 'late', 'bad-late')
    const pod = world.scenario.pod()
    const batch = await world.scenario.batch(await pod.assign())
    pod.before('commit raw', async () => {
      const other = world.scenario.pod()
      await other.consume()
      await world.commits(4)
      await world.upkeep(owned).maintain(metadata, never)
    })
    assert.equal(await pod.commit(batch), 'committed')
    await world.assertIntact()
  })
})

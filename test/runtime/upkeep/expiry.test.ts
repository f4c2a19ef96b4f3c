import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readManifest } from '../../../runtime/iceberg/snapshotFiles.ts'
import { errorsTable, headOf, rawTable, tag } from '../commit/lake.ts'
import { day, lostAnswer, never, UpkeepWorld } from './world.ts'

const expiry = { steps: ['expiry'] } as const

suite('snapshots', () => {
  test('are expired in both tables down to the count, and files only they reached are deleted', async () => {
    const world = new UpkeepWorld()
    await world.commits(8)
    const report = await world.upkeep().maintain(expiry, never)
    assert.deepEqual(report.snapshots, { 'db.raw': 3, 'db.errors': 3 })
    assert.equal((await world.snapshots(rawTable)).length, 3)
    assert.equal((await world.snapshots(errorsTable)).length, 3)
    assert.deepEqual(await world.files(), await world.needed())
    await world.assertIntact()
  })

  test('of a plain history take only manifest lists along, and no manifest is opened for that', async () => {
    const world = new UpkeepWorld()
    await world.commits(8)
    world.calls.length = 0
    const { items } = await world.upkeep().maintain(expiry, never)
    assert.deepEqual(
      items.map(({ table, kind, count }) => [table, kind, count]),
      [
        ['db.raw', 'snapshots', 6],
        ['db.raw', 'manifest lists', 6],
        ['db.errors', 'snapshots', 6],
        ['db.errors', 'manifest lists', 6],
      ],
    )
    // One list for each of the nine snapshots of both tables.
    assert.equal(world.calls.filter(call => call === 'read').length, 18)
  })

  test('older than the age are expired whatever the count, but never the newest with our keys', async () => {
    const world = new UpkeepWorld()
    await world.commits(2)
    world.lake.pass(8 * day)
    await world.upkeep().maintain(expiry, never)
    assert.equal((await world.snapshots(rawTable)).length, 1)
    await world.assertIntact()
  })

  test('between the head and our newest stay, for the walk to our keys leads over them', async () => {
    const world = new UpkeepWorld()
    await world.commits(3)
    for (let i = 0; i < 5; i++) await world.lake.compact(rawTable)
    world.lake.pass(8 * day)
    await world.upkeep().maintain(expiry, never)
    assert.equal((await world.snapshots(rawTable)).length, 6)
    await world.assertIntact()
  })

  test('that a tag or a branch names stay, with all their files', async () => {
    const world = new UpkeepWorld()
    await world.commits(2)
    const tagged = headOf(await world.lake.load(rawTable))!
    await world.setRef(rawTable, 'audit', { type: 'tag' }, tagged)
    await world.commits(2)
    await world.lake.compact(rawTable)
    const branched = headOf(await world.lake.load(rawTable))!
    await world.setRef(rawTable, 'trial', { type: 'branch', 'min-snapshots-to-keep': 2 }, branched)
    await world.commits(4)
    world.lake.pass(8 * day)
    await world.upkeep().maintain(expiry, never)
    const left = await world.snapshots(rawTable)
    assert.ok(left.includes(tagged['snapshot-id']) && left.includes(branched['snapshot-id']))
    assert.ok(left.includes(branched['parent-snapshot-id']!))
    assert.equal(left.length, 4)
    await world.assertIntact()
  })

  test('of a tag past its own age go with the tag', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    const old = headOf(await world.lake.load(rawTable))!
    await world.setRef(rawTable, 'audit', { type: 'tag', 'max-ref-age-ms': day }, old)
    await world.commits(4)
    await world.upkeep().maintain(expiry, never)
    assert.ok((await world.lake.load(rawTable)).refs.audit)
    world.lake.pass(2 * day)
    const { items } = await world.upkeep().maintain(expiry, never)
    assert.ok(items.some(({ kind, count }) => kind === 'refs' && count === 1))
    const table = await world.lake.load(rawTable)
    assert.deepEqual(Object.keys(table.refs).sort(), [tag, 'main'].sort())
    await world.assertIntact()
  })

  test('without anything to expire nothing is committed or read', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    world.calls.length = 0
    const report = await world.upkeep().maintain(expiry, never)
    assert.deepEqual([report.items, report.left], [[], []])
    assert.deepEqual(new Set(world.calls), new Set(['load raw', 'load errors']))
  })
})

suite('files of expired snapshots', () => {
  test('that a compaction replaced are deleted', async () => {
    const world = new UpkeepWorld()
    await world.commits(4)
    await world.lake.compact(rawTable)
    await world.lake.compact(errorsTable)
    await world.commits(4)
    const { items } = await world.upkeep().maintain(expiry, never)
    const data = items.filter(({ kind }) => kind === 'data files')
    assert.deepEqual(
      data.map(({ table, count }) => [table, count]),
      [
        ['db.raw', 4],
        ['db.errors', 4],
      ],
    )
    assert.deepEqual(await world.files(), await world.needed())
    await world.assertIntact()
  })

  test('go where a retained snapshot is the one that replaced them', async () => {
    const world = new UpkeepWorld()
    await world.commits(4)
    await world.lake.compact(rawTable)
    await world.commits(1)
    await world.upkeep({ retention: { maxAgeMs: 7 * day, maxCount: 2 } }).maintain(expiry, never)
    assert.deepEqual(await world.files(), await world.needed())
    await world.assertIntact()
  })

  test('are kept where the manifests that list them were merged', async () => {
    const world = new UpkeepWorld()
    await world.commits(2)
    for (const id of [rawTable, errorsTable]) await world.merging(id)
    for (const id of [rawTable, errorsTable]) await world.lake.compact(id)
    await world.commits(6)
    const { items } = await world.upkeep().maintain(expiry, never)
    assert.ok(items.some(({ kind }) => kind === 'manifests'))
    assert.deepEqual(await world.files(), await world.needed())
    await world.assertIntact()
  })

  test('are kept where somebody refers to them again before they are judged', async () => {
    const world = new UpkeepWorld()
    await world.commits(1)
    const rows = await world.lake.rows(rawTable)
    const file = await world.lake.writeFile('memory:///w/db/raw/data/again.parquet', rows)
    await world.lake.replace(rawTable, file)
    await world.lake.compact(rawTable)
    await world.commits(4)
    const after = (call: string) => call === 'commit raw' && world.lake.replace(rawTable, file)
    await world.upkeep({}, { after }).maintain(expiry, never)
    assert.ok((await world.files()).has(file.location))
  })

  for (const merges of [false, true])
    test(`are kept while raw still announces them, though errors has ${merges ? 'merged and ' : ''}compacted them away`, async () => {
      const world = new UpkeepWorld()
      if (merges) {
        await world.commits(1)
        await world.merging(errorsTable)
      }
      await world.commits(1)
      // What the newest raw commit announces, errors takes; until the next raw commit it stays announced.
      const { pending } = await world.scenario.rawKeys()
      assert.equal(pending.length, 1)
      const audit = async () => {
        const pod = world.scenario.pod()
        await pod.audit(await pod.assign())
      }
      if (merges) {
        await world.touch(errorsTable)
        await audit()
      }
      for (let i = 0; i < 5; i++) {
        await world.lake.compact(errorsTable)
        await audit()
      }
      world.lake.pass(8 * day)
      await world.upkeep().maintain(expiry, never)
      assert.equal((await world.snapshots(errorsTable)).length, 1)
      assert.deepEqual((await world.scenario.rawKeys()).pending, pending)
      const files = await world.files()
      for (const { manifest, length } of pending)
        for (const { file } of (await readManifest(world.lake.storage, manifest, length)).entries)
          assert.ok(files.has(file.location), `${file.location} is gone`)
      await world.assertIntact()
    })

  test('that cannot be told because a retained manifest list is unreadable all stay', async () => {
    const world = new UpkeepWorld()
    await world.commits(8)
    const head = headOf(await world.lake.load(rawTable))!
    const bytes = await world.lake.storage.read(head['manifest-list'])
    await world.lake.storage.delete(head['manifest-list'])
    await assert.rejects(world.upkeep().maintain(expiry, never), { code: 'NOT_FOUND' })
    assert.deepEqual(world.deleted, [])
    await world.lake.storage.create(head['manifest-list'], bytes)
    await world.assertIntact()
  })
})

suite('a commit of the expiry', () => {
  test('that somebody else was faster than is decided anew on what is then the table', async () => {
    const world = new UpkeepWorld()
    await world.commits(6)
    let raced = false
    const faults = {
      before: async (call: string) => {
        if (call !== 'commit raw' || raced) return
        raced = true
        await world.commits(1)
      },
    }
    await world.upkeep({}, faults).maintain(expiry, never)
    assert.equal(world.calls.filter(call => call === 'commit raw').length, 2)
    assert.equal((await world.snapshots(rawTable)).length, 3)
    assert.deepEqual(await world.files(), await world.needed())
    await world.assertIntact()
  })

  for (const ref of [{ type: 'tag' }, { type: 'branch' }] as const)
    test(`that a ${ref.type} was moved under is decided anew, though the catalog would drop the ${ref.type}`, async () => {
      const world = new UpkeepWorld()
      await world.commits(6)
      const [first] = (await world.lake.load(rawTable)).snapshots
      await world.setRef(rawTable, 'theirs', ref, headOf(await world.lake.load(rawTable))!)
      let raced = false
      const requirements: unknown[] = []
      const { catalog } = world.lake
      const upkeep = world.upkeep(
        {},
        {},
        {
          catalog: {
            ...catalog,
            async commitTable(id, required, updates) {
              requirements.push(required)
              if (!raced) await world.setRef(rawTable, 'theirs', ref, first!)
              raced = true
              return catalog.commitTable(id, required, updates)
            },
          },
        },
      )
      await upkeep.maintain(expiry, never)
      assert.ok((await world.snapshots(rawTable)).includes(first!['snapshot-id']))
      assert.ok(JSON.stringify(requirements[0], (_, v) => (typeof v === 'bigint' ? String(v) : v)).includes('theirs'))
      await world.assertIntact()
    })

  test('whose answer is lost deletes once a load shows that it is durable', async () => {
    const world = new UpkeepWorld()
    await world.commits(8)
    await world
      .upkeep({}, { after: call => (call.startsWith('commit') ? lostAnswer() : undefined) })
      .maintain(expiry, never)
    assert.equal(world.calls.filter(call => call === 'commit raw').length, 1)
    assert.deepEqual(await world.files(), await world.needed())
  })

  test('that never succeeds deletes nothing and gives up', async () => {
    const world = new UpkeepWorld()
    await world.commits(8)
    const faults = { before: (call: string) => (call.startsWith('commit') ? lostAnswer() : undefined) }
    await assert.rejects(world.upkeep({}, faults).maintain(expiry, never), { code: 'CONFLICT' })
    assert.deepEqual(world.deleted, [])
    assert.equal(world.calls.filter(call => call === 'commit raw').length, 8)
  })
})

suite('upkeep holds still', () => {
  test('while a pod would halt', async () => {
    const world = new UpkeepWorld()
    await world.commits(6)
    const { snapshots } = await world.lake.load(rawTable)
    await world.lake.setMain(rawTable, snapshots[1]!['snapshot-id'])
    world.lake.pass(8 * day)
    for (const step of ['expiry', 'orphans'] as const)
      await assert.rejects(world.upkeep().maintain({ steps: [step] }, never), { code: 'LineageBroken' })
    assert.equal((await world.snapshots(rawTable)).length, snapshots.length)
    assert.deepEqual(world.deleted, [])
  })

  test('while errors was rolled back, for what it lost is what a person needs', async () => {
    const world = new UpkeepWorld()
    await world.commits(6)
    const { snapshots } = await world.lake.load(errorsTable)
    const back = { 'snapshot-id': snapshots[1]!['snapshot-id'], type: 'tag' } as const
    await world.lake.setMain(errorsTable, back['snapshot-id'])
    await world.setRef(errorsTable, tag, { type: 'tag' }, snapshots[1]!)
    world.lake.pass(8 * day)
    await assert.rejects(world.upkeep().maintain(expiry, never), { code: 'ErrorsRolledBack' })
    assert.deepEqual(world.deleted, [])
  })

  test('where gc.enabled is false', async () => {
    const world = new UpkeepWorld()
    await world.commits(6)
    await world.lake.change(rawTable, { action: 'set-properties', updates: { 'gc.enabled': 'false' } })
    await world.lake.change(errorsTable, { action: 'set-properties', updates: { 'gc.enabled': 'false' } })
    const { items, left } = await world.upkeep().maintain({}, never)
    assert.deepEqual(items, [])
    assert.deepEqual(left, ['db.raw: gc.enabled is false', 'db.errors: gc.enabled is false'])
  })

  test('once another pod is to do it', async () => {
    const world = new UpkeepWorld()
    await world.commits(8)
    world.mayAct = false
    await world.upkeep().maintain({}, never)
    assert.ok(!world.calls.some(call => call.startsWith('commit')))
    world.mayAct = true
    // Between the commit and the deletes.
    const after = (call: string) => {
      if (call.startsWith('commit')) world.mayAct = false
    }
    await world.upkeep({}, { after }).maintain(expiry, never)
    assert.equal((await world.snapshots(rawTable)).length, 3)
    assert.deepEqual(world.deleted, [])
    await world.assertIntact()
  })

  test('in a dry run, which tells what would go', async () => {
    const world = new UpkeepWorld()
    await world.commits(4)
    await world.lake.compact(rawTable)
    await world.commits(4)
    const before = await world.files()
    const dry = await world.upkeep().maintain({ ...expiry, dryRun: true }, never)
    assert.deepEqual(await world.files(), before)
    assert.ok(!world.calls.some(call => call.startsWith('commit')))
    const done = await world.upkeep().maintain(expiry, never)
    assert.deepEqual(dry, { ...done, dryRun: true })
  })
})

test('in the background little is left alone, because every manifest list has to be read for it', async () => {
  const world = new UpkeepWorld()
  await world.commits(12)
  const eager = await world
    .upkeep({ retention: { maxAgeMs: 7 * day, maxCount: 12 } })
    .maintain({ ...expiry, dryRun: true }, never)
  assert.ok(eager.items.length > 0)
  const lazy = { ...expiry, onlyIfWorthwhile: true }
  assert.deepEqual(
    (await world.upkeep({ retention: { maxAgeMs: 7 * day, maxCount: 12 } }).maintain(lazy, never)).items,
    [],
  )
  assert.ok((await world.upkeep().maintain(lazy, never)).items.length > 0)
})

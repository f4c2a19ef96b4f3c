/** The first start of a pair of tables, and what appears later: partitions, topics, other pods, crashes on the way. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseInitialised } from '../../../runtime/commit/keys.ts'
import { CatalogError } from '../../../runtime/iceberg/catalog.ts'
import { errorsDefinition, rawDefinition } from '../../../runtime/iceberg/tables.ts'
import { errorsTable, headOf, rawTable, taggedOf } from './lake.ts'
import { Scenario } from './scenario.ts'

const dies = async () => {
  throw new Error('crash')
}

suite('the first start', () => {
  test('creates both tables, each with its keys, its tag and the property', async () => {
    const scenario = new Scenario(2)
    scenario.kafka.control('health:1')
    await scenario.pod().assign()
    for (const id of [rawTable, errorsTable]) {
      const table = await scenario.lake.load(id)
      assert.equal(table.snapshots.length, 1)
      assert.equal(taggedOf(table), headOf(table))
      assert.deepEqual(parseInitialised(table.properties), { group: 'g', clusterId: 'cluster-1', topics: ['health'] })
    }
    const raw = await scenario.rawKeys()
    assert.deepEqual(Object.fromEntries(raw.offsets), { 'health:0': 0, 'health:1': 0 })
    assert.deepEqual([raw.seq, raw.pending, raw.errorsAckedSeq], [1, [], 0])
    assert.equal(raw.errorsUuid, (await scenario.lake.load(errorsTable))['table-uuid'])
    const errors = await scenario.errorsKeys()
    assert.deepEqual([errors.appliedSeq, errors.rawUuid], [0, (await scenario.lake.load(rawTable))['table-uuid']])
  })

  test('takes tables that exist, are empty and have the layout', async () => {
    const scenario = new Scenario()
    const { catalog } = scenario.lake
    const created = [
      await catalog.createTable(rawTable, rawDefinition),
      await catalog.createTable(errorsTable, errorsDefinition),
    ]
    scenario.produce('health:0', 'a', 'bad-1')
    await scenario.pod().consume()
    await scenario.assertExactlyOnce()
    const uuids = [await scenario.lake.load(rawTable), await scenario.lake.load(errorsTable)]
    assert.deepEqual(
      uuids.map(table => table['table-uuid']),
      created.map(table => table['table-uuid']),
    )
  })

  test('whose last step finds that another pod has filled and acknowledged meanwhile is no rollback', async () => {
    for (const [call, passed] of [
      ['load raw', 3],
      ['load errors', 2],
    ] as const) {
      const scenario = new Scenario()
      scenario.produce('health:0', 'a', 'bad-1')
      const [pod, other] = [scenario.pod(), scenario.pod()]
      pod.pass(call, passed)
      pod.before(call, async () => {
        await other.consume()
        scenario.produce('health:0', 'b', 'bad-2')
        await other.consume()
        assert.ok((await scenario.rawKeys()).errorsAckedSeq > 0)
      })
      await pod.assign()
      await scenario.assertExactlyOnce()
    }
  })

  for (const [startFrom, offset] of [
    ['earliest', 1],
    ['latest', 3],
  ] as const)
    test(`begins at the ${startFrom} retained offset, once`, async () => {
      const scenario = new Scenario()
      scenario.kafka.produce('health:0', ['before'])
      scenario.kafka.produce('health:0', ['before'])
      scenario.kafka.produce('health:0', ['before'])
      scenario.kafka.deleteBefore('health:0', 1)
      assert.deepEqual(await scenario.pod({ startFrom }).assign(), new Map([['health:0', offset]]))
      scenario.kafka.produce('health:0', ['after'])
      const again = await scenario.pod({ startFrom }).assign()
      assert.deepEqual(again, new Map([['health:0', offset]]))
    })

  test('of two pods at once leaves one set of keys and loses nothing', async () => {
    for (const call of ['create errors', 'create raw', 'commit raw', 'commit errors', 'load raw', 'load errors']) {
      const scenario = new Scenario()
      scenario.produce('health:0', 'a', 'bad-1')
      const [pod, other] = [scenario.pod(), scenario.pod()]
      pod.before(call, () => other.consume())
      assert.deepEqual(await pod.assign(), new Map([['health:0', 2]]), `before ${call}`)
      scenario.produce('health:0', 'b')
      await pod.consume()
      await scenario.assertExactlyOnce()
    }
  })

  test('that crashes at any call, its effect done or not, is finished by the next pod', async () => {
    const whole = new Scenario().pod()
    await whole.assign(['health:0'])
    for (const [index, call] of whole.calls.entries())
      for (const when of ['before', 'after'] as const) {
        const scenario = new Scenario()
        scenario.produce('health:0', 'a', 'bad-1')
        const pod = scenario.pod()
        const crash = new AbortController()
        pod.pass(call, whole.calls.slice(0, index).filter(earlier => earlier === call).length)
        pod[when](call, async () => {
          crash.abort(new Error('crash'))
          await dies()
        })
        await assert.rejects(pod.protocol.assign([{ topic: 'health', partition: 0 }], crash.signal), /crash/)
        await scenario.pod().consume()
        await scenario.assertExactlyOnce()
        assert.equal((await scenario.rawKeys()).seq, 2, `${when} ${call}`)
      }
  })

  test('whose answers are lost looks again instead of trusting them', async () => {
    const scenario = new Scenario()
    scenario.produce('health:0', 'a')
    const pod = scenario.pod()
    for (const call of ['create errors', 'create raw', 'commit raw', 'commit errors'])
      pod.after(call, async () => {
        throw new CatalogError('UNKNOWN_OUTCOME', 'no answer')
      })
    await pod.consume()
    await scenario.assertExactlyOnce()
    assert.deepEqual(
      pod.calls.filter(call => call.startsWith('failed')),
      ['failed errors', 'failed errors', 'failed raw', 'failed errors'],
    )
  })
})

suite('what appears later', () => {
  test('a partition of a known topic starts at its beginning, under latest too', async () => {
    const scenario = new Scenario()
    const pod = scenario.pod({ startFrom: 'latest' })
    await pod.assign()
    scenario.kafka.addPartition('health', 1)
    scenario.produce('health:1', 'a', 'bad-1')
    assert.equal((await pod.assign()).get('health:1'), 0)
    await pod.consume()
    await scenario.assertExactlyOnce()
  })

  for (const [startFrom, offset] of [
    ['earliest', 0],
    ['latest', 1],
  ] as const)
    test(`a topic added to the spec starts at ${startFrom}, by an empty commit that keeps all else`, async () => {
      const scenario = new Scenario()
      scenario.produce('health:0', 'a', 'bad-0')
      await scenario.pod().consume()
      scenario.produce('health:0', 'bad-1')
      const dead = scenario.pod()
      const died = new AbortController()
      const batch = await scenario.batch(await dead.assign())
      dead.after('commit raw', async () => died.abort(new Error('died')))
      await assert.rejects(dead.commit(batch, died.signal), /died/)
      const before = await scenario.rawKeys()
      assert.deepEqual([before.pending.length, before.errorsAckedSeq], [1, 2])

      scenario.kafka.addPartition('more', 0)
      scenario.kafka.produce('more:0', ['skipped-under-latest'])
      const pod = scenario.pod({ topics: ['health', 'more'], startFrom })
      const positions = await pod.assign()
      assert.deepEqual(Object.fromEntries(positions), { 'health:0': 3, 'more:0': offset })
      const table = await scenario.lake.load(rawTable)
      assert.deepEqual(parseInitialised(table.properties)?.topics, ['health', 'more'])
      const { commitId: _, ...after } = await scenario.rawKeys()
      const { commitId: __, ...kept } = before
      assert.deepEqual(after, {
        ...kept,
        seq: before.seq + 1,
        offsets: new Map([...before.offsets, ['more:0', offset]]),
      })
      assert.deepEqual(await scenario.lake.rows(errorsTable).then(rows => rows.sort()), ['bad-0', 'bad-1'])
    })

  test('a partition that two pods add at once is added once', async () => {
    const scenario = new Scenario()
    await scenario.pod().assign()
    scenario.kafka.addPartition('health', 1)
    const [pod, other] = [scenario.pod(), scenario.pod()]
    pod.before('commit raw', () => other.assign())
    await pod.assign()
    assert.equal((await scenario.rawKeys()).seq, 2)
  })
})

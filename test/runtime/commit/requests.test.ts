/**
 * What a commit asks of the catalog, and that what it no longer asks is not missed: a state that a pod remembers may be
 * old, and nothing is decided on it that an old state could do harm to.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CatalogError } from '../../../runtime/iceberg/catalog.ts'
import { StorageError } from '../../../runtime/iceberg/storage.ts'
import { ancestors, errorsTable, headOf, rawTable } from './lake.ts'
import { type Pod, Scenario } from './scenario.ts'

/** The calls of the catalog among those that the action makes. */
async function asked(pod: Pod, action: () => Promise<unknown>): Promise<string[]> {
  pod.calls.length = 0
  await action()
  return pod.calls.filter(call => /^(load|commit|conflict|failed) (raw|errors)$/.test(call))
}

/** A pod with its positions, and the records to commit; it has committed some before. */
async function begun(...values: string[]) {
  const scenario = new Scenario()
  scenario.produce('health:0', 'first', 'bad-first')
  const pod = scenario.pod()
  await pod.consume()
  scenario.produce('health:0', ...values)
  const batch = await scenario.batch(new Map([['health:0', 2]]))
  return { scenario, pod, batch }
}

suite('requests', () => {
  test('of a commit without errors are one load and one commit', async () => {
    const { scenario, pod, batch } = await begun('a')
    const calls = await asked(pod, async () => {
      assert.equal(await pod.commit(batch), 'committed')
      const state = await pod.protocol.state()
      assert.equal(state.offsets.get('health:0'), 3)
      assert.equal(state.rawSnapshotId, headOf(await scenario.lake.load(rawTable))!['snapshot-id'])
    })
    assert.deepEqual(calls, ['load raw', 'commit raw'])
    await scenario.assertExactlyOnce()
  })

  test('of a commit with errors are as many again', async () => {
    const { scenario, pod, batch } = await begun('a', 'bad-1')
    const calls = await asked(pod, async () => {
      await pod.commit(batch)
      const state = await pod.protocol.state()
      assert.deepEqual([state.pendingIntents, state.errorsAppliedSeq], [0, state.rawSeq])
    })
    assert.deepEqual(calls, ['load raw', 'commit raw', 'load errors', 'commit errors'])
    await scenario.assertExactlyOnce()
  })

  test('of an idle audit are the three loads whose order is part of the protocol', async () => {
    const { scenario, pod, batch } = await begun('a', 'bad-1')
    await pod.commit(batch)
    const calls = await asked(pod, async () => {
      await pod.audit(new Map([['health:0', 4]]))
      await pod.protocol.state()
    })
    assert.deepEqual(calls, ['load errors', 'load raw', 'load errors'])
    await scenario.assertExactlyOnce()
  })
})

suite('a remembered state', () => {
  test('that is old costs a load, and neither loses nor doubles: others have committed other partitions', async () => {
    const scenario = new Scenario(2)
    const pods = [scenario.pod(), scenario.pod()] as const
    const positions = [await pods[0].assign(['health:0']), await pods[1].assign(['health:1'])] as const
    for (let round = 0; round < 3; round++)
      for (const [at, pod] of pods.entries()) {
        const key = `health:${at}`
        scenario.produce(key, `r${round}-${at}`, `bad-${round}-${at}`)
        const batch = await scenario.batch(positions[at]!)
        const calls = await asked(pod, () => pod.commit(batch))
        assert.deepEqual(calls, ['load raw', 'commit raw', 'load errors', 'commit errors'])
        positions[at]!.set(key, batch.ranges.get(key)!.end)
      }
    await scenario.assertExactlyOnce()
  })

  test('of a pod that slept while others took its partition makes it take positions anew', async () => {
    const { scenario, pod, batch } = await begun('a', 'bad-1')
    await scenario.pod().consume()
    assert.equal(await pod.commit(batch), 'moved')
    assert.equal((await pod.protocol.state()).offsets.get('health:0'), 4)
    await scenario.assertExactlyOnce()
  })

  test('is forgotten with a commit whose outcome is unknown', async () => {
    const { scenario, pod, batch } = await begun('a', 'bad-1')
    const lost = async () => {
      throw new CatalogError('UNKNOWN_OUTCOME', 'no answer')
    }
    pod.after('commit raw', lost)
    pod.after('commit errors', lost)
    const calls = await asked(pod, () => pod.commit(batch))
    assert.deepEqual(calls, [
      ...['load raw', 'commit raw', 'failed raw', 'load raw'],
      ...['load errors', 'commit errors', 'failed errors', 'load errors'],
    ])
    const state = await pod.protocol.state()
    assert.deepEqual([state.offsets.get('health:0'), state.pendingIntents], [4, 0])
    await scenario.assertExactlyOnce()
  })

  test('is never that of an answer which does not show the commit', async () => {
    const { scenario, pod, batch } = await begun('a', 'bad-1')
    const { catalog } = scenario.lake
    const { commitTable } = catalog
    Object.assign(catalog, {
      commitTable: async (...[id, requirements, updates]: Parameters<typeof commitTable>) => {
        const before = await catalog.loadTable(id)
        await commitTable(id, requirements, updates)
        return before
      },
    })
    await pod.commit(batch)
    const state = await pod.protocol.state()
    assert.deepEqual([state.offsets.get('health:0'), state.pendingIntents], [4, 0])
    await scenario.assertExactlyOnce()
  })

  test('of the errors table is looked at again after a while, though no sample is invalid', async () => {
    const { scenario, pod, batch } = await begun('a')
    const table = await scenario.lake.load(errorsTable)
    await scenario.lake.setMain(errorsTable, ancestors(table, headOf(table)!)[1]!['snapshot-id'])
    assert.equal(await pod.commit(batch), 'committed')
    scenario.produce('health:0', 'b')
    const next = await scenario.batch(new Map([['health:0', 3]]))
    for (let ms = 0; ms < 30_000; ms++) scenario.lake.now()
    await pod.halts('LineageBroken', () => pod.commit(next))
  })
})

suite('files', () => {
  test('that cannot be reached are trouble from the assignment on, and its end ends it', async () => {
    const { scenario } = await begun('a')
    const { storage } = scenario.lake
    const { read } = storage
    let refused = 0
    Object.assign(storage, {
      read: async (location: string) => {
        if (refused++ < 2) throw new StorageError('DENIED', location, 'access denied')
        return read(location)
      },
    })
    const pod = scenario.pod()
    const calls = await asked(pod, () => pod.assign())
    assert.equal(calls.filter(call => call === 'failed raw').length, 2)
  })

  test('announced for later never lie in a table, wherever the catalog has put that', async () => {
    for (const id of [rawTable, errorsTable]) {
      const scenario = new Scenario()
      await scenario.pod().assign()
      const { location } = await scenario.lake.load(id)
      const inside = scenario.pod({ pendingLocation: `${location}/pending` })
      assert.match(
        await inside.halts('IncompatibleTable'),
        /pendingLocation .* lies inside it: choose a folder outside/,
      )
      await scenario.pod({ pendingLocation: `${location}-pending` }).assign()
    }
  })

  test('announced for later lie in their table where its credentials reach nothing else', async () => {
    const scenario = new Scenario()
    await scenario.pod().assign()
    const { location } = await scenario.lake.load(errorsTable)
    const pod = scenario.pod({ isConfined: of => of === location })
    await pod.assign()
    assert.ok((await pod.protocol.state()).pendingFolder.startsWith(`${location}/_hc_pending/`))
  })
})

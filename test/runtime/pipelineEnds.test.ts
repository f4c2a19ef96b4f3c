/** How a pipeline ends: stopped, caught up, or with its consumer. */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { CatalogError } from '../../runtime/iceberg/catalog.ts'
import type { Source } from '../../runtime/source/source.ts'
import { group, headOf, rawTable } from './commit/lake.ts'
import { PipelineWorld, topic } from './pipelineWorld.ts'

function newWorld(context: TestContext, partitions = 1): PipelineWorld {
  const world = new PipelineWorld(partitions)
  context.after(() => world.end())
  return world
}

const unavailable = new CatalogError('UNAVAILABLE', '503')

suite('a stop', () => {
  test('commits what is buffered', async context => {
    const world = newWorld(context)
    const started = world.start({ pipeline: { intervalMs: 600_000 } })
    world.produce(0, 'first')
    await world.untilCommitted(1)
    world.produce(0, 'a', 'bad-1', 'b')
    await world.clock.pass(1_000)
    await world.stop(started)
    assert.equal(started.outcome(), 'done')
    assert.equal(await world.committed(), 4)
    await world.assertExactlyOnce()
  })

  test('waits for the commit under way and commits what came after it', async context => {
    const world = newWorld(context)
    const started = world.start({ pipeline: { maxRows: 2 } })
    world.produce(0, 'first')
    await world.untilCommitted(1)
    const release = world.hold()
    world.produce(0, 'a', 'b', 'c')
    await world.clock.pass(1_000)
    const stopping = world.stop(started)
    await world.clock.pass(1_000)
    release()
    assert.ok((await stopping) < 5_000)
    assert.equal(await world.committed(), 4)
    await world.assertExactlyOnce()
  })

  for (const [what, break_] of [
    ['fails', (world: PipelineWorld) => (world.catalogError = unavailable)],
    ['never answers', (world: PipelineWorld) => world.hold()],
  ] as const) {
    test(`with rows and a catalog that ${what} ends within the grace; the next life reads them again`, async context => {
      const world = newWorld(context)
      const started = world.start({ pipeline: { intervalMs: 600_000 } })
      world.produce(0, 'first')
      await world.untilCommitted(1)
      await world.clock.pass(1_000)
      world.produce(0, 'a', 'bad-1')
      await world.clock.pass(1_000)
      break_(world)
      assert.ok((await world.stop(started)) <= 5_500)
      assert.equal(started.outcome(), 'done')
      world.catalogError = undefined
      world.held = undefined
      world.start()
      await world.untilCommitted(3)
      await world.clock.pass(1_000)
      await world.assertExactlyOnce()
    })

    test(`during a commit to a catalog that ${what} ends within the grace`, async context => {
      const world = newWorld(context)
      const started = world.start()
      world.produce(0, 'first')
      await world.untilCommitted(1)
      await world.clock.pass(1_000)
      break_(world)
      world.produce(0, 'a', 'bad-1')
      await world.clock.pass(20_000)
      assert.ok((await world.stop(started)) <= 5_500)
      assert.equal(started.outcome(), 'done')
    })
  }

  test('while positions are taken from a dead catalog ends at once, and nothing is tried afterwards', async context => {
    const world = newWorld(context)
    world.catalogError = unavailable
    const started = world.start()
    await world.clock.pass(20_000)
    assert.ok((await world.stop(started)) <= 500)
    world.catalogError = undefined
    await world.clock.pass(60_000)
    assert.equal(await world.lake.catalog.loadTable(rawTable), undefined)
  })

  test('of a halted pipeline ends at once', async context => {
    const world = newWorld(context)
    const started = world.start()
    world.produce(0, 'a')
    await world.untilCommitted(1)
    const head = headOf(await world.lake.load(rawTable))!
    await world.lake.setMain(rawTable, head['parent-snapshot-id']!)
    world.produce(0, 'b')
    await world.clock.until('it halts', () => started.pipeline.halt !== null)
    assert.ok((await world.stop(started)) <= 500)
  })
})

suite('a run with targets', () => {
  test('ends when they are durable, tails without records included', async context => {
    const world = newWorld(context, 2)
    world.produce(0, 'a', 'bad-1', 'b')
    world.kafka.leaveGap(topic, 0, 2)
    world.kafka.leaveGap(topic, 1, 1)
    const targets = new Map([
      [`${topic}:0`, 5],
      [`${topic}:1`, 1],
    ])
    const beganMs = world.clock.now()
    const started = world.start({ pipeline: { targets, intervalMs: 600_000 } })
    await world.clock.until('it ends', () => started.outcome() !== undefined)
    assert.ok(world.clock.now() - beganMs <= 300, 'no round waits for more')
    assert.equal(started.outcome(), 'done')
    assert.equal(started.pipeline.caughtUp, true)
    assert.deepEqual([await world.committed(0), await world.committed(1)], [5, 1])
    await world.assertExactlyOnce()
  })

  test('ends with topics that are empty or read already', async context => {
    const world = newWorld(context)
    for (let run = 0; run < 2; run++) {
      const started = world.start({ pipeline: { targets: new Map([[`${topic}:0`, 0]]) } })
      await world.clock.until('it ends', () => started.outcome() === 'done')
      await world.stop(started)
    }
  })

  test('does not end before the error rows are in their table', async context => {
    const world = newWorld(context)
    const { commitTable } = world.lake.catalog
    let refused = 0
    Object.assign(world.lake.catalog, {
      commitTable: async (...args: Parameters<typeof commitTable>) => {
        const [id, requirements, updates] = args
        const empty = (await world.lake.catalog.loadTable(id))?.snapshots.length === 0
        if (id.name === 'errors' && !empty && refused++ < 10) throw unavailable
        return commitTable(id, requirements, updates)
      },
    })
    world.produce(0, 'bad-1')
    const started = world.start({ pipeline: { targets: new Map([[`${topic}:0`, 1]]) } })
    await world.clock.until('it ends', () => started.outcome() === 'done')
    assert.equal(refused, 11)
    await world.assertExactlyOnce()
  })

  test('ends with a halt', async context => {
    const world = newWorld(context)
    const first = world.start()
    world.produce(0, 'a')
    await world.untilCommitted(1)
    await world.stop(first)
    await world.lake.setMain(rawTable, headOf(await world.lake.load(rawTable))!['parent-snapshot-id']!)
    const started = world.start({ pipeline: { targets: new Map([[`${topic}:0`, 1]]) } })
    await world.clock.until('it ends', () => started.outcome() !== undefined)
    assert.equal(started.pipeline.halt?.code, 'LineageBroken')
    assert.equal(started.pipeline.caughtUp, false)
  })
})

suite('a consumer', () => {
  test('that crashes rejects the run', async context => {
    const world = newWorld(context)
    const started = world.start()
    world.produce(0, 'a')
    await world.untilCommitted(1)
    const crash = new Error('not authorised')
    world.kafka.crash(group, crash)
    await world.clock.until('it ends', () => started.outcome() !== undefined)
    assert.equal(started.outcome(), crash)
  })

  test('that cannot start, or crashes while it starts, rejects the run and leaves no ticking behind', async context => {
    const refusal = new Error('no broker')
    for (const start of [
      async () => {
        throw refusal
      },
      async (handler: Parameters<Source['start']>[0]) => {
        handler.crashed(refusal)
        await new Promise(resolve => setImmediate(resolve))
      },
    ]) {
      const world = newWorld(context)
      const started = world.start({ wrap: source => ({ ...source, start }) })
      await world.clock.until('it ends', () => started.outcome() !== undefined)
      assert.equal(started.outcome(), refusal)
      await world.clock.pass(1_000)
      assert.equal(world.clock.waiting, 0)
    }
  })
})

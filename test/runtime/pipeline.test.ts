/** The pipeline at work: when it commits, when it holds intake, and what becomes of rows when something goes wrong. */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { CatalogError } from '../../runtime/iceberg/catalog.ts'
import { StorageError } from '../../runtime/iceberg/storage.ts'
import type { Source } from '../../runtime/source/source.ts'
import { errorsTable, group, headOf, rawTable, taggedOf } from './commit/lake.ts'
import { PipelineWorld, rowBytes, type Started, type StartOptions, topic } from './pipelineWorld.ts'

function begin(context: TestContext, options: StartOptions = {}, partitions = 1): [PipelineWorld, Started] {
  const world = new PipelineWorld(partitions)
  context.after(() => world.end())
  return [world, world.start(options)]
}

/** Past the first round, which is short. */
async function warmUp(world: PipelineWorld): Promise<void> {
  world.produce(0, 'first')
  await world.untilCommitted(1)
}

suite('a round is committed', () => {
  test('soon after an assignment, so that a restart shows early', async context => {
    const [world] = begin(context, { pipeline: { intervalMs: 600_000 } })
    const beganMs = world.clock.now()
    await warmUp(world)
    assert.ok(world.clock.now() - beganMs <= 2_000)
  })

  test('when its first record has waited for the interval', async context => {
    const [world] = begin(context)
    await warmUp(world)
    const beganMs = world.clock.now()
    world.produce(0, 'a')
    await world.clock.pass(5_000)
    world.produce(0, 'bad-1')
    await world.clock.pass(4_800)
    assert.equal(await world.committed(), 1)
    await world.untilCommitted(3)
    assert.ok(world.clock.now() - beganMs <= 10_500)
    await world.clock.pass(1_000)
    await world.assertExactlyOnce()
  })

  for (const [drawn, ms] of [
    [0, 9_000],
    [0.999, 11_000],
  ] as const)
    test(`after ${ms} ms where that is what is drawn, so that pods do not commit all at once`, async context => {
      const world = new PipelineWorld()
      context.after(() => world.end())
      world.random = () => drawn
      world.start()
      await warmUp(world)
      world.produce(0, 'a')
      await world.clock.pass(ms - 300)
      assert.equal(await world.committed(), 1)
      await world.clock.pass(600)
      assert.equal(await world.committed(), 2)
    })

  for (const [what, pipeline] of [
    ['rows', { maxRows: 4 }],
    ['bytes', { maxBufferedBytes: 2 * 4 * rowBytes }],
    ['open partitions', { maxOpenPartitions: 4 }],
  ] as const)
    test(`when it holds too many ${what}`, async context => {
      const [world] = begin(context, { pipeline: { ...pipeline, intervalMs: 600_000 } })
      await warmUp(world)
      world.produce(0, 'a-1', 'b-1', 'c-1')
      await world.clock.pass(30_000)
      assert.equal(await world.committed(), 1)
      world.produce(0, 'd-1')
      await world.clock.pass(1_000)
      assert.equal(await world.committed(), 5)
      await world.assertExactlyOnce()
    })

  test('when it holds no row but offsets: tombstones and control records are acknowledged', async context => {
    const [world] = begin(context)
    await warmUp(world)
    world.kafka.produce(topic, 0, [{ value: null }])
    world.kafka.leaveGap(topic, 0, 3)
    await world.untilCommitted(5)
    await world.assertExactlyOnce()
  })
})

suite('back-pressure', () => {
  test('holds intake while too much is in memory, and lets it go on', async context => {
    const maxBufferedBytes = 10 * rowBytes
    const [world, { pipeline }] = begin(context, { pipeline: { maxBufferedBytes } })
    await warmUp(world)
    const release = world.hold()
    for (let i = 0; i < 60; i++) world.produce(0, `s${i}`)
    await world.clock.pass(30_000)
    assert.ok(pipeline.bufferedBytes >= maxBufferedBytes / 2)
    // What is over the limit came with the batch that reached it.
    assert.ok(pipeline.bufferedBytes <= maxBufferedBytes + 2 * rowBytes, String(pipeline.bufferedBytes))
    release()
    await world.untilCommitted(61)
    await world.clock.pass(1_000)
    assert.equal(pipeline.bufferedBytes, 0)
    await world.assertExactlyOnce()
  })
})

suite('a rebalance', () => {
  test('lets what is buffered out before the assignment is gone: it is not read again', async context => {
    const [world, { count, events }] = begin(context, { pipeline: { intervalMs: 600_000 } })
    await warmUp(world)
    world.produce(0, 'a', 'bad-1')
    await world.clock.pass(1_000)
    assert.equal(await world.committed(), 1)
    world.kafka.rebalance(group)
    await world.clock.pass(1_000)
    assert.equal(await world.committed(), 3)
    assert.deepEqual([count('assigned 1'), count('flushed committed')], [2, 2])
    const read = events.filter(event => event.startsWith('consumed')).map(event => Number(event.slice(9)))
    // The last consumed record is looked at again, and is not new.
    assert.equal(
      read.reduce((sum, records) => sum + records),
      3,
    )
    await world.assertExactlyOnce()
  })

  test('during a commit loses and doubles nothing, be the commit soon or late', async context => {
    for (const heldMs of [1_000, 60_000]) {
      const [world] = begin(context)
      await warmUp(world)
      const release = world.hold()
      world.produce(0, 'a', 'bad-1', 'b')
      await world.clock.pass(11_000)
      world.kafka.rebalance(group)
      world.produce(0, 'c', 'bad-2')
      await world.clock.pass(heldMs)
      release()
      await world.untilCommitted(6)
      await world.clock.pass(20_000)
      await world.assertExactlyOnce()
    }
  })

  test('shares partitions out while records arrive', async context => {
    const [world] = begin(context, {}, 3)
    for (let i = 0; i < 12; i++) {
      for (const partition of [0, 1, 2]) world.produce(partition, `s${i}-${partition}`, `bad${i}-${partition}`)
      if (i % 4 === 1) world.start()
      await world.clock.pass(3_000)
    }
    for (const partition of [0, 1, 2]) await world.untilCommitted(24, partition)
    await world.clock.pass(60_000)
    await world.assertExactlyOnce()
  })

  test('that leaves a pipeline without partitions leaves it at work: it waits, audits and stops', async context => {
    const [world, first] = begin(context)
    await warmUp(world)
    const second = world.start()
    const both = [first, second]
    await world.clock.until('one is assigned nothing', () => both.some(it => it.events.at(-1) === 'assigned 0'))
    const idle = both.find(it => it.events.at(-1) === 'assigned 0')!
    await world.lake.compact(rawTable)
    await world.clock.pass(130_000)
    assert.deepEqual([idle.outcome(), idle.pipeline.halt, idle.pipeline.positions()], [undefined, null, []])
    const { rawSnapshotId } = idle.pipeline.tables!
    assert.equal(rawSnapshotId, taggedOf(await world.lake.load(rawTable))?.['snapshot-id'])
    await world.stop(idle)
    assert.equal(idle.outcome(), 'done')
    world.produce(0, 'a')
    await world.untilCommitted(2)
    await world.assertExactlyOnce()
  })
})

suite('a batch that nobody waits for is ignored:', () => {
  test('one of an older assignment, and one that comes while positions are taken', async context => {
    let stray = async () => {}
    const wrap = (source: Source): Source => ({
      ...source,
      start: handler => {
        const batch = { topic, partition: 0, start: 7, end: 9, records: [], highWatermark: 9 }
        stray = async () => {
          await handler.batch({ ...batch, epoch: 0 })
          await handler.batch({ ...batch, epoch: 1 })
        }
        return source.start({
          ...handler,
          async batch(wanted) {
            await handler.batch({ ...batch, epoch: wanted.epoch - 1 })
            await handler.batch(wanted)
          },
        })
      },
    })
    const world = new PipelineWorld()
    context.after(() => world.end())
    world.catalogError = new CatalogError('UNAVAILABLE', '503')
    const { events } = world.start({ wrap })
    await world.clock.pass(1_000)
    await stray()
    world.catalogError = undefined
    world.produce(0, 'a', 'bad-1')
    await world.untilCommitted(2)
    assert.deepEqual(
      events.filter(event => event.startsWith('rewound')),
      [],
    )
    await world.clock.pass(1_000)
    await world.assertExactlyOnce()
  })
})

suite('a failure', () => {
  test('of storage that is full loses nothing, and is over once there is space again', async context => {
    const [world, { events, count }] = begin(context)
    await warmUp(world)
    world.storageError = new StorageError('NO_SPACE', 'memory:///w', 'cannot write')
    world.produce(0, 'a', 'bad-1')
    await world.clock.until('flushes fail', () => count('flush failed') > 2)
    world.produce(0, 'b')
    assert.equal(await world.committed(), 1)
    assert.ok(events.includes('rewound a flush failed'))
    world.storageError = undefined
    await world.untilCommitted(4)
    await world.clock.pass(1_000)
    await world.assertExactlyOnce()
  })

  test('is retried soon again once one commit has succeeded', async context => {
    const [world, { count }] = begin(context)
    const full = new StorageError('NO_SPACE', 'memory:///w', 'cannot write')
    await warmUp(world)
    world.storageError = full
    world.produce(0, 'a')
    await world.clock.until('pauses are long', () => count('flush failed') > 6)
    world.storageError = undefined
    await world.untilCommitted(2)
    await world.clock.pass(1_000)
    world.storageError = full
    world.produce(0, 'b')
    const failed = count('flush failed')
    await world.clock.until('another fails', () => count('flush failed') > failed)
    world.storageError = undefined
    const beganMs = world.clock.now()
    await world.untilCommitted(3)
    assert.ok(world.clock.now() - beganMs < 5_000)
  })

  test('holds intake until positions are taken again', async context => {
    let delivered = 0
    const wrap = (source: Source): Source => ({
      ...source,
      start: handler =>
        source.start({
          ...handler,
          batch(batch) {
            delivered++
            return handler.batch(batch)
          },
        }),
    })
    const [world, { count }] = begin(context, { wrap })
    await warmUp(world)
    world.storageError = new StorageError('NO_SPACE', 'memory:///w', 'cannot write')
    world.produce(0, 'a')
    await world.clock.until('a flush fails', () => count('flush failed') > 0)
    world.catalogError = new CatalogError('UNAVAILABLE', '503')
    await world.clock.pass(5_000)
    const before = delivered
    for (let i = 0; i < 20; i++) world.produce(0, `s${i}`)
    await world.clock.pass(60_000)
    assert.equal(delivered, before)
    world.storageError = undefined
    world.catalogError = undefined
    await world.untilCommitted(22)
    await world.assertExactlyOnce()
  })

  test('of the catalog is waited for', async context => {
    const [world] = begin(context)
    await warmUp(world)
    world.produce(0, 'a', 'bad-1')
    world.catalogError = new CatalogError('UNAVAILABLE', '503')
    await world.clock.pass(120_000)
    world.produce(0, 'b')
    world.catalogError = undefined
    await world.untilCommitted(4)
    await world.clock.pass(20_000)
    await world.assertExactlyOnce()
  })

  test('of the catalog at the first start is waited for', async context => {
    const world = new PipelineWorld()
    context.after(() => world.end())
    world.catalogError = new CatalogError('UNAVAILABLE', '503')
    world.produce(0, 'a')
    world.start()
    await world.clock.pass(30_000)
    world.catalogError = undefined
    await world.untilCommitted(1)
    await world.assertExactlyOnce()
  })

  test('is retried after ever longer pauses', async context => {
    const [world, { count }] = begin(context)
    await warmUp(world)
    world.storageError = new StorageError('NO_SPACE', 'memory:///w', 'cannot write')
    world.produce(0, 'a')
    await world.clock.pass(600_000)
    assert.ok(count('flush failed') < 40, String(count('flush failed')))
  })
})

suite('a table that moved on', () => {
  test('ends the round, whose records are read again from where the table is', async context => {
    const [world, { events }] = begin(context, { pipeline: { intervalMs: 30_000 } })
    await warmUp(world)
    world.produce(0, 'a', 'b', 'bad-1')
    await world.clock.pass(1_000)
    // A pod that this one does not know of commits the first of those records.
    const rawFiles = [await world.lake.writeFile('memory:///w/zombie', ['a'])]
    const ranges = new Map([[`${topic}:0`, { start: 1, end: 2 }]])
    const { signal } = new AbortController()
    assert.equal(
      await world.protocol().commit({ ranges, last: new Map(), rawFiles, errorFiles: [] }, signal),
      'committed',
    )
    await world.untilCommitted(4)
    assert.ok(events.includes('flushed moved') && events.includes('rewound the table moved on'))
    await world.clock.pass(1_000)
    await world.assertExactlyOnce()
  })

  test('is noticed by an idle pipeline, which puts our keys on top of foreign snapshots', async context => {
    const [world, { events }] = begin(context)
    await warmUp(world)
    await world.lake.compact(rawTable)
    await world.clock.pass(120_000)
    const table = await world.lake.load(rawTable)
    assert.equal(taggedOf(table), headOf(table))
    assert.deepEqual(
      events.filter(event => event.startsWith('rewound')),
      [],
    )
  })

  test('is noticed by an idle pipeline, which takes its positions from the table then', async context => {
    const [world, { events, pipeline }] = begin(context)
    await warmUp(world)
    await world.clock.pass(2_000)
    // Not delivered yet to this pod, and committed by one that it does not know of.
    const transaction = world.kafka.openTransaction(topic, 0)
    world.produce(0, 'a')
    const rawFiles = [await world.lake.writeFile('memory:///w/zombie', ['a'])]
    const ranges = new Map([[`${topic}:0`, { start: 1, end: 2 }]])
    await world.protocol().commit({ ranges, last: new Map(), rawFiles, errorFiles: [] }, new AbortController().signal)
    await world.clock.pass(70_000)
    assert.ok(events.includes('rewound the audit found other offsets'))
    assert.equal(pipeline.positions()[0]?.next, 2)
    transaction.end()
    world.produce(0, 'b')
    await world.untilCommitted(3)
    await world.assertExactlyOnce()
  })
})

suite('a jump in the offsets', () => {
  test('that the tables and Kafka do not confirm is no halt: positions are taken again', async context => {
    let jumps = 3
    const wrap = (source: Source): Source => ({
      ...source,
      start: handler =>
        source.start({
          ...handler,
          batch: batch =>
            handler.batch(batch.start > 0 && jumps-- > 0 ? { ...batch, start: 0, end: 0, records: [] } : batch),
        }),
    })
    const [world, { events }] = begin(context, { wrap })
    await warmUp(world)
    world.produce(0, 'a', 'bad-1', 'b')
    await world.untilCommitted(4)
    assert.ok(events.includes(`rewound ${topic}:0 delivered 0 instead of 1`))
    assert.ok(!events.some(event => event.startsWith('halted')))
    await world.clock.pass(1_000)
    await world.assertExactlyOnce()
  })

  test('that is a gap halts', async context => {
    const [world, first] = begin(context)
    await warmUp(world)
    await world.stop(first)
    world.kafka.produce(topic, 0, [{ value: Buffer.from('gone') }, { value: Buffer.from('gone') }])
    world.kafka.deleteRecords(topic, 0, 3)
    const next = world.start()
    await world.clock.until('it halts', () => next.pipeline.halt !== null)
    assert.equal(next.pipeline.halt?.code, 'OffsetGap')
    assert.match(next.pipeline.halt!.message, /health:0: next offset 1, first retained 3/)
    await world.stop(next)
    world.start({ commit: { onGap: 'RecordAndContinue' } })
    world.produce(0, 'later')
    await world.untilCommitted(4)
    await world.assertExactlyOnce()
  })

  test('that retention opens under a running pipeline is recorded and passed', async context => {
    const options = { commit: { onGap: 'RecordAndContinue' }, pipeline: { maxRows: 2 } } as const
    const [world, { pipeline, events }] = begin(context, options)
    await warmUp(world)
    const release = world.hold()
    // Two are being committed, two are buffered, and intake is held: the others are gone before they are read.
    world.produce(0, 'a', 'b', 'c', 'd')
    world.kafka.produce(topic, 0, [{ value: Buffer.from('gone') }, { value: Buffer.from('gone') }])
    await world.clock.pass(1_000)
    world.kafka.deleteRecords(topic, 0, 7)
    release()
    world.produce(0, 'e')
    await world.untilCommitted(8)
    assert.equal(pipeline.halt, null)
    assert.ok(events.includes(`rewound ${topic}:0 delivered 7 instead of 5`))
    await world.clock.pass(1_000)
    await world.assertExactlyOnce()
  })
})

suite('a halt', () => {
  test('shows, takes nothing in, and is over once its cause is', async context => {
    const [world, { pipeline, events }] = begin(context)
    await warmUp(world)
    world.produce(0, 'a', 'bad-1')
    await world.untilCommitted(3)
    await world.clock.pass(1_000)
    const table = await world.lake.load(rawTable)
    const head = headOf(table)!
    await world.lake.setMain(rawTable, head['parent-snapshot-id']!)
    world.produce(0, 'b', 'bad-2')
    await world.clock.until('it halts', () => pipeline.halt !== null)
    assert.equal(pipeline.halt?.code, 'LineageBroken')
    const taken = events.filter(event => event.startsWith('consumed')).length
    world.produce(0, 'c')
    await world.clock.pass(600_000)
    assert.equal(events.filter(event => event.startsWith('consumed')).length, taken)
    await world.lake.setMain(rawTable, head['snapshot-id'])
    await world.untilCommitted(6)
    assert.equal(pipeline.halt, null)
    assert.deepEqual(
      events.filter(event => event.startsWith('halted')),
      ['halted LineageBroken', 'halted no more'],
    )
    await world.clock.pass(1_000)
    await world.assertExactlyOnce()
  })

  test('ends with its cause, without a record to read', async context => {
    const [world, first] = begin(context)
    await warmUp(world)
    await world.stop(first)
    const head = headOf(await world.lake.load(rawTable))!
    await world.lake.setMain(rawTable, head['parent-snapshot-id']!)
    const { pipeline } = world.start()
    await world.clock.until('it halts', () => pipeline.halt !== null)
    await world.lake.setMain(rawTable, head['snapshot-id'])
    await world.clock.until('it goes on', () => pipeline.halt === null)
  })

  test('for a recreated topic shows for as long as the topic is another one', async context => {
    const [world, first] = begin(context)
    await warmUp(world)
    await world.stop(first)
    world.kafka.createTopic(topic, 1)
    world.kafka.produce(topic, 0, [{ value: Buffer.from('another') }, { value: Buffer.from('more') }])
    const { pipeline, events } = world.start()
    await world.clock.until('it halts', () => pipeline.halt !== null)
    assert.match(pipeline.halt!.message, /health:0: record at offset 0 is another one/)
    await world.clock.pass(600_000)
    assert.equal(pipeline.halt?.code, 'TopicRecreated')
    assert.deepEqual(
      events.filter(event => event.startsWith('halted')),
      ['halted TopicRecreated'],
    )
    assert.equal(await world.committed(), 1)
  })

  test('for a refused record commits nothing of it, and shows on', async context => {
    const [world, { pipeline, events }] = begin(context)
    await warmUp(world)
    world.kafka.produce(topic, 0, [{ value: Buffer.from('x,refused') }])
    await world.clock.until('it halts', () => pipeline.halt !== null)
    await world.clock.pass(600_000)
    assert.equal(pipeline.halt?.code, 'InvalidRecord')
    assert.deepEqual(
      events.filter(event => event.startsWith('halted')),
      ['halted InvalidRecord'],
    )
    assert.equal(await world.committed(), 1)
    await world.assertExactlyOnce()
  })
})

test('a partition that is assigned before metadata tells of it is waited for', async context => {
  const world = new PipelineWorld(2)
  context.after(() => world.end())
  world.unknownFrom = 1
  world.produce(0, 'a')
  world.produce(1, 'bad-1', 'b')
  const { count } = world.start()
  await world.clock.pass(10_000)
  assert.ok(count('rewound a partition appeared') > 0)
  assert.ok(count('rewound a partition appeared') <= 10)
  world.unknownFrom = Number.POSITIVE_INFINITY
  await world.untilCommitted(1, 0)
  await world.untilCommitted(2, 1)
  await world.clock.pass(1_000)
  await world.assertExactlyOnce()
})

suite('positions', () => {
  test('tell what was read, what is durable and where the partition ends', async context => {
    const [world, { pipeline }] = begin(context)
    await warmUp(world)
    world.produce(0, 'a', 'b')
    await world.clock.pass(1_000)
    assert.deepEqual(pipeline.positions(), [{ topic, partition: 0, next: 3, highWatermark: 3, committed: 1 }])
    pipeline.noteHighWatermarks(new Map([[`${topic}:0`, 9]]))
    assert.equal(pipeline.positions()[0]?.highWatermark, 9)
  })

  test('of error rows: they are in their table soon after the commit', async context => {
    const [world, { pipeline }] = begin(context)
    world.produce(0, 'bad-1')
    await world.untilCommitted(1)
    await world.clock.pass(1_000)
    assert.deepEqual(await world.lake.rows(errorsTable), ['bad-1'])
    assert.equal(pipeline.tables?.pendingIntents, 0)
  })
})

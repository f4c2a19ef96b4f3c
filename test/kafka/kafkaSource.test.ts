/** The source against what only a real broker does: codecs of other clients, compaction, outages, rebalances. */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { createKafkaPositions } from '../../runtime/source/kafkaPositions.ts'
import { createKafkaSource, type KafkaSource, type KafkaSourceOptions } from '../../runtime/source/kafkaSource.ts'
import type { SourceObserver } from '../../runtime/source/source.ts'
import { createRecorder, type Recorder } from '../runtime/source/recorder.ts'
import { until } from '../until.ts'
import { type Codec, silentLogger, startBroker } from './broker.ts'
import { javaConsume, javaProduce } from './javaTools.ts'

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

suite('the source on a real broker', async () => {
  const broker = await startBroker()
  const connection = { bootstrapServers: [broker.bootstrapServers], clientId: 'test', metadataMaxAgeMs: 500 }
  const running = new Set<KafkaSource>()
  after(async () => {
    await Promise.all([...running].map(source => source.stop()))
    await broker.stop()
  })

  function newSource(topic: string, options: Partial<KafkaSourceOptions> = {}): KafkaSource {
    const given = { connection, groupId: `group-of-${topic}`, topics: [topic], logger: silentLogger, ...options }
    const source = createKafkaSource({ sessionTimeoutMs: 3_000, ...given })
    running.add(source)
    return source
  }

  async function consume(
    topic: string,
    options: Partial<KafkaSourceOptions> = {},
    next: Map<string, number> = new Map(),
  ): Promise<{ source: KafkaSource; recorder: Recorder }> {
    const source = newSource(topic, options)
    const recorder = createRecorder(source, 'follow', next)
    await source.start(recorder)
    await until('an assignment', () => recorder.assignments.length > 0)
    return { source, recorder }
  }

  async function groupOf(topic: string): Promise<{ state: string; members: number }> {
    const { groups } = await broker.admin.describeGroups([`group-of-${topic}`])
    return { state: groups[0]!.state, members: groups[0]!.members.length }
  }

  const produceText = (topic: string, partition: number, ...values: string[]) =>
    broker.produce(
      topic,
      partition,
      values.map(value => ({ value })),
    )

  test('reads what Java writes in each codec, and Java reads what kafkajs writes', async () => {
    await broker.createTopic('from-java')
    await broker.createTopic('from-here')
    const linesOf = (codec: Codec) => [
      codec,
      `${codec} `.repeat(20_000),
      ...Array.from({ length: 50 }, (_, i) => `${i}`),
    ]
    for (const codec of codecs) {
      await javaProduce(broker.bootstrapServers, 'from-java', codec, linesOf(codec))
      await broker.produce(
        'from-here',
        0,
        linesOf(codec).map(value => ({ value })),
        codec,
      )
    }
    const expected = codecs.flatMap(linesOf)
    assert.deepEqual(await javaConsume(broker.bootstrapServers, 'from-here', expected.length), expected)
    for (const topic of ['from-java', 'from-here']) {
      const { recorder } = await consume(topic)
      await until('all lines', () => recorder.values(topic).length >= expected.length)
      assert.deepEqual(recorder.values(topic), expected)
    }
  })

  test('reads a record of 10 MB among small ones', async () => {
    await broker.createTopic('large', 2, { 'max.message.bytes': String(20 * 1024 * 1024) })
    const large = Buffer.alloc(10 * 1024 * 1024, 'large ')
    await produceText('large', 0, 'before')
    await broker.produce('large', 0, [{ value: large }])
    await produceText('large', 0, 'after')
    await produceText('large', 1, 'other')
    const { recorder } = await consume('large')
    await until('all', () => recorder.next('large') === 3 && recorder.next('large', 1) === 1)
    assert.deepEqual(
      recorder.records('large').map(({ value }) => value?.length),
      [6, large.length, 5],
    )
  })

  test('passes what compaction removed, emptied batches too', async () => {
    const config = {
      'cleanup.policy': 'compact',
      'segment.ms': '50',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '0',
      'max.compaction.lag.ms': '100',
    }
    await broker.createTopic('compacted', 1, config)
    // The last batch of a transactional producer is kept, empty, for its sequence numbers.
    await broker.transact('compacted', 0, [{ key: 'k', value: 'superseded' }], 'commit')
    for (const value of ['1', '2', '3']) await broker.produce('compacted', 0, [{ key: 'k', value }])
    const next = new Map<string, number>()
    const { source, recorder } = await consume('compacted', {}, next)
    const first = () => {
      recorder.batches.length = 0
      next.set('compacted:0', 0)
      source.seek({ topic: 'compacted', partition: 0 }, 0)
    }
    // Compaction leaves the newest segment alone: every record written may begin another one.
    let last = 3
    await until('compaction', async () => {
      await broker.produce('compacted', 0, [{ key: 'k', value: String(++last) }])
      first()
      await until('the end', () => recorder.values('compacted').at(-1) === String(last))
      return !recorder.values('compacted').includes('superseded')
    })
    assert.equal(recorder.jumps.length, 0)
    assert.equal(recorder.batches[0]!.start, 0)
    assert.equal(recorder.next('compacted'), last + 2)
  })

  test('hands partitions over without a record lost, doubled or of an old epoch, transactions included', async () => {
    await broker.createTopic('shared', 6)
    const next = new Map<string, number>()
    const members = [await consume('shared', {}, next)]
    const expected = new Map<number, string[]>()
    const write = async (round: number) => {
      for (let partition = 0; partition < 6; partition++) {
        const values = Array.from({ length: 20 }, (_, i) => `${partition}/${round}/${i}`)
        await produceText('shared', partition, ...values)
        expected.set(partition, [...(expected.get(partition) ?? []), ...values])
      }
      await broker.transact('shared', round % 6, [{ value: 'aborted' }], 'abort')
    }
    let round = 0
    for (; round < 3; round++) await write(round)
    members.push(await consume('shared', {}, next))
    for (; round < 6; round++) await write(round)
    await until('two share', () => members[0]!.recorder.assignments.at(-1)!.partitions.length === 3)
    for (; round < 8; round++) await write(round)
    await members[0]!.source.stop()
    for (; round < 10; round++) await write(round)
    const all = (partition: number) =>
      members
        .flatMap(({ recorder }) => recorder.records('shared', partition))
        .sort((a, b) => a.offset - b.offset)
        .map(({ value }) => String(value))
    const count = () => [0, 1, 2, 3, 4, 5].reduce((sum, partition) => sum + all(partition).length, 0)
    await until('every record', () => count() >= 6 * 20 * round)
    for (const [partition, values] of expected) assert.deepEqual(all(partition), values)
    for (const { recorder } of members) assert.deepEqual(recorder.jumps, [])
  })

  test('tells that a topic was recreated, whether it is shorter or longer than before', async () => {
    for (const [topic, count] of [
      ['recreated-short', 1],
      ['recreated-long', 9],
    ] as const) {
      await broker.createTopic(topic)
      await produceText(topic, 0, 'old 0', 'old 1', 'old 2')
      const { recorder } = await consume(topic)
      await until('the old records', () => recorder.next(topic) === 3)
      await broker.deleteTopic(topic)
      await until('the name is free', async () => !(await broker.admin.listTopics()).includes(topic))
      await broker.createTopic(topic)
      await produceText(topic, 0, ...Array.from({ length: count }, (_, i) => `new ${i}`))
      await until('doubt', () => recorder.jumps.length > 0 || recorder.assignments.length > 1)
      const [doubted] = recorder.batches
        .flatMap(batch => batch.records)
        .filter(({ value }) => `${value}`.startsWith('new'))
      if (doubted !== undefined) assert.ok(recorder.assignments.length > 1, 'a new epoch before a new record')
    }
  })

  test('makes the assignment anew when a topic gets partitions', async () => {
    await broker.createTopic('growing', 1)
    const { recorder } = await consume('growing')
    await broker.admin.createPartitions({ topicPartitions: [{ topic: 'growing', count: 3 }] })
    await until('the new ones', () => recorder.assignments.at(-1)!.partitions.length === 3)
    await produceText('growing', 2, 'there')
    await until('a record of a new one', () => recorder.values('growing', 2).length === 1)
  })

  test('stays in the group while a batch is handled for longer than the session timeout', async () => {
    await broker.createTopic('slow', 2)
    const { source, recorder } = await consume('slow', { sessionTimeoutMs: 1_000 })
    const { promise, resolve } = Promise.withResolvers<void>()
    recorder.hold = promise
    await produceText('slow', 0, 'a')
    await until('a batch under way', () => recorder.batches.length === 1)
    const heldAt = Date.now()
    await until('more than two session timeouts', () => Date.now() > heldAt + 2_500)
    assert.deepEqual(await groupOf('slow'), { state: 'Stable', members: 1 })
    source.pause([0, 1].map(partition => ({ topic: 'slow', partition })))
    recorder.hold = undefined
    resolve()
    const pausedAt = Date.now()
    await until('more than two session timeouts', () => Date.now() > pausedAt + 2_500)
    assert.deepEqual(await groupOf('slow'), { state: 'Stable', members: 1 })
    assert.equal(recorder.assignments.length, 1)
  })

  test('leaves the group at its stop, even while it joins', async () => {
    await broker.createTopic('left')
    const { source } = await consume('left')
    await source.stop()
    assert.deepEqual(await groupOf('left'), { state: 'Empty', members: 0 })

    const holder = await consume('left')
    const { promise, resolve } = Promise.withResolvers<void>()
    holder.recorder.hold = promise
    await produceText('left', 0, 'a')
    await until('a batch that keeps the group from gathering', () => holder.recorder.batches.length === 1)
    const joining = newSource('left')
    await joining.start(createRecorder(joining))
    await until('a member that waits', async () => (await groupOf('left')).members === 2)
    await joining.stop()
    assert.equal((await groupOf('left')).members, 1)
    resolve()
    await until('the group is whole again', async () => (await groupOf('left')).state === 'Stable')
  })

  test('ends as crashed, with the fix, for what waiting does not mend', async () => {
    await broker.createTopic('refused')
    const source = newSource('refused', { sessionTimeoutMs: 500 })
    const recorder = createRecorder(source)
    await source.start(recorder)
    await until('the crash', () => recorder.crashes.length > 0)
    assert.match(String(recorder.crashes[0]), /session timeout .* group\.min\.session\.timeout\.ms/)
  })

  test('outlives the broker, and says which one is gone', async () => {
    await broker.createTopic('outage', 2)
    const warnings: string[] = []
    const logger = {
      ...silentLogger,
      warning: (_: string, fields?: { error?: unknown }) => void warnings.push(String(fields?.error)),
    }
    const told: string[] = []
    const observer: SourceObserver = {
      interrupted: ({ code }) => void told.push(code),
      working: () => void told.push('working'),
    }
    const { source, recorder } = await consume('outage', { logger, observer })
    const positions = createKafkaPositions({
      connection,
      groupId: 'group-of-outage',
      topics: ['outage'],
      generation: source.generation,
      logger,
    })
    const at = { topic: 'outage', partition: 0 }
    await produceText('outage', 0, 'a')
    await until('the first', () => recorder.next('outage') === 1)
    await until('word of it', () => told.at(-1) === 'working')
    await broker.halt()
    await until('a warning', () => warnings.some(warning => warning.includes(broker.bootstrapServers)))
    await assert.rejects(positions.watermarks([at]), { name: 'SourceError', code: 'UNREACHABLE' })
    await broker.resume()
    await produceText('outage', 0, 'b')
    await produceText('outage', 1, 'c')
    await until('the rest', () => recorder.next('outage') === 2 && recorder.next('outage', 1) === 1)
    assert.ok(told.includes('UNREACHABLE'))
    await until('word that it works', () => told.at(-1) === 'working')
    assert.deepEqual(recorder.values('outage'), ['a', 'b'])
    assert.deepEqual(recorder.crashes, [])
    assert.deepEqual(await positions.watermarks([at]), new Map([['outage:0', { low: 0, high: 2 }]]))
    await positions.close()
  })
})

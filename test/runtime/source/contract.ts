/**
 * What every Kafka behind the ports `Source` and `KafkaPositions` must do, the real one and the one in memory. Each test
 * has topics and groups of its own.
 */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import type { TopicPartition } from '../../../runtime/kafka.ts'
import type { KafkaPositions, Source } from '../../../runtime/source/source.ts'
import { until } from '../../until.ts'
import { createRecorder } from './recorder.ts'

export interface ContractKafka {
  createTopic(topic: string, partitions: number): Promise<void>
  produce(topic: string, partition: number, values: readonly (string | null)[]): Promise<void>
  /** The values in a transaction that aborts: they and its control record only take up offsets. */
  abort(topic: string, partition: number, values: readonly string[]): Promise<void>
  /** Begins a transaction and writes one value in it. */
  begin(topic: string, partition: number, value: string): Promise<{ commit(): Promise<void> }>
  deleteRecords(topic: string, partition: number, offset: number): Promise<void>
  source(groupId: string, topics: readonly string[]): Source
  positions(groupId: string, topics: readonly string[]): KafkaPositions
  stop(): Promise<void>
}

export function sourceContract(name: string, start: () => Promise<ContractKafka>): void {
  suite(name, async () => {
    const kafka = await start()
    const running = new Set<Source>()
    let names = 0
    after(async () => {
      await Promise.all([...running].map(source => source.stop()))
      await kafka.stop()
    })

    async function newTopic(partitions = 1): Promise<{ topic: string; at: TopicPartition }> {
      const topic = `topic-${names++}`
      await kafka.createTopic(topic, partitions)
      return { topic, at: { topic, partition: 0 } }
    }

    /** A consumer that has its first assignment. */
    async function consume(topic: string, mode: 'follow' | 'none' = 'follow', groupId = `group-of-${topic}`) {
      const source = kafka.source(groupId, [topic])
      running.add(source)
      const recorder = createRecorder(source, mode)
      await source.start(recorder)
      await until('an assignment', () => recorder.assignments.length > 0)
      return { source, recorder }
    }

    test('delivers nothing of a partition before it is sought and resumed', async () => {
      const { topic } = await newTopic(3)
      const { source, recorder } = await consume(topic, 'none')
      const [silent, sought, both] = [0, 1, 2].map(partition => ({ topic, partition })) as [
        TopicPartition,
        TopicPartition,
        TopicPartition,
      ]
      source.resume([silent])
      source.seek(sought, 0)
      source.seek(both, 0)
      source.resume([both])
      for (const value of ['a', 'b']) {
        for (const { partition } of [silent, sought, both]) await kafka.produce(topic, partition, [value])
        await until('the resumed one', () => recorder.values(topic, both.partition).includes(value))
      }
      assert.deepEqual(recorder.values(topic, silent.partition), [])
      assert.deepEqual(recorder.values(topic, sought.partition), [])
    })

    test('delivers from the offset sought, tombstones and all, with the end of the partition', async () => {
      const { topic, at } = await newTopic()
      await kafka.produce(topic, 0, ['a', 'b', null, 'd'])
      const { source, recorder } = await consume(topic, 'none')
      source.seek(at, 1)
      source.resume([at])
      await until('all', () => recorder.next(topic) === 4)
      assert.deepEqual(recorder.values(topic), ['b', null, 'd'])
      assert.equal(recorder.batches[0]!.start, 1)
      assert.equal(recorder.batches.at(-1)!.highWatermark, 4)
      assert.deepEqual(
        recorder.records(topic).map(({ offset }) => offset),
        [1, 2, 3],
      )
    })

    test('passes offsets that hold no record, at the tail too', async () => {
      const { topic } = await newTopic()
      await kafka.produce(topic, 0, ['a'])
      await kafka.abort(topic, 0, ['x', 'y'])
      await kafka.produce(topic, 0, ['b'])
      await kafka.abort(topic, 0, ['z'])
      const { recorder } = await consume(topic)
      await until('the end', () => recorder.next(topic) === 7)
      assert.deepEqual(recorder.values(topic), ['a', 'b'])
      assert.deepEqual(recorder.jumps, [])
    })

    test('holds back what lies after an open transaction, and counts it in no stable end', async () => {
      const { topic, at } = await newTopic()
      await kafka.produce(topic, 0, ['a'])
      const transaction = await kafka.begin(topic, 0, 'b')
      await kafka.produce(topic, 0, ['c'])
      const { recorder } = await consume(topic)
      const positions = kafka.positions('any', [topic])
      await until('the stable part', () => recorder.next(topic) === 1)
      assert.deepEqual([...(await positions.lastStableOffsets([at])).values()], [1])
      assert.deepEqual([...(await positions.watermarks([at])).values()], [{ low: 0, high: 3 }])
      await transaction.commit()
      await until('the rest', () => recorder.values(topic).length === 3)
      assert.deepEqual(recorder.values(topic), ['a', 'b', 'c'])
      const [stable] = (await positions.lastStableOffsets([at])).values()
      await until('the stable end', () => recorder.next(topic) === stable)
    })

    test('delivers nothing of a paused partition, and all of it once resumed', async () => {
      const { topic, at } = await newTopic(2)
      const { source, recorder } = await consume(topic)
      await kafka.produce(topic, 0, ['a'])
      await until('the first', () => recorder.values(topic).length === 1)
      source.pause([at])
      await kafka.produce(topic, 0, ['b'])
      for (const value of ['1', '2']) {
        await kafka.produce(topic, 1, [value])
        await until('the other partition', () => recorder.values(topic, 1).includes(value))
      }
      assert.deepEqual(recorder.values(topic), ['a'])
      source.resume([at])
      await until('the second', () => recorder.values(topic).length === 2)
      assert.deepEqual(recorder.values(topic), ['a', 'b'])
    })

    test('goes on at the offset sought while a batch is under way', async () => {
      const { topic, at } = await newTopic()
      await kafka.produce(topic, 0, ['a', 'b'])
      const { source, recorder } = await consume(topic, 'none')
      const { promise, resolve } = Promise.withResolvers<void>()
      recorder.hold = promise
      source.seek(at, 0)
      source.resume([at])
      await until('a batch under way', () => recorder.batches.length === 1)
      await kafka.produce(topic, 0, ['c'])
      source.seek(at, 1)
      recorder.hold = undefined
      resolve()
      await until('the end', () => recorder.batches.length > 1 && recorder.next(topic) === 3)
      assert.equal(recorder.batches[1]!.start, 1)
    })

    test('drops what a fetch under way brings for an offset that was sought away from', async () => {
      const { topic, at } = await newTopic()
      await kafka.produce(topic, 0, ['a', 'b'])
      const { source, recorder } = await consume(topic, 'none')
      source.seek(at, 0)
      source.resume([at])
      await until('the end', () => recorder.next(topic) === 2)
      const before = recorder.batches.length
      // A fetch waits at the end by now, and brings the next record.
      source.seek(at, 1)
      await kafka.produce(topic, 0, ['c'])
      await until('the end again', () => recorder.next(topic) === 3)
      const sought = recorder.batches.slice(before)
      assert.equal(sought[0]!.start, 1)
      assert.deepEqual(
        sought.flatMap(({ records }) => records.map(({ offset }) => offset)),
        [1, 2],
      )
    })

    test('tells of an offset that is gone by an empty batch elsewhere, then is silent until sought', async () => {
      const { topic, at } = await newTopic(2)
      await kafka.produce(topic, 0, ['a', 'b', 'c', 'd'])
      await kafka.deleteRecords(topic, 0, 3)
      const { source, recorder } = await consume(topic, 'none')
      source.seek(at, 1)
      source.seek({ topic, partition: 1 }, 0)
      source.resume([at, { topic, partition: 1 }])
      await until('the jump', () => recorder.batches.length > 0)
      await kafka.produce(topic, 1, ['other'])
      await until('the other partition', () => recorder.values(topic, 1).length === 1)
      const [jump, ...more] = recorder.batches.filter(({ partition }) => partition === 0)
      assert.deepEqual([jump!.start, jump!.end, jump!.records, more], [3, 3, [], []])
      source.seek(at, 3)
      await until('what is left', () => recorder.values(topic).length === 1)
      assert.deepEqual(recorder.values(topic), ['d'])
    })

    test('shares the partitions of a group, under a new epoch each time', async () => {
      const { topic } = await newTopic(4)
      const first = await consume(topic)
      const { epoch, partitions } = first.recorder.assignments[0]!
      assert.deepEqual([epoch, partitions.length], [1, 4])
      const second = await consume(topic)
      await until('half', () => first.recorder.assignments.at(-1)!.partitions.length === 2)
      assert.ok(first.recorder.rebalances > 0)
      const numbers = [first, second].flatMap(({ recorder }) =>
        recorder.assignments.at(-1)!.partitions.map(({ partition }) => partition),
      )
      assert.deepEqual(numbers.sort(), [0, 1, 2, 3])
      for (const partition of numbers) await kafka.produce(topic, partition, [String(partition)])
      const delivered = () =>
        [first, second].flatMap(({ recorder }) => recorder.batches.flatMap(batch => batch.records)).length
      await until('each once', () => delivered() === 4)
      await second.source.stop()
      await until('all again', () => first.recorder.assignments.at(-1)!.partitions.length === 4)
    })

    test('ends as crashed when a batch is not handled, and delivers nothing more', async () => {
      const { topic } = await newTopic()
      await kafka.produce(topic, 0, ['a'])
      const source = kafka.source(`group-of-${topic}`, [topic])
      const recorder = createRecorder(source)
      const failing = { ...recorder, batch: () => Promise.reject(new Error('no room')) }
      await source.start(failing)
      await until('the crash', () => recorder.crashes.length > 0)
      const [crash] = recorder.crashes
      assert.partialDeepStrictEqual(
        { ...crash, cause: String(crash?.cause) },
        {
          code: 'HANDLER_FAILED',
          cause: 'Error: no room',
        },
      )
      await source.stop()
      assert.equal(recorder.crashes.length, 1)
    })

    test('waits with its stop for a batch under way, and delivers none afterwards', async () => {
      const { topic } = await newTopic()
      await kafka.produce(topic, 0, ['a'])
      const { source, recorder } = await consume(topic, 'none')
      const { promise, resolve } = Promise.withResolvers<void>()
      recorder.hold = promise
      source.seek({ topic, partition: 0 }, 0)
      source.resume([{ topic, partition: 0 }])
      await until('a batch under way', () => recorder.batches.length === 1)
      let stopped = false
      const stopping = source.stop().then(() => {
        stopped = true
      })
      await kafka.produce(topic, 0, ['b'])
      assert.equal(stopped, false)
      resolve()
      await stopping
      assert.deepEqual(recorder.values(topic), ['a'])
      assert.deepEqual(recorder.crashes, [])
    })

    test('knows cluster, partitions and committed offsets', async () => {
      const { topic, at } = await newTopic(2)
      const positions = kafka.positions(`group-of-${topic}`, [topic])
      assert.match(await positions.clusterId(), /./)
      assert.equal(await positions.clusterId(), await positions.clusterId())
      assert.deepEqual(await positions.partitions([topic]), new Map([[topic, [0, 1]]]))
      await assert.rejects(positions.partitions(['no-such-topic']), { name: 'SourceError', code: 'UNKNOWN_TOPIC' })
      const both = [at, { topic, partition: 1 }]
      assert.deepEqual(await positions.committed(both), new Map())
      await positions.commit(new Map([[`${topic}:1`, 5]]))
      assert.deepEqual(await positions.committed(both), new Map([[`${topic}:1`, 5]]))
      await kafka.produce(topic, 0, ['a', 'b', 'c'])
      await kafka.deleteRecords(topic, 0, 2)
      assert.deepEqual(
        await positions.watermarks(both),
        new Map([
          [`${topic}:0`, { low: 2, high: 3 }],
          [`${topic}:1`, { low: 0, high: 0 }],
        ]),
      )
    })
  })
}

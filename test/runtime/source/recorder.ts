/**
 * A handler that notes everything a source tells, and that can be told to seek and resume at once, to hold batches, or
 * to fail. It checks what holds for every source at any time: epochs grow by one, no batch is of another epoch than the
 * current one, each batch starts where the last one of its partition ended unless it is a jump.
 */
import assert from 'node:assert/strict'
import {
  type KafkaRecord,
  type SourceBatch,
  type TopicPartition,
  type TopicPartitionKey,
  topicPartitionKey,
} from '../../../runtime/kafka.ts'
import type { Source, SourceHandler } from '../../../runtime/source/source.ts'

export interface Recorder extends SourceHandler {
  readonly assignments: { readonly epoch: number; readonly partitions: readonly TopicPartition[] }[]
  readonly batches: SourceBatch[]
  readonly jumps: SourceBatch[]
  readonly crashes: Error[]
  rebalances: number
  /** Set to make every batch wait. */
  hold: Promise<void> | undefined
  /** Values of all delivered records of a partition, in order. */
  values(topic: string, partition?: number): (string | null)[]
  records(topic: string, partition?: number): KafkaRecord[]
  /** Next offset of a partition after what was delivered. */
  next(topic: string, partition?: number): number | undefined
}

/**
 * `follow` seeks each assigned partition to where delivery stands (0 at first) and resumes it; `none` leaves that to the
 * test. Members that share `next` take over from one another, as pods do through the table.
 */
export function createRecorder(
  source: Source,
  positions: 'follow' | 'none' = 'follow',
  next: Map<TopicPartitionKey, number> = new Map(),
): Recorder {
  let epoch = 0
  const recorder: Recorder = {
    assignments: [],
    batches: [],
    jumps: [],
    crashes: [],
    rebalances: 0,
    hold: undefined,
    assigned(given, partitions) {
      assert.equal(given, epoch + 1, 'epochs grow by one')
      epoch = given
      recorder.assignments.push({ epoch, partitions })
      if (positions === 'none') return
      for (const it of partitions) source.seek(it, next.get(topicPartitionKey(it.topic, it.partition)) ?? 0)
      source.resume(partitions)
    },
    rebalancing() {
      recorder.rebalances++
    },
    async batch(batch) {
      assert.equal(batch.epoch, epoch, 'a batch of the current epoch')
      const key = topicPartitionKey(batch.topic, batch.partition)
      const expected = next.get(key)
      if (expected !== undefined && positions === 'follow' && batch.start !== expected) {
        recorder.jumps.push(batch)
        return
      }
      for (const { offset } of batch.records) assert.ok(offset >= batch.start && offset < batch.end)
      next.set(key, batch.end)
      recorder.batches.push(batch)
      await recorder.hold
    },
    crashed(error) {
      recorder.crashes.push(error)
    },
    records: (topic, partition = 0) =>
      recorder.batches
        .filter(batch => batch.topic === topic && batch.partition === partition)
        .flatMap(batch => [...batch.records]),
    values: (topic, partition = 0) =>
      recorder.records(topic, partition).map(({ value }) => (value === null ? null : value.toString())),
    next: (topic, partition = 0) => next.get(topicPartitionKey(topic, partition)),
  }
  return recorder
}

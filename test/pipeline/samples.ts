/** Payloads with samples that can be told apart, and whether the tables hold each of them exactly once. */
import assert from 'node:assert/strict'
import type { Codec, ProducedRecord, TestBroker } from '../kafka/broker.ts'
import type { Consumer } from './consumer.ts'

const period = { startDate: '2024-05-01T08:00:00Z', endDate: '2024-05-01T08:01:00Z' }
const sample = (id: string, value: number) => ({ id, type: 'heartRate', value, unit: 'bpm', ...period })

/** A payload of two valid samples, `<id>/0` and `<id>/1`, and one that is refused, `<id>/2`. */
export const record = (id: string): ProducedRecord => ({
  key: id.split(' ')[0],
  value: JSON.stringify({
    deviceId: 'watch',
    userId: 'somebody',
    timestamp: '2024-05-01T09:00:00Z',
    samples: [sample(`${id}/0`, 60), sample(`${id}/1`, 70.5), sample(`${id}/2`, -1)],
  }),
})

/** What was written to the topics of one consumer. */
export class Written {
  readonly ids: string[] = []
  readonly #broker: TestBroker
  constructor(broker: TestBroker) {
    this.#broker = broker
  }

  /** One record batch of `count` records. */
  async write(topic: string, partition: number, count = 5, codec?: Codec): Promise<readonly string[]> {
    const ids = this.#newIds(topic, partition, count)
    await this.#broker.produce(topic, partition, ids.map(record), codec)
    return ids
  }

  async transact(topic: string, partition: number, count = 5): Promise<void> {
    const ids = this.#newIds(topic, partition, count)
    await this.#broker.transact(topic, partition, ids.map(record), 'commit')
  }

  /** A transaction that is aborted: nothing of it may be found. */
  async abort(topic: string, partition: number, count = 5): Promise<void> {
    const ids = Array.from({ length: count }, (_, i) => `aborted ${topic} ${partition} ${i}`)
    await this.#broker.transact(topic, partition, ids.map(record), 'abort')
  }

  #newIds(topic: string, partition: number, count: number): readonly string[] {
    const ids = Array.from({ length: count }, (_, i) => `${topic} ${partition} ${this.ids.length + i}`)
    this.ids.push(...ids)
    return ids
  }
}

/** Both tables hold the samples of these records once each, and nothing else. */
export async function assertExactly(consumer: Consumer, ids: readonly string[]): Promise<void> {
  const found = async (table: 'raw' | 'errors') =>
    (await consumer.rows(table, ['sample_id'])).map(row => String(row.sample_id)).sort()
  assert.deepEqual(await found('raw'), ids.flatMap(id => [`${id}/0`, `${id}/1`]).sort())
  assert.deepEqual(await found('errors'), ids.map(id => `${id}/2`).sort())
}

/** Next offsets as the newest snapshot of the raw table holds them. */
export async function offsetsOf(consumer: Consumer): Promise<unknown> {
  const snapshots = await consumer.snapshots('raw')
  return JSON.parse(snapshots.at(-1)!.summary['hc.offsets']!)
}

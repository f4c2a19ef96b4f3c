/**
 * Compares what lies in a topic with what an outside reader finds in the two tables: every sample exactly once, in the
 * table where it belongs. It reads the topic with kafkajs' own consumer and shares no code with the pipeline.
 */

import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createPayload, type PayloadOptions } from '../../cli/payloads.ts'
import { deserializationReasons } from '../../runtime/contract/reasons.ts'
import type { TestBroker } from '../kafka/broker.ts'
import { read } from '../readers/readers.ts'
import { numberHeader } from './feed.ts'
import type { Ground } from './runtimes.ts'

export interface Verdict {
  readonly payloads: number
  /** Rows that must be there. */
  readonly samples: number
  readonly lost: number
  readonly doubled: number
  /** Rows of no sample of the topic. */
  readonly strange: number
  /** Records whose rows are in the other table, or say another reason, than their payload was made for. */
  readonly misjudged: number
  /** Kept short: which samples are lost, doubled or misjudged. */
  readonly examples: readonly string[]
}

interface TopicRecord {
  readonly partition: number
  readonly offset: string
  readonly number: number
}

/** Every record but tombstones. */
async function readTopic(broker: TestBroker, topic: string): Promise<readonly TopicRecord[]> {
  const ends = await broker.admin.fetchTopicOffsets(topic)
  const left = new Set(ends.filter(({ low, high }) => low !== high).map(({ partition }) => partition))
  const last = new Map(ends.map(({ partition, high }) => [partition, Number(high) - 1]))
  const consumer = broker.kafka.consumer({ groupId: `${topic}-verdict-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const records: TopicRecord[] = []
  if (left.size > 0)
    await new Promise<void>((done, failed) => {
      const eachBatch = async ({ batch }: { batch: import('kafkajs').Batch }) => {
        for (const { offset, value, headers } of batch.messages)
          if (value !== null)
            records.push({ partition: batch.partition, offset, number: Number(String(headers?.[numberHeader])) })
        if (Number(batch.lastOffset()) >= last.get(batch.partition)!) left.delete(batch.partition)
        if (left.size === 0) done()
      }
      consumer.run({ eachBatch }).catch(failed)
    })
  await consumer.disconnect()
  return records
}

/** Lines of a dump: one array of cells each. */
async function countKeys(path: string, keyOf: (cells: readonly (string | number | null)[]) => string) {
  const counts = new Map<string, number>()
  for await (const line of createInterface(createReadStream(path))) {
    const key = keyOf(JSON.parse(line))
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

async function readTables({ folder, rawTable, errorsTable }: Ground) {
  const dump = async (table: string, name: string, columns: readonly string[]) => {
    const { duckdb } = await read(table, [{ op: 'dump', columns, path: join(folder, name) }], ['duckdb'])
    return duckdb[0].path
  }
  const raw = await dump(rawTable, 'raw', ['sample_id'])
  const errors = await dump(errorsTable, 'errors', ['kafka_partition', 'kafka_offset', 'sample_index', 'error_reason'])
  return {
    raw: await countKeys(raw, ([id]) => String(id)),
    errors: await countKeys(
      errors,
      ([partition, offset, index, reason]) => `${partition}/${offset}/${index}/${reason}`,
    ),
  }
}

/** What must become of one record: the keys of its rows. A sample's place tells it apart where it has no id. */
function expectedOf(options: PayloadOptions, { partition, offset, number }: TopicRecord) {
  const payload = createPayload(options, number)
  const place = `${partition}/${offset}`
  const [reason = ''] = payload.invalid
  const undecodable = payload.valid === 0 && (deserializationReasons as readonly string[]).includes(reason)
  if (undecodable) return { place, payload, samples: [{ id: undefined, index: 'null' }] }
  const { samples } = JSON.parse(payload.value.toString()) as { samples: ({ id?: unknown } | string)[] }
  const idOf = (sample: { id?: unknown } | string) =>
    typeof sample === 'object' && typeof sample.id === 'string' && sample.id !== '' ? sample.id : undefined
  return { place, payload, samples: samples.map((sample, index) => ({ id: idOf(sample), index: String(index) })) }
}

export async function verdict(broker: TestBroker, ground: Ground, options: PayloadOptions): Promise<Verdict> {
  const records = await readTopic(broker, ground.topic)
  const { raw, errors } = await readTables(ground)
  const errorsByPlace = Map.groupBy(errors, ([key]) => key.slice(0, key.lastIndexOf('/')))
  const tally = { payloads: records.length, samples: 0, lost: 0, doubled: 0, misjudged: 0 }
  const examples: string[] = []
  let matched = 0
  const note = (text: string) => examples.length < 10 && examples.push(text)
  for (const record of records) {
    const { place, payload, samples } = expectedOf(options, record)
    const reasons: string[] = []
    for (const { id, index } of samples) {
      const failed = errorsByPlace.get(`${place}/${index}`) ?? []
      for (const [key, count] of failed)
        for (let i = 0; i < count; i++) reasons.push(key.slice(key.lastIndexOf('/') + 1))
      const found = (id === undefined ? 0 : (raw.get(id) ?? 0)) + failed.reduce((sum, [, count]) => sum + count, 0)
      tally.samples++
      matched += found
      if (found === 0) tally.lost++
      if (found > 1) tally.doubled += found - 1
      if (found !== 1) note(`${place}/${index} is there ${found} times`)
    }
    if (reasons.sort().join() === [...payload.invalid].sort().join()) continue
    tally.misjudged++
    note(`${place} failed for [${reasons}] instead of [${payload.invalid}]`)
  }
  const rows = [...raw.values(), ...errors.values()].reduce((sum, count) => sum + count, 0)
  return { ...tally, strange: rows - matched, examples }
}

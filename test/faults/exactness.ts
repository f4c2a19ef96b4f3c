/**
 * Compares what lies in a topic with what an outside reader finds in the two tables, wherever they are: every sample
 * exactly once, in the table where it belongs, as it was sent. It reads the topic with kafkajs' own consumer, parses the
 * records itself, and shares no code with the pipeline.
 */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createPayload, type Payload, type PayloadOptions } from '../../cli/payloads.ts'
import { deserializationReasons } from '../../runtime/contract/reasons.ts'
import type { TestBroker } from '../kafka/broker.ts'
import { read, type TablePlace } from '../readers/readers.ts'
import { numberHeader } from './feed.ts'

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
  /** Rows of the raw table whose value, type or time is not the sample's. */
  readonly wrong: number
  /** Kept short: which samples are lost, doubled, misjudged or wrong. */
  readonly examples: readonly string[]
}

/** What a verdict says beside counts where all is well. */
export const exact = { lost: 0, doubled: 0, strange: 0, misjudged: 0, wrong: 0, examples: [] }

/** What is compared. */
export interface Filled {
  readonly topic: string
  readonly rawTable: TablePlace
  readonly errorsTable: TablePlace
  /** For what the reader finds. */
  readonly folder: string
}

interface TopicRecord {
  readonly partition: number
  readonly offset: string
  readonly number: number
  readonly value: Buffer
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
            records.push({ partition: batch.partition, offset, number: Number(String(headers?.[numberHeader])), value })
        if (Number(batch.lastOffset()) >= last.get(batch.partition)!) left.delete(batch.partition)
        if (left.size === 0) done()
      }
      consumer.run({ eachBatch }).catch(failed)
    })
  await consumer.disconnect()
  return records
}

type Cells = readonly (string | number | null)[]

/** Lines of a dump: one array of cells each. */
async function byKey(path: string, keyOf: (cells: Cells) => string): Promise<Map<string, Cells[]>> {
  const rows = new Map<string, Cells[]>()
  for await (const line of createInterface(createReadStream(path))) {
    const cells: Cells = JSON.parse(line)
    const key = keyOf(cells)
    const same = rows.get(key)
    if (same) same.push(cells)
    else rows.set(key, [cells])
  }
  return rows
}

async function readTables({ folder, rawTable, errorsTable }: Filled) {
  const dump = async (table: TablePlace, name: string, columns: readonly string[]) => {
    const { duckdb } = await read(table, [{ op: 'dump', columns, path: join(folder, name) }], ['duckdb'])
    return duckdb[0].path
  }
  const [raw, errors] = await Promise.all([
    dump(rawTable, 'raw', ['sample_id', 'value', 'data_type', 'start_date']),
    dump(errorsTable, 'errors', ['kafka_partition', 'kafka_offset', 'sample_index', 'error_reason']),
  ])
  return {
    raw: await byKey(raw, ([id]) => String(id)),
    errors: await byKey(errors, ([partition, offset, index]) => `${partition}/${offset}/${index}`),
  }
}

interface Sent {
  /** Undefined where the sample has none that could be found again. */
  readonly id?: string
  /** `null` for a record that cannot be decoded. */
  readonly index: string
  readonly cells?: Cells
}

/** Whether a payload was made so that it cannot be decoded: one row for all of it. */
function isUndecodable({ valid, invalid }: Payload): boolean {
  return valid === 0 && (deserializationReasons as readonly string[]).includes(invalid[0] ?? '')
}

/** The samples of a record, by their place: that tells one apart where it has no id. */
function samplesOf(value: Buffer): readonly Sent[] {
  const { samples } = JSON.parse(value.toString()) as { samples: (Record<string, unknown> | string)[] }
  return samples.map((sample, at) => {
    const index = String(at)
    if (typeof sample !== 'object' || typeof sample.id !== 'string' || sample.id === '') return { index }
    const micros = `${Date.parse(String(sample.startDate))}000`
    return { index, id: sample.id, cells: [sample.id, sample.value, sample.type, micros] as Cells }
  })
}

export async function verdict(broker: TestBroker, filled: Filled, options: PayloadOptions): Promise<Verdict> {
  const records = await readTopic(broker, filled.topic)
  const { raw, errors } = await readTables(filled)
  const tally = { payloads: records.length, samples: 0, lost: 0, doubled: 0, misjudged: 0, wrong: 0 }
  const examples: string[] = []
  const note = (text: string) => examples.length < 10 && examples.push(text)
  let matched = 0
  for (const { partition, offset, number, value } of records) {
    const place = `${partition}/${offset}`
    const payload = createPayload(options, number)
    const reasons: string[] = []
    for (const { id, index, cells } of isUndecodable(payload) ? [{ index: 'null' } as Sent] : samplesOf(value)) {
      const passed = (id === undefined ? undefined : raw.get(id)) ?? []
      const failed = errors.get(`${place}/${index}`) ?? []
      reasons.push(...failed.map(([, , , reason]) => String(reason)))
      const different = passed.filter(row => row.join() !== cells!.join()).length
      const found = passed.length + failed.length
      tally.samples++
      matched += found
      tally.wrong += different
      if (found === 0) tally.lost++
      if (found > 1) tally.doubled += found - 1
      if (found !== 1) note(`${place}/${index} is there ${found} times`)
      if (different > 0) note(`${place}/${index} is not as it was sent`)
    }
    if (reasons.sort().join() === [...payload.invalid].sort().join()) continue
    tally.misjudged++
    note(`${place} failed for [${reasons}] instead of [${payload.invalid}]`)
  }
  const rows = [...raw.values(), ...errors.values()].reduce((sum, same) => sum + same.length, 0)
  return { ...tally, strange: rows - matched, examples }
}

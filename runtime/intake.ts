/**
 * The reading half of the pipeline: the cursor of every assigned partition and the round that is being filled. It knows
 * which batch may come next and classifies what it takes; it starts no flush, seeks nothing and decides nothing about
 * what is durable.
 */
import type { Position } from './commit/assign.ts'
import { crc32c } from './commit/crc32c.ts'
import { HaltError } from './commit/halt.ts'
import type { TablesState } from './commit/protocol.ts'
import { accept, type Cursor, createCursor } from './cursor.ts'
import type { TableWriter } from './iceberg/tableWriter.ts'
import {
  type KafkaRecord,
  type LastRecord,
  type OffsetMap,
  type SourceBatch,
  type TopicPartition,
  type TopicPartitionKey,
  topicPartitionKey,
} from './kafka.ts'
import { createRound, type Round } from './round.ts'
import type { ErrorRow, RawRow, RowSink } from './rows.ts'

export interface IntakePorts {
  /** Decodes, validates, and hands every row to the sink. */
  classify(record: KafkaRecord, partition: TopicPartition, nowMs: number, sink: RowSink): void
  openWriters(tables: TablesState): { raw: TableWriter<RawRow>; errors: TableWriter<ErrorRow> }
}

const mark = (record: KafkaRecord): LastRecord => ({
  offset: record.offset,
  timestampMs: record.timestampMs,
  crc32c: crc32c(record.key, record.value),
})

export class Intake {
  /** Rows since the last release; undefined while there are none. */
  round: Round | undefined
  #cursors: ReadonlyMap<TopicPartitionKey, Cursor> = new Map()
  #tables: TablesState | undefined
  readonly #ports: IntakePorts

  constructor(ports: IntakePorts) {
    this.#ports = ports
  }

  /** Starts over at the positions of an assignment. */
  begin(positions: ReadonlyMap<TopicPartitionKey, Position>, tables: TablesState): void {
    this.drop()
    this.#cursors = new Map([...positions].map(([key, { next, verify }]) => [key, createCursor(next, verify)]))
    this.#tables = tables
  }

  /** Forgets the round and every position. */
  drop(): void {
    this.round?.discard()
    this.round = undefined
    this.#cursors = new Map()
  }

  /** Hands the round over to be flushed; the next batch starts another. */
  release(): Round | undefined {
    const released = this.round
    this.round = undefined
    return released
  }

  /** Offset at which reading a partition begins or goes on. */
  startOf({ topic, partition }: TopicPartition): number | undefined {
    return this.#cursors.get(topicPartitionKey(topic, partition))?.at
  }

  /** Next offset of each partition: everything below is in a table or a round. */
  next(): OffsetMap {
    return new Map([...this.#cursors].map(([key, cursor]) => [key, cursor.next]))
  }

  /**
   * Takes a batch into the round. Resolves with the number of records that were new, or undefined where the batch does
   * not start where reading stands. Throws HaltError `TopicRecreated`; what classify throws leaves the round in doubt.
   */
  take(batch: SourceBatch, nowMs: number): number | undefined {
    const key = topicPartitionKey(batch.topic, batch.partition)
    const cursor = this.#cursors.get(key)
    if (cursor === undefined || this.#tables === undefined) return undefined
    const accepted = accept(cursor, batch, mark)
    if (accepted.kind === 'jump') return undefined
    if (accepted.kind === 'replaced')
      throw new HaltError('TopicRecreated', `${key}: record at offset ${accepted.offset} is another one`)
    if (accepted.end === accepted.start) return 0
    const round = this.#openRound(this.#tables, nowMs)
    for (const record of accepted.records) this.#ports.classify(record, batch, nowMs, round)
    const last = accepted.records.at(-1)
    round.cover(key, accepted.start, accepted.end, last === undefined ? undefined : mark(last))
    return accepted.records.length
  }

  #openRound(tables: TablesState, nowMs: number): Round {
    if (this.round === undefined) {
      const { raw, errors } = this.#ports.openWriters(tables)
      this.round = createRound(nowMs, raw, errors)
    }
    return this.round
  }
}

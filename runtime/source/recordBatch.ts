/**
 * Decodes the records of a fetch response: record batches of magic 2 (KIP-98), read committed. Like Kafka's own
 * consumer it goes by whole batches, so that a range with nothing to deliver (control batches, aborted transactions,
 * batches that compaction emptied) still moves the position. Pure but for decompression; it talks to nobody.
 *
 * Checksums are not verified; lengths and counts are, to the byte.
 */
import type { KafkaRecord } from '../kafka.ts'
import { ByteReader } from './byteReader.ts'
import { decompress } from './codecs.ts'
import { SourceError } from './sourceError.ts'

/** As the broker lists it with a fetch: records of the producer from `firstOffset` to its abort marker do not count. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

export interface DecodedRecords {
  readonly records: readonly KafkaRecord[]
  /** Next offset to fetch; the requested one where there was no complete batch. */
  readonly end: number
}

interface Batch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly attributes: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: bigint
  readonly count: number
  /** Compressed as `attributes` says. */
  readonly records: Buffer
}

const lengthEnd = 12 // base offset and batch length
const codecMask = 0x07
const logAppendTime = 0x08
const transactional = 0x10
const control = 0x20
const abortMarker = 0

/** Throws SourceError `CORRUPT_DATA` for bytes that are no record batches. */
export async function decodeRecords(
  bytes: Buffer,
  fetchOffset: number,
  aborted: readonly AbortedTransaction[],
): Promise<DecodedRecords> {
  const pending = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const abortedProducers = new Set<bigint>()
  const records: KafkaRecord[] = []
  let end = fetchOffset
  for (const batch of batches(bytes)) {
    while (pending.length > 0 && pending[0]!.firstOffset <= batch.lastOffset)
      abortedProducers.add(pending.shift()!.producerId)
    end = Math.max(end, batch.lastOffset + 1)
    if ((batch.attributes & control) !== 0) {
      if (isAbortMarker(batch)) abortedProducers.delete(batch.producerId)
    } else if ((batch.attributes & transactional) === 0 || !abortedProducers.has(batch.producerId)) {
      if (batch.lastOffset >= fetchOffset) await appendRecords(records, batch, fetchOffset)
    }
  }
  return { records, end }
}

/** Whole batches only: the last one of a response is cut where the size limit fell. */
function* batches(bytes: Buffer): Generator<Batch> {
  const reader = new ByteReader(bytes)
  while (reader.remaining >= lengthEnd) {
    const start = reader.position
    const baseOffset = corruptUnless(start, () => reader.offset())
    const length = reader.int32()
    if (length > reader.remaining) return
    yield corruptUnless(start, () => readBatch(new ByteReader(reader.slice(length)), baseOffset))
  }
}

function readBatch(reader: ByteReader, baseOffset: number): Batch {
  reader.int32() // partition leader epoch
  const magic = reader.int8()
  if (magic !== 2) throw new RangeError(`record format ${magic}, where only 2 is read (Kafka 0.11 and newer)`)
  reader.int32() // checksum
  const attributes = reader.int16()
  const lastOffset = baseOffset + reader.int32()
  const baseTimestampMs = reader.int64()
  const maxTimestampMs = reader.int64()
  const producerId = reader.bigInt64()
  reader.int16() // producer epoch
  reader.int32() // base sequence
  const count = reader.int32()
  const records = reader.slice(reader.remaining)
  return { baseOffset, lastOffset, attributes, baseTimestampMs, maxTimestampMs, producerId, count, records }
}

async function appendRecords(records: KafkaRecord[], batch: Batch, fetchOffset: number): Promise<void> {
  const bytes = await decompress(batch.attributes & codecMask, batch.records)
  corruptUnless(batch.baseOffset, () => {
    const reader = new ByteReader(bytes)
    for (let i = 0; i < batch.count; i++) {
      const record = readRecord(reader, batch)
      if (record.offset >= fetchOffset) records.push(record)
    }
    if (reader.remaining !== 0) throw new RangeError(`${reader.remaining} bytes after the last record`)
  })
}

function readRecord(reader: ByteReader, batch: Batch): KafkaRecord {
  const length = reader.varint()
  const end = reader.position + length
  reader.int8() // attributes, unused
  const timestampDelta = reader.varint()
  const offset = batch.baseOffset + reader.varint()
  const key = reader.varintBytes()
  const value = reader.varintBytes()
  for (let headers = reader.varint(); headers > 0; headers--) {
    reader.varintBytes()
    reader.varintBytes()
  }
  if (reader.position !== end || offset > batch.lastOffset) throw new RangeError('a record that ends elsewhere')
  const isAppendTime = (batch.attributes & logAppendTime) !== 0
  return {
    offset,
    timestampMs: isAppendTime ? batch.maxTimestampMs : batch.baseTimestampMs + timestampDelta,
    key,
    value,
  }
}

/** The key of a control record is its version and its type, both int16; control batches are never compressed. */
function isAbortMarker(batch: Batch): boolean {
  if (batch.count === 0) return false
  const { key } = corruptUnless(batch.baseOffset, () => readRecord(new ByteReader(batch.records), batch))
  return key !== null && key.length >= 4 && key.readInt16BE(2) === abortMarker
}

function corruptUnless<T>(place: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new SourceError('CORRUPT_DATA', `no valid record batch at ${place}: ${error.message}`, error)
  }
}

/**
 * Builds rows of the errors table for one record at a time. The row object is reused. It decides nothing about a sample
 * and never throws for what one holds. Ids go into the row where they are strings that a table can hold, else null.
 */
import type { Decoder, Envelope, SamplePayloads } from '../contract/decoder.ts'
import type { ErrorType, SampleReason } from '../contract/reasons.ts'
import type { KafkaRecord, TopicPartition } from '../kafka.ts'
import type { ErrorRow, Instant } from '../rows.ts'
import { messageOf } from './messages.ts'

export interface ErrorRowBuilder {
  /** Starts a record; the envelope is null as long as nothing of it could be read. */
  begin(record: KafkaRecord, source: TopicPartition, processingTime: Instant): void
  envelope(envelope: Omit<Envelope, 'samples'>): void
  /** The row of a record without usable samples: the whole record's bytes, no sample index. */
  ofRecord(errorType: ErrorType, reason: string): ErrorRow
  /** The row of one failing sample: its own bytes with the envelope's scalar fields. */
  ofSample(sample: unknown, index: number, reason: SampleReason): ErrorRow
}

export function createErrorRowBuilder(decoder: Decoder): ErrorRowBuilder {
  const row = emptyRow()
  let value: Buffer | null = null
  let payloads: SamplePayloads | undefined

  function begin(record: KafkaRecord, source: TopicPartition, processingTime: Instant): void {
    value = record.value
    payloads = undefined
    row.kafkaTopic = source.topic
    row.kafkaPartition = source.partition
    row.kafkaOffset = record.offset
    row.errorTimestamp = processingTime
    row.processingTime = processingTime
    envelope({})
  }

  function envelope({ deviceId, userId, appVersion }: Omit<Envelope, 'samples'>): void {
    row.deviceId = storableText(deviceId)
    row.userId = storableText(userId)
    row.appVersion = storableText(appVersion)
  }

  function describe(errorType: ErrorType, reason: string): ErrorRow {
    row.errorType = errorType
    row.errorReason = reason
    row.errorMessage = messageOf(reason)
    return row
  }

  function ofRecord(errorType: ErrorType, reason: string): ErrorRow {
    row.rawPayload = value
    row.sampleIndex = null
    row.sampleId = null
    row.dataType = null
    return describe(errorType, reason)
  }

  function ofSample(sample: unknown, index: number, reason: SampleReason): ErrorRow {
    row.rawPayload = samplePayload(index)
    row.sampleIndex = index
    // A sample that could not be processed may not bear another look either.
    const readable = reason !== 'internal' && typeof sample === 'object' && sample !== null
    const { id, type } = (readable ? sample : {}) as { readonly id?: unknown; readonly type?: unknown }
    row.sampleId = storableText(id)
    row.dataType = storableText(type)
    return describe(errorTypeOf(reason), reason)
  }

  function samplePayload(index: number): Buffer | null {
    if (value === null) return null
    try {
      payloads ??= decoder.samplePayloads(value)
      return payloads.payload(index)
    } catch {
      return value
    }
  }

  return { begin, envelope, ofRecord, ofSample }
}

const storableText = (value: unknown): string | null =>
  typeof value === 'string' && value.isWellFormed() ? value : null

function errorTypeOf(reason: SampleReason): ErrorType {
  if (reason === 'unencodable_string') return 'TRANSFORMATION_ERROR'
  return reason === 'internal' ? 'PROCESSING_ERROR' : 'VALIDATION_ERROR'
}

const emptyRow = (): ErrorRow => ({
  rawPayload: null,
  errorType: 'UNKNOWN_ERROR',
  errorReason: '',
  errorMessage: '',
  errorTimestamp: { day: 0, micros: 0 },
  deviceId: null,
  userId: null,
  sampleId: null,
  dataType: null,
  kafkaTopic: '',
  kafkaPartition: 0,
  kafkaOffset: 0,
  sampleIndex: null,
  appVersion: null,
  processingTime: { day: 0, micros: 0 },
})

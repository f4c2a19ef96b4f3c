/**
 * Log lines of the events that every run has: validation errors, Kafka errors, Iceberg errors, checkpoints.
 * Context keys are the contract's. What a payload holds never passes: of a row only position, rule and type are taken.
 */
import { dataTypes } from '../contract/dataTypes.ts'
import type { LogFields, Logger, LogLevel } from '../contract/logger.ts'
import { errorTypes, reasonsByType } from '../contract/reasons.ts'

/** The columns of an errors row that may be logged, by their names in the table; others are ignored. */
export interface ValidationErrorRow {
  readonly user_id?: string | null
  readonly data_type?: string | null
  readonly error_type?: string | null
  readonly error_reason?: string | null
  readonly kafka_topic?: string | null
  readonly kafka_partition?: number | null
  readonly kafka_offset?: number | null
  readonly sample_index?: number | null
}

/** What is in no closed list may be text out of a payload, a type's name too. */
const loggable = {
  data_type: new Set(Object.keys(dataTypes)),
  error_type: new Set<string>(errorTypes),
  error_reason: new Set(Object.values(reasonsByType).flat()),
}
/** Kafka's own rule for names, org.apache.kafka.common.internals.Topic. */
const topicGrammar = /^[a-zA-Z0-9._-]{1,249}$/

/** One line per row: a stream of any size passes level `debug`. */
export function logValidationError(
  logger: Logger,
  message: string,
  row: ValidationErrorRow,
  level: LogLevel = 'warning',
): void {
  if (!logger.enabled(level)) return
  const listed = (key: keyof typeof loggable) => (loggable[key].has(row[key] ?? '') ? row[key] : undefined)
  const context = {
    error_type: listed('error_type'),
    error_reason: listed('error_reason'),
    data_type: listed('data_type'),
    user_id: row.user_id ?? undefined,
    kafka_topic: topicGrammar.test(row.kafka_topic ?? '') ? row.kafka_topic : undefined,
    kafka_partition: integer(row.kafka_partition),
    kafka_offset: integer(row.kafka_offset),
    sample_index: integer(row.sample_index),
  }
  logger[level](message, { context, caller: logValidationError })
}

const integer = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : undefined)

export interface KafkaErrorOptions {
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number
  readonly error?: unknown
}

export function logKafkaError(logger: Logger, message: string, options: KafkaErrorOptions = {}): void {
  const { topic, partition, offset, error } = options
  const context = { kafka_topic: topic, kafka_partition: partition, kafka_offset: offset, error_code: codeOf(error) }
  logger.error(message, { context, error, caller: logKafkaError })
}

export interface IcebergErrorOptions {
  readonly tableName?: string
  readonly database?: string
  readonly error?: unknown
}

export function logIcebergError(logger: Logger, message: string, options: IcebergErrorOptions = {}): void {
  const { tableName, database, error } = options
  const context = { table_name: tableName, database, error_code: codeOf(error) }
  logger.error(message, { context, error, caller: logIcebergError })
}

export interface CheckpointEvent {
  /** Some events of this project: `started`, `completed`, `failed`. */
  readonly eventType: string
  readonly checkpointId?: number
  readonly durationMs?: number
  readonly sizeBytes?: number
  readonly error?: unknown
}

/** A failed checkpoint is an error, every other event is information. */
export function logCheckpointEvent(logger: Logger, event: CheckpointEvent): void {
  const { eventType, checkpointId, durationMs, sizeBytes, error } = event
  const fields: LogFields = {
    context: {
      event_type: eventType,
      checkpoint_id: checkpointId,
      duration_ms: durationMs,
      size_bytes: sizeBytes,
      error_code: codeOf(error),
    },
    error,
    caller: logCheckpointEvent,
  }
  const message = `Checkpoint ${eventType}`
  if (eventType === 'failed') logger.error(message, fields)
  else logger.info(message, fields)
}

/** The closed code that this project's errors, and Node's, carry. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

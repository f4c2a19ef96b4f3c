/**
 * kafkajs's log entries -> our lines. Only named fields pass, because at DEBUG kafkajs can log whole responses.
 * It knows the entries' shape, not the library.
 *
 * kafkajs says ERROR for what it then tries again by itself, and for each answer "the group is rebalancing"; those are
 * a warning and a debug line. A crash, a lost offset and a failed handler stay errors.
 */
import type { LogContext, Logger, LogLevel } from '../contract/logger.ts'

/** `LogEntry` of kafkajs 2; level 1 ERROR, 2 WARN, 4 INFO, 5 DEBUG. */
export interface KafkajsLogEntry {
  readonly namespace: string
  readonly level: number
  readonly log: { readonly message: string; readonly [field: string]: unknown }
}

/** kafkajs field -> context key. */
const contextKeys = {
  broker: 'kafka_broker',
  clientId: 'kafka_client_id',
  groupId: 'kafka_group',
  memberId: 'kafka_member',
  topic: 'kafka_topic',
  partition: 'kafka_partition',
  offset: 'kafka_offset',
  retryCount: 'retry_count',
  retryTime: 'retry_time_ms',
  error: 'kafka_error',
} as const

/** For kafkajs's `logCreator`; pass `kafkajsLogLevel(logger)` as its `logLevel`. */
export function kafkajsLogCreator(logger: Logger): () => (entry: KafkajsLogEntry) => void {
  return () => entry => logKafkajsEntry(logger, entry)
}

/** Keeps kafkajs from preparing DEBUG entries that nobody would see: 5 DEBUG or 4 INFO. */
export const kafkajsLogLevel = (logger: Logger) => (logger.enabled('debug') ? 5 : 4)

function logKafkajsEntry(logger: Logger, entry: KafkajsLogEntry): void {
  const level = levelOf(entry)
  if (!logger.enabled(level)) return
  const { namespace, log } = entry
  const fields: Record<string, string | number> = {}
  for (const [field, key] of Object.entries(contextKeys)) {
    const value = log[field]
    if (typeof value === 'string' || typeof value === 'number') fields[key] = value
  }
  // Offsets come as decimal strings.
  if ('kafka_offset' in fields) fields.kafka_offset = Number(fields.kafka_offset)
  const context: LogContext = { component: 'kafkajs', kafkajs_namespace: namespace, ...fields }
  const error =
    typeof log.stack === 'string'
      ? { name: 'KafkaJSError', message: typeof log.error === 'string' ? log.error : log.message, stack: log.stack }
      : undefined
  logger[level](log.message, { context, error, caller: logKafkajsEntry })
}

function levelOf({ namespace, level, log }: KafkajsLogEntry): LogLevel {
  if (/rebalanc/i.test(`${log.message} ${log.error}`)) return 'debug'
  // Backpressure pauses and resumes all the time.
  if (/^(Pausing|Resuming) fetching/.test(log.message) || level >= 5) return 'debug'
  if (level >= 4) return 'info'
  const retried = ['Connection', 'RequestQueue', 'BrokerPool', 'Cluster'].includes(namespace) || 'retryTime' in log
  return level >= 2 || (retried && !log.message.startsWith('Crash')) ? 'warning' : 'error'
}

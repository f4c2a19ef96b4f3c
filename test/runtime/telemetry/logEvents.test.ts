import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { errorsSchema, rawSchema } from '../../../runtime/iceberg/tables.ts'
import {
  logCheckpointEvent,
  logIcebergError,
  logKafkaError,
  logValidationError,
  type ValidationErrorRow,
} from '../../../runtime/telemetry/logEvents.ts'
import { getLogger, setupLogging } from '../../../runtime/telemetry/logging.ts'
import fc from '../../properties.ts'

const written: string[] = []
const logger = getLogger('events')
const only = () => {
  assert.equal(written.length, 1)
  return JSON.parse(written[0]!)
}

beforeEach(() => {
  written.length = 0
  setupLogging({}, { write: line => void written.push(line) })
})
after(() => {
  setupLogging({}, { write() {} })
})

describe('events', () => {
  it('name the line that reported them', () => {
    const report = () => logKafkaError(logger, 'm', {})
    report()
    const { source } = only()
    assert.deepEqual([source.file, source.function], [import.meta.filename, 'report'])
  })

  it('logKafkaError: position, and the error with its code', () => {
    const error = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    logKafkaError(logger, 'Failed to consume message', { topic: 'health-data-raw', partition: 0, offset: 12345, error })
    const line = only()
    assert.deepEqual([line.level, line.message, line.error.message], ['ERROR', 'Failed to consume message', 'refused'])
    assert.deepEqual(line.context, {
      kafka_topic: 'health-data-raw',
      kafka_partition: 0,
      kafka_offset: 12345,
      error_code: 'ECONNREFUSED',
    })
  })

  it('logIcebergError: table and database', () => {
    logIcebergError(logger, 'Failed to write', { tableName: 'health_data_raw', database: 'health_db', error: 'full' })
    const line = only()
    assert.equal(line.level, 'ERROR')
    assert.deepEqual(line.context, { table_name: 'health_data_raw', database: 'health_db' })
    assert.deepEqual(line.error, { type: 'string', message: 'full', stack: '' })
  })

  it('logCheckpointEvent: information, and an error when it failed', () => {
    logCheckpointEvent(logger, { eventType: 'completed', checkpointId: 42, durationMs: 5000, sizeBytes: 1024000 })
    const line = only()
    assert.deepEqual([line.level, line.message], ['INFO', 'Checkpoint completed'])
    assert.deepEqual(line.context, {
      event_type: 'completed',
      checkpoint_id: 42,
      duration_ms: 5000,
      size_bytes: 1024000,
    })
    logCheckpointEvent(logger, { eventType: 'failed', checkpointId: 43, error: new Error('x') })
    assert.equal(JSON.parse(written[1]!).level, 'ERROR')
  })

  it('logValidationError: position, rule and type of a row, and nothing else that it holds', () => {
    const row = {
      raw_payload: 'alice-payload',
      value: 61.25,
      error_type: 'VALIDATION_ERROR',
      error_reason: 'missing_user_id',
      error_message: 'alice-message',
      device_id: 'alice-phone',
      user_id: 'alice',
      sample_id: 'alice-sample',
      data_type: 'heartRate',
      kafka_topic: 'health-data-raw',
      kafka_partition: 2,
      kafka_offset: 7,
      sample_index: 3,
    }
    logValidationError(logger, 'Missing user_id', row)
    const line = only()
    const { user_id, ...context } = line.context
    assert.deepEqual([line.level, line.message], ['WARNING', 'Missing user_id'])
    assert.match(user_id, /^hmac:/)
    assert.deepEqual(context, {
      error_type: 'VALIDATION_ERROR',
      error_reason: 'missing_user_id',
      data_type: 'heartRate',
      kafka_topic: 'health-data-raw',
      kafka_partition: 2,
      kafka_offset: 7,
      sample_index: 3,
    })
    assert.doesNotMatch(written[0]!, /alice|61\.25/)
  })

  it('logValidationError: passes nothing of a row that is in no closed list, whatever the row holds', () => {
    const marker = 'alicesecret'
    const value = fc.oneof(
      fc.string().map(text => `${text}${marker}`),
      fc.constant(marker),
      fc.constant([marker]),
      fc.constant({ [marker]: marker, toString: () => marker, toJSON: () => marker }),
      fc.constantFrom(null, undefined, 61.25, Number.NaN, true),
    )
    const free = [...rawSchema.fields, ...errorsSchema.fields].map(field => field.name)
    const columns = [...new Set([...free, marker, '__proto__'])].filter(name => name !== 'kafka_topic')
    const row = fc.record(Object.fromEntries(columns.map(name => [name, value])), { requiredKeys: [] })
    fc.assert(
      fc.property(row, given => {
        written.length = 0
        logValidationError(logger, 'Refused', given as ValidationErrorRow)
        const { user_id } = only().context
        assert.ok(user_id === undefined || /^hmac:[0-9a-f]{32}$/.test(user_id))
        assert.doesNotMatch(written[0]!, /alicesecret|61\.25/)
      }),
      { numRuns: 500 },
    )
  })

  it('logValidationError: names no topic that Kafka would not have', () => {
    logValidationError(logger, 'm', { kafka_topic: 'alice has a headache', kafka_offset: 1 })
    assert.deepEqual(only().context, { kafka_offset: 1 })
  })

  it('take nothing but a message, where there is no more', () => {
    logKafkaError(logger, 'm')
    logIcebergError(logger, 'm')
    logCheckpointEvent(logger, { eventType: 'completed' })
    assert.deepEqual(
      written.map(line => JSON.parse(line).context),
      [{}, {}, { event_type: 'completed' }],
    )
  })

  it('logValidationError: a type that is free text never passes, and level debug is silent by default', () => {
    logValidationError(logger, 'm', { data_type: 'alice has a headache', error_type: 'alice', error_reason: 'alice' })
    assert.deepEqual(only().context, {})
    logValidationError(logger, 'm', { data_type: 'steps' }, 'debug')
    assert.equal(written.length, 1)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Kafka } from 'kafkajs'
import { type LogFields, type Logger, type LogLevel, logLevels } from '../../../runtime/contract/logger.ts'
import { kafkajsLogCreator, kafkajsLogLevel } from '../../../runtime/telemetry/kafkajsLogging.ts'

function recordingLogger(threshold: LogLevel) {
  const lines: { level: LogLevel; message: string; fields?: LogFields }[] = []
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => void lines.push({ level, message, fields })
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warning: at('warning'),
    error: at('error'),
    critical: at('critical'),
    enabled: level => logLevels.indexOf(level) >= logLevels.indexOf(threshold),
  }
  return { logger, lines }
}

describe('kafkajs entries', () => {
  it('become lines of our levels, the noisy ones lower', () => {
    const { logger, lines } = recordingLogger('debug')
    const kafka = new Kafka({
      brokers: ['127.0.0.1:1'],
      logCreator: kafkajsLogCreator(logger),
      logLevel: kafkajsLogLevel(logger),
    })
    const root = kafka.logger()
    const cases: [LogLevel, () => void][] = [
      ['error', () => root.namespace('Consumer').error('Crash: KafkaJSError: x', { stack: 's', retryTime: 5 })],
      ['error', () => root.namespace('ConsumerGroup').error('Offset out of range, resetting to default offset')],
      ['error', () => root.namespace('Runner').error('Error when calling eachBatch', { error: 'x', stack: 's' })],
      ['warning', () => root.namespace('Connection').error('Connection error: connect ECONNREFUSED')],
      ['warning', () => root.namespace('Consumer').warn('Could not')],
      ['debug', () => root.namespace('Connection').error('Response Heartbeat', { error: 'The group is rebalancing' })],
      ['debug', () => root.namespace('Runner').warn('The group is rebalancing, re-joining')],
      ['debug', () => root.namespace('ConsumerGroup').info('Pausing fetching from 1 topics')],
      ['debug', () => root.namespace('Connection').debug('Request Fetch')],
      ['info', () => root.namespace('ConsumerGroup').info('Consumer has joined the group')],
    ]
    for (const [level, log] of cases) {
      lines.length = 0
      log()
      assert.deepEqual(
        lines.map(line => line.level),
        [level],
        lines[0]?.message,
      )
    }
  })

  it('pass named fields only, and a stack as an error', () => {
    const { logger, lines } = recordingLogger('info')
    kafkajsLogCreator(logger)()({
      namespace: 'Runner',
      level: 1,
      log: {
        message: 'm',
        topic: 't',
        partition: 2,
        offset: '7',
        groupId: 'g',
        data: { user: 'alice' },
        error: 'e',
        stack: 's',
      },
    })
    assert.deepEqual(lines[0]?.fields?.context, {
      component: 'kafkajs',
      kafkajs_namespace: 'Runner',
      kafka_topic: 't',
      kafka_partition: 2,
      kafka_offset: 7,
      kafka_group: 'g',
      kafka_error: 'e',
    })
    assert.deepEqual(lines[0]?.fields?.error, { name: 'KafkaJSError', message: 'e', stack: 's' })
  })

  it('of DEBUG are not even prepared where nobody would see them', () => {
    assert.equal(kafkajsLogLevel(recordingLogger('debug').logger), 5)
    assert.equal(kafkajsLogLevel(recordingLogger('info').logger), 4)
  })
})

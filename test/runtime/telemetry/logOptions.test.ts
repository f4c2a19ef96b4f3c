import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LoggingError, loggingFromEnvironment } from '../../../runtime/telemetry/logOptions.ts'

describe('logging from the environment', () => {
  it('is INFO, JSON, no file and hashed user ids by default, and where variables are empty', () => {
    const defaults = { logLevel: 'info', jsonFormat: true, logFile: undefined, userId: 'hash', userIdKey: undefined }
    assert.deepEqual(loggingFromEnvironment({}), defaults)
    const empty = { LOG_LEVEL: '', JSON_FORMAT: '', LOG_FILE: '', LOG_USER_ID: '', LOG_USER_ID_KEY: '' }
    assert.deepEqual(loggingFromEnvironment(empty), defaults)
  })

  it('takes every level of the guide in any case, and WARN', () => {
    const levels = {
      DEBUG: 'debug',
      info: 'info',
      Warning: 'warning',
      WARN: 'warning',
      ERROR: 'error',
      CRITICAL: 'critical',
    }
    for (const [LOG_LEVEL, level] of Object.entries(levels)) {
      assert.equal(loggingFromEnvironment({ LOG_LEVEL }).logLevel, level)
    }
  })

  it('takes format, file, user ids and their key', () => {
    const env = { JSON_FORMAT: 'False', LOG_FILE: '/var/log/a', LOG_USER_ID: 'plain', LOG_USER_ID_KEY: 'k'.repeat(16) }
    assert.deepEqual(loggingFromEnvironment(env), {
      logLevel: 'info',
      jsonFormat: false,
      logFile: '/var/log/a',
      userId: 'plain',
      userIdKey: 'k'.repeat(16),
    })
  })

  it('names variable, value and choices of a bad value', () => {
    const cases: [string, string, RegExp][] = [
      ['LOG_LEVEL', 'LOUD', /^LOG_LEVEL is "LOUD" · use DEBUG, INFO, WARNING, ERROR or CRITICAL$/],
      ['JSON_FORMAT', 'yes', /^JSON_FORMAT is "yes" · use true or false$/],
      ['LOG_USER_ID', 'md5', /^LOG_USER_ID is "md5" · use hash or plain$/],
    ]
    for (const [name, value, message] of cases) {
      assert.throws(() => loggingFromEnvironment({ [name]: value }), {
        name: 'LoggingError',
        code: 'INVALID_SETTING',
        message,
      })
    }
  })

  it('refuses a guessable key without printing it', () => {
    assert.throws(
      () => loggingFromEnvironment({ LOG_USER_ID_KEY: 'hunter2' }),
      (error: unknown) =>
        error instanceof LoggingError && /LOG_USER_ID_KEY/.test(error.message) && !/hunter2/.test(error.message),
    )
  })
})

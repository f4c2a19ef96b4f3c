/** Lines are valid JSON, complete and of bounded length, whatever is logged. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { LogContext } from '../../../runtime/contract/logger.ts'
import { getLogger, setupLogging } from '../../../runtime/telemetry/logging.ts'
import { LoggingError, type LoggingOptions } from '../../../runtime/telemetry/logOptions.ts'
import fc from '../../properties.ts'

after(() => void setupLogging({}, { write() {} }))

const fields = ['timestamp', 'level', 'logger', 'message', 'thread', 'source', 'process', 'context']
/** What a console takes at once. */
const maximumBytes = 1 << 20

/** Logs once and answers the line, which is one, complete and in order. */
function logged(message: string, context: unknown, error?: unknown, options: LoggingOptions = {}, name = 'a') {
  const written: string[] = []
  setupLogging(options, { write: line => void written.push(line) })
  getLogger(name).error(message, { context: context as LogContext, error })
  assert.equal(written.length, 1)
  assert.match(written[0]!, /^\{[^\n]*\}\n$/)
  assert.ok(Buffer.byteLength(written[0]!) < maximumBytes)
  const line = JSON.parse(written[0]!)
  assert.deepEqual(Object.keys(line), error === undefined ? fields : [...fields, 'error'])
  return line
}

const circle: Record<string, unknown> = {}
circle.self = circle
const nested = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))
const deep = Array.from({ length: 20_000 }).reduce<unknown>(inner => [inner], nested)
const throwing = {
  get key() {
    throw new Error('getter')
  },
}
const closed = new Proxy({}, { ownKeys: () => assert.fail('proxy') })

describe('a line', () => {
  it('has its fields in the order of the guide', () => {
    logged('m', {})
    logged('m', {}, new Error('x'))
  })

  it('keeps any message, name and context that JSON can hold', () => {
    const string = fc.string({ unit: 'binary' })
    const scalar = fc.oneof(string, fc.integer(), fc.boolean(), fc.constant(null))
    const contexts = fc.dictionary(fc.oneof(string, fc.constant('__proto__')), fc.oneof(scalar, fc.array(scalar)))
    fc.assert(
      fc.property(string, string, contexts, (message, name, context) => {
        const line = logged(message, context, undefined, { userId: 'plain' }, name)
        assert.deepEqual([line.message, line.logger], [message, name])
        assert.equal(JSON.stringify(line.context), JSON.stringify(context))
      }),
    )
  })

  it('survives what JSON cannot hold, and keeps the rest', () => {
    const cases: [string, unknown, unknown][] = [
      ['a BigInt', 12345678901234567890n, '12345678901234567890'],
      ['a BigInt in a list', [1n], ['1']],
      ['undefined', undefined, undefined],
      ['a function', () => 1, undefined],
      ['a symbol', Symbol('x'), undefined],
      ['no number', Number.NaN, null],
      ['infinity', Number.POSITIVE_INFINITY, null],
      ['a circle', circle, '[unreadable]'],
      ['too deep', deep, '[unreadable]'],
      ['a getter that throws', throwing, '[unreadable]'],
      ['a lone surrogate', '\ud800', '\ud800'],
    ]
    for (const [what, value, expected] of cases) {
      const { context } = logged('m', { value, rest: 1 })
      assert.deepEqual(context, expected === undefined ? { rest: 1 } : { value: expected, rest: 1 }, what)
    }
    assert.deepEqual(logged('m', throwing).context, { key: '[unreadable]' })
    assert.deepEqual(logged('m', closed).context, {})
    assert.deepEqual(logged('m', null).context, {})
  })

  it('keeps a key named __proto__ a key', () => {
    const context = JSON.parse('{"__proto__": {"polluted": 1}, "big": 1}')
    for (const each of [context, { ...context, big: 1n }]) {
      const line = logged('m', each)
      assert.ok(Object.hasOwn(line.context, '__proto__'))
      assert.equal(line.context.polluted, undefined)
    }
  })

  it('is cut where it is huge, and says so', () => {
    const huge = 'ä\u0001'.repeat(500_000)
    const line = logged(huge, { huge, rest: 1, list: Array(1e6).fill('\u0002') }, new Error(huge), {}, huge)
    assert.equal(line.context.rest, 1)
    for (const text of [line.message, line.logger, line.context.huge, line.context.list, line.error.message]) {
      assert.match(text, /…$/)
    }
    const many = logged('m', Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`key_${i}`, i])))
    assert.deepEqual([many.context.key_0, many.context.truncated], [0, true])
    assert.deepEqual(logged('m', { [huge]: 1, huge }).context.truncated, true)
  })

  it('describes whatever is thrown', () => {
    const thrown: [unknown, string][] = [
      [null, 'null'],
      [Symbol('x'), 'Symbol(x)'],
      [10n, '10'],
      [Object.create(null), '[unreadable]'],
      [new Proxy({}, { has: () => assert.fail('proxy') }), '[unreadable]'],
      [Object.assign(new Error('outer'), { cause: circle }), 'outer'],
      [Object.defineProperty(new Error('x'), 'stack', { get: () => assert.fail('stack') }), 'x'],
      [new AggregateError([new Error('one'), new Error('two')]), 'one; two'],
    ]
    for (const [error, message] of thrown) assert.equal(logged('m', {}, error).error.message, message)
    const own: Error & { cause?: unknown } = new Error('its own cause')
    own.cause = own
    assert.match(logged('m', {}, own).error.stack, /^Error: its own cause\n/)
  })
})

describe('a user id', () => {
  it('is hashed in a context of any kind', () => {
    for (const rest of [1, 1n, circle, 'x'.repeat(1 << 17)]) {
      for (const key of ['user_id', 'userId']) {
        const { context } = logged('m', { [key]: 'alice', rest })
        assert.match(context[key], /^hmac:[0-9a-f]{32}$/)
      }
    }
    assert.equal(logged('m', { user_id: null }).context.user_id, null)
    assert.equal(logged('m', { user_id: Object.create(null) }).context.user_id, '[unreadable]')
  })

  it('has one hash however many there are', () => {
    const written: string[] = []
    setupLogging({ userIdKey: 'k'.repeat(16) }, { write: line => void written.push(line) })
    const logger = getLogger('a')
    const users = 25_000
    for (let i = 0; i < 2 * users; i++) logger.info('m', { context: { user_id: `user-${i % users}` } })
    const hashes = written.map(line => JSON.parse(line).context.user_id)
    assert.deepEqual(hashes.slice(0, users), hashes.slice(users))
    assert.equal(new Set(hashes).size, users)
  })
})

describe('setupLogging', () => {
  it('takes levels in any case, and refuses others', () => {
    logged('m', {}, undefined, { logLevel: 'ERROR' })
    assert.throws(
      () => setupLogging({ logLevel: 'LOUD' as 'ERROR' }),
      (error: unknown) => error instanceof LoggingError && error.message.startsWith('logLevel is "LOUD" · use DEBUG'),
    )
  })
})

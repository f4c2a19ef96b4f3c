import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type LogLevel, logLevels } from '../../../runtime/contract/logger.ts'
import { getLogger, setupLogging } from '../../../runtime/telemetry/logging.ts'
import { LoggingError, type LoggingOptions } from '../../../runtime/telemetry/logOptions.ts'

const folder = mkdtempSync(join(tmpdir(), 'healthconsumer-logging-'))
after(() => {
  setupLogging({}, { write() {} })
  rmSync(folder, { recursive: true })
})

/** Directs logging into a list of written texts. */
function capture(options: LoggingOptions = {}): string[] {
  const written: string[] = []
  setupLogging(options, { write: line => void written.push(line) })
  return written
}

const parse = (line: string | undefined) => JSON.parse(line ?? '')

function consumeMessage(): void {
  getLogger('healthconsumer.source', { context: { component: 'kafka_source' } }).info('Consumed message from Kafka', {
    context: { kafka_topic: 'health-data-raw', kafka_partition: 0, kafka_offset: 12345, data_type: 'heartRate' },
  })
}

describe('a JSON line', () => {
  it('is the shape of the guide, field by field', () => {
    const written = capture()
    consumeMessage()
    assert.equal(written.length, 1)
    assert.match(written[0]!, /^\{[^\n]*\}\n$/)
    const { timestamp, source, ...constant } = parse(written[0])
    assert.deepEqual(constant, {
      level: 'INFO',
      logger: 'healthconsumer.source',
      message: 'Consumed message from Kafka',
      thread: { id: 0, name: 'main' },
      process: { id: process.pid, name: 'MainProcess' },
      context: {
        component: 'kafka_source',
        kafka_topic: 'health-data-raw',
        kafka_partition: 0,
        kafka_offset: 12345,
        data_type: 'heartRate',
      },
    })
    assert.match(timestamp, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
    assert.equal(new Date(timestamp).toISOString(), timestamp)
    assert.deepEqual(source, {
      file: import.meta.filename,
      line: lineOf('Consumed message'),
      function: 'consumeMessage',
    })
  })

  it('carries the time at which it was written', t => {
    const written = capture()
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 2, 3, 4, 5, 7) })
    const logger = getLogger('a')
    const times = [0, 992, 1, 59_000, -120_000].map(step => {
      t.mock.timers.setTime(Date.now() + step)
      logger.info('x')
      return new Date(Date.now()).toISOString()
    })
    assert.deepEqual(
      written.map(line => parse(line).timestamp),
      times,
    )
  })

  it('has every field at every level, and only those at or above the threshold are written', () => {
    const names: Record<LogLevel, string> = {
      debug: 'DEBUG',
      info: 'INFO',
      warning: 'WARNING',
      error: 'ERROR',
      critical: 'CRITICAL',
    }
    for (const [index, threshold] of logLevels.entries()) {
      const written = capture({ logLevel: threshold })
      const logger = getLogger('a')
      for (const level of logLevels) logger[level]('m')
      const expected = logLevels.slice(index)
      assert.deepEqual(
        written.map(line => parse(line).level),
        expected.map(level => names[level]),
      )
      assert.deepEqual(
        logLevels.filter(level => logger.enabled(level)),
        expected,
      )
      for (const line of written) {
        const fields = ['context', 'level', 'logger', 'message', 'process', 'source', 'thread', 'timestamp']
        assert.deepEqual(Object.keys(parse(line)).sort(), fields)
        assert.equal(parse(line).source.file, import.meta.filename)
      }
    }
  })

  it('stays one line, and keeps percent signs, quotes and controls of a message', () => {
    const written = capture()
    const message = 'a\n%s "quoted" 100%% \u0000 \u2028'
    getLogger('a').info(message, { context: { key: 'x\ny' } })
    assert.equal(written.join('').split('\n').length, 2)
    assert.equal(parse(written[0]).message, message)
    assert.equal(parse(written[0]).context.key, 'x\ny')
  })

  it('describes an error with its causes', () => {
    const written = capture()
    const cause = new TypeError('inner')
    getLogger('a').error('failed', { error: new RangeError('outer', { cause }) })
    const { error } = parse(written[0])
    assert.deepEqual(Object.keys(error), ['type', 'message', 'stack'])
    assert.deepEqual([error.type, error.message], ['RangeError', 'outer'])
    assert.match(error.stack, /^RangeError: outer\n {4}at .*logging\.test\.ts.*\nCaused by: TypeError: inner\n {4}at /s)
  })

  it('never quotes what JSON.parse failed on', () => {
    const payloads = ['{"userId":"alice", bad', 'alice', '{"value": 61.2 alice}'.padEnd(300, 'x'), '"alice\n" x', 'a"b']
    for (const payload of payloads) {
      const written = capture()
      try {
        JSON.parse(payload)
        assert.fail('the payload is valid')
      } catch (cause) {
        const wrapped = new Error(`cannot decode: ${cause instanceof Error ? cause.message : ''}`, { cause })
        getLogger('a').error('failed', { error: wrapped })
      }
      const { error } = parse(written[0])
      assert.match(error.message, /^cannot decode: .*JSON/)
      assert.ok(!JSON.stringify(error).includes('alice') && !/a\\*"b/.test(error.message), JSON.stringify(error))
      assert.match(error.stack, /Caused by: SyntaxError/)
    }
  })
})

describe('a logger', () => {
  it('merges contexts: the call over the child over the logger', () => {
    const written = capture()
    const logger = getLogger('a', { context: { one: 1, two: 1, three: 1 } }).child({ two: 2, three: 2 })
    logger.info('m', { context: { three: 3 } })
    logger.info('n')
    assert.deepEqual(parse(written[0]).context, { one: 1, two: 2, three: 3 })
    assert.deepEqual(parse(written[1]).context, { one: 1, two: 2, three: 2 })
  })

  it('follows a later set-up', () => {
    const logger = getLogger('early')
    const first = capture({ logLevel: 'error' })
    logger.info('m')
    const second = capture({ logLevel: 'info' })
    logger.info('n')
    assert.deepEqual([first.length, second.length], [0, 1])
  })

  it('says which formatter is in use', () => {
    capture()
    assert.equal(getLogger('a').handlers[0]?.formatter.constructor.name, 'JSONFormatter')
    capture({ jsonFormat: false })
    assert.equal(getLogger('a').handlers[0]?.formatter.constructor.name, 'TextFormatter')
  })
})

describe('a user id', () => {
  const hashed = (options: LoggingOptions, context: Record<string, string>) => {
    const written = capture(options)
    getLogger('a', { context }).info('m')
    assert.ok(options.userId === 'plain' || !written[0]!.includes('alice'))
    return parse(written[0]).context
  }

  it('is a keyed hash: equal for one person and key, different for another person or key', () => {
    const key = { userIdKey: 'k'.repeat(16) }
    const { user_id } = hashed(key, { user_id: 'alice' })
    assert.match(user_id, /^hmac:[0-9a-f]{32}$/)
    assert.equal(hashed(key, { user_id: 'alice' }).user_id, user_id)
    assert.notEqual(hashed(key, { user_id: 'bob' }).user_id, user_id)
    assert.notEqual(hashed({ userIdKey: 'l'.repeat(16) }, { user_id: 'alice' }).user_id, user_id)
  })

  it('is hashed with a random key where none is set, in camel case too', () => {
    assert.notEqual(hashed({}, { user_id: 'alice' }).user_id, hashed({}, { user_id: 'alice' }).user_id)
    assert.match(hashed({}, { userId: 'alice' }).userId, /^hmac:/)
  })

  it('is plain only where that is asked for', () => {
    assert.equal(hashed({ userId: 'plain' }, { user_id: 'alice' }).user_id, 'alice')
  })
})

describe('text', () => {
  it('is time, level, logger, message and pairs, and an error below', () => {
    const written = capture({ jsonFormat: false })
    getLogger('a.b', { context: { n: 1, plain: 'x', spaced: 'x y', none: null } }).warning('Look "here"')
    getLogger('a.b').error('failed', { error: new TypeError('inner') })
    assert.match(written[0]!, /^\S{24} WARNING {2}a\.b Look "here" n=1 plain=x spaced="x y" none=null\n$/)
    assert.match(written[1]!, /^\S{24} ERROR {4}a\.b failed\nTypeError: inner\n {4}at .*\n$/s)
  })

  it('neither forges a line nor drives a terminal', () => {
    const written = capture({ jsonFormat: false })
    getLogger('a').info('x\nERROR forged\u001b[2J', { context: { key: 'y\nz\u001b' } })
    assert.equal(written.join('').split('\n').length, 2)
    assert.ok(!written.join('').includes('\u001b'))
  })
})

describe('the log file', () => {
  it('receives every line beside the console, appended, and not for everyone to read', () => {
    const logFile = join(folder, 'app.log')
    const consoleLines: string[] = []
    for (const text of ['one', 'two']) {
      const written = capture({ logFile })
      getLogger('a').info(text)
      consoleLines.push(...written)
    }
    assert.equal(readFileSync(logFile, 'utf8'), consoleLines.join(''))
    assert.deepEqual(
      consoleLines.map(line => parse(line).message),
      ['one', 'two'],
    )
    assert.equal(statSync(logFile).mode & 0o007, 0)
  })

  it('that cannot be opened is an error that names it, and leaves logging as it was', () => {
    const written = capture()
    const logFile = join(folder, 'missing', 'app.log')
    assert.throws(
      () => setupLogging({ logFile }),
      (error: unknown) => {
        assert.ok(error instanceof LoggingError)
        assert.equal(error.code, 'FILE_NOT_WRITABLE')
        assert.ok(error.message.includes(logFile))
        assert.match(String(error.cause), /ENOENT/)
        return true
      },
    )
    getLogger('a').info('still here')
    assert.equal(written.length, 1)
    assert.equal(process.listenerCount('SIGHUP'), 0)
  })

  it('that fills up is reported once on the console and never stops the program', () => {
    const written = capture({ logFile: '/dev/full' })
    for (const text of ['one', 'two']) getLogger('a').info(text)
    const messages = written.map(line => parse(line))
    assert.deepEqual(
      messages.map(line => line.message).filter(message => message === 'one' || message === 'two'),
      ['one', 'two'],
    )
    assert.deepEqual(
      messages.filter(line => line.level === 'ERROR').map(line => line.context.log_file),
      ['/dev/full'],
    )
  })
})

/** Runs a script in a process of its own, with `getLogger` and `setupLogging` at hand. */
function run(script: string) {
  const logging = new URL('../../../runtime/telemetry/logging.ts', import.meta.url).href
  const source = `import { getLogger, setupLogging } from ${JSON.stringify(logging)}\n${script}`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['pipe', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    output.stderr += text
  })
  return { child, output }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited for ${what}`)
    await delay(10)
  }
}

describe('a process', () => {
  it('logs to stderr, so that stdout stays free for data, and loses no last line', async () => {
    const { child, output } = run(`getLogger('a').info('before any set-up'); process.kill(process.pid, 'SIGKILL')`)
    await once(child, 'close')
    assert.equal(output.stdout, '')
    assert.equal(parse(output.stderr).message, 'before any set-up')
  })

  it('waits for a full pipe that refuses instead of blocking, and loses no line', async () => {
    const lines = 500
    const { child, output } = run(`
      import { Socket } from 'node:net'
      new Socket({ fd: 2 }).unref()
      for (let i = 0; i < ${lines}; i++) getLogger('a').info('m', { context: { i, long: 'ä'.repeat(60_000) } })
    `)
    await once(child, 'close')
    const numbers = output.stderr
      .trimEnd()
      .split('\n')
      .map(line => parse(line).context.i)
    assert.deepEqual(
      numbers,
      Array.from({ length: lines }, (_, i) => i),
    )
  })

  it('whose stderr is gone goes on', async () => {
    const { child, output } = run(`
      import { closeSync } from 'node:fs'
      closeSync(2)
      for (let i = 0; i < 3; i++) getLogger('a').info('m')
      process.stdout.write('done')
    `)
    const [code] = await once(child, 'close')
    assert.deepEqual([code, output.stdout], [0, 'done'])
  })

  it('opens the log file again on SIGHUP, and loses no line around a rotation', async () => {
    const logFile = join(folder, 'rotated.log')
    const { child, output } = run(`
      setupLogging({ logFile: ${JSON.stringify(logFile)} })
      process.stdin.on('data', text => getLogger('a').info(String(text)))
      process.stdout.write('ready')
    `)
    const messages = (path: string) =>
      existsSync(path)
        ? readFileSync(path, 'utf8')
            .trim()
            .split('\n')
            .filter(Boolean)
            .map(line => parse(line).message)
        : []
    await until(() => output.stdout === 'ready', 'the process')
    child.stdin.write('one')
    await until(() => messages(logFile).length === 1, 'the first line')
    renameSync(logFile, `${logFile}.1`)
    child.stdin.write('two')
    await until(() => messages(`${logFile}.1`).length === 2, 'a line in the renamed file')
    child.kill('SIGHUP')
    await until(() => existsSync(logFile), 'the new file')
    child.stdin.end('three')
    await once(child, 'close')
    assert.deepEqual([messages(`${logFile}.1`), messages(logFile)], [['one', 'two'], ['three']])
    assert.equal(output.stderr.trim().split('\n').length, 3)
  })
})

/** The line of this file on which the logger is called with that message. */
function lineOf(message: string): number {
  const lines = readFileSync(import.meta.filename, 'utf8').split('\n')
  return lines.findIndex(line => line.includes(`.info('${message}`)) + 1
}

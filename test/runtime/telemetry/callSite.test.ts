/** Whence a line was logged, through everything that a program does to its stack. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, beforeEach, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { getLogger, setupLogging } from '../../../runtime/telemetry/logging.ts'

const written: string[] = []
const logger = getLogger('a')
const text = readFileSync(import.meta.filename, 'utf8').split('\n')

beforeEach(() => {
  written.length = 0
  setupLogging({}, { write: line => void written.push(line) })
})
after(() => void setupLogging({}, { write() {} }))

/** The last line's source; the marked line of this file is where it must come from. */
function assertSource(mark: string, name: string): void {
  const line = text.findIndex(each => each.endsWith(`// ${mark}`)) + 1
  const { source } = JSON.parse(written.at(-1)!)
  assert.deepEqual(source, { file: import.meta.filename, line, function: name })
}

const unknown = { file: '<unknown>', line: 0, function: '<unknown>' }
const lastSource = () => JSON.parse(written.at(-1)!).source

describe('the source of a line', () => {
  it('is file, line and function, each time anew', () => {
    function first() {
      logger.info('same') // first
    }
    function second() {
      logger.info('same') // second
    }
    for (let i = 0; i < 3; i++) {
      first()
      assertSource('first', 'first')
      second()
      assertSource('second', 'second')
    }
  })

  it('tells two functions on one line apart', () => {
    const named = (name: string) => ({ [name]: () => logger.info('m') })[name]! // both
    const [left, right] = [named('left'), named('right')]
    for (const each of [left, right, left]) {
      each()
      assertSource('both', each.name)
    }
  })

  it('is right at every level, in methods, constructors and callbacks', () => {
    class Consumer {
      constructor() {
        logger.debug('not written')
        logger.warning('m') // constructor
      }
      poll() {
        logger.error('m') // method
      }
    }
    const consumer = new Consumer()
    assertSource('constructor', 'Consumer')
    consumer.poll()
    assertSource('method', 'poll')
    ;[1].forEach(() => {
      logger.critical('m') // callback
    })
    assertSource('callback', '<anonymous>')
  })

  it('is right after an await, in a generator and in a timer', async () => {
    async function consume() {
      await turn()
      logger.info('m') // after an await
    }
    async function* batches() {
      await turn()
      logger.info('m') // in a generator
      yield 1
    }
    await consume()
    assertSource('after an await', 'consume')
    for await (const _ of batches()) assertSource('in a generator', 'batches')
    await new Promise<void>(resolve => {
      setImmediate(function fired() {
        logger.info('m') // in a timer
        resolve()
      })
    })
    assertSource('in a timer', 'fired')
  })
})

describe('a function that logs for its caller', () => {
  it('names the line that called it', () => {
    function report() {
      logger.info('m', { caller: report })
    }
    function consume() {
      report() // called
    }
    consume()
    assertSource('called', 'consume')
  })

  it('names who awaits it where it is asynchronous itself', async () => {
    async function report() {
      await turn()
      logger.info('m', { caller: report })
    }
    async function consume() {
      await report() // awaited
    }
    await consume()
    assertSource('awaited', 'consume')
  })

  it('that nobody awaits, or that is not running, names its own line', async () => {
    function consume() {
      logger.info('m', { caller: assertSource }) // own
    }
    consume()
    assertSource('own', 'consume')
  })
})

describe('the way in which the program renders stacks', () => {
  const { prepareStackTrace, stackTraceLimit, captureStackTrace } = Error
  const restored = () => {
    Error.prepareStackTrace = prepareStackTrace
    Error.stackTraceLimit = stackTraceLimit
    Error.captureStackTrace = captureStackTrace
  }

  it('stays as it was', () => {
    const mine = () => 'mine'
    for (const limit of [0, 1, 10, Number.POSITIVE_INFINITY]) {
      try {
        Error.prepareStackTrace = mine
        Error.stackTraceLimit = limit
        logger.info('m') // with their own
        assertSource('with their own', '<anonymous>')
        assert.deepEqual([Error.prepareStackTrace, Error.stackTraceLimit], [mine, limit])
      } finally {
        restored()
      }
    }
    assert.match(new Error('x').stack!, /^Error: x\n {4}at /)
  })

  it('may throw: the line is written, its error too', () => {
    const mine = () => {
      throw new Error('mine')
    }
    try {
      Error.prepareStackTrace = mine
      logger.info('m', { error: new Error('theirs') }) // throwing
      assert.equal(Error.prepareStackTrace, mine)
    } finally {
      restored()
    }
    assertSource('throwing', '<anonymous>')
    const { type, message, stack } = JSON.parse(written.at(-1)!).error
    assert.deepEqual([type, message, stack], ['Error', 'theirs', 'Error: theirs'])
  })

  it('may replace the capture: lines without a source, and nothing else changes', () => {
    const replacements = [
      () => {
        throw new Error('mine')
      },
      (target: object) => void Object.assign(target, { stack: 'text' }),
      (target: object) => void Object.assign(target, { stack: [null] }),
      () => {},
    ]
    for (const replacement of replacements) {
      try {
        Error.captureStackTrace = replacement
        logger.info('m')
        assert.deepEqual([Error.prepareStackTrace, Error.stackTraceLimit], [prepareStackTrace, stackTraceLimit])
      } finally {
        restored()
      }
      assert.deepEqual(lastSource(), unknown)
    }
  })

  it('may be frozen: lines without a source', () => {
    const names = ['prepareStackTrace', 'stackTraceLimit'] as const
    const values = { prepareStackTrace, stackTraceLimit }
    try {
      for (const name of names) Object.defineProperty(Error, name, { value: values[name], writable: false })
      logger.info('m')
    } finally {
      for (const name of names) Object.defineProperty(Error, name, { value: values[name], writable: true })
    }
    assert.deepEqual(lastSource(), unknown)
  })
})

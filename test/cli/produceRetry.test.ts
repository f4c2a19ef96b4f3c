/** What is tried again, what is not, and how it ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { createRetry, ProduceError } from '../../cli/produceRetry.ts'

const { KafkaJSConnectionError, KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded } = kafkajs

const refused = () => new KafkaJSConnectionError('connect ECONNREFUSED', { broker: '127.0.0.1:1' })
/** As kafkajs gives up: an error that says "not retriable" around one that is. */
const exhausted = () => new KafkaJSNumberOfRetriesExceeded(refused(), { retryCount: 1, retryTime: 1 })
const denied = () => new KafkaJSNonRetriableError('not authorised')

function setUp(timeoutMs: number) {
  const warnings: string[] = []
  return { retry: createRetry(['b:1', 'c:2'], timeoutMs, message => warnings.push(message)), warnings }
}

function failing(times: number, error: () => Error) {
  let calls = 0
  return async () => {
    if (calls++ < times) throw error()
    return calls
  }
}

for (const [what, error] of [
  ['a broken connection', refused],
  ['a request that kafkajs gave up', exhausted],
] as const)
  test(`${what} is tried again, with a warning that names the broker`, async () => {
    const { retry, warnings } = setUp(60_000)
    assert.equal(await retry(failing(2, error)), 3)
    assert.equal(warnings.length, 2)
    assert.match(warnings[0]!, /127\.0\.0\.1:1.*trying again/)
  })

test('what Kafka refuses is not tried again', async () => {
  const { retry, warnings } = setUp(60_000)
  await assert.rejects(retry(failing(9, denied)), { name: 'ProduceError', code: 'REFUSED', broker: 'b:1, c:2' })
  assert.deepEqual(warnings, [])
})

test('a fault of the program is not tried again', async () => {
  const { retry } = setUp(60_000)
  await assert.rejects(retry(failing(9, () => new TypeError('x is undefined'))), { code: 'REFUSED' })
})

test('it gives up after the time given and keeps the cause', async () => {
  const { retry } = setUp(0)
  await assert.rejects(retry(failing(9, refused)), (error: ProduceError) => {
    assert.ok(error instanceof ProduceError)
    assert.equal(error.code, 'UNREACHABLE')
    assert.equal(error.broker, '127.0.0.1:1')
    assert.ok(error.cause instanceof KafkaJSConnectionError)
    return true
  })
})

test('once one request has given up the others end at their next failure', async () => {
  const { retry } = setUp(60_000)
  await assert.rejects(retry(failing(1, denied)))
  await assert.rejects(retry(failing(1, refused)), { code: 'REFUSED' })
})

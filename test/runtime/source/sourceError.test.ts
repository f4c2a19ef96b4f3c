/** Which code and which fix each failure of kafkajs becomes. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CredentialsError } from '../../../runtime/secrets.ts'
import { OAuthError } from '../../../runtime/source/oauthError.ts'
import { SourceError, type SourceErrorCode, toSourceError } from '../../../runtime/source/sourceError.ts'

function kafkajsError(name: string, fields: Record<string, unknown> = {}): Error {
  return Object.assign(new Error('told by kafkajs'), { name, ...fields })
}
const answered = (type: string, retriable = false) => kafkajsError('KafkaJSProtocolError', { type, retriable })

const broker = 'kafka-1:9092'
const cases: readonly (readonly [Error, SourceErrorCode, RegExp])[] = [
  [
    kafkajsError('KafkaJSConnectionError', { broker, code: 'ECONNREFUSED' }),
    'UNREACHABLE',
    /kafka-1:9092.*bootstrap servers/,
  ],
  [kafkajsError('KafkaJSConnectionClosedError', { broker }), 'UNREACHABLE', /kafka-1:9092/],
  [kafkajsError('KafkaJSRequestTimeoutError', { broker }), 'UNREACHABLE', /kafka-1:9092/],
  [kafkajsError('KafkaJSBrokerNotFound'), 'UNREACHABLE', /unreachable/],
  [kafkajsError('KafkaJSSASLAuthenticationError'), 'AUTHENTICATION', /mechanism, user and password/],
  [new OAuthError('NO_TOKEN', 'the token endpoint a'), 'AUTHENTICATION', /^the token endpoint a$/],
  [new OAuthError('TOKEN_DENIED', 'the token endpoint a'), 'AUTHENTICATION', /^the token endpoint a$/],
  [new CredentialsError('MISSING_SECRET', 'spec.a', 'what', 'fix'), 'AUTHENTICATION', /no credentials.*spec\.a · fix/],
  [answered('ILLEGAL_SASL_STATE'), 'AUTHENTICATION', /credentials/],
  [kafkajsError('KafkaJSConnectionError', { broker, code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'AUTHENTICATION', /CA/],
  [answered('TOPIC_AUTHORIZATION_FAILED'), 'AUTHORIZATION', /READ/],
  [answered('GROUP_AUTHORIZATION_FAILED'), 'AUTHORIZATION', /READ/],
  [answered('UNKNOWN_TOPIC_OR_PARTITION', true), 'UNKNOWN_TOPIC', /\[health\]/],
  [answered('INVALID_SESSION_TIMEOUT'), 'INVALID_CONFIGURATION', /group\.min\.session\.timeout\.ms/],
  [answered('INCONSISTENT_GROUP_PROTOCOL'), 'INVALID_CONFIGURATION', /another group id/],
  [answered('UNSUPPORTED_VERSION'), 'UNSUPPORTED_BROKER', /2\.3/],
  [answered('LEADER_NOT_AVAILABLE', true), 'NOT_READY', /LEADER_NOT_AVAILABLE/],
  [answered('GROUP_COORDINATOR_NOT_AVAILABLE', true), 'NOT_READY', /not ready/],
  [answered('INVALID_FETCH_SIZE'), 'UNKNOWN', /INVALID_FETCH_SIZE/],
  [new TypeError('a mistake of ours'), 'UNKNOWN', /a mistake of ours/],
]

suite('source errors', () => {
  for (const [error, code, message] of cases)
    test(`${error.name} ${JSON.stringify({ ...error })} becomes ${code}`, () => {
      const problem = toSourceError(error, ['health'])
      assert.equal(problem.code, code)
      assert.match(problem.message, message)
      assert.equal(problem.cause, error)
      assert.equal(problem.retriable, ['UNREACHABLE', 'NOT_READY', 'UNKNOWN_TOPIC', 'AUTHENTICATION'].includes(code))
    })

  test('are found below what kafkajs gave up retrying', () => {
    const cause = kafkajsError('KafkaJSConnectionError', { broker })
    assert.equal(toSourceError(kafkajsError('KafkaJSNumberOfRetriesExceeded', { cause })).code, 'UNREACHABLE')
    const failed = kafkajsError('KafkaJSNumberOfRetriesExceeded', { cause: new OAuthError('NO_TOKEN', 'down', cause) })
    assert.equal(toSourceError(failed).message, 'down')
  })

  test('name the servers where kafkajs names no broker', () => {
    const refused = toSourceError(kafkajsError('KafkaJSSASLAuthenticationError'), [], [broker, 'kafka-2:9092'])
    assert.match(refused.message, /^Kafka at kafka-1:9092, kafka-2:9092 refuses/)
  })

  test('tell a name of the manifest that does not resolve from one that the brokers announce', () => {
    const error = Object.assign(new Error('Connection error: getaddrinfo ENOTFOUND kafka-1'), {
      name: 'KafkaJSConnectionError',
      code: 'ENOTFOUND',
      broker,
    })
    const ofManifest = toSourceError(error, [], [broker])
    assert.equal(ofManifest.code, 'UNREACHABLE')
    assert.match(
      ofManifest.message,
      /^Kafka at kafka-1:9092: no such host name .* correct spec\.kafka\.bootstrapServers/,
    )
    assert.match(toSourceError(error, [], ['bootstrap:9092']).message, /kafka-1:9092.*advertised\.listeners/)
  })

  test('stay what they are', () => {
    const error = new SourceError('CORRUPT_DATA', 'x')
    assert.equal(toSourceError(error), error)
  })
})

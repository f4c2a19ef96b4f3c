/**
 * Every way in which talking to Kafka fails, as a closed list, and how the errors of kafkajs map to it. A message names
 * the broker or the setting and what to do; it never holds a record's content or a secret.
 */
import { CredentialsError } from '../secrets.ts'
import { isTlsFailure } from '../tlsContext.ts'
import type { KafkajsError } from './kafkajsInternals.ts'
import { OAuthError } from './oauthError.ts'

export const sourceErrorCodes = [
  /** No broker answers, a connection broke, or a request timed out. */
  'UNREACHABLE',
  /** A broker answers that it cannot do it now: a leader or a coordinator is being elected or loaded. */
  'NOT_READY',
  /** Refused: a password that is being rotated comes right by itself, so it is retriable. */
  'AUTHENTICATION',
  'AUTHORIZATION',
  'UNKNOWN_TOPIC',
  'INVALID_CONFIGURATION',
  'UNSUPPORTED_BROKER',
  /** Bytes that are no valid record batch, or do not decompress. */
  'CORRUPT_DATA',
  /** The handler of a batch rejected. */
  'HANDLER_FAILED',
  /** Asked after the connection was closed on purpose. */
  'CLOSED',
  'UNKNOWN',
] as const
export type SourceErrorCode = (typeof sourceErrorCodes)[number]

const retriableCodes: readonly SourceErrorCode[] = ['UNREACHABLE', 'NOT_READY', 'UNKNOWN_TOPIC', 'AUTHENTICATION']

export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code: SourceErrorCode
  constructor(code: SourceErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }

  /** Whether the same request may succeed later without anyone changing the manifest. */
  get retriable(): boolean {
    return retriableCodes.includes(this.code)
  }
}

const groupFixes: Readonly<Record<string, string>> = {
  INVALID_SESSION_TIMEOUT:
    "the session timeout is outside the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms: change it",
  INCONSISTENT_GROUP_PROTOCOL: 'another kind of consumer uses this group id: choose another group id',
  INVALID_GROUP_ID: 'Kafka refuses the group id: choose another one',
  GROUP_MAX_SIZE_REACHED: "the group has as many members as the brokers' group.max.size allows: run fewer replicas",
}

const unreachable =
  /^KafkaJS(Connection|RequestTimeout|BrokerNotFound|NoBroker|MetadataNotLoaded|TopicMetadata|Lock|Group)/

/** What the system says of a host name that it cannot turn into an address. */
const unresolved = /\bgetaddrinfo (?:ENOTFOUND|EAI_AGAIN)\b/

/** The first brokers are named by the manifest, the others by these. */
const nameFix = (named: string, servers: readonly string[]): string =>
  servers.length === 0 || servers.includes(named)
    ? 'correct spec.kafka.bootstrapServers, or see whether DNS works where this runs'
    : 'the brokers announce this name (advertised.listeners): make it known to DNS where this runs, or announce another'

/** `topics` are named where Kafka does not say which of them it does not know, `servers` where kafkajs names no broker. */
export function toSourceError(
  thrown: unknown,
  topics: readonly string[] = [],
  servers: readonly string[] = [],
): SourceError {
  if (thrown instanceof SourceError) return thrown
  if (!(thrown instanceof Error)) return new SourceError('UNKNOWN', String(thrown), thrown)
  const error = innermost(thrown)
  const { type = '', code = '', broker } = error
  const named = broker ?? servers.join(', ')
  const at = named === '' ? 'Kafka' : `Kafka at ${named}`
  const as = (kind: SourceErrorCode, message: string) => new SourceError(kind, message, thrown)
  if (error instanceof OAuthError) return as('AUTHENTICATION', error.message)
  if (error instanceof CredentialsError) return as('AUTHENTICATION', `no credentials for ${at}: ${error.message}`)
  if (error.name === 'KafkaJSSASLAuthenticationError' || type.includes('SASL'))
    return as(
      'AUTHENTICATION',
      `${at} refuses the SASL credentials (${error.message}): check mechanism, user and password`,
    )
  if (isTlsFailure(String(code)))
    return as('AUTHENTICATION', `${at}: TLS handshake failed (${code}): check the CA and the client certificate`)
  if (type.endsWith('AUTHORIZATION_FAILED'))
    return as('AUTHORIZATION', `${at} denies access (${type}): grant READ on the topics and on the group`)
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'INVALID_TOPIC_EXCEPTION')
    return as('UNKNOWN_TOPIC', `${at} has no such topic among [${topics.join(', ')}]: create it or correct its name`)
  if (type in groupFixes) return as('INVALID_CONFIGURATION', `${at}: ${groupFixes[type]}`)
  if (error.name === 'KafkaJSServerDoesNotSupportApiKey' || type === 'UNSUPPORTED_VERSION')
    return as('UNSUPPORTED_BROKER', `${at} is too old or too new (${error.message}): use Kafka 2.3 to 4.x`)
  if (unreachable.test(error.name) && unresolved.test(error.message))
    return as('UNREACHABLE', `${at}: no such host name (${error.message}): ${nameFix(named, servers)}`)
  if (unreachable.test(error.name))
    return as('UNREACHABLE', `${at} is unreachable (${error.message}): check the bootstrap servers and the network`)
  if (type !== '' && error.retriable === true) return as('NOT_READY', `${at} is not ready (${type}): ${error.message}`)
  return as('UNKNOWN', `${at}: ${type || error.name}: ${error.message}`)
}

/** kafkajs wraps what it gave up retrying. */
function innermost(error: KafkajsError): KafkajsError {
  return error.name === 'KafkaJSNumberOfRetriesExceeded' && error.cause instanceof Error
    ? innermost(error.cause)
    : error
}

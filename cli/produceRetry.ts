/**
 * Tries a request to Kafka again while it may still succeed: backs off, warns, and gives up after a stated time. It knows
 * what kafkajs' errors mean and nothing about what is being sent.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export type ProduceErrorCode = 'UNREACHABLE' | 'REFUSED'

/** UNREACHABLE: no success within the time given. REFUSED: Kafka answered that it will not do it. */
export class ProduceError extends Error {
  override readonly name = 'ProduceError'
  readonly code: ProduceErrorCode
  /** The broker that failed, or the bootstrap servers; `host:port`. */
  readonly broker: string
  constructor(code: ProduceErrorCode, broker: string, what: string, cause: unknown) {
    super(what, { cause })
    this.code = code
    this.broker = broker
  }
}

export type Retry = <T>(request: () => Promise<T>) => Promise<T>

/** The first wait, doubled up to the last. */
const firstWaitMs = 250
const longestWaitMs = 5_000

export function createRetry(
  bootstrapServers: readonly string[],
  timeoutMs: number,
  warn: (message: string) => void,
): Retry {
  const servers = bootstrapServers.join(', ')
  // Once one request has given up the work has failed: the others that are under way need not go on.
  let failure: ProduceError | undefined

  return async function retry(request) {
    const deadlineMs = performance.now() + timeoutMs
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, longestWaitMs)) {
      try {
        return await request()
      } catch (thrown) {
        const leftMs = deadlineMs - performance.now()
        failure ??= failureOf(thrown, leftMs)
        if (failure) throw failure
        const { broker = servers, message } = innermost(thrown)
        warn(`Kafka at ${broker}: ${message}; trying again, for ${seconds(leftMs)} more`)
        await sleep(Math.min(waitMs, leftMs))
      }
    }
  }

  function failureOf(thrown: unknown, leftMs: number): ProduceError | undefined {
    const error = innermost(thrown)
    const { broker = servers, message } = error
    if (!isRetriable(error)) return new ProduceError('REFUSED', broker, `Kafka refuses: ${message}`, thrown)
    if (leftMs > 0) return undefined
    return new ProduceError('UNREACHABLE', broker, `no success within ${seconds(timeoutMs)}: ${message}`, thrown)
  }
}

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`

/** The fields of kafkajs' errors that are read here. */
interface KafkaError extends Error {
  readonly retriable?: boolean
  /** `host:port`. */
  readonly broker?: string
  /** Of an aggregate. */
  readonly errors?: readonly KafkaError[]
}

/** kafkajs wraps what it gave up on, several times over. */
function innermost(thrown: unknown): KafkaError {
  if (!(thrown instanceof Error)) return new Error(String(thrown))
  const error: KafkaError = thrown
  if (error.errors?.[0]) return innermost(error.errors[0])
  return error.name.startsWith('KafkaJS') && error.cause instanceof Error ? innermost(error.cause) : error
}

/** Errors of kafkajs and of logins say so themselves, those of a socket have a code; any other is a fault that repeating cannot mend. */
const isRetriable = (error: KafkaError): boolean => error.retriable ?? 'code' in error

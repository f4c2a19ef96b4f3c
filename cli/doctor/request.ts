/**
 * One GET request, bounded in time and size. It follows no redirect (credentials must not travel on), tries nothing
 * again, and never rejects: how a request fails is what doctor is asked for.
 */
import { isTlsFailure } from '../../runtime/tlsContext.ts'
import { type Address, below, withoutSecrets } from './address.ts'

export type RequestFailure = 'refused' | 'timeout' | 'unknown host' | 'not HTTP' | 'TLS' | 'too large' | 'broken'

export type Answer =
  | {
      readonly reached: true
      /** Safe to show. */
      readonly url: string
      readonly status: number
      readonly contentType: string | null
      readonly body: string
    }
  | {
      readonly reached: false
      readonly url: string
      readonly failure: RequestFailure
      /** For people, one sentence. */
      readonly detail: string
    }

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly maxBytes?: number
  readonly bearerToken?: string
}

const standardMaxBytes = 32 * 1024 * 1024

export async function get(address: Address, path: string, options: RequestOptions): Promise<Answer> {
  const { query, timeoutMs, maxBytes = standardMaxBytes, bearerToken } = options
  const target = below(address, path, query)
  const url = withoutSecrets(target.href)
  const authorization = bearerToken === undefined ? address.authorization : `Bearer ${bearerToken}`
  try {
    const response = await fetch(target, {
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: authorization === undefined ? {} : { authorization },
    })
    const body = await readBounded(response, maxBytes)
    if (body === undefined)
      return { reached: false, url, failure: 'too large', detail: `it answers with more than ${maxBytes} bytes` }
    return { reached: true, url, status: response.status, contentType: response.headers.get('content-type'), body }
  } catch (error) {
    return { reached: false, url, ...explain(error, timeoutMs) }
  }
}

async function readBounded(response: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    // Leaving the loop cancels the rest.
    if (bytes > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function explain(error: unknown, timeoutMs: number): { failure: RequestFailure; detail: string } {
  const timedOut = { failure: 'timeout', detail: `no whole answer within ${timeoutMs / 1000} s` } as const
  if (error instanceof DOMException && error.name === 'TimeoutError') return timedOut
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  if (code === 'ECONNREFUSED') return { failure: 'refused', detail: 'connection refused: nothing listens there' }
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'EHOSTUNREACH') return timedOut
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return { failure: 'unknown host', detail: 'the host name is not known' }
  if (cause instanceof Error && cause.name === 'HTTPParserError')
    return { failure: 'not HTTP', detail: 'what answers there does not speak HTTP' }
  if (isTlsFailure(code)) return { failure: 'TLS', detail: `TLS handshake failed (${code})` }
  const message = cause instanceof Error ? cause.message : String(cause)
  return { failure: 'broken', detail: code === '' ? message : `${message} (${code})` }
}

/**
 * The SASL mechanism OAUTHBEARER for kafkajs, whose own takes a refused token for an accepted one: the broker refuses it in
 * an answer that is no error, and waits for the client to agree. It fetches no token and tells none.
 *
 * Source: RFC 7628 sections 3.1 and 3.2.3; KIP-255, KIP-342 (extensions).
 */
import type { Mechanism } from 'kafkajs'
import { OAuthError } from './oauthError.ts'

export interface BearerLogin {
  readonly token: string
  /** Sent along by name, e.g. `logicalCluster`. */
  readonly extensions: Readonly<Record<string, string>>
}

const separator = '\x01'

/** `login` is asked at each login, `onRefused` told the token that a broker does not take. */
export const oauthBearer = (login: () => Promise<BearerLogin>, onRefused: (token: string) => void): Mechanism => ({
  mechanism: 'oauthbearer',
  authenticationProvider: ({ host, port, saslAuthenticate }) => ({
    async authenticate() {
      const own = await login()
      const say = (text: string) => saslAuthenticate({ request: requestOf(text), response })
      const refused = (status: string, cause?: unknown) => {
        onRefused(own.token)
        return new OAuthError('TOKEN_REFUSED', `Kafka at ${host}:${port} refuses the token${status}: ${fix}`, cause)
      }
      const refusal = await say(initialResponse(own)).catch((error: unknown) => {
        throw isRefusal(error) ? refused('', error) : error
      })
      if (!refusal) return
      // The broker ends the connection, and logs that a login failed, only after this.
      await say(separator).catch(() => undefined)
      throw refused(statusOf(refusal))
    },
  }),
})

const fix = 'see that it expects this issuer, audience and scope, and trusts the key that the token is signed with'

const isRefusal = (error: unknown): boolean => (error as { type?: unknown }).type === 'SASL_AUTHENTICATION_FAILED'

function initialResponse({ token, extensions }: BearerLogin): string {
  const pairs = Object.entries({ auth: `Bearer ${token}`, ...extensions }).map(pair => pair.join('='))
  return ['n,,', ...pairs, '', ''].join(separator)
}

/** kafkajs wants, and gives, bytes after their length. */
function requestOf(text: string) {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return { encode: () => Buffer.concat([length, bytes]) }
}
const response = { decode: (bytes: Buffer) => bytes.subarray(4), parse: String }

/** RFC 6750 section 3.1. */
function statusOf(refusal: string): string {
  const word = /"status"\s*:\s*"(invalid_token|invalid_request|insufficient_scope)"/.exec(refusal)?.[1]
  return word === undefined ? '' : ` (${word})`
}

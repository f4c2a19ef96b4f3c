/**
 * Keeps the token of a login: fetched once for all who ask, and again some time before it expires, as long as somebody asks,
 * when a broker refused it, and when the login is another. It knows neither where tokens come from nor what they are for.
 */
import { fetchToken, type OAuthLogin, type OAuthToken } from './oauthEndpoint.ts'
import { OAuthError } from './oauthError.ts'

export interface OAuthTokens {
  /** Rejects with OAuthError. */
  current(login: OAuthLogin): Promise<string>
  /** The next to ask gets another token. */
  refused(token: string): void
}

export interface OAuthTokensOptions {
  /** Rejects with OAuthError. */
  readonly fetch?: (login: OAuthLogin) => Promise<OAuthToken>
  /** A clock in milliseconds that never goes back. */
  readonly now?: () => number
}

interface Held {
  readonly value: string
  readonly renewAtMs: number
  readonly usableUntilMs: number
}

/**
 * Brokers end a connection when its token expires, and kafkajs logs in again 10 s before (KIP-368): a connection that began
 * with less would do so at each request.
 */
const leastLeftMs = 15_000
const shareLeft = 0.2
const retryMs = 10_000
/** What a timer takes. */
const longestWaitMs = 2 ** 31 - 1

export function createOAuthTokens(options: OAuthTokensOptions = {}): OAuthTokens {
  const { fetch = fetchToken, now = () => performance.now() } = options
  let newest: { readonly login: string; readonly token: TokenOfLogin } | undefined
  return {
    current(login) {
      const asked = JSON.stringify(login)
      if (newest?.login !== asked) newest = { login: asked, token: tokenOfLogin(() => fetch(login), now) }
      return newest.token.current()
    },
    refused: token => newest?.token.refused(token),
  }
}

const isTransient = (error: unknown): boolean => error instanceof OAuthError && error.retriable

interface TokenOfLogin {
  current(): Promise<string>
  refused(token: string): void
}

function tokenOfLogin(fetch: () => Promise<OAuthToken>, now: () => number): TokenOfLogin {
  let held: Held | undefined
  let fetching: Promise<Held> | undefined
  let timer: NodeJS.Timeout | undefined
  let wasAskedFor = false

  async function fetchOnce(): Promise<Held> {
    const startMs = now()
    const { value, lifetimeMs } = await fetch()
    const expiresAtMs = startMs + lifetimeMs
    const renewAtMs = expiresAtMs - Math.max(leastLeftMs, shareLeft * lifetimeMs)
    held = { value, renewAtMs, usableUntilMs: expiresAtMs - leastLeftMs }
    if (now() < renewAtMs) renewIn(renewAtMs - now())
    return held
  }

  function fetchForAll(): Promise<Held> {
    fetching ??= fetchOnce().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  /** So that a login need not wait for the endpoint, and one that fails has time to come back. Ends once nobody asks. */
  function renewIn(ms: number): void {
    const renew = async () => {
      if (!wasAskedFor) return
      wasAskedFor = false
      await fetchForAll().catch((error: unknown) => {
        if (!isTransient(error) || held === undefined || now() >= held.usableUntilMs) return
        wasAskedFor = true
        renewIn(retryMs)
      })
    }
    clearTimeout(timer)
    timer = setTimeout(renew, Math.min(ms, longestWaitMs)).unref()
  }

  return {
    async current() {
      wasAskedFor = true
      if (held !== undefined && now() < held.renewAtMs) return held.value
      try {
        return (await fetchForAll()).value
      } catch (error) {
        // The endpoint may fail for as long as the last token is good, but what it denies is denied.
        if (isTransient(error) && held !== undefined && now() < held.usableUntilMs) return held.value
        throw error
      }
    },
    refused(token) {
      if (held?.value === token) held = undefined
    },
  }
}

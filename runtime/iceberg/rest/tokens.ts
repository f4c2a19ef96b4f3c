/**
 * A bearer token that is fetched once for all who need it, again some time before it expires, and when it was refused. It
 * knows nothing of where tokens come from.
 */
import { CatalogError } from '../catalog.ts'
import { isObject, type JsonObject } from './answers.ts'

export interface FetchedToken {
  readonly token: string
  /** From now on. */
  readonly lifetimeMs: number
  /** One that somebody else replaces, whose lifetime only says when to look again. */
  readonly isRotated?: boolean
}

export interface TokenSource {
  /** Rejects with what the fetch rejects with, unless the last token is still good. */
  current(): Promise<string>
  /** A newer token than the one that was refused, if one can be had. */
  renewed(isRefused: (token: string) => boolean): Promise<string>
}

interface Held extends FetchedToken {
  readonly renewAtMs: number
  readonly expiresAtMs: number
}

export function tokenSource(
  fetch: () => Promise<FetchedToken>,
  { now, random }: { readonly now: () => number; readonly random: () => number },
): TokenSource {
  let held: Held | undefined
  let fetching: Promise<Held> | undefined

  async function fetchOnce(): Promise<Held> {
    const startMs = now()
    const fetched = await fetch()
    // Jittered, so that pods that started together do not all fetch together.
    const renewAtMs = startMs + fetched.lifetimeMs * (fetched.isRotated ? 1 : 0.7 + 0.15 * random())
    held = { ...fetched, renewAtMs, expiresAtMs: startMs + fetched.lifetimeMs }
    return held
  }

  function fetchForAll(): Promise<Held> {
    fetching ??= fetchOnce().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  return {
    async current() {
      if (held !== undefined && now() < held.renewAtMs) return held.token
      try {
        return (await fetchForAll()).token
      } catch (error) {
        const isTransient = error instanceof CatalogError && error.code === 'UNAVAILABLE'
        if (isTransient && held !== undefined && now() < held.expiresAtMs) return held.token
        throw error
      }
    },
    async renewed(isRefused) {
      if (held !== undefined && !isRefused(held.token)) return held.token
      return (await fetchForAll()).token
    },
  }
}

const usualLifetimeMs = 3_600_000

/** Seconds since the epoch at which a JWT says that it expires (RFC 7519 section 4.1.4). */
function jwtExpiry(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return isObject(claims) && typeof claims.exp === 'number' ? claims.exp : undefined
  } catch {
    return undefined
  }
}

/**
 * The token that a token endpoint answers with; undefined where it answers with none.
 *
 * Source: RFC 6749 section 5.1. `expires_in` may be missing: the token itself may say it then, else an hour is taken.
 */
export function tokenOf(document: JsonObject, nowMs: number): FetchedToken | undefined {
  const { access_token: token, expires_in: seconds } = document
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined
  const given = Number(seconds)
  if (seconds !== undefined && seconds !== null && given > 0) return { token, lifetimeMs: given * 1000 }
  const expiry = jwtExpiry(token)
  return { token, lifetimeMs: expiry === undefined ? usualLifetimeMs : Math.max(0, expiry * 1000 - nowMs) }
}

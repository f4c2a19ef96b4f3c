/**
 * Why there is no login with OAuth, as a closed list. A message names who refuses, and what to do; it never holds a token,
 * a secret or what a server wrote.
 */
export type OAuthErrorCode =
  /** The token endpoint cannot be reached, or fails, or answers with no token. */
  | 'NO_TOKEN'
  /** The token endpoint refuses the client. */
  | 'TOKEN_DENIED'
  /** The broker refuses the token. */
  | 'TOKEN_REFUSED'

export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  constructor(code: OAuthErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }

  /** In the sense of kafkajs, which asks errors for it: whether the same may succeed without anyone changing anything. */
  get retriable(): boolean {
    return this.code === 'NO_TOKEN'
  }
}

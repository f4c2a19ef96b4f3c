/** Names one change of a catalog, so that it can be asked for again and is done once. Pure. */

/**
 * A version 7 UUID of a time, milliseconds since the epoch, and the random bits of a version 4 UUID.
 *
 * Source: RFC 9562 section 5.7.
 */
export function idempotencyKey(nowMs: number, randomUuid: string): string {
  const time = nowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUuid.slice(15)}`
}

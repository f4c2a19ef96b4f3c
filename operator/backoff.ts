/** How long to wait before the next attempt. Pure: the random number is passed in. */

export interface BackoffRange {
  readonly leastMs: number
  readonly mostMs: number
}

/**
 * Full jitter: anything from nothing to a ceiling that doubles with each failure, so that those who failed together do
 * not come back together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * `failures` counts from 1; `random` is in [0, 1).
 */
export function fullJitterMs({ leastMs, mostMs }: BackoffRange, failures: number, random: number): number {
  return Math.min(mostMs, leastMs * 2 ** (failures - 1)) * random
}

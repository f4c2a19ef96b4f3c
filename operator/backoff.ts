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
export const fullJitterMs = (range: BackoffRange, failures: number, random: number): number =>
  ceilingMs(range, failures) * random

/** From half of the ceiling up: for where a pause has to be one. */
export const equalJitterMs = (range: BackoffRange, failures: number, random: number): number =>
  ceilingMs(range, failures) * (0.5 + 0.5 * random)

const ceilingMs = ({ leastMs, mostMs }: BackoffRange, failures: number) =>
  Math.min(mostMs, leastMs * 2 ** (failures - 1))

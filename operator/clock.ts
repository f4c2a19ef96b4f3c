/** Time as the operator's loops see it; tests pass one that they drive. It never tells the date to anything stored. */
import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Rejects with the signal's reason once that aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** The longest that a timer of Node can wait. */
const longestMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => delay(Math.min(ms, longestMs), undefined, { signal }),
}

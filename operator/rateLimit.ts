/** Bounds on how much is done: so many a second, so many at a time. They never say what is done. */
import type { Clock } from './clock.ts'

/** Lets `perSecond` through on average and `burst` at once; those who come too early are served in their order. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  readonly #clock: Pick<Clock, 'now'>
  /** Below zero: promised to those who wait. */
  #tokens: number
  #countedAtMs: number

  constructor(perSecond: number, burst: number, clock: Pick<Clock, 'now'>) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#clock = clock
    this.#tokens = burst
    this.#countedAtMs = clock.now()
  }

  /** Takes a token, now or ahead of time. Returns how many milliseconds the caller has to wait for it. */
  take(): number {
    const nowMs = this.#clock.now()
    // A clock that was set back earns nothing.
    const earned = (Math.max(0, nowMs - this.#countedAtMs) * this.#perSecond) / 1000
    this.#countedAtMs = nowMs
    this.#tokens = Math.min(this.#burst, this.#tokens + earned) - 1
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1000) / this.#perSecond
  }
}

/** At most `size` at a time; the others wait in their order. */
export class Slots {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(size: number) {
    this.#free = size
  }

  /** Rejects with the signal's reason where that aborts first; `work` is then not begun. */
  async use<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    await this.#enter(signal)
    try {
      return await work()
    } finally {
      const [next] = this.#waiting
      if (next) next()
      else this.#free++
    }
  }

  #enter(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      if (this.#free > 0) {
        this.#free--
        return resolve()
      }
      const leave = () => {
        this.#waiting.delete(enter)
        signal?.removeEventListener('abort', abort)
      }
      const enter = () => {
        leave()
        resolve()
      }
      const abort = () => {
        leave()
        reject(signal?.reason)
      }
      this.#waiting.add(enter)
      signal?.addEventListener('abort', abort)
    })
  }
}

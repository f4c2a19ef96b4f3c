/** Time that passes only when a test says so. */

interface Timer {
  readonly atMs: number
  fire(): void
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

export class FakeClock {
  private nowMs = 1_700_000_000_000
  private readonly timers = new Set<Timer>()

  readonly now = (): number => this.nowMs

  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const abort = () => {
        this.timers.delete(timer)
        reject(signal.reason)
      }
      const timer: Timer = {
        atMs: this.nowMs + ms,
        fire: () => {
          this.timers.delete(timer)
          signal.removeEventListener('abort', abort)
          resolve()
        },
      }
      this.timers.add(timer)
      signal.addEventListener('abort', abort, { once: true })
    })

  /** Sleepers. */
  get waiting(): number {
    return this.timers.size
  }

  /** Lets `ms` pass, a tenth of a second at a time, and everything happen that is due then. */
  async pass(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs = Math.min(endMs, this.nowMs + 100)
      for (const timer of [...this.timers]) if (timer.atMs <= this.nowMs) timer.fire()
      for (let i = 0; i < 12; i++) await turn()
    }
  }

  /** Lets time pass until it is so; fails after a quarter of an hour. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = this.nowMs + 900_000
    while (!(await condition())) {
      if (this.nowMs > deadlineMs) throw new Error(`not within a quarter of an hour: ${what}`)
      await this.pass(100)
    }
  }
}

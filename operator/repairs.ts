/**
 * How often a child that somebody else keeps changing or deleting is put right again: at once the first time, then ever
 * more rarely, so that two writers that do not agree cost the API server little. Forgotten after a while without.
 */

const leastMs = 1_000
const mostMs = 300_000
const quietMs = 900_000

export class Repairs {
  readonly #now: () => number
  readonly #past = new Map<string, { readonly count: number; readonly lastMs: number }>()

  /** `now` is a clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Milliseconds until the child may be repaired; 0 where it may be now. */
  waitMs(child: string): number {
    const past = this.#past.get(child)
    if (past === undefined) return 0
    const pauseMs = Math.min(mostMs, leastMs * 4 ** (past.count - 1))
    return Math.max(0, past.lastMs + pauseMs - this.#now())
  }

  /** It was repaired just now. */
  done(child: string): void {
    for (const [other, { lastMs }] of this.#past) if (this.#now() - lastMs > quietMs) this.#past.delete(other)
    this.#past.set(child, { count: (this.#past.get(child)?.count ?? 0) + 1, lastMs: this.#now() })
  }
}

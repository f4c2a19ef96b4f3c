/**
 * Runs writes to storage a few at a time, so that encoding goes on meanwhile. The first failure is the outcome; the
 * writes under way are waited for in any case, so that none is left behind unseen.
 */
export class BoundedWrites {
  readonly #limit: number
  readonly #underWay = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Resolves once the write has begun. Rejects with the error of an earlier one. */
  async add(write: () => Promise<void>): Promise<void> {
    while (this.#underWay.size >= this.#limit) await Promise.race(this.#underWay)
    this.#rethrow()
    const running = write()
      .catch(error => {
        this.#failure ??= { error }
      })
      .finally(() => this.#underWay.delete(running))
    this.#underWay.add(running)
  }

  /** Resolves when every write has succeeded, rejects with the first error when every write has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#underWay)
    this.#rethrow()
  }

  #rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

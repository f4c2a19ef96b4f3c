/** Which HealthConsumers name which objects, so that a change of one finds the others. It asks nobody. */

export class Dependents {
  readonly #objectsByKey = new Map<string, ReadonlySet<string>>()
  readonly #keysByObject = new Map<string, Set<string>>()

  /** From now on the HealthConsumer names these and no others. */
  set(key: string, objects: ReadonlySet<string>): void {
    for (const object of this.#objectsByKey.get(key) ?? []) {
      const keys = this.#keysByObject.get(object)!
      keys.delete(key)
      if (keys.size === 0) this.#keysByObject.delete(object)
    }
    for (const object of objects) this.#keysByObject.set(object, (this.#keysByObject.get(object) ?? new Set()).add(key))
    if (objects.size > 0) this.#objectsByKey.set(key, objects)
    else this.#objectsByKey.delete(key)
  }

  of(object: string): Iterable<string> {
    return this.#keysByObject.get(object) ?? []
  }
}

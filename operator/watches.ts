/**
 * One kind of object in all namespaces that the operator looks after: a list-watch for each of them, or one for all.
 * Together they look like one; each keeps itself up to date.
 */
import type { Kind } from './kubernetes.ts'
import { ListWatch, type ListWatchOptions } from './listWatch.ts'

export type WatchedOptions<Value> = Omit<ListWatchOptions<Value>, 'selection'> & {
  readonly labelSelector?: string
  /** Empty: all. */
  readonly namespaces: readonly string[]
}

export class Watched<Value> {
  readonly kind: Kind
  readonly #all: ListWatch<Value> | undefined
  readonly #byNamespace: ReadonlyMap<string, ListWatch<Value>>

  constructor({ namespaces, labelSelector, ...options }: WatchedOptions<Value>) {
    this.kind = options.kind
    const watching = (namespace?: string) => new ListWatch({ ...options, selection: { namespace, labelSelector } })
    this.#all = namespaces.length === 0 ? watching() : undefined
    this.#byNamespace = new Map(namespaces.map(namespace => [namespace, watching(namespace)]))
  }

  get #each(): readonly ListWatch<Value>[] {
    return this.#all ? [this.#all] : [...this.#byNamespace.values()]
  }

  /** Whether the API server has the kind, as far as was told. */
  get isThere(): boolean {
    return this.#each.every(({ state }) => state === 'synced' || state === 'failing')
  }

  /** Milliseconds since the epoch: when the least lively of them last heard anything. */
  get lastEventMs(): number {
    return Math.min(...this.#each.map(({ lastEventMs }) => lastEventMs))
  }

  get synced(): Promise<unknown> {
    return Promise.all(this.#each.map(({ synced }) => synced))
  }

  get(namespace: string, name: string): Value | undefined {
    return (this.#all ?? this.#byNamespace.get(namespace))?.get(name, namespace)
  }

  *values(): Generator<Value> {
    for (const each of this.#each) yield* each.values()
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#each.map(each => each.run(signal)))
  }
}

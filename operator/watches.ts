/**
 * One kind of object in all namespaces that the operator looks after: a list-watch for each of them, or one for all.
 * Together they look like one; each keeps itself up to date.
 */
import type { Kind } from './kubernetes.ts'
import { ListWatch, type ListWatchOptions, type ListWatchState } from './listWatch.ts'

/** A label selector: all of these labels, or with `!=` none of them. */
export const selector = (labels: Readonly<Record<string, string>>, operator = '=') =>
  Object.entries(labels)
    .map(([label, value]) => `${label}${operator}${value}`)
    .join(',')

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

  get #allowed(): readonly ListWatch<Value>[] {
    return this.#each.filter(({ state }) => state !== 'forbidden')
  }

  /** How it stands in a namespace; undefined for the one of all. */
  stateIn(namespace: string | undefined): ListWatchState {
    return (namespace === undefined ? this.#all : this.#byNamespace.get(namespace))!.state
  }

  /** Whether the API server has the kind, as far as was told: a namespace that may not be watched tells nothing. */
  get isThere(): boolean {
    const told = this.#allowed.filter(({ state }) => state !== 'starting')
    return told.length > 0 && told.every(({ state }) => state !== 'absent')
  }

  /** Whether the API server is known not to have the kind. */
  get isAbsent(): boolean {
    const allowed = this.#allowed
    return allowed.length > 0 && allowed.every(({ state }) => state === 'absent')
  }

  /** Milliseconds since the epoch: when the least lively of them last heard anything, of those that may hear anything. */
  get lastEventMs(): number {
    const allowed = this.#allowed
    const listening = allowed.length > 0 ? allowed : this.#each
    return Math.min(...listening.map(({ lastEventMs }) => lastEventMs))
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

/** What those of all kinds have in common. */
export type AnyWatch = Pick<Watched<never>, 'kind' | 'isThere' | 'lastEventMs' | 'stateIn' | 'run'>

/**
 * Of the namespaces that the operator is to look after, those that it can: one that was deleted, or whose Role is
 * missing, is set aside as a whole until all in it can be watched again, and the others go on without it. It watches
 * nothing; it is told when a watch changed its state, and tells when a namespace changed its own.
 */
import type { Logger } from '../runtime/contract/logger.ts'
import type { ListWatchState } from './listWatch.ts'

/** How the watch of one kind stands, in one namespace. */
export interface Standing {
  readonly kind: string
  readonly state: ListWatchState
}

export interface NamespacesOptions {
  /** Empty: all of them as one, which is never set aside. */
  readonly namespaces: readonly string[]
  readonly logger: Logger
  /** One for each kind; of all namespaces as one where none is given. */
  standings(namespace: string | undefined): readonly Standing[]
  /** That namespace is known, for the first time or again, or was set aside; undefined: any of them. */
  changed(namespace: string | undefined): void
}

/**
 * - `listing`: not everything in it was listed once
 * - `known`: everything was
 * - `set aside`: something in it may not be watched
 */
type NamespaceState = 'listing' | 'known' | 'set aside'

export class Namespaces {
  readonly #options: NamespacesOptions
  readonly #states: Map<string | undefined, NamespaceState>
  #hasBegun = false

  constructor(options: NamespacesOptions) {
    this.#options = options
    const namespaces = options.namespaces.length > 0 ? options.namespaces : [undefined]
    this.#states = new Map(namespaces.map(namespace => [namespace, 'listing']))
  }

  /** Whether each was listed once or is set aside, but not all of them are. */
  get isSynced(): boolean {
    return this.#hasBegun && this.setAside.length < this.#states.size
  }

  get setAside(): readonly string[] {
    return [...this.#states].flatMap(([namespace, state]) => (state === 'set aside' ? (namespace ?? []) : []))
  }

  /** To be called whenever the watch of a kind has another state there. */
  look(namespace: string | undefined): void {
    const before = this.#states.get(namespace)
    const standings = this.#options.standings(namespace)
    const now = stateOf(standings)
    if (now === before) return
    this.#states.set(namespace, now)
    if (namespace !== undefined) this.#tell(namespace, before === 'set aside', standings)
    if (!this.#hasBegun) this.#begin()
    else if (now !== 'listing') this.#options.changed(namespace)
  }

  #begin(): void {
    const states = [...this.#states.values()]
    this.#hasBegun = states.includes('known') && !states.includes('listing')
    if (this.#hasBegun) this.#options.changed(undefined)
  }

  #tell(namespace: string, wasSetAside: boolean, standings: readonly Standing[]): void {
    const { logger } = this.#options
    const kinds = standings.filter(({ state }) => state === 'forbidden').map(({ kind }) => kind)
    if (kinds.length > 0)
      logger.warning('A namespace is set aside: it, or a right in it, is missing. It is tried again and again', {
        context: { namespace, forbidden: kinds },
      })
    else if (wasSetAside)
      logger.warning('A namespace is no longer set aside: it may be watched', { context: { namespace } })
  }
}

function stateOf(standings: readonly Standing[]): NamespaceState {
  const states = standings.map(({ state }) => state)
  if (states.includes('forbidden')) return 'set aside'
  return states.includes('starting') ? 'listing' : 'known'
}

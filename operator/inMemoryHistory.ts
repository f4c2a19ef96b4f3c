/** What happened to the objects of inMemoryKubernetes.ts, in order, and the watches that follow it. */
import { type Kind, KubernetesError, type KubernetesObject, type WatchEvent, type WatchOptions } from './kubernetes.ts'

export interface Change {
  readonly version: number
  readonly group: string
  readonly kind: string
  readonly before: KubernetesObject | undefined
  readonly after: KubernetesObject | undefined
  /** With the version of this change. */
  readonly object: KubernetesObject
}

interface Watcher {
  wake(): void
  end?: { readonly error?: KubernetesError }
  isBookmarkDue: boolean
}

const expired = () => new KubernetesError('Expired', 410, 'too old resource version')

export class InMemoryHistory {
  #version = 0
  #forgotten = 0
  #changes: Change[] = []
  readonly #watchers = new Set<Watcher>()

  get resourceVersion(): string {
    return String(this.#version)
  }

  /** Returns the object as it is from then on, or as it was last: with the new version, and frozen. */
  add(kind: Kind, before: KubernetesObject | undefined, after: KubernetesObject | undefined): KubernetesObject {
    const last = (after ?? before)!
    const version = ++this.#version
    const object = frozen(
      structuredClone({ ...last, metadata: { ...last.metadata, resourceVersion: String(version) } }),
    ) as KubernetesObject
    this.#changes.push({ version, group: kind.group, kind: kind.kind, before, after, object })
    for (const watcher of this.#watchers) watcher.wake()
    return object
  }

  compact(): void {
    this.#forgotten = this.#version
    this.#changes = []
  }

  endWatches(error?: KubernetesError): void {
    for (const watcher of this.#watchers) {
      watcher.end = { error }
      watcher.wake()
    }
  }

  bookmark(): void {
    for (const watcher of this.#watchers) {
      watcher.isBookmarkDue = true
      watcher.wake()
    }
  }

  /** Follows the changes that `only` lets through, as seen by one who sees only what `isSelected`. */
  async *watch(
    { resourceVersion, timeoutSeconds, signal }: WatchOptions,
    only: (change: Change) => boolean,
    isSelected: (object: KubernetesObject) => boolean,
  ): AsyncGenerator<WatchEvent> {
    let version = Number(resourceVersion)
    let woken = Promise.withResolvers<void>()
    const watcher: Watcher = { wake: () => woken.resolve(), isBookmarkDue: false }
    const end = (error?: KubernetesError) => {
      watcher.end = { error }
      woken.resolve()
    }
    const timer = setTimeout(end, timeoutSeconds * 1000).unref()
    const abort = () => end(new KubernetesError('Unavailable', 0, 'aborted'))
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    this.#watchers.add(watcher)
    try {
      for (;;) {
        woken = Promise.withResolvers()
        if (version < this.#forgotten) throw expired()
        for (const change of this.#changes.slice(version - this.#forgotten)) {
          version = change.version
          const event = only(change) ? eventOf(change, isSelected) : undefined
          if (event) yield event
          if (watcher.end) break
        }
        if (watcher.end?.error) throw watcher.end.error
        if (watcher.end) return
        if (watcher.isBookmarkDue) yield { type: 'BOOKMARK', resourceVersion: String(version) }
        watcher.isBookmarkDue = false
        await woken.promise
      }
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      this.#watchers.delete(watcher)
    }
  }
}

/** An object that leaves the selection is gone for the one who watches it, and one that enters it is new. */
function eventOf(
  { before, after, object }: Change,
  isSelected: (object: KubernetesObject) => boolean,
): WatchEvent | undefined {
  const was = before !== undefined && isSelected(before)
  const is = after !== undefined && isSelected(after)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object }
  if (!was) return undefined
  // As it was last, at the version at which it went.
  const { resourceVersion } = object.metadata
  return { type: 'DELETED', object: { ...before, metadata: { ...before.metadata, resourceVersion } } }
}

function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(Object.freeze(value))) frozen(inner)
  return value
}

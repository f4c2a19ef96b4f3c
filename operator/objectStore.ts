/** What is kept of the objects of one kind, and who is told when it changes. It asks no server. */
import type { Logger } from '../runtime/contract/logger.ts'
import type { KubernetesObject } from './kubernetes.ts'
import { nameOf } from './requestPath.ts'

export interface ObjectHandlers<Value> {
  /** What is kept of an object. */
  readonly project: (object: KubernetesObject) => Value
  /** `before` is undefined for an object that is new. */
  readonly changed: (now: Value, before: Value | undefined) => void
  /** With what was kept of it last. */
  readonly gone: (last: Value) => void
  /** Told of what a handler throws; what else happens does not depend on it. */
  readonly logger: Logger
}

interface Entry<Value> {
  readonly uid: string | undefined
  readonly resourceVersion: string | undefined
  readonly value: Value
}

export class ObjectStore<Value> {
  readonly #handlers: ObjectHandlers<Value>
  readonly #entries = new Map<string, Entry<Value>>()

  constructor(handlers: ObjectHandlers<Value>) {
    this.#handlers = handlers
  }

  get size(): number {
    return this.#entries.size
  }

  get(name: string, namespace?: string): Value | undefined {
    return this.#entries.get(nameOf({ name, namespace }))?.value
  }

  *values(): Generator<Value> {
    for (const { value } of this.#entries.values()) yield value
  }

  put(object: KubernetesObject): void {
    const key = nameOf(object.metadata)
    const { uid, resourceVersion } = object.metadata
    const before = this.#entries.get(key)
    if (before?.uid === uid && before?.resourceVersion === resourceVersion) return
    // The same name again: the one of before went unseen.
    if (before && before.uid !== uid) this.#drop(key, before)
    this.#guarded(key, () => {
      const value = this.#handlers.project(object)
      this.#entries.set(key, { uid, resourceVersion, value })
      this.#handlers.changed(value, before?.uid === uid ? before?.value : undefined)
    })
  }

  remove(object: KubernetesObject): void {
    const key = nameOf(object.metadata)
    const before = this.#entries.get(key)
    if (before?.uid === object.metadata.uid && before) this.#drop(key, before)
  }

  /** For a list: whatever was not seen by its end is gone. A list that breaks off has seen what it has seen. */
  relist(): { seen(object: KubernetesObject): void; end(): void } {
    const unseen = new Set(this.#entries.keys())
    return {
      seen: object => {
        unseen.delete(nameOf(object.metadata))
        this.put(object)
      },
      end: () => {
        for (const key of unseen) this.#drop(key, this.#entries.get(key)!)
      },
    }
  }

  #drop(key: string, entry: Entry<Value>): void {
    this.#entries.delete(key)
    this.#guarded(key, () => this.#handlers.gone(entry.value))
  }

  #guarded(key: string, handle: () => void): void {
    try {
      handle()
    } catch (error) {
      this.#handlers.logger.error('what watches an object failed', { context: { object: key }, error })
    }
  }
}

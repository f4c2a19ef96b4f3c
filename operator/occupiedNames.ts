/**
 * Names in use by objects that are not ours, asked for before a child is made: server-side apply would merge into a
 * stranger's object. One list a kind and namespace answers for many children that are made together.
 */
import { managedBy } from './desired/child.ts'
import { type ChildKindName, childKinds } from './desired/index.ts'
import type { Kubernetes } from './kubernetes.ts'

/** How long a look at the names of a namespace counts. */
const lookMs = 15_000
const pageSize = 500

export class OccupiedNames {
  readonly #kubernetes: Pick<Kubernetes, 'list'>
  readonly #now: () => number
  readonly #looks = new Map<string, { readonly atMs: number; readonly owners: Promise<ReadonlyMap<string, string>> }>()

  /** `now` is a clock in milliseconds. */
  constructor(kubernetes: Pick<Kubernetes, 'list'>, now: () => number) {
    this.#kubernetes = kubernetes
    this.#now = now
  }

  /** Whether an object of that name is there and does not belong to the HealthConsumer with that uid. */
  async byOther(kind: ChildKindName, namespace: string, name: string, ownerUid: string): Promise<boolean> {
    const key = `${kind}/${namespace}`
    for (const [other, { atMs }] of this.#looks) if (this.#now() - atMs > lookMs) this.#looks.delete(other)
    let look = this.#looks.get(key)
    if (look === undefined) {
      look = { atMs: this.#now(), owners: this.#look(kind, namespace) }
      this.#looks.set(key, look)
      look.owners.catch(() => this.#looks.delete(key))
    }
    const owner = (await look.owners).get(name)
    return owner !== undefined && owner !== ownerUid
  }

  /** Name to the uid of its controller; empty for one without. Ours are known from the watches. */
  async #look(kind: ChildKindName, namespace: string): Promise<ReadonlyMap<string, string>> {
    const owners = new Map<string, string>()
    const [[label, value]] = Object.entries(managedBy) as [[string, string]]
    const selection = { namespace, labelSelector: `${label}!=${value}` }
    let next: string | undefined
    do {
      const options = { ...selection, metadataOnly: true, limit: pageSize, continue: next }
      const page = await this.#kubernetes.list(childKinds[kind], options)
      for (const { metadata } of page.items)
        owners.set(metadata.name, metadata.ownerReferences?.find(({ controller }) => controller)?.uid ?? '')
      next = page.continue
    } while (next)
    return owners
  }
}

/**
 * What the children of each HealthConsumer should be, remembered as digests: most looks find everything as it should be,
 * and then nothing is built. It keeps no object and asks nobody.
 */
import { createHash } from 'node:crypto'
import type { ChildKindName } from './desired/index.ts'
import type { KubernetesObject } from './kubernetes.ts'

/** A child as it should be. */
export interface DesiredChild {
  readonly kind: ChildKindName
  readonly namespace: string
  readonly name: string
  /** Of the whole object. */
  readonly hash: string
  object(): KubernetesObject
}

export function digested(object: KubernetesObject): DesiredChild {
  const { name, namespace = '' } = object.metadata
  const hash = createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 16)
  return { kind: object.kind as ChildKindName, namespace, name, hash, object: () => object }
}

type Digest = Omit<DesiredChild, 'object'>

export class Digests {
  readonly #known = new Map<string, { readonly input: string; readonly digests: readonly Digest[] }>()

  /** Of the HealthConsumer `key`. `input` says all that they depend on; `build` is called where that is new. */
  children(key: string, input: string, build: () => readonly KubernetesObject[]): readonly DesiredChild[] {
    const known = this.#known.get(key)
    if (known?.input === input) return lazily(known.digests, build)
    const children = build().map(digested)
    this.#known.set(key, { input, digests: children.map(({ object: _, ...digest }) => digest) })
    return children
  }

  forget(key: string): void {
    this.#known.delete(key)
  }
}

function lazily(digests: readonly Digest[], build: () => readonly KubernetesObject[]): readonly DesiredChild[] {
  let built: readonly KubernetesObject[] | undefined
  const all = () => {
    built ??= build()
    return built
  }
  return digests.map((digest, index) => ({ ...digest, object: () => all()[index]! }))
}

/** Statuses as this process wrote them last, until the watches show them. */
import type { HealthConsumerStatus } from '../crds/healthconsumer.ts'
import { isNewer } from './children.ts'
import type { KubernetesObject } from './kubernetes.ts'

export const statusOf = ({ status }: KubernetesObject) => status as HealthConsumerStatus | undefined

export class WrittenStatuses {
  /** By uid. */
  readonly #written = new Map<string, KubernetesObject>()

  /** The answer to a write. */
  record(stored: KubernetesObject): void {
    this.#written.set(stored.metadata.uid ?? '', stored)
  }

  /** Whether an object holds what this process wrote. */
  isIn(object: KubernetesObject): boolean {
    const written = this.#written.get(object.metadata.uid ?? '')
    return JSON.stringify(written?.status) === JSON.stringify(object.status)
  }

  /** What this process wrote after that object was stored; undefined where there is nothing. */
  after({ metadata }: KubernetesObject): HealthConsumerStatus | undefined {
    const written = this.#written.get(metadata.uid ?? '')
    if (written === undefined) return undefined
    const isLater = isNewer(written.metadata.resourceVersion ?? '0', metadata.resourceVersion ?? '0')
    return isLater ? statusOf(written) : undefined
  }

  forget(uid: string | undefined): void {
    this.#written.delete(uid ?? '')
  }
}

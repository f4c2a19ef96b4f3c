/** The Deployments and pods that exist, as far as watches and our own writes have told: facts alone, by HealthConsumer. */
import { isNewer } from './children.ts'
import type { DeploymentFacts, PodFacts } from './workload.ts'

export class Workloads {
  readonly #deployments = new Map<string, { readonly resourceVersion: string; readonly facts: DeploymentFacts }>()
  readonly #pods = new Map<string, Map<string, PodFacts>>()

  /** `name` is that of the Deployment, as `namespace/name`. */
  deployment(name: string): DeploymentFacts | undefined {
    return this.#deployments.get(name)?.facts
  }

  /** From a watch or from the answer to a write, whichever is newer. Returns whether anything that is kept has changed. */
  deploymentSeen(name: string, resourceVersion: string, facts: DeploymentFacts): boolean {
    const known = this.#deployments.get(name)
    if (known !== undefined && !isNewer(resourceVersion, known.resourceVersion)) return false
    this.#deployments.set(name, { resourceVersion, facts })
    return JSON.stringify(known?.facts) !== JSON.stringify(facts)
  }

  /** Unless another has its name by now. */
  deploymentGone(name: string, { uid }: DeploymentFacts): void {
    if (this.#deployments.get(name)?.facts.uid === uid) this.#deployments.delete(name)
  }

  /** HealthConsumers that have pods: `namespace/name`. */
  keys(): Iterable<string> {
    return this.#pods.keys()
  }

  pods(key: string): readonly PodFacts[] {
    return [...(this.#pods.get(key)?.values() ?? [])]
  }

  /** Returns whether anything that is kept of it has changed. */
  podSeen(key: string, pod: PodFacts): boolean {
    const pods = this.#pods.get(key) ?? new Map<string, PodFacts>()
    const before = pods.get(pod.name)
    this.#pods.set(key, pods.set(pod.name, pod))
    return JSON.stringify(before) !== JSON.stringify(pod)
  }

  podGone(key: string, { name }: PodFacts): void {
    const pods = this.#pods.get(key)
    pods?.delete(name)
    if (pods?.size === 0) this.#pods.delete(key)
  }
}

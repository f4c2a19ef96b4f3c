/**
 * The port to the API server as one who leads may use it: nothing is written by a process whose time is over, and what
 * is under way then is cut off. Reading is free. A request that the API server has taken by then cannot be called back;
 * the rest of the lease's time is for that.
 */
import {
  type ApplyOptions,
  type Kubernetes,
  KubernetesError,
  type KubernetesObject,
  type Reference,
} from './kubernetes.ts'
import type { LeaderElection } from './leaderElection.ts'

export type Leadership = Pick<LeaderElection, 'isLeading' | 'lost'>

export function fenced(kubernetes: Kubernetes, leadership: Leadership): Kubernetes {
  const within = async <Result>(
    signal: AbortSignal | undefined,
    write: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> => {
    if (!leadership.isLeading()) throw new KubernetesError('Refused', 0, 'this process does not lead any more')
    return write(signal ? AbortSignal.any([signal, leadership.lost]) : leadership.lost)
  }
  return {
    get: (reference, signal) => kubernetes.get(reference, signal),
    list: (kind, options) => kubernetes.list(kind, options),
    watch: (kind, options) => kubernetes.watch(kind, options),
    apply: (object: KubernetesObject, options: ApplyOptions) =>
      within(options.signal, signal => kubernetes.apply(object, { ...options, signal })),
    write: (object: KubernetesObject, given?: AbortSignal) => within(given, signal => kubernetes.write(object, signal)),
    remove: (reference: Reference, uid: string, given?: AbortSignal) =>
      within(given, signal => kubernetes.remove(reference, uid, signal)),
  }
}

/**
 * A Lease of coordination.k8s.io/v1 as leader election writes it:
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/. Pure.
 */

import type { Kind, KubernetesObject } from './kubernetes.ts'
import { apiVersionOf } from './requestPath.ts'

export const leaseKind: Kind = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
}

interface LeaseSpec {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  /** MicroTime, like the next. */
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

const specOf = (lease: KubernetesObject): LeaseSpec => (lease.spec ?? {}) as LeaseSpec

/** Undefined where nobody holds it. */
export const holderOf = (lease: KubernetesObject): string | undefined => specOf(lease).holderIdentity || undefined

/** Undefined where it does not say. */
export function durationMsOf(lease: KubernetesObject): number | undefined {
  const seconds = specOf(lease).leaseDurationSeconds
  return seconds === undefined ? undefined : seconds * 1000
}

/** RFC 3339 with microseconds, which the API server insists on. */
const microTime = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z')

/** As `identity` holds it from now on; `lease` is what it was, if it was. */
export function held(
  lease: KubernetesObject | undefined,
  place: { readonly namespace: string; readonly name: string },
  identity: string,
  durationMs: number,
  nowMs: number,
): KubernetesObject {
  const before = lease && specOf(lease)
  const isNew = before?.holderIdentity !== identity
  return {
    ...(lease ?? { apiVersion: apiVersionOf(leaseKind), kind: leaseKind.kind, metadata: place }),
    spec: {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      acquireTime: (isNew ? undefined : before?.acquireTime) ?? microTime(nowMs),
      renewTime: microTime(nowMs),
      leaseTransitions: (before?.leaseTransitions ?? 0) + (before && isNew ? 1 : 0),
    },
  } as KubernetesObject
}

/** As nobody holds it, for anybody to take at once. */
export function released(lease: KubernetesObject, nowMs: number): KubernetesObject {
  const renewTime = microTime(nowMs)
  return { ...lease, spec: { ...specOf(lease), holderIdentity: '', leaseDurationSeconds: 1, renewTime } }
}

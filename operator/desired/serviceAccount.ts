/** The identity of the pods. It is bound to nothing: consumers have no access to the API. Pure. */
import type { HealthConsumer } from '../../crds/healthconsumer.ts'
import { type Build, child, childName } from './child.ts'

const type = { apiVersion: 'v1', kind: 'ServiceAccount' } as const

export const serviceAccount: Build = input =>
  input.resource.spec.pod?.serviceAccountName === undefined
    ? child(input, type, {}, { automountServiceAccountToken: false })
    : undefined

/** Name of the ServiceAccount that the pods run as. */
export const serviceAccountName = (resource: HealthConsumer): string =>
  resource.spec.pod?.serviceAccountName ?? childName(resource)

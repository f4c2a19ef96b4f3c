/** Lets a node be drained one pod at a time. Pure. */
import { type Build, child, podSelector } from './child.ts'

export const podDisruptionBudget: Build = input =>
  child(
    input,
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
    {},
    {
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: podSelector(input.resource) },
        // A consumer that is not ready keeps no one from draining its node.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    },
  )

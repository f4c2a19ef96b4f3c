/** How many pods a resource asks for. Pure. */
import type { HealthConsumer } from '../../crds/healthconsumer.ts'

/** Undefined where an autoscaler decides; a paused resource has none whoever decides. */
export function replicasOf({ spec }: HealthConsumer): number | undefined {
  if (spec.paused) return 0
  if (spec.scaling?.autoscaling !== undefined) return undefined
  return spec.scaling?.replicas ?? 1
}

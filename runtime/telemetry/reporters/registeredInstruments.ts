/**
 * Instruments of catalogue entries on a registry that is not ours alone: what another reporter registered is used again,
 * so that two reporters add to the same series. It never resets or replaces what is there.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MetricDefinition } from '../../contract/metrics.ts'
import { configuration, counter, gauge, type LabelOf } from '../instruments.ts'
import { ReporterError } from './reporter.ts'

/** As prom-client's lib/metric.js keeps it (the version is pinned). */
interface Labelled {
  readonly labelNames: readonly string[]
}

/** Throws ReporterError `NAME_TAKEN` where the name stands for something else. */
export function counterOn<D extends MetricDefinition & { type: 'counter' }>(registry: Registry, definition: D) {
  return registered<Counter<LabelOf<D>>>(registry, definition, Counter) ?? counter(definition, registry)
}

/** Throws as `counterOn`. */
export function gaugeOn<D extends MetricDefinition & { type: 'gauge' }>(registry: Registry, definition: D) {
  return registered<Gauge<LabelOf<D>>>(registry, definition, Gauge) ?? gauge(definition, registry)
}

/** The series of `labelSets` are there from the start. Throws as `counterOn`. */
export function histogramOn<D extends MetricDefinition & { type: 'histogram'; buckets: readonly number[] }>(
  registry: Registry,
  definition: D,
  labelSets: readonly Partial<Record<LabelOf<D>, string>>[] = [],
) {
  const instrument =
    registered<Histogram<LabelOf<D>>>(registry, definition, Histogram) ??
    new Histogram({ ...configuration(definition, registry), buckets: [...definition.buckets] })
  const text = (labels: object) => JSON.stringify(Object.entries(labels).sort())
  const there = new Set(Object.values(instrument.hashMap).map(({ labels }) => text(labels)))
  // zero() would forget what another reporter observed.
  for (const labels of labelSets) if (!there.has(text(labels))) instrument.zero(labels)
  return instrument
}

function registered<Instrument>(
  registry: Registry,
  { name, type, labels }: MetricDefinition,
  kind: typeof Counter | typeof Gauge | typeof Histogram,
): Instrument | undefined {
  const there: unknown = registry.getSingleMetric(name)
  if (there === undefined) return undefined
  const labelNames = there instanceof kind ? (there as unknown as Labelled).labelNames : undefined
  if (labelNames !== undefined && String([...labelNames].sort()) === String([...labels].sort()))
    return there as Instrument
  const needed = `${type} with ${labels.length === 0 ? 'no label' : `the labels ${labels.join(', ')}`}`
  throw new ReporterError('NAME_TAKEN', `${name} is registered, not as a ${needed} · use another registry or name`)
}

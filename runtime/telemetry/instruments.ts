/**
 * Builds prom-client instruments from catalogue entries, so that no name, label or bucket is written twice.
 * It never touches prom-client's global registry.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MetricDefinition } from '../contract/metrics.ts'

export type LabelOf<D extends MetricDefinition> = D['labels'][number]

/** prom-client's series of a histogram, as its lib/histogram.js keeps them (the version is pinned). */
declare module 'prom-client' {
  interface Histogram<T extends string> {
    hashMap: Record<string, HistogramSeries<T>>
  }
  interface HistogramSeries<T extends string> {
    labels: Partial<Record<T, string | number>>
    /** By upper bound, not cumulated. */
    bucketValues: Record<number, number>
    sum: number
    count: number
  }
}

/** What prom-client is told of every instrument. */
export const configuration = <D extends MetricDefinition>(definition: D, registry: Registry) => ({
  name: definition.name,
  help: definition.help,
  labelNames: definition.labels as readonly LabelOf<D>[],
  registers: [registry],
})

/** `collect` runs at the start of every scrape, before the value is read. */
export function counter<D extends MetricDefinition & { type: 'counter' }>(
  definition: D,
  registry: Registry,
  collect?: (this: Counter<LabelOf<D>>) => void,
): Counter<LabelOf<D>> {
  return new Counter({ ...configuration(definition, registry), collect })
}

/** `collect` runs at the start of every scrape, before the value is read. */
export function gauge<D extends MetricDefinition & { type: 'gauge' }>(
  definition: D,
  registry: Registry,
  collect?: (this: Gauge<LabelOf<D>>) => void,
): Gauge<LabelOf<D>> {
  return new Gauge({ ...configuration(definition, registry), collect })
}

/** Counts `count` observations of one value. */
export type Observe = (value: number, count?: number) => void

/**
 * A histogram with one series per entry of `labelSets`, each at zero from the start. prom-client observes one value a
 * call, and validates labels each time; a Kafka record brings many samples of one latency, hence the weight.
 */
export function histogram<D extends MetricDefinition & { type: 'histogram'; buckets: readonly number[] }>(
  definition: D,
  registry: Registry,
  labelSets: readonly Partial<Record<LabelOf<D>, string>>[],
): readonly Observe[] {
  const buckets = definition.buckets
  const instrument = new Histogram({ ...configuration(definition, registry), buckets: [...buckets] })
  return labelSets.map(labels => {
    instrument.zero(labels)
    const series = Object.values(instrument.hashMap).find(each => each.labels === labels)
    if (series === undefined) throw new Error(`prom-client keeps no series of ${definition.name} after zero()`)
    return (value, count = 1) => {
      const bound = buckets.find(upper => value <= upper)
      if (bound !== undefined) series.bucketValues[bound]! += count
      series.sum += value * count
      series.count += count
    }
  })
}

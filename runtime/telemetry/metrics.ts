/**
 * The runtime's metrics: one prom-client registry built from the catalogue, and the recording functions that the
 * pipeline calls, grouped by its steps. No metric name appears here. Nothing is pushed or timed: a scrape reads.
 */
import { Registry } from 'prom-client'
import type { HaltCode } from '../contract/halts.ts'
import { closedLabelValues, metrics } from '../contract/metrics.ts'
import { type ClassificationMetrics, createClassificationMetrics } from './classificationMetrics.ts'
import { createIcebergMetrics, type IcebergMetrics, type TableRole } from './icebergMetrics.ts'
import { gauge } from './instruments.ts'
import { createKafkaMetrics, type KafkaMetrics } from './kafkaMetrics.ts'
import { registerProcessMetrics } from './processMetrics.ts'

export interface MetricsOptions {
  readonly version: string
  /** Bare table names, the values of the label `table`. */
  readonly tables: Readonly<Record<TableRole, string>>
  /** The known types, the values of the label `data_type` beside `other`. */
  readonly dataTypes: Iterable<string>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Metrics {
  readonly registry: Registry
  readonly kafka: KafkaMetrics
  readonly classification: ClassificationMetrics
  readonly iceberg: IcebergMetrics
  bufferedBytes(bytes: number): void
  /** The halt that holds intake; null when none does. */
  halted(code: HaltCode | null): void
  /** The exposition, text format 0.0.4. */
  text(): Promise<string>
}

export function createMetrics({ version, tables, dataTypes, now }: MetricsOptions): Metrics {
  const registry = new Registry()
  const classification = createClassificationMetrics(registry, dataTypes)
  const kafka = createKafkaMetrics(registry)
  const iceberg = createIcebergMetrics(registry, tables, now)
  const buffered = gauge(metrics.bufferedBytes, registry)
  const haltedCodes = gauge(metrics.halted, registry)
  const halted = (current: HaltCode | null) => {
    for (const code of closedLabelValues.code) haltedCodes.set({ code }, code === current ? 1 : 0)
  }
  halted(null)
  gauge(metrics.buildInfo, registry).set({ version, node_version: process.version }, 1)
  registerProcessMetrics(registry)

  return {
    registry,
    kafka,
    classification,
    iceberg,
    bufferedBytes: bytes => buffered.set(bytes),
    halted,
    text: () => registry.metrics(),
  }
}
